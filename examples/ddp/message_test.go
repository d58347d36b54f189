package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRequests(t *testing.T) {
	for _, tt := range []struct {
		text string
		want request
	}{
		{`{"msg":"connect","version":"1","support":["1","pre2"]}`, request{Msg: "connect", Version: "1", Support: []string{"1", "pre2"}}},
		{`{"msg":"ping"}`, request{Msg: "ping"}},
		{`{"msg":"ping","id":"7"}`, request{Msg: "ping", ID: "7"}},
		{`{"msg":"pong","id":"7"}`, request{Msg: "pong", ID: "7"}},
		{`{"msg":"method","method":"m","id":"1"}`, request{Msg: "method", Method: "m", ID: "1"}},
		{`{"msg":"method","method":"m","id":"1","params":[1,null],"randomSeed":"x"}`, request{Msg: "method", Method: "m", ID: "1", Params: []json.RawMessage{[]byte(`1`), []byte(`null`)}}},
		{`{"msg":"sub","name":"s","id":"2","params":[]}`, request{Msg: "sub", Name: "s", ID: "2", Params: []json.RawMessage{}}},
		{`{"msg":"unsub","id":"2"}`, request{Msg: "unsub", ID: "2"}},
	} {
		t.Run(tt.text, func(t *testing.T) {
			got, err := parseRequest([]byte(tt.text))
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestRequestsThatAreNone(t *testing.T) {
	for _, text := range []string{
		``, `null`, `[]`, `"connect"`, `{}`, `{"msg":1}`, `{"msg":"added"}`, `{"msg":"ping"`, `{"msg":"ping"}{}`,
		`{"msg":"connect"}`, `{"msg":"connect","version":1}`,
		`{"msg":"method","method":"m"}`, `{"msg":"method","id":"1"}`, `{"msg":"method","method":"m","id":1}`, `{"msg":"method","method":"m","id":"1","params":{}}`,
		`{"msg":"sub","name":"s"}`, `{"msg":"sub","id":"1"}`, `{"msg":"unsub"}`,
		`{"msg":"unsub","id":"` + strings.Repeat("x", maxID+1) + `"}`,
		`{"msg":"method","method":"m","id":"1","params":[` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `]}`,
	} {
		_, err := parseRequest([]byte(text))
		assert.Error(t, err, "%.80s", text)
	}
}

func TestNegotiation(t *testing.T) {
	for _, tt := range []struct {
		version string
		support []string
		best    string
		ok      bool
	}{
		{"1", nil, "1", true},
		{"pre2", []string{"1", "pre2"}, "pre2", true},
		{"pre1", []string{"pre1"}, "pre1", true},
		{"2", []string{"2", "1", "pre2"}, "1", false},
		{"0", []string{"pre1", "pre2"}, "pre2", false},
		{"2", []string{"2"}, "1", false},
		{"2", nil, "1", false},
	} {
		best, ok := negotiate(tt.version, tt.support)
		assert.Equal(t, tt.best, best, "%q of %q", tt.version, tt.support)
		assert.Equal(t, tt.ok, ok, "%q of %q", tt.version, tt.support)
	}
}

func TestEJSON(t *testing.T) {
	for _, tt := range []struct {
		text string
		into any
		want any
	}{
		{`{"$date":1700000000123}`, new(Date), &Date{time.UnixMilli(1700000000123)}},
		{`{"$date":-1}`, new(Date), &Date{time.UnixMilli(-1)}},
		{`{"$binary":"AAH+/w=="}`, new(Binary), &Binary{0, 1, 254, 255}},
		{`{"$binary":""}`, new(Binary), &Binary{}},
	} {
		require.NoError(t, json.Unmarshal([]byte(tt.text), tt.into), tt.text)
		assert.Equal(t, tt.want, tt.into, tt.text)
		encoded, err := json.Marshal(tt.into)
		require.NoError(t, err)
		assert.Equal(t, tt.text, string(encoded), "it is encoded as it came")
	}
	encoded, err := json.Marshal([]any{Binary(nil), &Error{404, "No such task"}})
	require.NoError(t, err)
	assert.JSONEq(t, `[{"$binary":""},{"error":404,"reason":"No such task","message":"No such task [404]","errorType":"Meteor.Error"}]`, string(encoded))

	for _, text := range []string{`{}`, `1`, `"x"`, `{"$date":"x"}`, `{"$date":null}`, `{"$date":1e300}`, `{"$date":1,"x":2}`} {
		assert.Error(t, json.Unmarshal([]byte(text), new(Date)), text)
	}
	for _, text := range []string{`{}`, `1`, `"x"`, `{"$binary":1}`, `{"$binary":null}`, `{"$binary":"!"}`, `{"$binary":"","x":2}`} {
		assert.Error(t, json.Unmarshal([]byte(text), new(Binary)), text)
	}
}
