package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/conn"
)

func TestParse(t *testing.T) {
	long := strings.Repeat("s", maxSession+1)
	for _, tt := range []struct{ in, reason string }{
		{`{"type":"join","room":"lobby","name":"Ada","session":"0123456789abcdef"}`, ""},
		{`{"type":"say","id":1,"text":"hello"}`, ""},
		{`{"type":"ping","id":1,"new":"fields are for later versions"}`, ""},
		{`{"type":"join","session":"0123456789abcde"}`, "a session is"},
		{`{"type":"join","session":"` + long + `"}`, "a session is"},
		{`{"type":"say","text":"hello"}`, "has a number"},
		{`{"type":"shout"}`, "no such type"},
		{`{}`, "no such type"},
		{`null`, "no such type"},
		{``, "not the JSON"},
		{`{"type":"ping"`, "not the JSON"},
		{`{"type":"ping"} {}`, "not the JSON"},
		{`{"type":"ping","id":-1}`, "not the JSON"},
		{`{"type":"ping","id":1e400}`, "not the JSON"},
		{`["ping"]`, "not the JSON"},
		{strings.Repeat("[", maxMessage), "not the JSON"},
	} {
		_, err := parse(conn.Message{Type: conn.Text, Data: []byte(tt.in)})
		if tt.reason == "" {
			require.NoError(t, err, tt.in)
			continue
		}
		require.ErrorIs(t, err, &conn.CloseError{Code: statusRule}, tt.in)
		require.ErrorContains(t, err, tt.reason, tt.in)
	}
	_, err := parse(conn.Message{Type: conn.Binary, Data: []byte(`{"type":"ping"}`)})
	require.ErrorContains(t, err, "text")
}

// A text of the most characters comes through whatever they are: as a request, in
// JSON at its longest, and a whole history of them in one welcome.
func TestTheLargestMessagesFit(t *testing.T) {
	var escaped strings.Builder
	for range defaults.Text {
		escaped.WriteString(`\ud83e\udd89`)
	}
	p := `{"type":"say","id":18446744073709551615,"text":"` + escaped.String() + `"}`
	require.LessOrEqual(t, len(p), maxMessage)
	req, err := parse(conn.Message{Type: conn.Text, Data: []byte(p)})
	require.NoError(t, err)
	text, ok := cleanText(req.Text, defaults.Text)
	require.True(t, ok)
	require.Equal(t, strings.Repeat("🦉", defaults.Text), text)

	name, id := strings.Repeat("🦉", defaults.Name), publicID("0123456789abcdef")
	name += " · " + id
	w := welcome{Type: typeWelcome, ID: id, Name: name, Room: name}
	for range defaults.History {
		w.History = append(w.History, encode(message{typeMessage, id, name, req.ID, text, 1 << 50}))
	}
	for range defaults.Listed {
		w.Members = append(w.Members, person{id, name})
	}
	require.LessOrEqual(t, len(encode(w)), backlog)
	// A quote, a backslash and a line take two bytes, so none is worse than this.
	for _, r := range []string{`"`, `\`, "\n", "<", "é", "世"} {
		require.LessOrEqual(t, len(encode(r))-2, 4, r)
	}
}

func TestEncode(t *testing.T) {
	require.Equal(t, `{"type":"pong","id":7}`, string(encode(pong{typePong, 7})))
	require.Equal(t, `"<b>&"`, string(encode("<b>&")))
	require.JSONEq(t, `{"type":"welcome","room":"","id":"","name":"","last":0,"text":0,"count":0,"members":[],"history":[]}`,
		string(encode(welcome{Type: typeWelcome, Members: []person{}, History: []json.RawMessage{}})))
	require.Panics(t, func() { encode(func() {}) })
}

func TestPublicID(t *testing.T) {
	a, b := publicID("0123456789abcdef"), publicID("0123456789abcdeF")
	require.Equal(t, a, publicID("0123456789abcdef"), "on any server")
	require.NotEqual(t, a, b)
	require.Len(t, a, 12)
}
