//go:build js

// Command wasm is package conn in JavaScript, as a peer of the tests: it takes the
// commands and reports the events of harness_test.go, as peers/browser.js does, but
// all that it does goes through a *conn.Conn over the browser's WebSocket. There is
// one command more, to see how the methods of a Conn do (checks.go):
//
//	check  conn url    play the check of that name against url, and report "checked"
//
// In a page it is told by the function run, and tells by emitLine; in node, by a line
// of JSON each on stdin and stdout.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"sync"
	"syscall/js"

	"github.com/parleyws/websocket/conn"
)

// command and event are those of harness_test.go, as far as a page knows them.
type command struct {
	Do     string   `json:"do"`
	Conn   string   `json:"conn"`
	URL    string   `json:"url"`
	Offer  []string `json:"offer"`
	Type   string   `json:"type"`
	Unit   string   `json:"unit"`
	Size   int      `json:"size"`
	Times  int      `json:"times"`
	Code   int      `json:"code"`
	Reason string   `json:"reason"`
}

type event struct {
	Event       string `json:"event"`
	Conn        string `json:"conn"`
	Subprotocol string `json:"subprotocol,omitempty"`
	Type        string `json:"type,omitempty"`
	Size        int    `json:"size,omitempty"`
	SHA256      string `json:"sha256,omitempty"`
	Code        int    `json:"code,omitempty"`
	Reason      string `json:"reason,omitempty"`
	Detail      string `json:"detail,omitempty"`
}

func (e event) emit() {
	line, err := json.Marshal(e)
	if err != nil {
		panic("BUG: an event is plain data: " + err.Error())
	}
	emitLine(string(line))
}

// emitLine tells the tests.
var emitLine func(line string)

func main() {
	commands := make(chan command, 1024)
	if emit := js.Global().Get("emitLine"); emit.Type() == js.TypeFunction {
		emitLine = func(line string) { emit.Invoke(line) }
		obeyPage(commands)
	} else {
		emitLine = func(line string) { fmt.Println(line) }
		go obeyStdin(commands)
	}
	var p puppet
	for c := range commands {
		if err := p.obey(c); err != nil {
			event{Event: "error", Conn: c.Conn, Code: int(conn.CloseStatus(err)), Detail: c.Do + ": " + err.Error()}.emit()
		}
	}
}

// obeyPage makes the function run, which takes a command.
func obeyPage(commands chan<- command) {
	js.Global().Set("run", js.FuncOf(func(_ js.Value, args []js.Value) any {
		commands <- parse(js.Global().Get("JSON").Call("stringify", args[0]).String())
		return nil
	}))
}

// obeyStdin takes a command from each line.
func obeyStdin(commands chan<- command) {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		commands <- parse(lines.Text())
	}
	close(commands)
}

func parse(line string) (c command) {
	if err := json.Unmarshal([]byte(line), &c); err != nil {
		c.Do = err.Error()
	}
	return c
}

// puppet is the connections, by the path of the URL, which both ends know.
type puppet struct{ conns sync.Map }

func (p *puppet) obey(c command) error {
	switch c.Do {
	case "dial":
		return p.dial(c)
	case "send":
		typ, data := c.message()
		for range max(c.Times, 1) {
			if err := p.conn(c).Write(context.Background(), typ, data); err != nil {
				return err
			}
		}
	case "close":
		go p.close(c)
	case "check":
		go check(c)
	default:
		return errors.New("no such command")
	}
	return nil
}

func (p *puppet) conn(c command) *conn.Conn {
	ws, _ := p.conns.Load(c.Conn)
	return ws.(*conn.Conn)
}

func (p *puppet) dial(c command) error {
	ws, err := conn.Dial(context.Background(), c.URL, &conn.DialOptions{
		Subprotocols: c.Offer,
		Config:       conn.Config{MaxMessage: 32 << 20},
	})
	if err != nil {
		return err
	}
	p.conns.Store(c.Conn, ws)
	event{Event: "open", Conn: c.Conn, Subprotocol: ws.Subprotocol()}.emit()
	go read(c.Conn, ws)
	return nil
}

// read reports what comes until the other end closes.
func read(name string, ws *conn.Conn) {
	for {
		typ, data, err := ws.Read(context.Background())
		if closed, ok := errors.AsType[*conn.CloseError](err); ok {
			<-ws.Done()
			event{Event: "close", Conn: name, Code: int(closed.Code), Reason: closed.Reason}.emit()
		}
		if err != nil {
			return
		}
		sum := sha256.Sum256(data)
		e := event{Event: "message", Conn: name, Type: "binary", Size: len(data), SHA256: hex.EncodeToString(sum[:])}
		if typ == conn.Text {
			e.Type = "text"
		}
		e.emit()
	}
}

// close closes, and reports how that went.
func (p *puppet) close(c command) {
	code := conn.StatusCode(c.Code)
	if code == 0 {
		code = conn.StatusNoStatusReceived
	}
	e := event{Event: "close", Conn: c.Conn, Code: int(code)}
	if err := p.conn(c).Close(code, c.Reason); err != nil {
		e = event{Event: "error", Conn: c.Conn, Detail: err.Error()}
	}
	e.emit()
}

func (c command) message() (conn.MessageType, []byte) {
	unit, err := hex.DecodeString(c.Unit)
	if err != nil || len(unit) == 0 {
		panic("BUG: a message is made of a unit in hex")
	}
	data := bytes.Repeat(unit, c.Size/len(unit)+1)[:c.Size]
	if c.Type == "text" {
		return conn.Text, data
	}
	return conn.Binary, data
}

// check plays a check, and reports an empty detail if all was as it should be.
func check(c command) {
	e := event{Event: "checked", Conn: c.Conn}
	f := checks[path.Base(c.Conn)]
	if f == nil {
		e.Detail = "there is no such check"
	} else if err := f(context.Background(), c.URL); err != nil {
		e.Detail = fmt.Sprint(err)
	}
	e.emit()
}
