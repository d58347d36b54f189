//go:build linux && amd64 && !purego

package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/handshake"
	"github.com/parleyws/websocket/internal/bench/corpus"
	"github.com/parleyws/websocket/internal/flate"
	"github.com/parleyws/websocket/internal/utf8"
)

// An operation is something to be counted.
type operation struct {
	name  string
	times int         // some 20 million instructions, beside which the runtime is a percent
	run   func(n int) // does it n times
}

func operations() []operation {
	return []operation{
		{"header", 50_000, headers},
		{"mask-125", 50_000, masking(125)},
		{"mask-1k", 100_000, masking(1 << 10)},
		{"mask-16k", 10_000, masking(16 << 10)},
		{"utf8-ascii-1k", 60_000, validation(corpus.Chat())},
		{"utf8-chinese-1k", 20_000, validation(corpus.Chinese())},
		{"deflate-1k", 500, deflating},
		{"inflate-1k", 500, inflating},
		{"accept", 1_000, accepting},
		{"handler", 1_000, handling},
		{"echo-125", 5_000, echoing(frame.Server, 125)},
		{"echo-1k", 5_000, echoing(frame.Server, 1<<10)},
		{"client-echo-1k", 5_000, echoing(frame.Client, 1<<10)},
		{"deflate-echo-1k", 500, echoingDeflated},
		{"tcp-echo-125", 2_000, echoingTCP(1, 125)},
		{"tcp-echo-1k", 2_000, echoingTCP(1, 1<<10)},
		{"tcp-echo-125-x16", 500, echoingTCP(16, 125)},
		{"loop-echo-125", 2_000, echoingLoop(1, 125)},
		{"loop-echo-125-x16", 500, echoingLoop(16, 125)},
		{"tcp-broadcast-1k-x16", 400, broadcasting(16, 1<<10)},
	}
}

// operate is a process that does an operation and says what it has allocated.
func operate(name, times string) (status int) {
	n, err := strconv.Atoi(times)
	all := operations()
	at := slices.IndexFunc(all, func(o operation) bool { return o.name == name })
	if err != nil || at < 0 {
		fmt.Fprintf(os.Stderr, "guard: cannot do %q %q times\n", name, times)
		return 2
	}
	all[at].run(n)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Printf("allocations: %d\n", m.Mallocs)
	return 0
}

// must is for what cannot fail here, unless the guard is wrong.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// headers is a short header, one of 16 bits and one of 64 bits, parsed and written.
func headers(n int) {
	var wires [][]byte
	for _, length := range []int64{125, 1 << 10, 1 << 20} {
		h := frame.Header{Length: length, Opcode: frame.Text, Fin: true, Masked: true, Key: key}
		wires = append(wires, h.Append(nil))
	}
	out := make([]byte, 0, frame.MaxHeaderSize)
	for range n {
		for _, wire := range wires {
			h, _, err := frame.ParseHeader(wire)
			must(err)
			out = h.Append(out[:0])
		}
	}
}

func masking(size int) func(n int) {
	return func(n int) {
		p, k := make([]byte, size), key
		for range n {
			k = k.XOR(p)
		}
	}
}

func validation(kind corpus.Kind) func(n int) {
	return func(n int) {
		p := kind.Messages(1, 1<<10)[0]
		for range n {
			if !utf8.Valid(p) {
				panic("the text is not valid")
			}
		}
	}
}

// The window of a message without context takeover.
const windowBits = 15

func deflating(n int) {
	p, out := corpus.Document().Messages(1, 1<<10)[0], make([]byte, 0, 4<<10)
	for range n {
		c := flate.NewCompressor(flate.Fastest, windowBits)
		out = c.Append(out[:0], p, true)
		c.Release()
	}
}

func inflating(n int) {
	c := flate.NewCompressor(flate.Fastest, windowBits)
	packed := c.Append(nil, corpus.Document().Messages(1, 1<<10)[0], true) // with flate.Tail
	out := make([]byte, 4<<10)
	for range n {
		d := flate.NewDecompressor(windowBits)
		_, _, err := d.Inflate(out, packed)
		must(err)
		must(d.EndMessage())
		d.Release()
	}
}

// accepting is the opening handshake of a browser.
func accepting(n int) {
	request := []byte("GET /chat?room=1 HTTP/1.1\r\nHost: example.com\r\n" +
		"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n" +
		"Origin: http://example.com\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		"Accept-Encoding: gzip, deflate\r\nAccept-Language: en-US,en;q=0.9\r\nCookie: session=0123456789abcdef; theme=dark\r\n" +
		"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n")
	nc := &canned{wire: request}
	for range n {
		nc.left = 1
		_, err := handshake.Accept(nc, nil)
		must(err)
	}
}
