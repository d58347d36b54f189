package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// versions are those of DDP that we speak, the best first.
var versions = []string{"1", "pre2", "pre1"}

const maxID = 100 // bytes of what a client calls its methods and subscriptions

// request is a message of a client. Which fields there are depends on Msg.
type request struct {
	Msg     string            `json:"msg"`
	ID      string            `json:"id"`
	Version string            `json:"version"`
	Support []string          `json:"support"`
	Method  string            `json:"method"`
	Name    string            `json:"name"`
	Params  []json.RawMessage `json:"params"`
}

// parseRequest parses a message of a client. What it may mean is checked, but not
// whether it may come now.
func parseRequest(data []byte) (request, error) {
	var r request
	if err := json.Unmarshal(data, &r); err != nil {
		return request{}, errors.New("the message is not what DDP has")
	}
	if len(r.ID) > maxID {
		return request{}, errors.New("the id is too long")
	}
	switch r.Msg {
	case "connect":
		if r.Version == "" {
			return request{}, errors.New("connect has no version")
		}
	case "method":
		if r.ID == "" || r.Method == "" {
			return request{}, errors.New("a method has a name and an id")
		}
	case "sub":
		if r.ID == "" || r.Name == "" {
			return request{}, errors.New("a subscription has a name and an id")
		}
	case "unsub":
		if r.ID == "" {
			return request{}, errors.New("the subscription has no id")
		}
	case "ping", "pong":
	default:
		return request{}, errors.New("no such message")
	}
	return r, nil
}

// negotiate decides about a connect: either its version is good, or there is a better
// one to try.
func negotiate(version string, support []string) (best string, ok bool) {
	if slices.Contains(versions, version) {
		return version, true
	}
	for _, v := range versions {
		if slices.Contains(support, v) {
			return v, false
		}
	}
	return versions[0], false
}

// response is a message of ours.
type response struct {
	Msg        string                     `json:"msg"`
	ID         string                     `json:"id,omitempty"`
	Session    string                     `json:"session,omitempty"`
	Version    string                     `json:"version,omitempty"`
	Subs       []string                   `json:"subs,omitempty"`
	Methods    []string                   `json:"methods,omitempty"`
	Collection string                     `json:"collection,omitempty"`
	Fields     map[string]json.RawMessage `json:"fields,omitempty"`
	Cleared    []string                   `json:"cleared,omitempty"`
	Result     json.RawMessage            `json:"result,omitempty"`
	Error      *Error                     `json:"error,omitempty"`
	Reason     string                     `json:"reason,omitempty"`
}

// Error is what a method or a subscription fails with, as the client sees it.
type Error struct {
	Code   int
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("%s [%d]", e.Reason, e.Code) }

// MarshalJSON encodes the error as Meteor does.
func (e *Error) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{"error": e.Code, "reason": e.Reason, "message": e.Error(), "errorType": "Meteor.Error"})
}

// Date is a time in EJSON, exact to the millisecond: {"$date": 1700000000000}.
type Date struct{ time.Time }

func (d Date) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]int64{"$date": d.UnixMilli()})
}

func (d *Date) UnmarshalJSON(data []byte) error {
	var v map[string]*float64
	if err := json.Unmarshal(data, &v); err != nil || len(v) != 1 || v["$date"] == nil {
		return errors.New("not a date")
	}
	ms := *v["$date"]
	if ms < -8.64e15 || ms > 8.64e15 { // as far as JavaScript's dates go
		return errors.New("not a date: out of range")
	}
	d.Time = time.UnixMilli(int64(ms))
	return nil
}

// Binary is bytes in EJSON: {"$binary": "AQI="}.
type Binary []byte

func (b Binary) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string][]byte{"$binary": append([]byte{}, b...)})
}

func (b *Binary) UnmarshalJSON(data []byte) error {
	var v map[string]*[]byte
	if err := json.Unmarshal(data, &v); err != nil || len(v) != 1 || v["$binary"] == nil {
		return errors.New("not binary")
	}
	*b = *v["$binary"]
	return nil
}
