//go:build linux

package load

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/parleyws/websocket/frame"
)

// serve accepts connections and runs serve on each.
func serve(t *testing.T, serve func(net.Conn)) netip.AddrPort {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer nc.Close()
				serve(nc)
			}()
		}
	}()
	return netip.MustParseAddrPort(ln.Addr().String())
}

func echo(nc net.Conn) { io.Copy(nc, nc) }

func messages(n, size int) (list [][]byte) {
	for i := range n {
		list = append(list, bytes.Repeat([]byte{byte('a' + i)}, size))
	}
	return list
}

func TestFramesAreThoseOfPackageFrame(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 65535, 65536} {
		key := frame.Key{1, 2, 3, 4}
		payload := bytes.Repeat([]byte("payload"), n/7+1)[:n]
		want := frame.Header{Fin: true, Rsv1: true, Opcode: frame.Text, Masked: true, Key: key, Length: int64(n)}.Append(nil)
		masked := bytes.Clone(payload)
		key.XOR(masked)
		if got := appendFrame(nil, opText, true, key, payload); !bytes.Equal(got, append(want, masked...)) {
			t.Errorf("%d bytes: % x, want % x", n, got[:min(len(got), 14)], want)
		}
	}
}

// TestReader has what a server sends, and what the reader makes of it, in one
// piece and byte by byte.
func TestReader(t *testing.T) {
	ping := "\x89\x02hi"
	for _, tt := range []struct{ name, sent, want, fails string }{
		{name: "a frame", sent: "\x82\x03abc", want: "abc"},
		{name: "two fragments", sent: "\x02\x01a\x80\x02bc", want: "abc"},
		{name: "an empty last fragment", sent: "\x02\x03abc\x80\x00", want: "abc"},
		{name: "a ping in between", sent: "\x02\x01a" + ping + "\x80\x02bc", want: "abc"},
		{name: "16 bits of length", sent: "\x82\x7e\x00\x80" + strings.Repeat("x", 128), want: strings.Repeat("x", 128)},
		{name: "64 bits of length", sent: "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00" + strings.Repeat("x", 65536), want: strings.Repeat("x", 65536)},
		{name: "something else", sent: "\x82\x03abd", want: "abc", fails: "not what was sent"},
		{name: "too much", sent: "\x82\x04abcd", want: "abc", fails: "not what was sent"},
		{name: "too little", sent: "\x82\x02ab", want: "abc", fails: "2 bytes came back of 3"},
		{name: "masked", sent: "\x82\x83abcdefg", want: "abc", fails: "masked"},
		{name: "a message in a message", sent: "\x02\x01a\x82\x02bc", want: "abc", fails: "inside another"},
		{name: "a close", sent: "\x88\x02\x03\xe8", want: "abc", fails: "closed the connection"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, step := range []int{len(tt.sent), 1} {
				end, err := feedAll(new(reader), []byte(tt.sent), []byte(tt.want), step)
				switch {
				case tt.fails == "" && (err != nil || end != 1):
					t.Errorf("in steps of %d: %d messages, error %v", step, end, err)
				case tt.fails != "" && (err == nil || !strings.Contains(err.Error(), tt.fails)):
					t.Errorf("in steps of %d: error %v, want one that says %q", step, err, tt.fails)
				}
			}
		})
	}
}

func feedAll(r *reader, sent, want []byte, step int) (messages int, err error) {
	for len(sent) > 0 {
		p := sent[:min(step, len(sent))]
		sent = sent[len(p):]
		for len(p) > 0 {
			rest, end, err := r.feed(p, want)
			if err != nil {
				return messages, err
			}
			if end {
				messages++
			}
			p = rest
		}
	}
	return messages, nil
}

