package flate_test

import (
	"fmt"
	"strings"

	"github.com/parleyws/websocket/internal/flate"
)

// The messages of a connection with context takeover.
func Example() {
	c := flate.NewCompressor(flate.Default, 12)
	defer c.Release()
	d := flate.NewDecompressor(12)
	defer d.Release()

	text := make([]byte, 100)
	for range 3 {
		deflated := c.Append(nil, []byte(`{"type":"ping","from":"alice"}`), true)
		payload, _ := strings.CutSuffix(string(deflated), flate.Tail) // what is sent

		n, _, err := d.Inflate(text, []byte(payload+flate.Tail))
		if err == nil {
			err = d.EndMessage()
		}
		fmt.Println(len(payload), string(text[:n]), err)
	}
	// Output:
	// 32 {"type":"ping","from":"alice"} <nil>
	// 4 {"type":"ping","from":"alice"} <nil>
	// 4 {"type":"ping","from":"alice"} <nil>
}

// Without context takeover each message stands alone.
func ExampleCompressor_Reset() {
	c := flate.NewCompressor(flate.Fastest, 15)
	defer c.Release()
	for range 2 {
		fmt.Printf("% x\n", c.Append(nil, []byte("Hello"), true))
		c.Reset()
	}
	// Output:
	// f2 48 cd c9 c9 07 00 00 00 ff ff
	// f2 48 cd c9 c9 07 00 00 00 ff ff
}

// A message that comes in pieces is compressed as it comes, and is complete
// after the flush.
func ExampleCompressor_Append() {
	c := flate.NewCompressor(flate.Smallest, 15)
	defer c.Release()
	var deflated []byte
	for range 1000 {
		deflated = c.Append(deflated, []byte("no news is good news\n"), false)
	}
	deflated = c.Append(deflated, nil, true)
	fmt.Println(len(deflated))
	// Output: 93
}
