package main

import (
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"strconv"
)

// A client asks for /ws?room=lobby&name=alice&log=…&after=12: it has seen the messages up
// to 12 of that log, and wants the rest. Without after it wants those to come, and with
// another log all that there are.
type visit struct {
	room, name string
	log        string
	after      uint64
	onlyNew    bool
}

// word is what rooms, names and ids are: NATS subjects are made of them.
var word = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

var errVisit = errors.New("room and name are 1 to 64 letters, digits, - and _; after is a number")

func parseVisit(q url.Values) (v visit, err error) {
	v = visit{room: q.Get("room"), name: q.Get("name"), log: q.Get("log"), onlyNew: !q.Has("after")}
	if !v.onlyNew {
		v.after, err = strconv.ParseUint(q.Get("after"), 10, 64)
	}
	if err != nil || !word.MatchString(v.room) || !word.MatchString(v.name) {
		return v, errVisit
	}
	return v, nil
}

func (v visit) query() string {
	q := url.Values{"room": {v.room}, "name": {v.name}, "log": {v.log}}
	if !v.onlyNew {
		q.Set("after", strconv.FormatUint(v.after, 10))
	}
	return q.Encode()
}

// request is what clients send: a message to keep, which has an id that no other has, or
// a signal.
type request struct {
	ID     string `json:"id,omitempty"`
	Text   string `json:"text,omitempty"`
	Signal string `json:"signal,omitempty"`
}

// maxRequest is how many bytes one may have.
const maxRequest = 4096

func (r request) valid() bool {
	if r.Signal != "" {
		return r.ID == "" && r.Text == ""
	}
	return word.MatchString(r.ID) && r.Text != ""
}

// event is what servers send, one of these:
//
//	{"log":"…"}                                    first of all: what numbers refer to
//	{"seq":12,"from":"alice","id":"…","text":"…"}  a message
//	{"joined":true}                                all from before has been sent
//	{"ack":"…","seq":12}                           the message with that id is kept
//	{"from":"alice","signal":"typing"}             a signal
//	{"present":["alice","bob"]}                    who is in the room, wherever
type event struct {
	Log     string   `json:"log,omitempty"`
	Seq     uint64   `json:"seq,omitempty"`
	From    string   `json:"from,omitempty"`
	ID      string   `json:"id,omitempty"`
	Text    string   `json:"text,omitempty"`
	Joined  bool     `json:"joined,omitempty"`
	Ack     string   `json:"ack,omitempty"`
	Signal  string   `json:"signal,omitempty"`
	Present []string `json:"present,omitempty"`
}

// encode returns e as JSON, which it always has.
func (e event) encode() []byte {
	p, err := json.Marshal(e)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return p
}
