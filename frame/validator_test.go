package frame

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A sequence of frames is written as their bytes, one frame to a field, as a
// client sends them with the mask bit and a server without. The mask bit and the
// key are added by the test.
//
//	01 00: TEXT          00 00: CONTINUATION        09 00: PING
//	81 00: TEXT FIN      80 00: CONTINUATION FIN    89 00: PING FIN
func sequence(t *testing.T, text string, from Role) (headers []Header) {
	t.Helper()
	for field := range strings.SplitSeq(text, ",") {
		wire := unhex(field)
		if from == Client {
			wire[1] |= maskBit
			wire = append(wire, 1, 2, 3, 4)
		}
		h, n, err := ParseHeader(wire)
		require.NoError(t, err)
		require.Equal(t, len(wire), n)
		headers = append(headers, h)
	}
	return headers
}

func peerOf(role Role) Role {
	if role == Server {
		return Client
	}
	return Server
}

var roles = []Role{Client, Server}

func TestValidatorAccepts(t *testing.T) {
	for _, tt := range []struct {
		name, frames string
		open         bool
	}{
		{"a text message", "81 05", false},
		{"a binary message", "82 7F 7FFFFFFFFFFFFFFF", false},
		{"messages one after the other", "81 05, 82 00, 81 00", false},
		{"an unfinished message", "01 05", true},
		{"a fragmented message", "01 05, 00 05, 00 05, 80 05", false},
		{"empty fragments", "02 00, 00 00, 00 00, 80 00", false},
		{"a message after a fragmented one", "01 05, 80 05, 82 05", false},
		{"control frames between messages", "89 00, 81 05, 8A 00", false},
		{"control frames between fragments", "01 05, 89 7D, 00 05, 8A 7D, 80 05", false},
		{"Close inside a message", "01 05, 88 02", true},
		{"the largest control payloads", "88 7D, 89 7D, 8A 7D", false},
	} {
		for _, role := range roles {
			t.Run(tt.name+"/"+role.String(), func(t *testing.T) {
				v := Validator{Role: role}
				for _, h := range sequence(t, tt.frames, peerOf(role)) {
					require.NoError(t, v.Next(h), h.String())
				}
				require.Equal(t, tt.open, v.InMessage())
			})
		}
	}
}

// The last frame of each sequence breaks a rule.
func TestValidatorRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, frames, section string
	}{
		{"continuation without a start", "80 05", "5.4"},
		{"continuation after a whole message", "81 05, 80 05", "5.4"},
		{"continuation after a fragmented message", "01 05, 80 05, 00 05", "5.4"},
		{"text inside a message", "01 05, 81 05", "5.4"},
		{"binary inside a message", "01 05, 00 05, 02 05", "5.4"},
		{"text inside a message, a ping between", "01 05, 89 00, 01 05", "5.4"},
		{"reserved data opcode 3", "83 00", "5.2"},
		{"reserved data opcode 7", "87 00", "5.2"},
		{"reserved data opcode inside a message", "01 05, 04 00", "5.2"},
		{"reserved control opcode B", "8B 00", "5.2"},
		{"reserved control opcode F", "8F 00", "5.2"},
		{"ping of 126 bytes", "89 7E 007E", "5.5"},
		{"pong of 126 bytes", "8A 7E 007E", "5.5"},
		{"Close of 126 bytes", "88 7E 007E", "5.5"},
		{"ping of 64 KiB", "89 7F 0000000000010000", "5.5"},
		{"fragmented ping", "09 00", "5.5"},
		{"fragmented pong", "0A 00", "5.5"},
		{"fragmented Close", "08 00", "5.5"},
		{"fragmented ping inside a message", "01 05, 09 00", "5.5"},
		{"RSV1 without an extension", "C1 05", "5.2"},
		{"RSV2", "A1 05", "5.2"},
		{"RSV3", "91 05", "5.2"},
		{"RSV1 on a ping", "C9 00", "5.2"},
		{"RSV2 on a continuation", "01 05, A0 05", "5.2"},
	} {
		for _, role := range roles {
			t.Run(tt.name+"/"+role.String(), func(t *testing.T) {
				refusesTheLast(t, Validator{Role: role}, sequence(t, tt.frames, peerOf(role)), tt.section)
			})
		}
	}
}

