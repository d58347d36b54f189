package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func raw(values ...string) (args []json.RawMessage) {
	for _, v := range values {
		args = append(args, json.RawMessage(v))
	}
	return args
}

// decode is a decoder that gets one packet: its text, and its attachments.
func decode(text string, attachments ...string) (p Packet, complete bool, err error) {
	var d decoder
	p, complete, err = d.next([]byte(text), false)
	for _, a := range attachments {
		if err != nil {
			return
		}
		p, complete, err = d.next([]byte(a), true)
	}
	return
}

func TestPackets(t *testing.T) {
	for _, tt := range []struct {
		text        string
		attachments []string
		want        Packet
	}{
		{`0`, nil, Packet{Kind: kindConnect, Namespace: "/", ID: -1, Data: raw(``)[0]}},
		{`0/admin,{"token":"x"}`, nil, Packet{Kind: kindConnect, Namespace: "/admin", ID: -1, Data: raw(`{"token":"x"}`)[0]}},
		{`1/admin,`, nil, Packet{Kind: kindDisconnect, Namespace: "/admin", ID: -1}},
		{`2["hello",1]`, nil, Packet{Kind: kindEvent, Namespace: "/", ID: -1, Args: Args{JSON: raw(`"hello"`, `1`)}}},
		{`212["hello"]`, nil, Packet{Kind: kindEvent, Namespace: "/", ID: 12, Args: Args{JSON: raw(`"hello"`)}}},
		{`2/a,0["a",[],{"b":null},null]`, nil, Packet{Kind: kindEvent, Namespace: "/a", ID: 0, Args: Args{JSON: raw(`"a"`, `[]`, `{"b":null}`, `null`)}}},
		{`3/admin,456[]`, nil, Packet{Kind: kindAck, Namespace: "/admin", ID: 456, Args: Args{JSON: []json.RawMessage{}}}},
		{
			`51-["b",{"_placeholder":true,"num":0}]`, []string{"\x01\x02"},
			Packet{Kind: kindEvent, Namespace: "/", ID: -1, Args: Args{raw(`"b"`, `{"_placeholder":true,"num":0}`), [][]byte{{1, 2}}}},
		},
		{
			`62-/a,7[{"x":{"_placeholder":true,"num":1}},{"_placeholder":true,"num":0}]`, []string{"a", ""},
			Packet{Kind: kindAck, Namespace: "/a", ID: 7, Args: Args{raw(`{"x":{"_placeholder":true,"num":1}}`, `{"_placeholder":true,"num":0}`), [][]byte{[]byte("a"), {}}}},
		},
	} {
		t.Run(tt.text, func(t *testing.T) {
			got, complete, err := decode(tt.text, tt.attachments...)
			require.NoError(t, err)
			require.True(t, complete)
			assert.Equal(t, tt.want, got)

			sent := got.encode()
			assert.Equal(t, tt.text, string(sent[0].data), "it is encoded as it came")
			require.Len(t, sent, 1+len(tt.attachments))
			for i, a := range tt.attachments {
				assert.True(t, sent[i+1].binary)
				assert.Equal(t, a, string(sent[i+1].data))
			}
		})
	}
}

