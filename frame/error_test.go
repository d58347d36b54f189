package frame

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestErrorText(t *testing.T) {
	for _, tt := range []struct {
		err  Error
		want string
	}{
		{Error{StatusProtocolError, "5.2", "it is wrong"}, "frame: it is wrong (RFC 6455, section 5.2)"},
		{Error{Code: StatusProtocolError, Reason: "it is wrong"}, "frame: it is wrong"},
	} {
		require.EqualError(t, &tt.err, tt.want)
	}
}

// What was found and what is expected, for everything that the package refuses.
func TestErrorTexts(t *testing.T) {
	next := func(v Validator, headers ...Header) (err error) {
		for _, h := range headers {
			err = v.Next(h)
		}
		return err
	}
	parse := func(hex string) error {
		_, _, err := ParseHeader(unhex(hex))
		return err
	}
	parseClose := func(hex string) error {
		_, _, err := ParseClose(unhex(hex))
		return err
	}
	rsv1 := Validator{AllowRsv1: true}
	for _, tt := range []struct {
		err           error
		section, want string
	}{
		{parse("82 7F 80"), "5.2", "the top bit of a 64-bit length is set, it must be 0"},
		{parse("82 7E 0000"), "5.2", "a length is encoded in 16 bits where 7 are enough, it must be minimal"},
		{parse("82 7F 000000000000"), "5.2", "a length is encoded in 64 bits where 16 are enough, it must be minimal"},
		{next(Validator{Role: Server}, Header{Opcode: Text}), "5.1", "a frame from the client is not masked, every one must be"},
		{next(Validator{}, Header{Opcode: Text, Masked: true}), "5.1", "a frame from the server is masked, none may be"},
		{next(rsv1, Header{Opcode: Text, Rsv3: true}), "5.2", "RSV2 or RSV3 is set, no extension defines them"},
		{next(Validator{}, Header{Opcode: Text, Rsv1: true}), "5.2", "RSV1 is set, but no extension was agreed on that defines it"},
		{next(rsv1, Header{Opcode: Ping, Fin: true, Rsv1: true}), "5.2", "RSV1 is set on a PING frame, only the first frame of a message may have it"},
		{next(Validator{}, Header{Opcode: 3}), "5.2", "the opcode is RESERVED(0x3), no extension defines it"},
		{next(Validator{}, Header{Opcode: Text}, Header{Opcode: Binary}), "5.4", "a BINARY frame begins a message inside another, the rest of that one must come first"},
		{next(Validator{}, Header{}), "5.4", "a CONTINUATION frame continues no message, one must have begun with TEXT or BINARY"},
		{next(Validator{}, Header{Opcode: Ping}), "5.5", "a control frame is fragmented, it must have FIN set"},
		{next(Validator{}, Header{Opcode: Ping, Fin: true, Length: 126}), "5.5", "the payload of a control frame is longer than 125 bytes, which is the most it may have"},
		{parseClose("03"), "5.5.1", "the body of a Close frame is one byte, it must be empty or begin with a code of two"},
		{parseClose("03EE"), "7.4", "status code 1006 may not be sent, use 1000 to 1003, 1007 to 1014 or 3000 to 4999"},
		{parseClose("03E8 FF"), "8.1", "the reason of a Close frame is not UTF-8"},
	} {
		require.EqualError(t, tt.err, "frame: "+tt.want+" (RFC 6455, section "+tt.section+")")
	}
}

func TestErrorIs(t *testing.T) {
	err := fmt.Errorf("while reading: %w", &Error{StatusProtocolError, "5.2", "it is wrong"})
	for _, tt := range []struct {
		target error
		want   bool
	}{
		{&Error{Code: StatusProtocolError}, true},
		{&Error{Code: StatusProtocolError, Section: "5.2"}, true},
		{&Error{Code: StatusProtocolError, Section: "5.2", Reason: "it is wrong"}, true},
		{&Error{Code: StatusInvalidPayload}, false},
		{&Error{Code: StatusProtocolError, Section: "5.4"}, false},
		{&Error{Code: StatusProtocolError, Reason: "another"}, false},
		{&Error{}, false},
		{io.EOF, false},
	} {
		require.Equal(t, tt.want, errors.Is(err, tt.target), "%+v", tt.target)
	}
}

func TestErrorAs(t *testing.T) {
	_, _, err := ParseHeader(unhex("82 7F 80"))
	var e *Error
	require.ErrorAs(t, fmt.Errorf("wrapped: %w", err), &e)
	require.Equal(t, StatusProtocolError, e.Code)
	require.Equal(t, "5.2", e.Section)
}
