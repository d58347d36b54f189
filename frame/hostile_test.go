package frame

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/parleyws/websocket/internal/utf8"
	"github.com/stretchr/testify/require"
)

// What a hostile or a broken peer sends, and what the package makes of it, from
// the first byte to the verdict.
func TestHostileBytes(t *testing.T) {
	for _, tt := range []struct {
		name, hex string
		role      Role
		want      StatusCode
	}{
		{"top length bit", "82 FF FFFFFFFFFFFFFFFF 00010203 04", Server, StatusProtocolError},
		{"top length bit, small number", "82 FF 8000000000000001 01020304", Server, StatusProtocolError},
		{"not minimal in 64 bits", "82 7F 0000000000000003 616263", Client, StatusProtocolError},
		{"not minimal in 16 bits", "82 FE 0003 01020304 606060", Server, StatusProtocolError},
		{"text is not UTF-8", "81 01 FF", Client, StatusInvalidPayload},
		{"text is not UTF-8, in a fragment", "01 02 61C3, 80 01 62", Client, StatusInvalidPayload},
		{"text ends inside a code point", "81 02 E282", Client, StatusInvalidPayload},
		{"servers do not mask", "82 83 01020304 606060", Client, StatusProtocolError},
		{"clients must mask", "82 03 616263", Server, StatusProtocolError},
		{"Close of one byte", "88 01 03", Client, StatusProtocolError},
		{"Close with code 1005", "88 02 03ED", Client, StatusProtocolError},
		{"control frame over 125", "89 FE 007E 01020304", Server, StatusProtocolError},
		{"fragmented control frame", "09 80 01020304", Server, StatusProtocolError},
		{"RSV1 without an extension", "C1 80 01020304", Server, StatusProtocolError},
		{"nothing wrong", "01 02 61C3, 89 00, 80 01 A9, 88 02 03E8", Client, StatusNormalClosure},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wire := unhex(string(bytes.ReplaceAll([]byte(tt.hex), []byte{','}, nil)))
			require.Equal(t, tt.want, verdict(t, tt.role, bytes.NewReader(wire)), "at once")
			require.Equal(t, tt.want, verdict(t, tt.role, iotest.OneByteReader(bytes.NewReader(wire))), "byte by byte")
		})
	}
}

// verdict is an endpoint in small: it reads to the Close frame or the first
// offence, and returns the code of it.
func verdict(t *testing.T, role Role, wire io.Reader) StatusCode {
	r, v := NewReader(wire), Validator{Role: role}
	var text utf8.Validator
	for {
		h, err := r.Next()
		if err == nil {
			err = v.Next(h)
		}
		if err != nil {
			return codeOf(t, err)
		}
		payload, err := io.ReadAll(r)
		require.NoError(t, err)
		switch {
		case h.Opcode == Close:
			code, _, err := ParseClose(payload)
			if err != nil {
				return codeOf(t, err)
			}
			return code
		case h.Opcode.IsData():
			if _, ok := text.Write(payload); !ok || h.Fin && !text.Complete() {
				return StatusInvalidPayload
			}
		}
	}
}

func codeOf(t *testing.T, err error) StatusCode {
	t.Helper()
	var e *Error
	require.True(t, errors.As(err, &e), "%v", err)
	return e.Code
}
