package flate_test

import (
	"fmt"

	"github.com/parleyws/websocket/internal/flate"
)

// Two messages with context takeover, from RFC 7692, section 7.2.3.2: the second
// refers to the first.
func ExampleDecompressor() {
	d := flate.NewDecompressor(15)
	defer d.Release()
	dst := make([]byte, 100)
	for _, payload := range []string{"\xf2\x48\xcd\xc9\xc9\x07\x00", "\xf2\x00\x11\x00\x00"} {
		n, _, err := d.Inflate(dst, []byte(payload+flate.Tail))
		if err == nil {
			err = d.EndMessage()
		}
		fmt.Printf("%s %v\n", dst[:n], err)
	}
	// Output:
	// Hello <nil>
	// Hello <nil>
}

// Inflate stops where the room ends, and goes on when there is more.
func ExampleDecompressor_Inflate_limited() {
	d := flate.NewDecompressor(15)
	defer d.Release()
	src := []byte("\xf2\x48\xcd\xc9\xc9\x07\x00" + flate.Tail)
	dst := make([]byte, 3)
	for {
		n, m, err := d.Inflate(dst, src)
		src = src[m:]
		fmt.Printf("%q, more: %t\n", dst[:n], err == flate.ErrShortDst)
		if err != flate.ErrShortDst {
			break
		}
	}
	// Output:
	// "Hel", more: true
	// "lo", more: false
}
