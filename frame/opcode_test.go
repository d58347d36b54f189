package frame

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// RFC 6455, section 5.2: the opcodes, and for which kind of frame the others are
// reserved.
func TestOpcode(t *testing.T) {
	const (
		data     = "data"
		control  = "control"
		neither  = "no opcode at all"
		reserved = true
	)
	for _, tt := range []struct {
		op       Opcode
		kind     string
		reserved bool
		text     string
	}{
		{0x0, data, false, "CONTINUATION"},
		{0x1, data, false, "TEXT"},
		{0x2, data, false, "BINARY"},
		{0x3, data, reserved, "RESERVED(0x3)"},
		{0x7, data, reserved, "RESERVED(0x7)"},
		{0x8, control, false, "CLOSE"},
		{0x9, control, false, "PING"},
		{0xA, control, false, "PONG"},
		{0xB, control, reserved, "RESERVED(0xb)"},
		{0xF, control, reserved, "RESERVED(0xf)"},
		{0x10, neither, reserved, "RESERVED(0x10)"},
		{0xFF, neither, reserved, "RESERVED(0xff)"},
	} {
		require.Equal(t, tt.kind == data, tt.op.IsData(), "%v.IsData", tt.op)
		require.Equal(t, tt.kind == control, tt.op.IsControl(), "%v.IsControl", tt.op)
		require.Equal(t, tt.reserved, tt.op.IsReserved(), "%v.IsReserved", tt.op)
		require.Equal(t, tt.text, tt.op.String())
	}
}

func TestOpcodeValues(t *testing.T) {
	require.Equal(t, []Opcode{0, 1, 2, 8, 9, 10}, []Opcode{Continuation, Text, Binary, Close, Ping, Pong})
}
