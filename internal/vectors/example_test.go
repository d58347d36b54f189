package vectors_test

import (
	"fmt"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/vectors"
)

// tb stands for the *testing.T of a test.
type tb struct{}

func (tb) Helper()                           {}
func (tb) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func ExampleLoad() {
	for _, v := range vectors.Load(tb{}, "framing")[:2] {
		fmt.Println(v)
		h, n, _ := frame.ParseHeader(v.Wire)
		fmt.Printf("%v: % x\n", h, v.Wire[n:])
		fmt.Printf("%v: %q\n", v.End, v.Messages[0].Data)
	}
	// Output:
	// example, an unmasked text message in one frame/client
	// TEXT FIN len=5: 48 65 6c 6c 6f
	// open: "Hello"
	// example, a masked text message in one frame/server
	// TEXT FIN MASK len=5: 7f 9f 4d 51 58
	// open: "Hello"
}
