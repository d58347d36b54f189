package frame

import (
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// headers are legal or not: these are the bytes for what they say. The first six
// are the examples of RFC 6455, section 5.7.
var headers = []struct {
	hex    string
	header Header
	text   string
}{
	{"81 05", Header{Fin: true, Opcode: Text, Length: 5}, "TEXT FIN len=5"},
	{"81 85 37FA213D", Header{Fin: true, Opcode: Text, Masked: true, Key: Key{0x37, 0xFA, 0x21, 0x3D}, Length: 5}, "TEXT FIN MASK len=5"},
	{"01 03", Header{Opcode: Text, Length: 3}, "TEXT len=3"},
	{"80 02", Header{Fin: true, Opcode: Continuation, Length: 2}, "CONTINUATION FIN len=2"},
	{"82 7E 0100", Header{Fin: true, Opcode: Binary, Length: 256}, "BINARY FIN len=256"},
	{"82 7F 0000000000010000", Header{Fin: true, Opcode: Binary, Length: 65536}, "BINARY FIN len=65536"},

	// The edges of the three encodings of a length.
	{"82 00", Header{Fin: true, Opcode: Binary}, "BINARY FIN len=0"},
	{"82 7D", Header{Fin: true, Opcode: Binary, Length: 125}, "BINARY FIN len=125"},
	{"82 7E 007E", Header{Fin: true, Opcode: Binary, Length: 126}, "BINARY FIN len=126"},
	{"82 7E 007F", Header{Fin: true, Opcode: Binary, Length: 127}, "BINARY FIN len=127"},
	{"82 7E FFFF", Header{Fin: true, Opcode: Binary, Length: 65535}, "BINARY FIN len=65535"},
	{"82 7F 0000000080000000", Header{Fin: true, Opcode: Binary, Length: 1 << 31}, "BINARY FIN len=2147483648"},
	{"82 7F 0000000100000003", Header{Fin: true, Opcode: Binary, Length: 1<<32 + 3}, "BINARY FIN len=4294967299"},
	{"82 7F 7FFFFFFFFFFFFFFF", Header{Fin: true, Opcode: Binary, Length: math.MaxInt64}, "BINARY FIN len=9223372036854775807"},

	// Masked, at each encoding.
	{"82 80 00000000", Header{Fin: true, Opcode: Binary, Masked: true}, "BINARY FIN MASK len=0"},
	{"82 FE 007E 01020304", Header{Fin: true, Opcode: Binary, Masked: true, Key: Key{1, 2, 3, 4}, Length: 126}, "BINARY FIN MASK len=126"},
	{"82 FF 0000000000010000 01020304", Header{Fin: true, Opcode: Binary, Masked: true, Key: Key{1, 2, 3, 4}, Length: 65536}, "BINARY FIN MASK len=65536"},

	// Every other bit and opcode.
	{"C1 01", Header{Fin: true, Rsv1: true, Opcode: Text, Length: 1}, "TEXT FIN RSV1 len=1"},
	{"A1 01", Header{Fin: true, Rsv2: true, Opcode: Text, Length: 1}, "TEXT FIN RSV2 len=1"},
	{"91 01", Header{Fin: true, Rsv3: true, Opcode: Text, Length: 1}, "TEXT FIN RSV3 len=1"},
	{"71 81 01020304", Header{Rsv1: true, Rsv2: true, Rsv3: true, Opcode: Text, Masked: true, Key: Key{1, 2, 3, 4}, Length: 1}, "TEXT RSV1 RSV2 RSV3 MASK len=1"},
	{"00 00", Header{}, "CONTINUATION len=0"},
	{"88 02", Header{Fin: true, Opcode: Close, Length: 2}, "CLOSE FIN len=2"},
	{"89 00", Header{Fin: true, Opcode: Ping}, "PING FIN len=0"},
	{"8A 00", Header{Fin: true, Opcode: Pong}, "PONG FIN len=0"},
	{"83 00", Header{Fin: true, Opcode: 3}, "RESERVED(0x3) FIN len=0"},
	{"8F 00", Header{Fin: true, Opcode: 15}, "RESERVED(0xf) FIN len=0"},
	{"89 FE 007E 01020304", Header{Fin: true, Opcode: Ping, Masked: true, Key: Key{1, 2, 3, 4}, Length: 126}, "PING FIN MASK len=126"},
	{"09 80 01020304", Header{Opcode: Ping, Masked: true, Key: Key{1, 2, 3, 4}}, "PING MASK len=0"},
}

func TestHeader(t *testing.T) {
	for _, tt := range headers {
		t.Run(tt.hex, func(t *testing.T) {
			wire := unhex(tt.hex)
			require.Equal(t, wire, tt.header.Append(nil), "Append")
			require.Equal(t, len(wire), tt.header.Size(), "Size")
			require.Equal(t, tt.text, tt.header.String(), "String")

			h, n, err := ParseHeader(wire)
			require.NoError(t, err)
			require.Equal(t, len(wire), n)
			require.Equal(t, tt.header, h)
		})
	}
}

func TestParseHeaderAsksForMoreAtEveryPrefix(t *testing.T) {
	for _, tt := range headers {
		wire := unhex(tt.hex)
		for i := range wire {
			h, n, err := ParseHeader(wire[:i])
			require.NoError(t, err, "% x", wire[:i])
			require.Zero(t, n, "% x", wire[:i])
			require.Zero(t, h, "% x", wire[:i])
		}
	}
}

func TestParseHeaderDoesNotLookPastTheHeader(t *testing.T) {
	for _, tt := range headers {
		for _, payload := range []string{"00", "FF", "8180000000000000000000000000", "FFFFFFFFFFFFFFFFFFFFFFFFFFFF"} {
			wire := unhex(tt.hex + payload)
			h, n, err := ParseHeader(wire)
			require.NoError(t, err)
			require.Equal(t, tt.header.Size(), n)
			require.Equal(t, tt.header, h)
			require.Equal(t, unhex(tt.hex+payload), wire, "the bytes are only read")
		}
	}
}

func TestParseHeaderEqualsSlow(t *testing.T) {
	tails := [][]byte{
		unhex("00 00 00 00 00 00 00 00 00 00 00 00"),
		unhex("00 7D 00 00 00 00 00 00 00 00 00 00"),
		unhex("00 7E 00 00 00 00 00 00 00 00 00 00"),
		unhex("00 00 00 00 00 00 FF FF FF FF FF FF"),
		unhex("00 00 00 00 00 01 00 00 01 02 03 04"),
		unhex("7F FF FF FF FF FF FF FF FF FF FF FF"),
		unhex("80 00 00 00 00 00 00 00 00 00 00 00"),
		unhex("FF FF FF FF FF FF FF FF FF FF FF FF"),
	}
	for first := range 0x10000 {
		for _, tail := range tails {
			wire := append([]byte{byte(first >> 8), byte(first)}, tail...)
			equalsSlowAtEveryPrefix(t, wire)
			if b := byte(first >> 8); b != 0x82 {
				break // one first byte with all tails is enough
			}
		}
	}
}

func equalsSlowAtEveryPrefix(t *testing.T, wire []byte) {
	t.Helper()
	for i := range len(wire) + 1 {
		h, n, err := ParseHeader(wire[:i])
		wantH, wantN, ok := slowParse(wire[:i])
		if h != wantH || n != wantN || (err == nil) != ok {
			t.Fatalf("% x: %v, %d, %v; want %v, %d, ok %v", wire[:i], h, n, err, wantH, wantN, ok)
		}
		if n > 0 && !bytes.Equal(h.Append(nil), wire[:n]) {
			t.Fatalf("% x: written again: % x", wire[:n], h.Append(nil))
		}
	}
}

// RFC 6455, section 5.2: "the most significant bit MUST be 0", and "the minimal
// number of bytes MUST be used". Each is refused after as many bytes as show it,
// and not before.
func TestLengthRefusedAsEarlyAsItShows(t *testing.T) {
	for _, tt := range []struct {
		name, hex string
		shown     int
	}{
		{"top length bit", "82 FF FFFFFFFFFFFFFFFF 00010203 04", 3},
		{"top length bit, small number", "82 FF 8000000000000001 01020304", 3},
		{"top length bit, not masked", "82 7F 8000000000010000", 3},
		{"not minimal: 3 in 64 bits", "82 7F 0000000000000003 616263", 8},
		{"not minimal: 0 in 64 bits", "82 7F 0000000000000000", 8},
		{"not minimal: 65535 in 64 bits", "82 7F 000000000000FFFF", 8},
		{"not minimal: 3 in 16 bits", "82 FE 0003 01020304 606060", 4},
		{"not minimal: 124 in 16 bits, the example of section 5.2", "81 7E 007C", 4},
		{"not minimal: 125 in 16 bits", "82 7E 007D", 4},
		{"not minimal: on a control frame", "89 7E 0000", 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wire := unhex(tt.hex)
			for i := range len(wire) + 1 {
				h, n, err := ParseHeader(wire[:i])
				require.Zero(t, n)
				require.Zero(t, h)
				if i < tt.shown {
					require.NoError(t, err, "% x shows nothing yet", wire[:i])
					continue
				}
				require.ErrorIs(t, err, &Error{Code: StatusProtocolError, Section: "5.2"}, "% x", wire[:i])
			}
		})
	}
}

func TestHeaderAppendKeepsDst(t *testing.T) {
	dst := make([]byte, 2, 64)
	copy(dst, "ab")
	got := Header{Fin: true, Opcode: Text, Length: 5}.Append(dst)
	require.Equal(t, []byte("ab\x81\x05"), got)
	require.Same(t, &dst[0], &got[0], "there was room")
}

func TestMaxHeaderSizeIsTheLongest(t *testing.T) {
	require.Equal(t, MaxHeaderSize, Header{Length: math.MaxInt64, Masked: true}.Size())
}

func TestHeaderAppendPanicsOnWhatNoHeaderCanSay(t *testing.T) {
	require.PanicsWithValue(t, "BUG: frame: no header can say TEXT len=-1", func() {
		Header{Opcode: Text, Length: -1}.Append(nil)
	})
	require.PanicsWithValue(t, "BUG: frame: no header can say RESERVED(0x10) len=0", func() {
		Header{Opcode: 16}.Append(nil)
	})
}
