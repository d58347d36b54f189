package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"unicode/utf8"

	"github.com/parleyws/websocket/conn"
)

// packetType is the kind of an Engine.IO packet, as the digit that it begins with.
type packetType byte

const (
	packetOpen    packetType = '0' // the server's, the first of a session
	packetClose   packetType = '1'
	packetPing    packetType = '2' // the server's, and the client's probe of a WebSocket
	packetPong    packetType = '3'
	packetMessage packetType = '4'
	packetUpgrade packetType = '5' // the client's: all goes over the WebSocket from here
	packetNoop    packetType = '6' // the server's: an answer to a poll that has none
)

// separator stands between the packets of one HTTP body. JSON cannot contain it.
const separator = 0x1E

// packet is one packet of Engine.IO, version 4. Nobody writes to data once a packet
// has been made: the same may be on its way to many.
type packet struct {
	typ    packetType
	data   []byte
	binary bool // a message that is not text
}

var (
	errEmptyPacket = errors.New("engine.io: a packet has no type")
	errNotUTF8     = errors.New("engine.io: text is not UTF-8")
)

// parsePacket parses one packet of an HTTP body, or a text message of a WebSocket.
// The packet lends the bytes of text, except if they are base64.
//
// UTF-8 is checked here, for what came by HTTP may go to others over a WebSocket,
// and would end their connection.
func parsePacket(text []byte) (packet, error) {
	if len(text) == 0 {
		return packet{}, errEmptyPacket
	}
	typ, data := packetType(text[0]), text[1:]
	switch {
	case typ == 'b':
		decoded, err := base64.StdEncoding.AppendDecode(nil, data)
		if err != nil {
			return packet{}, fmt.Errorf("engine.io: a binary message: %w", err)
		}
		return packet{typ: packetMessage, data: decoded, binary: true}, nil
	case typ < packetOpen || typ > packetNoop:
		return packet{}, fmt.Errorf("engine.io: no packet has the type %q", text[0])
	case !utf8.Valid(data):
		return packet{}, errNotUTF8
	}
	return packet{typ: typ, data: data}, nil
}

// appendText appends p as it stands in an HTTP body.
func (p packet) appendText(dst []byte) []byte {
	if p.binary {
		return base64.StdEncoding.AppendEncode(append(dst, 'b'), p.data)
	}
	return append(append(dst, byte(p.typ)), p.data...)
}

// message is p as it stands in a WebSocket, where binary needs no base64.
func (p packet) message() conn.Message {
	if p.binary {
		return conn.Message{Type: conn.Binary, Data: p.data}
	}
	return conn.Message{Type: conn.Text, Data: p.appendText(make([]byte, 0, 1+len(p.data)))}
}

// parseMessage parses a WebSocket's message. The packet lends the bytes of m.
func parseMessage(m conn.Message) (packet, error) {
	if m.Type == conn.Binary {
		return packet{typ: packetMessage, data: m.Data, binary: true}, nil
	}
	if len(m.Data) > 0 && m.Data[0] == 'b' {
		return packet{}, errors.New("engine.io: base64 in a WebSocket")
	}
	return parsePacket(m.Data)
}

// packets are those of an HTTP body, in order. The first error is the last element.
// They take no memory but what base64 decodes to.
func packets(body []byte) iter.Seq2[packet, error] {
	return func(yield func(packet, error) bool) {
		for more := true; more; {
			var text []byte
			text, body, more = bytes.Cut(body, []byte{separator})
			p, err := parsePacket(text)
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
}

// appendPackets appends an HTTP body.
func appendPackets(dst []byte, ps []packet) []byte {
	for i, p := range ps {
		if i > 0 {
			dst = append(dst, separator)
		}
		dst = p.appendText(dst)
	}
	return dst
}