func TestAPingIsAnswered(t *testing.T) {
	var r reader
	if _, err := feedAll(&r, []byte("\x89\x02hi\x82\x01a"), []byte("a"), 9); err != nil {
		t.Fatal(err)
	}
	h, n, err := frame.ParseHeader(r.pong)
	if err != nil || h.Opcode != frame.Pong || h.Length != 2 {
		t.Errorf("the answer is %v, %v", h, err)
	}
	payload := bytes.Clone(r.pong[n:])
	if h.Key.XOR(payload); string(payload) != "hi" {
		t.Errorf("the answer says %q", payload)
	}
}

func TestEchoAgainstBytesThatComeBack(t *testing.T) {
	for _, tt := range []struct{ size, conns, inFlight int }{
		{16, 1, 1}, {125, 5, 1}, {125, 3, 8}, {256 << 10, 3, 2},
	} {
		s := NewScript(messages(8, tt.size), false, false).ForRaw()
		s.InFlight = tt.inFlight
		l, err := Dial(serve(t, echo), s, tt.conns, true)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := l.Echo(20 * time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
		if l.owed != 0 || l.Done < int64(2*tt.conns*tt.inFlight) || l.Latency.Count() != l.Done || l.Latency.Quantile(0.5) <= 0 {
			t.Errorf("%+v: %d messages, %d to come, %d latencies", tt, l.Done, l.owed, l.Latency.Count())
		}
		l.Close()
	}
}

func TestWhatTheServerGetsWrongIsFound(t *testing.T) {
	corrupt := func(nc net.Conn) {
		p := make([]byte, 1<<10)
		for seen := 0; ; {
			n, err := nc.Read(p)
			if err != nil {
				return
			}
			if seen += n; seen > 1000 {
				p[n/2] ^= 1
			}
			nc.Write(p[:n])
		}
	}
	l, err := Dial(serve(t, corrupt), NewScript(messages(2, 100), false, false).ForRaw(), 2, true)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Echo(time.Minute); err == nil || !strings.Contains(err.Error(), "not what was sent") {
		t.Errorf("error %v", err)
	}
}

func TestAServerThatHangsUpIsFound(t *testing.T) {
	hangUp := func(nc net.Conn) { io.CopyN(nc, nc, 1000) }
	l, err := Dial(serve(t, hangUp), NewScript(messages(2, 100), false, false).ForRaw(), 1, true)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Echo(time.Minute); err == nil {
		t.Error("no error")
	}
}

func TestHandshakesThatAreNotAccepted(t *testing.T) {
	for _, answer := range []string{
		"", "HTTP/1.1 400 Bad Request\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: wrong\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: " + accepted + "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
	} {
		addr := serve(t, func(nc net.Conn) {
			nc.Read(make([]byte, 1<<10))
			io.WriteString(nc, answer)
		})
		if l, err := Dial(addr, NewScript(messages(1, 1), false, false), 1, false); err == nil {
			l.Close()
			t.Errorf("%q was accepted", answer)
		}
		s, err := Shake(addr, false, 2)
		if err == nil {
			err = s.Run(time.Minute)
			s.Close()
		}
		if err == nil {
			t.Errorf("%q was accepted", answer)
		}
	}
}

func TestCompressedScript(t *testing.T) {
	s := NewScript([][]byte{bytes.Repeat([]byte("text "), 100)}, true, true)
	h, n, err := frame.ParseHeader(s.wire)
	if err != nil || !h.Rsv1 || h.Opcode != frame.Text || h.Length > 100 {
		t.Fatalf("%v, %v", h, err)
	}
	payload := bytes.Clone(s.wire[n:s.Wire()])
	h.Key.XOR(payload)
	for _, tt := range []struct {
		name    string
		payload []byte
		rsv1    bool
		fails   bool
	}{
		{"what was sent", payload, true, false},
		{"not compressed", s.payloads[0], false, true},
		{"something else", deflate([]byte("something")), true, true},
		{"no DEFLATE", []byte{0xFF}, true, true},
	} {
		if err := s.check(0, &reader{rsv1: tt.rsv1}, tt.payload); (err != nil) != tt.fails {
			t.Errorf("%s: error %v", tt.name, err)
		}
	}
}
