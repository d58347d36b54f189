package frame

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every function that promises not to allocate, by name.
func TestNoAllocs(t *testing.T) {
	var (
		buf     = make([]byte, 0, 256)
		src     = make([]byte, 100)
		dst     = make([]byte, 100)
		text    = Header{Opcode: Text, Fin: true, Masked: true, Key: Key{1, 2, 3, 4}, Length: 5}
		large   = Header{Opcode: Binary, Length: 1 << 40}
		wire    = large.Append(nil)
		server  = Validator{Role: Server}
		reader  = NewReader(&endless{wire: wireOf(conversation)})
		writer  = NewWriter(io.Discard)
		payload = make([]byte, 5000)
		reason  = string(payload)

		yes  bool
		name string
	)
	for what, f := range map[string]func(){
		"Header.Append":         func() { buf = text.Append(buf[:0]); buf = large.Append(buf) },
		"Header.Size":           func() { text.Size() },
		"ParseHeader":           func() { ParseHeader(wire) },
		"ParseHeader, more":     func() { ParseHeader(wire[:5]) },
		"Validator.Next":        func() { server.Next(text) },
		"Validator.InMessage":   func() { yes = server.InMessage() },
		"NewKey":                func() { text.Key = NewKey() },
		"Key.XOR":               func() { text.Key = text.Key.XOR(src) },
		"Key.XORTo":             func() { text.Key = text.Key.XORTo(dst, src) },
		"AppendClose":           func() { buf, _ = AppendClose(buf[:0], StatusGoingAway, "see you, 再见") },
		"AppendClose, made fit": func() { buf, _ = AppendClose(buf[:0], StatusGoingAway, reason) },
		"ParseClose, no reason": func() { ParseClose([]byte{3, 0xE8}) },
		"StatusCode.Valid":      func() { yes = StatusGoingAway.Valid() },
		"Opcode.IsControl":      func() { yes = Text.IsControl() },
		"Opcode.IsData":         func() { yes = Text.IsData() },
		"Opcode.IsReserved":     func() { yes = Text.IsReserved() },
		"Opcode.String":         func() { name = Text.String() },
		"Role.String":           func() { name = Server.String() },
		"Writer.WriteFrame":     func() { writer.WriteFrame(text, payload) },
		"Writer.WriteHeader":    func() { writer.WriteHeader(Header{Opcode: Ping, Fin: true}) },
		"Writer.Write":          func() { writer.WriteHeader(text); writer.Write(payload[:5]) },
		"Reader.Next, skipping": func() { reader.Next() },
		"Reader.Read":           func() { reader.Next(); reader.Read(dst) },
	} {
		require.Zero(t, testing.AllocsPerRun(100, f), what)
	}
	_, _ = yes, name
}

// endless gives the same bytes again and again.
type endless struct {
	wire []byte
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.wire[e.at:])
	e.at = (e.at + n) % len(e.wire)
	return n, nil
}
