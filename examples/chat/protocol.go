package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/parleyws/websocket/conn"
)

// The protocol. Every message is one JSON object in a text message, and its "type"
// says what it is.
//
// A client begins with join. It is answered by welcome, and from then on it gets
// every message of the room, its own among them, in the same order as everybody else,
// and presence when people come and go. It may say something, and ping.
//
// Nothing is lost or doubled when a connection breaks. A client gives what it says
// the numbers 1, 2, 3, … and keeps it until it comes back as a message. When it joins
// again, with the same session, welcome tells the last number that has arrived:
// what is up to it is dropped, and the rest is said again, with the same numbers. A
// server that was restarted may not know that something had arrived; then the others
// see the same number from the same member again, and skip it.

// request is what a client sends.
type request struct {
	// Type is typeJoin, typeSay or typePing.
	Type string `json:"type"`

	// Room and Name are where to join, and the name that is wished for.
	Room string `json:"room"`
	Name string `json:"name"`

	// Session is a secret that a client makes up, of minSession to maxSession
	// bytes. Who joins with it is the same member as before, and takes the place
	// of a connection of this member that is still there.
	Session string `json:"session"`

	// ID is the number of what is said, larger than those before in the same
	// session; or of a ping, and its pong has the same.
	ID uint64 `json:"id"`

	// Text is what is said: limits.Text characters at most, and not only spaces.
	Text string `json:"text"`
}

// The types of requests.
const (
	typeJoin = "join"
	typeSay  = "say"
	typePing = "ping"
)

const minSession, maxSession = 16, 64

// welcome answers a join.
type welcome struct {
	Type    string            `json:"type"` // typeWelcome
	Room    string            `json:"room"`
	ID      string            `json:"id"`      // which member the client is, see publicID
	Name    string            `json:"name"`    // may differ from what was wished for
	Last    uint64            `json:"last"`    // number of the last that this member has said
	Text    int               `json:"text"`    // most characters of a text
	Count   int               `json:"count"`   // as in presence
	Members []person          `json:"members"` // as in presence
	History []json.RawMessage `json:"history"` // the latest messages, oldest first
}

// message is what somebody has said.
type message struct {
	Type string `json:"type"` // typeMessage
	From string `json:"from"` // the member
	Name string `json:"name"` // as it was then
	ID   uint64 `json:"id"`   // from request.ID
	Text string `json:"text"`
	At   int64  `json:"at"` // milliseconds since 1970
}

// presence says who is there. It is sent some time after a change, so that many of
// them at once cost a large room little.
type presence struct {
	Type    string   `json:"type"` // typePresence
	Count   int      `json:"count"`
	Members []person `json:"members"` // those who have been here longest, limits.Listed at most
}

type person struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// pong answers a ping at once. Browsers do not let pages send the Pings of WebSocket
// (RFC 6455, section 5.5.2), so those who want to know the round-trip time need one
// of their own.
type pong struct {
	Type string `json:"type"` // typePong
	ID   uint64 `json:"id"`
}

// The types of what the server sends.
const (
	typeWelcome  = "welcome"
	typeMessage  = "message"
	typePresence = "presence"
	typePong     = "pong"
)

// The codes that connections are closed with, beside those of RFC 6455, section
// 7.4.1. A client that gets one of these should not come back by itself; after any
// other it should, after a while.
const (
	statusReplaced conn.StatusCode = 4000 // the same session has joined from elsewhere
	statusRule     conn.StatusCode = 4001 // the client broke a rule of this protocol; the reason says which
	statusFull     conn.StatusCode = 4002 // there is no room for another room
)

// broken is how a connection ends whose client broke a rule. The reason is seen by
// users and has nothing of what the client sent.
func broken(reason string, args ...any) error {
	return &conn.CloseError{Code: statusRule, Reason: fmt.Sprintf(reason, args...)}
}

// parse reads a request, and checks what does not depend on limits.
func parse(m conn.Message) (request, error) {
	var r request
	if m.Type != conn.Text {
		return r, broken("messages are text")
	}
	if json.Unmarshal(m.Data, &r) != nil {
		return r, broken("this is not the JSON of a request")
	}
	switch r.Type {
	case typeJoin:
		if len(r.Session) < minSession || len(r.Session) > maxSession {
			return r, broken("a session is a secret of %d to %d bytes", minSession, maxSession)
		}
	case typeSay:
		if r.ID == 0 {
			return r, broken("what is said has a number, from 1")
		}
	case typePing:
	default:
		return r, broken("there is no such type of request")
	}
	return r, nil
}

// encode returns the JSON of what the server sends.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // the page does not treat it as HTML, and it is shorter
	if err := e.Encode(v); err != nil {
		panic("BUG: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// publicID is what others know a session by: it stays the same for as long as the
// session does, on any server, and tells nothing about it.
func publicID(session string) string {
	sum := sha256.Sum256([]byte(session))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}
