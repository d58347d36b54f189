package interop

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// patience is how long one scenario may take, with messages of 16 MiB on a busy
// machine.
const patience = 20 * time.Second

// command is what a peer is told, as one line of JSON.
//
//	listen deflate                  serve WebSockets on a free port of 127.0.0.1
//	listen h2 cert key              the same over HTTP/2 alone, with the certificate in these files
//	dial   conn url offer ca h2     open url; ca is a file with the authority to trust
//	send   conn content … times     send a message, times times
//	ping   conn data
//	close  conn code reason         without code: an empty Close frame
//	drop   conn                     end the TCP connection, without a Close frame
//
// Conn is the path of the URL, by which both ends know the connection. A peer
// that listens speaks the subprotocols "chat" and "superchat". One that dials may
// have terms for compression too (deflate).
type command struct {
	Do   string `json:"do"`
	Conn string `json:"conn,omitempty"`

	URL   string   `json:"url,omitempty"`
	Offer []string `json:"offer,omitempty"`
	CA    string   `json:"ca,omitempty"`

	H2   bool   `json:"h2,omitempty"` // over HTTP/2
	Cert string `json:"cert,omitempty"`
	Key  string `json:"key,omitempty"`

	Deflate *terms `json:"deflate,omitempty"` // nil: as the peer does it by default

	*content
	Fragments int     `json:"fragments,omitempty"` // frames to cut the message into
	Ping      *string `json:"ping,omitempty"`      // hex data of a ping behind the first of them
	Times     int     `json:"times,omitempty"`
	Plain     bool    `json:"plain,omitempty"` // not compressed

	Data   string  `json:"data,omitempty"` // hex
	Code   int     `json:"code,omitempty"`
	Reason *string `json:"reason,omitempty"`
}

// content says what a message is, without being as long as it.
type content struct {
	Type string `json:"type"`
	Unit string `json:"unit"` // hex; repeated until there are Size bytes
	Size int    `json:"size"`
}

func text(unit string, size int) content {
	return content{"text", hex.EncodeToString([]byte(unit)), size}
}
func binary(unit []byte, size int) content { return content{"binary", hex.EncodeToString(unit), size} }

// exactly is a message that is all unit. It may not be empty.
func exactly(typ string, data []byte) content {
	return content{typ, hex.EncodeToString(data), len(data)}
}

func (m content) String() string { return fmt.Sprintf("%d bytes of %s", m.Size, m.Type) }

func (m content) bytes() []byte {
	unit, err := hex.DecodeString(m.Unit)
	if err != nil || len(unit) == 0 {
		panic("BUG: a message is made of a unit in hex")
	}
	return bytes.Repeat(unit, m.Size/len(unit)+1)[:m.Size]
}

// event is what a peer reports, as one line of JSON.
//
//	listening  port
//	open       subprotocol extensions
//	message    type size sha256 frames
//	ping       data
//	pong       data                 the answer to the peer's own ping
//	close      code reason detail   the end of the TCP connection: 1005 if the Close was empty, 1006 if there was none
//	error      detail               a command failed, or a connection that never opened
type event struct {
	Event string `json:"event"`
	Conn  string `json:"conn"`

	Port        int    `json:"port"`
	Subprotocol string `json:"subprotocol"`
	Type        string `json:"type"`
	Size        int    `json:"size"`
	SHA256      string `json:"sha256"`
	Data        string `json:"data"`
	Code        int    `json:"code"`
	Reason      string `json:"reason"`

	// Not compared by session.want:
	Detail     string `json:"detail"`     // for people to read
	Frames     int    `json:"frames"`     // 0 where the peer cannot tell
	Extensions string `json:"extensions"` // as in the response of the server; only from a page
}

func messageEvent(m content) event {
	sum := sha256.Sum256(m.bytes())
	return event{Event: "message", Type: m.Type, Size: m.Size, SHA256: hex.EncodeToString(sum[:])}
}

func closeEvent(code int, reason string) event {
	return event{Event: "close", Code: code, Reason: reason}
}

// ability is what a peer can do or see besides what every peer can.
type ability uint8

const (
	pings     ability = 1 << iota // send a ping, and see the other's
	fragments                     // cut a message into frames
	anyCode                       // close with every code that may be sent
	drop                          // end TCP without a Close frame
	plain                         // leave a message uncompressed
	window8                       // compress with a window of 8 bits
	asks                          // say what it wants of compression
	seesTerms                     // tell the extensions that were agreed on
)

// peer is the other implementation.
type peer interface {
	// do gives a command. How it went is told by events.
	do(ctx context.Context, c command) error
	// events are all the peer's events. The channel is closed when the peer has
	// ended, and why tells the cause.
	events() <-chan event
	why() string
	can() ability
}

// session is one connection as the peer sees it.
type session struct {
	t    *testing.T
	ctx  context.Context
	peer peer
	conn string

	extensions string // if the peer sees what was agreed on
}

func (s *session) do(c command) {
	s.t.Helper()
	c.Conn = s.conn
	if err := s.peer.do(s.ctx, c); err != nil {
		s.t.Fatalf("the peer does not take the command %q: %v", c.Do, err)
	}
}

func (s *session) send(m content) {
	s.t.Helper()
	s.do(command{Do: "send", content: &m})
}

func (s *session) ping(data []byte) {
	s.t.Helper()
	s.do(command{Do: "ping", Data: hex.EncodeToString(data)})
}

// close starts the closing handshake; a code of 1005 stands for an empty Close.
func (s *session) close(code int, reason string) {
	s.t.Helper()
	if code == 1005 {
		s.do(command{Do: "close"})
		return
	}
	s.do(command{Do: "close", Code: code, Reason: &reason})
}

func (s *session) drop() {
	s.t.Helper()
	s.do(command{Do: "drop"})
}

// want waits for the peer's next event on this connection and compares it. The
// sentence says what is expected, and is the message when it does not come.
func (s *session) want(sentence string, want event) event {
	s.t.Helper()
	got := s.next(sentence)
	bare := got
	bare.Conn, bare.Detail, bare.Frames, bare.Extensions = "", "", 0, ""
	if bare != want {
		s.t.Fatalf("%s:\n got %v\nwant %v", sentence, got, want)
	}
	return got
}

func (s *session) next(sentence string) event {
	s.t.Helper()
	for {
		select {
		case e, ok := <-s.peer.events():
			switch {
			case !ok:
				s.t.Fatalf("%s: the peer has ended: %s", sentence, s.peer.why())
			case e.Conn == s.conn || e.Conn == "":
				return e
			}
			// An earlier scenario's connection has come to its end.
		case <-s.ctx.Done():
			s.t.Fatalf("%s: it did not come in time", sentence)
		}
	}
}

// String prints what matters of an event.
func (e event) String() string {
	line, err := json.Marshal(e)
	if err != nil {
		panic("BUG: an event is plain data: " + err.Error())
	}
	fields := make(map[string]any)
	if err := json.Unmarshal(line, &fields); err != nil {
		panic("BUG: an event is an object: " + err.Error())
	}
	for name, value := range fields {
		if value == "" || value == float64(0) {
			delete(fields, name)
		}
	}
	return fmt.Sprint(fields)
}
