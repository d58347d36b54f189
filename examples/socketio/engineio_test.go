package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/conn"
)

func TestPacketsOfABody(t *testing.T) {
	text := func(typ packetType, data string) packet { return packet{typ: typ, data: []byte(data)} }
	binary := func(data ...byte) packet { return packet{typ: packetMessage, data: data, binary: true} }
	for _, tt := range []struct {
		body string
		want []packet
	}{
		{"2", []packet{text(packetPing, "")}},
		{"2probe", []packet{text(packetPing, "probe")}},
		{"4hello", []packet{text(packetMessage, "hello")}},
		{"4Grüße, 世界", []packet{text(packetMessage, "Grüße, 世界")}},
		{"4hello\x1e2\x1e4world", []packet{text(packetMessage, "hello"), text(packetPing, ""), text(packetMessage, "world")}},
		{"bAQIDBA==", []packet{binary(1, 2, 3, 4)}},
		{"4€\x1ebAQIDBA==", []packet{text(packetMessage, "€"), binary(1, 2, 3, 4)}},
		{"6", []packet{text(packetNoop, "")}},
	} {
		t.Run(tt.body, func(t *testing.T) {
			var got []packet
			for p, err := range packets([]byte(tt.body)) {
				require.NoError(t, err)
				got = append(got, p)
			}
			assert.Equal(t, tt.want, got)
			assert.Equal(t, tt.body, string(appendPackets(nil, got)), "it is encoded as it came")
		})
	}
}

func TestBodiesThatAreNone(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		before     int // packets that are read until the error
	}{
		{"nothing", "", 0},
		{"an empty packet at the end", "2\x1e", 1},
		{"an empty packet at the beginning", "\x1e2", 0},
		{"an unknown type", "7", 0},
		{"no type", "hello", 0},
		{"base64 that is none", "b!!!!", 0},
		{"base64 without padding", "4a\x1ebAQIDBA", 1},
		{"base64 of the URL kind", "b__8=", 0},
		{"not UTF-8", "4\xff", 0},
		{"a character that is cut off", "4\xe2\x82\x1e2", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := 0
			var last error
			for _, err := range packets([]byte(tt.body)) {
				if last = err; err == nil {
					n++
				}
			}
			assert.Error(t, last)
			assert.Equal(t, tt.before, n)
		})
	}
}

// A packet over a WebSocket: text as by HTTP, binary as it is.
func TestMessages(t *testing.T) {
	for _, p := range []packet{
		{typ: packetMessage, data: []byte("hello")},
		{typ: packetMessage, data: []byte{0, 0x1E, 0xFF}, binary: true},
		{typ: packetMessage, data: []byte{}, binary: true},
		{typ: packetPong, data: []byte("probe")},
	} {
		got, err := parseMessage(p.message())
		require.NoError(t, err)
		assert.Equal(t, p, got)
	}
	_, err := parseMessage(conn.Message{Type: conn.Text, Data: []byte("bAQ==")})
	assert.Error(t, err, "base64 is for HTTP")
	_, err = parseMessage(conn.Message{Type: conn.Text})
	assert.Error(t, err, "an empty message is no packet")
}

func FuzzPackets(f *testing.F) {
	for _, s := range []string{"", "2probe", "4a\x1ebAQ==\x1e6", "\x1e", "4\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var all []packet
		for p, err := range packets(body) {
			if err != nil {
				return
			}
			all = append(all, p)
		}
		if got := appendPackets(nil, all); !bytes.Equal(got, body) {
			// Base64 may have newlines, and other bits in its padding. What comes out is stable.
			var again []packet
			for p, err := range packets(got) {
				require.NoError(t, err)
				again = append(again, p)
			}
			require.Equal(t, all, again)
		}
	})
}
