package interop

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/parleyws/websocket/handshake"
	"github.com/parleyws/websocket/internal/flate"
)

// zlib is the library of that name in a child process. Here it works on the
// payloads of messages alone, without WebSocket, so that all levels, windows and
// strategies can be tried.
type zlib struct {
	t       *testing.T
	encoder *json.Encoder
	decoder *json.Decoder
}

// work is what zlib is asked to do with messages, one after the other.
type work struct {
	Do       string   `json:"do"` // inflate or deflate
	Bits     int      `json:"bits"`
	Takeover bool     `json:"takeover"`
	Messages [][]byte `json:"messages"`

	// For deflate:
	Level    int  `json:"level"`
	Strategy int  `json:"strategy"`        // see the constants
	Final    bool `json:"final,omitempty"` // end each message with a final block; only Python's
}

// zlib's strategies.
const (
	zDefault = iota
	_
	zHuffmanOnly
	zRLE
	zFixed
)

func startZlib(t *testing.T, path string, args ...string) *zlib {
	t.Helper()
	cmd := exec.Command(path, args...)
	stdin, err := cmd.StdinPipe()
	check(t, err)
	stdout, w, err := os.Pipe()
	check(t, err)
	t.Cleanup(func() { stdout.Close() })
	cmd.Stdout = w
	keepErrors(t, cmd)
	start(t, cmd, os.Kill)
	w.Close()
	return &zlib{t, json.NewEncoder(stdin), json.NewDecoder(stdout)}
}

func startZlibs(t *testing.T) map[string]*zlib {
	t.Helper()
	return map[string]*zlib{
		"node":   startZlib(t, findNode(t), "peers/zlib.mjs"),
		"python": startZlib(t, findPython(t), "-B", "peers/zlib.py"),
	}
}

func (z *zlib) do(w work) ([][]byte, error) {
	z.t.Helper()
	check(z.t, z.encoder.Encode(w))
	var answer struct {
		Messages [][]byte
		Error    string
	}
	if err := z.decoder.Decode(&answer); err != nil {
		z.t.Fatalf("zlib has ended: %v", err)
	}
	if answer.Error != "" {
		return nil, errors.New(answer.Error)
	}
	return answer.Messages, nil
}

// payloads are the messages of the script for a window of bits, but for the
// longest, which would take long byte by byte.
func payloads(bits int) [][]byte {
	var all [][]byte
	for _, l := range script(handshake.Deflate{ServerMaxWindowBits: bits, ClientMaxWindowBits: bits}) {
		if l.Size <= 1<<17 {
			all = append(all, l.bytes())
		}
	}
	return all
}

// What we compress, zlib understands, with no larger a window than was promised.
//
// RFC 7692, section 7.1.2.1: "By including this parameter in an extension
// negotiation offer, a client limits the LZ77 sliding window size that the server
// will use to compress messages."
func TestZlibInflatesOurs(t *testing.T) {
	for name, z := range startZlibs(t) {
		forAllWindows(t, name, 8, func(t *testing.T, bits int, takeover bool) {
			plain := payloads(bits)
			for level := flate.Fastest; level <= flate.Smallest; level++ {
				packed := deflateAll(plain, level, bits, takeover)
				got, err := z.do(work{Do: "inflate", Bits: bits, Takeover: takeover, Messages: packed})
				wantSame(t, fmt.Sprintf("zlib inflates what we compress at level %v", level), got, err, plain)
			}
		})
	}
}

// What zlib compresses, we understand.
func TestWeInflateZlibs(t *testing.T) {
	for name, z := range startZlibs(t) {
		forAllWindows(t, name, 9, func(t *testing.T, bits int, takeover bool) {
			plain := payloads(bits)
			for _, w := range []work{
				{Level: 0}, {Level: 1}, {Level: 6}, {Level: 9},
				{Level: 6, Strategy: zHuffmanOnly}, {Level: 6, Strategy: zRLE}, {Level: 6, Strategy: zFixed},
			} {
				w.Do, w.Bits, w.Takeover, w.Messages = "deflate", bits, takeover, plain
				packed, err := z.do(w)
				check(t, err)
				got, err := inflateAll(packed, bits, takeover)
				wantSame(t, fmt.Sprintf("we inflate what zlib compresses at level %d with strategy %d", w.Level, w.Strategy), got, err, plain)
			}
		})
	}
}

