package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/parleyws/websocket/conn"
)

// maxLine is the longest line of input, in bytes.
const maxLine = 64 << 20

// verb is what a line wants to be done.
type verb int

const (
	doSend verb = iota
	doPing
	doClose
	doHelp
)

// action is a line of input, understood.
type action struct {
	verb    verb
	message conn.Message    // of doSend
	code    conn.StatusCode // of doClose
	reason  string
}

// input reads actions from lines.
type input struct {
	lines    *bufio.Scanner
	binary   bool
	commands bool
	script   bool // what cannot be used is fatal, as nobody is there to correct it
}

func newInput(stdin io.Reader, o *options) *input {
	person := isTerminal(stdin)
	in := &input{
		lines:    bufio.NewScanner(stdin),
		binary:   o.binary,
		commands: !o.raw && (person || o.commands),
		script:   !person,
	}
	in.lines.Buffer(nil, maxLine)
	return in
}

// next returns the next action. The error is io.EOF at the end of input, a
// *usageError for a line that cannot be used, after which there may be others, and
// what reading the input returned. The message is the caller's until the next call.
func (in *input) next() (action, error) {
	if !in.lines.Scan() {
		if err := in.lines.Err(); err != nil {
			return action{}, fmt.Errorf("standard input: %w", err)
		}
		return action{}, io.EOF
	}
	return in.parse(in.lines.Text())
}

func (in *input) parse(line string) (action, error) {
	switch {
	case in.commands && strings.HasPrefix(line, "/"):
		return command(line)
	case in.binary:
		return sendHex(line)
	default:
		return sendText(line)
	}
}

// command understands a line that begins with a slash.
func command(line string) (action, error) {
	name, rest, _ := strings.Cut(line[1:], " ")
	switch name {
	case "text":
		return sendText(rest)
	case "hex":
		return sendHex(rest)
	case "file":
		return sendFile(strings.TrimSpace(rest))
	case "ping":
		return action{verb: doPing}, nil
	case "close":
		return closeWith(rest)
	case "help":
		return action{verb: doHelp}, nil
	}
	return action{}, usagef("there is no command /%s; /help lists them, and /text sends a line that begins with a slash", name)
}

const help = `commands, at the beginning of a line (-raw switches them off):
  /text LINE              send LINE, even if it begins with a slash
  /hex 00 ff              send a binary message
  /file PATH              send a file as a binary message
  /ping                   measure the round trip
  /close [CODE [REASON]]  close, with 1000 unless told otherwise`

// sendText: RFC 6455, section 5.6, wants text to be UTF-8, and a peer fails the
// connection if it is not.
func sendText(line string) (action, error) {
	if !utf8.ValidString(line) {
		return action{}, usagef("the line is not UTF-8, so it cannot be a text message; -binary sends hex")
	}
	return action{message: conn.Message{Type: conn.Text, Data: []byte(line)}}, nil
}

func sendHex(digits string) (action, error) {
	data, err := hex.DecodeString(strings.Join(strings.Fields(digits), ""))
	if err != nil {
		return action{}, usagef("this is not hex: %v", err)
	}
	return action{message: conn.Message{Type: conn.Binary, Data: data}}, nil
}

func sendFile(path string) (action, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return action{}, usagef("/file: %v", err)
	}
	return action{message: conn.Message{Type: conn.Binary, Data: data}}, nil
}

// closeWith understands what comes after /close.
func closeWith(rest string) (action, error) {
	number, reason, _ := strings.Cut(strings.TrimSpace(rest), " ")
	if number == "" {
		return action{verb: doClose, code: conn.StatusNormalClosure}, nil
	}
	code, err := strconv.ParseUint(number, 10, 16)
	if err != nil || !conn.StatusCode(code).Valid() {
		return action{}, usagef("%s is no code that may be sent: 1000 to 1003, 1007 to 1014, or 3000 to 4999", number)
	}
	return action{verb: doClose, code: conn.StatusCode(code), reason: strings.TrimSpace(reason)}, nil
}