func refusesTheLast(t *testing.T, v Validator, frames []Header, section string) {
	t.Helper()
	last := len(frames) - 1
	for _, h := range frames[:last] {
		require.NoError(t, v.Next(h), h.String())
	}
	before := v
	err := v.Next(frames[last])
	require.ErrorIs(t, err, &Error{Code: StatusProtocolError, Section: section})
	require.Equal(t, before, v, "an error leaves the state as it was")
}

// RFC 6455, section 5.1: "The server MUST close the connection upon receiving a
// frame that is not masked." and "A client MUST close a connection if it detects
// a masked frame."
func TestValidatorRefusesTheOtherDirection(t *testing.T) {
	for _, role := range roles {
		for _, frames := range []string{"81 05", "80 05", "88 00", "89 00", "83 00"} {
			refusesTheLast(t, Validator{Role: role}, sequence(t, frames, role), "5.1")
		}
	}
}

// RFC 7692, section 6: RSV1 marks a compressed message on its first frame, and
// nothing else.
func TestValidatorWithRsv1(t *testing.T) {
	for _, role := range roles {
		for _, frames := range []string{"C1 05", "C2 05", "41 05, 00 05, 80 05", "41 05, 89 00, 80 05", "81 05, C1 05"} {
			v := Validator{Role: role, AllowRsv1: true}
			for _, h := range sequence(t, frames, peerOf(role)) {
				require.NoError(t, v.Next(h), frames)
			}
		}
		for _, frames := range []string{"C8 00", "C9 00", "CA 00", "41 05, C0 05", "01 05, 40 05", "01 05, C9 00", "E1 05", "D1 05"} {
			refusesTheLast(t, Validator{Role: role, AllowRsv1: true}, sequence(t, frames, peerOf(role)), "5.2")
		}
	}
}

// An error is not an end: the Validator judges the next header as if the refused
// one had not come.
func TestValidatorGoesOnAfterAnError(t *testing.T) {
	for _, role := range roles {
		frames := sequence(t, "01 05, 81 05, 09 00, 80 05, 80 05, 81 00", peerOf(role))
		v := Validator{Role: role}
		var refused []int
		for i, h := range frames {
			if v.Next(h) != nil {
				refused = append(refused, i)
			}
		}
		require.Equal(t, []int{1, 2, 4}, refused)
	}
}

// All pairs of frames of every kind, in both roles: the first brings about each
// state, the second is judged in it.
func TestValidatorEqualsSlow(t *testing.T) {
	frames := everyKind()
	for _, v := range []Validator{{Role: Client}, {Role: Server}, {Role: Server, AllowRsv1: true}} {
		for _, a := range frames {
			for _, b := range frames {
				validatorEqualsSlow(t, v, a, b)
			}
		}
	}
}

// everyKind has each opcode with each of the bits that matter, and the length at
// which control frames become too long.
func everyKind() (frames []Header) {
	for _, op := range []Opcode{Continuation, Text, Binary, 3, Close, Ping, 11} {
		for bits := range 16 {
			h := Header{Opcode: op, Fin: bits&1 != 0, Masked: bits&2 != 0, Rsv1: bits&4 != 0, Length: 125}
			if h.Rsv1 && bits&8 != 0 {
				h.Rsv1, h.Rsv2 = false, true
			} else if bits&8 != 0 {
				h.Length = 126
			}
			frames = append(frames, h)
		}
	}
	return frames
}

func validatorEqualsSlow(t *testing.T, v Validator, frames ...Header) {
	t.Helper()
	slow := slowValidator{role: v.Role, allowRsv1: v.AllowRsv1}
	for i, h := range frames {
		err, ok := v.Next(h), slow.next(h)
		if (err == nil) != ok || v.InMessage() != slow.open() {
			t.Fatalf("%s, after %v: %v, then in a message: %v; want ok %v, %v", h, frames[:i], err, v.InMessage(), ok, slow.open())
		}
	}
}

func TestRole(t *testing.T) {
	require.Equal(t, "client", Client.String())
	require.Equal(t, "server", Server.String())
	require.Equal(t, Client, Validator{}.Role, "the zero value is a client")
	require.True(t, slices.Equal(roles, []Role{0, 1}))
}