// RFC 7692, section 7.2.3.4: a message may end with a final block.
func TestWeInflateFinalBlocks(t *testing.T) {
	z := startZlib(t, findPython(t), "-B", "peers/zlib.py")
	forAllWindows(t, "python", 9, func(t *testing.T, bits int, takeover bool) {
		plain := payloads(bits)
		packed, err := z.do(work{Do: "deflate", Bits: bits, Messages: plain, Level: 6, Final: true})
		check(t, err)
		got, err := inflateAll(packed, bits, takeover)
		wantSame(t, "we inflate messages with a final block", got, err, plain)
	})
}

// A window that is too small is noticed, or TestZlibInflatesOurs means nothing.
func TestZlibNoticesABrokenPromise(t *testing.T) {
	z := startZlib(t, findPython(t), "-B", "peers/zlib.py")
	forAllWindows(t, "python", 8, func(t *testing.T, bits int, takeover bool) {
		if bits == 15 {
			return // there is no larger one
		}
		packed := deflateAll([][]byte{newCorpus().farApart(1<<bits + 1).bytes()}, flate.Smallest, bits+1, takeover)
		got, err := z.do(work{Do: "inflate", Bits: bits, Takeover: takeover, Messages: packed})
		if err == nil {
			t.Errorf("zlib inflates %d bytes that refer to %d bytes back with a window of %d", len(got[0]), 1<<bits+1, 1<<bits)
		}
	})
}

func forAllWindows(t *testing.T, name string, least int, test func(t *testing.T, bits int, takeover bool)) {
	for bits := least; bits <= 15; bits++ {
		for _, takeover := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, %d bits, takeover %v", name, bits, takeover), func(t *testing.T) { test(t, bits, takeover) })
		}
	}
}

func wantSame(t *testing.T, sentence string, got [][]byte, err error, want [][]byte) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", sentence, err)
	}
	if len(got) != len(want) {
		t.Fatalf("%s: got %d messages, want %d", sentence, len(got), len(want))
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("%s: message %d, of %d bytes, comes out as %d others", sentence, i, len(want[i]), len(got[i]))
		}
	}
}

// deflateAll compresses messages as they would go over the wire.
func deflateAll(messages [][]byte, level flate.Level, bits int, takeover bool) (packed [][]byte) {
	c := flate.NewCompressor(level, bits)
	defer c.Release()
	for _, m := range messages {
		p := c.Append(nil, m, true)
		packed = append(packed, p[:len(p)-len(flate.Tail)])
		if !takeover {
			c.Reset()
		}
	}
	return packed
}

// inflateAll is the way back.
func inflateAll(messages [][]byte, bits int, takeover bool) (plain [][]byte, err error) {
	d := flate.NewDecompressor(bits)
	defer d.Release()
	for i, m := range messages {
		p, err := inflate(d, append(bytes.Clone(m), flate.Tail...))
		if err != nil {
			return nil, fmt.Errorf("message %d: %w", i, err)
		}
		plain = append(plain, p)
		if !takeover {
			d.Reset()
		}
	}
	return plain, nil
}

func inflate(d *flate.Decompressor, src []byte) ([]byte, error) {
	var out bytes.Buffer
	room := make([]byte, 1000)
	for {
		n, m, err := d.Inflate(room, src)
		out.Write(room[:n])
		src = src[m:]
		switch {
		case err == nil:
			return out.Bytes(), d.EndMessage()
		case err != flate.ErrShortDst:
			return nil, err
		}
	}
}
