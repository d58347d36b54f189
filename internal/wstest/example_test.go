package wstest_test

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// A Write returns when the bytes are in the buffer; nobody needs to read yet.
func ExamplePipe() {
	a, b := wstest.Pipe()
	fmt.Fprint(a, "hello")
	a.CloseWrite()

	all, err := io.ReadAll(b)
	fmt.Printf("%s %v\n", all, err)
	// Output: hello <nil>
}

// The connection breaks after three bytes.
func ExampleFaulty() {
	a, b := wstest.Pipe()
	nc := wstest.Faulty(a, wstest.Faults{
		Write: []wstest.Fault{wstest.ResetAt(3)},
	})
	n, err := nc.Write([]byte("hello"))
	fmt.Println(n, errors.Is(err, syscall.ECONNRESET))

	_, err = b.Read(make([]byte, 10))
	fmt.Println(errors.Is(err, syscall.ECONNRESET))
	// Output:
	// 3 true
	// true
}

func ExampleHex() {
	fmt.Printf("%q\n", wstest.Hex(`
		81 05          # TEXT FIN, 5 bytes
		48 65 6c 6c 6f # "Hello"
	`))
	// Output: "\x81\x05Hello"
}

// The endpoint is a few bytes long, and answers a ping. The peer has the script
// and the test that it runs in: in a real one that is the *testing.T.
func ExamplePeer() {
	nc, other := wstest.Pipe()
	go func() {
		defer nc.Close()
		_, _ = io.ReadFull(nc, make([]byte, 8))
		_, _ = nc.Write(wstest.Hex("8a 02 48 69"))
		_, _ = io.ReadAll(nc)
	}()

	p := wstest.NewPeer(printer{}, other, frame.Client)
	p.Send(wstest.Ping("Hi"))
	p.Want("the pong has the ping's payload", wstest.Pong("Hi"))
	p.CloseWrite()
	p.WantEOF("the endpoint leaves when the peer does")
	fmt.Println(p.Frames())
	// Output: [PONG FIN len=2 "Hi"]
}

// printer is a test that prints how it fails.
type printer struct{}

func (printer) Helper()                           {}
func (printer) Cleanup(func())                    {}
func (printer) Fatalf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
