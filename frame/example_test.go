package frame_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"strings"

	"github.com/parleyws/websocket/frame"
)

// A frame as a client sends it: header, then masked payload. The bytes are those
// of RFC 6455, section 5.7.
func Example() {
	payload := []byte("Hello")
	h := frame.Header{
		Opcode: frame.Text,
		Fin:    true,
		Masked: true,
		Key:    frame.Key{0x37, 0xFA, 0x21, 0x3D}, // frame.NewKey() in real life
		Length: int64(len(payload)),
	}
	wire := h.Append(nil)
	wire = append(wire, payload...)
	h.Key.XOR(wire[h.Size():])
	fmt.Printf("% x\n", wire)

	h, n, err := frame.ParseHeader(wire)
	if err != nil {
		log.Fatal(err)
	}
	h.Key.XOR(wire[n:])
	fmt.Println(h, string(wire[n:]))
	// Output:
	// 81 85 37 fa 21 3d 7f 9f 4d 51 58
	// TEXT FIN MASK len=5 Hello
}

// Bytes arrive as they please. A header that is not complete yet is no error.
func ExampleParseHeader() {
	var buf []byte
	for _, arrived := range []string{"\x82", "\x7E\x01", "\x00the payload"} {
		buf = append(buf, arrived...)
		h, n, err := frame.ParseHeader(buf)
		switch {
		case err != nil:
			fmt.Println(err)
		case n == 0:
			fmt.Println("more")
		default:
			fmt.Println(h)
		}
	}
	_, _, err := frame.ParseHeader([]byte("\x81\x7E\x00\x05"))
	fmt.Println(err)
	// Output:
	// more
	// more
	// BINARY FIN len=256
	// frame: a length is encoded in 16 bits where 7 are enough, it must be minimal (RFC 6455, section 5.2)
}

// A payload may be masked in pieces, each with the key that the one before
// returned.
func ExampleKey_XOR() {
	key := frame.Key{1, 2, 3, 4}
	p := []byte("parley")
	rest := key.XOR(p[:3])
	rest.XOR(p[3:])
	key.XOR(p) // all at once takes it away again
	fmt.Println(string(p))
	// Output: parley
}

// The server of a connection takes masked frames only, in an order that makes
// messages. What breaks a rule names it, and has the code to close with.
func ExampleValidator() {
	v := frame.Validator{Role: frame.Server}
	for _, h := range []frame.Header{
		{Opcode: frame.Text, Masked: true, Length: 5},
		{Opcode: frame.Ping, Fin: true, Masked: true},
		{Opcode: frame.Continuation, Fin: true, Masked: true, Length: 3},
		{Opcode: frame.Continuation, Fin: true, Masked: true, Length: 3},
	} {
		err := v.Next(h)
		if err == nil {
			fmt.Println(h)
			continue
		}
		var e *frame.Error
		if errors.As(err, &e) {
			fmt.Printf("close with %v: %s\n", e.Code, e.Reason)
		}
	}
	// Output:
	// TEXT MASK len=5
	// PING FIN MASK len=0
	// CONTINUATION FIN MASK len=3
	// close with 1002 protocol error: a CONTINUATION frame continues no message, one must have begun with TEXT or BINARY
}

// The payload of a Close frame is a code and a reason. A reason that does not
// fit is cut, so that closing never fails for what a program has to say.
func ExampleAppendClose() {
	p, err := frame.AppendClose(nil, frame.StatusGoingAway, "back at noon, "+strings.Repeat("é", 200))
	if err != nil {
		log.Fatal(err)
	}
	code, reason, err := frame.ParseClose(p)
	fmt.Println(len(p), code, len(reason), reason[:12], err)

	_, err = frame.AppendClose(nil, frame.StatusAbnormalClosure, "")
	fmt.Println(err)
	// Output:
	// 124 1001 going away 122 back at noon <nil>
	// frame: status code 1006 may not be sent, use 1000 to 1003, 1007 to 1014 or 3000 to 4999 (RFC 6455, section 7.4)
}

// An empty payload is a Close frame without a code.
func ExampleParseClose() {
	fmt.Println(frame.ParseClose(nil))
	fmt.Println(frame.ParseClose([]byte("\x03\xE8done")))
	// Output:
	// 1005 no status received  <nil>
	// 1000 normal closure done <nil>
}

// A dump of the frames in a stream, as a tool might print it.
func ExampleReader() {
	stream := strings.NewReader("\x01\x03Hel\x89\x00\x80\x02lo\x88\x02\x03\xE8")
	r := frame.NewReader(stream)
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		payload, err := io.ReadAll(io.LimitReader(r, 80)) // never trust h.Length
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%v %q\n", h, payload)
	}
	// Output:
	// TEXT len=3 "Hel"
	// PING FIN len=0 ""
	// CONTINUATION FIN len=2 "lo"
	// CLOSE FIN len=2 "\x03\xe8"
}

// Both ends of a pipe: a client writes, a server reads.
func ExampleWriter() {
	client, server := net.Pipe()
	go func() {
		defer client.Close()
		w := frame.NewWriter(client)
		for _, text := range []string{"one", "two"} {
			h := frame.Header{Opcode: frame.Text, Fin: true, Masked: true, Key: frame.NewKey()}
			if err := w.WriteFrame(h, []byte(text)); err != nil {
				log.Fatal(err)
			}
		}
	}()
	r := frame.NewReader(server)
	for h, err := r.Next(); err == nil; h, err = r.Next() {
		payload, _ := io.ReadAll(r)
		fmt.Println(h, string(payload))
	}
	// Output:
	// TEXT FIN MASK len=3 one
	// TEXT FIN MASK len=3 two
}

// A proxy passes frames on without holding one: each keeps its length, and what
// goes to a server gets a mask of its own.
func ExampleWriter_WriteHeader() {
	from := frame.NewReader(strings.NewReader("\x82\x05Hello\x8A\x00"))
	var to bytes.Buffer
	w := frame.NewWriter(&to)
	for {
		h, err := from.Next()
		if err != nil {
			break
		}
		h.Masked, h.Key = true, frame.NewKey()
		if err := w.WriteHeader(h); err != nil {
			log.Fatal(err)
		}
		if _, err := io.Copy(w, from); err != nil {
			log.Fatal(err)
		}
	}
	back := frame.NewReader(&to)
	h, _ := back.Next()
	payload, _ := io.ReadAll(back)
	fmt.Println(h, string(payload))
	// Output: BINARY FIN MASK len=5 Hello
}