func TestPacketsThatAreNone(t *testing.T) {
	deep := strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1)
	for _, tt := range []struct{ name, text string }{
		{"nothing", ``},
		{"an unknown type", `7`},
		{"connecting with no object", `0"token"`},
		{"connecting with JSON that is cut", `0{"token":`},
		{"a disconnect with data", `1[]`},
		{"a connect error from a client", `4{"message":"x"}`},
		{"an event without data", `2`},
		{"an event that is no array", `2{"a":1}`},
		{"an event that is null", `2null`},
		{"an event without a name", `2[]`},
		{"an event whose name is a number", `2[1]`},
		{"an event whose name is null", `2[null]`},
		{"an event with something behind it", `2["a"]x`},
		{"an event that is too deep", `2["a",` + deep + `]`},
		{"a number that no double holds", `2["a",1e999]`},
		{"an event with a number of 16 digits", `21234567890123456["a"]`},
		{"an ack of nothing", `3[]`},
		{"an ack without data", `31`},
		{"binary without a count", `5["a"]`},
		{"binary with a count that does not end", `51["a"]`},
		{"binary without attachments", `50-["a"]`},
		{"binary with a negative count", `5-1-["a"]`},
		{"binary with too many attachments", `511-["a"]`},
		{"binary with a count out of all measure", `599999999999999999999-["a"]`},
		{"a placeholder of no attachment", `2["a",{"_placeholder":true,"num":0}]`},
		{"a placeholder of no attachment, escaped", `2["a",[{"\u005fplaceholder":true,"num":0}]]`},
		{"a placeholder past the last attachment", `51-["a",{"b":{"_placeholder":true,"num":1}}]`},
		{"a placeholder with a negative number", `51-["a",{"_placeholder":true,"num":-1}]`},
		{"a placeholder with half a number", `51-["a",{"_placeholder":true,"num":0.5}]`},
		{"a placeholder without a number", `51-["a",{"_placeholder":true}]`},
		{"a namespace with a separator of bodies", "0/a\x1eb,"},
		{"a namespace that is too long", `0/` + strings.Repeat("a", maxNamespace) + `,`},
		{"an event that is too large", `2["` + strings.Repeat("a", maxEvent) + `"]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, complete, err := decode(tt.text)
			assert.Error(t, err)
			assert.False(t, complete)
		})
	}
}

func TestAttachmentsComeInTheirTurn(t *testing.T) {
	_, _, err := decode(`2["a"]`, "binary that nobody has announced")
	assert.ErrorIs(t, err, errUnexpected)

	var d decoder
	_, complete, err := d.next([]byte(`52-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`), false)
	require.NoError(t, err)
	require.False(t, complete, "two attachments are missing")
	lent := []byte("one")
	_, complete, err = d.next(lent, true)
	require.NoError(t, err)
	require.False(t, complete, "an attachment is missing")
	copy(lent, "xxx")
	last := d
	_, _, err = d.next([]byte(`2["b"]`), false)
	assert.ErrorIs(t, err, errUnexpected, "text, where an attachment is due")
	p, complete, err := last.next([]byte("two"), true)
	require.NoError(t, err)
	require.True(t, complete)
	assert.Equal(t, [][]byte{[]byte("one"), []byte("two")}, p.Args.Attachments, "what was lent was copied")

	_, _, err = decode(`52-["a"]`, strings.Repeat("a", maxEvent/2), strings.Repeat("a", maxEvent/2))
	assert.ErrorIs(t, err, errTooLarge, "attachments count together")
}

func TestArgs(t *testing.T) {
	args, err := NewArgs("text", []byte("one"), map[string]int{"a": 1}, []byte("two"))
	require.NoError(t, err)
	assert.Equal(t, raw(`"text"`, `{"_placeholder":true,"num":0}`, `{"a":1}`, `{"_placeholder":true,"num":1}`), args.JSON)

	var text string
	var one, two []byte
	var m map[string]int
	require.NoError(t, args.Decode(&text, &one, &m, &two))
	assert.Equal(t, []any{"text", "one", 1, "two"}, []any{text, string(one), m["a"], string(two)})
	assert.Error(t, args.Decode(&one), "text is not binary")
	assert.Error(t, args.Decode(&text, &text), "binary is not text")
	assert.Error(t, args.Decode(&text, &one, &m, &two, &text), "there is no fifth")

	same, err := NewArgs(args)
	require.NoError(t, err)
	assert.Equal(t, args, same)
	_, err = NewArgs(func() {})
	assert.Error(t, err, "a function is no JSON")
}

func FuzzDecoder(f *testing.F) {
	for _, s := range []string{`0`, `2["a",{"_placeholder":true}]`, `51-/a,1["a",{"_placeholder":true,"num":0}]`, `3/a,1[]`, `1`} {
		f.Add(s, []byte("attachment"))
	}
	f.Fuzz(func(t *testing.T, text string, attachment []byte) {
		var d decoder
		p, complete, err := d.next([]byte(text), false)
		for i := 0; err == nil && !complete; i++ {
			require.Less(t, i, maxAttachments, "it waits for no more than may come")
			p, complete, err = d.next(attachment, true)
		}
		if err != nil {
			return
		}
		all := p.encode()
		attachments := make([]string, 0, len(all))
		for _, a := range all[1:] {
			attachments = append(attachments, string(a.data))
		}
		again, complete, err := decode(string(all[0].data), attachments...)
		require.NoError(t, err, "what is encoded can be decoded")
		require.True(t, complete)
		require.Equal(t, p, again)
	})
}
