package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// transcript feeds wire to frames in pieces and returns what was shown.
func transcript(wire []byte, piece int) (shown []string) {
	f := frames{show: func(h frame.Header, kept []byte) { shown = append(shown, fmt.Sprintf("%v %q", h, kept)) }}
	for len(wire) > 0 {
		n := min(piece, len(wire))
		f.feed(wire[:n])
		wire = wire[n:]
	}
	return shown
}

func TestFramesHoweverTheyAreCut(t *testing.T) {
	var wire []byte
	for _, f := range []wstest.Frame{
		wstest.Text("Hel").NoFin(), wstest.Ping("?"), wstest.Cont("lo"), wstest.Text(""),
		wstest.Binary(bytes.Repeat([]byte{7}, 300)), wstest.Close(1000, "bye"),
	} {
		wire = f.Wire(wire, frame.Client, frame.Key{1, 2, 3, 4})
	}
	want := []string{
		`TEXT MASK len=3 "Hel"`,
		`PING FIN MASK len=1 "?"`,
		`CONTINUATION FIN MASK len=2 "lo"`,
		`TEXT FIN MASK len=0 ""`,
		fmt.Sprintf(`BINARY FIN MASK len=300 %q`, bytes.Repeat([]byte{7}, 300)),
		`CLOSE FIN MASK len=5 "\x03\xe8bye"`,
	}
	for piece := 1; piece <= len(wire); piece++ {
		require.Equal(t, want, transcript(wire, piece), "in pieces of %d", piece)
	}
}

func TestALargeFrameIsShownEarlyAndNotHeld(t *testing.T) {
	var shown []int
	f := frames{show: func(h frame.Header, kept []byte) { shown = append(shown, len(kept)) }}
	f.feed(frame.Header{Opcode: frame.Binary, Fin: true, Length: 1 << 62}.Append(nil))
	require.Empty(t, shown)
	piece := make([]byte, 1000)
	for range 100 {
		f.feed(piece)
	}
	require.Equal(t, []int{maxKept}, shown, "once, when there is enough to show")
	require.LessOrEqual(t, cap(f.kept), 2*maxKept, "the announced length takes no memory")
}

func TestWhatIsNoFrameIsNotShown(t *testing.T) {
	wire := wstest.Text("a").Wire(nil, frame.Server, frame.Key{})
	wire = append(wire, 0x81, 0x7e, 0, 1, 'b') // a length that is not minimal
	wire = wstest.Text("c").Wire(wire, frame.Server, frame.Key{})
	require.Equal(t, []string{`TEXT FIN len=1 "a"`}, transcript(wire, 1))
}

func TestATapLeavesTheBytesAlone(t *testing.T) {
	a, b := wstest.Pipe()
	defer a.Close()
	defer b.Close()
	var n int
	tapped := &tapped{Conn: a}
	tapped.out.show = func(frame.Header, []byte) { n++ }
	wire := wstest.Text("hello").Wire(nil, frame.Client, frame.Key{1, 2, 3, 4})
	copied := bytes.Clone(wire)
	_, err := tapped.Write(wire)
	require.NoError(t, err)
	require.Equal(t, copied, wire, "what is written is only read")
	got := make([]byte, 100)
	m, err := b.Read(got)
	require.NoError(t, err)
	require.Equal(t, copied, got[:m])
	require.Equal(t, 1, n)
	require.NoError(t, tapped.CloseWrite(), "the stream beneath can be half closed")

	whole := struct{ net.Conn }{a} // hides that it can
	tapped.Conn = whole
	require.ErrorIs(t, tapped.CloseWrite(), errors.ErrUnsupported)
}
