//go:build js

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall/js"
	"time"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/handshake"
)

// checks are what a program may do with a Conn in a page. Who answers is in
// wasm_test.go, under the same name, and says there what it saw.
var checks = map[string]func(ctx context.Context, url string) error{
	"echo":       dialed(checkEcho),
	"bom":        dialed(checkByteOrderMark),
	"pieces":     dialed(checkPieces),
	"cancel":     dialed(checkCancel),
	"messages":   dialed(checkMessages),
	"writers":    dialed(checkWriters),
	"netconn":    dialed(checkNetConn),
	"json":       dialed(checkJSON),
	"trywrite":   dialed(checkTryWrite),
	"ping":       dialed(checkPing),
	"closeread":  dialed(checkCloseRead),
	"closenow":   dialed(checkCloseNow),
	"goingaway":  dialed(closeWith(conn.StatusGoingAway, "")),
	"internal":   dialed(closeWith(conn.StatusInternalError, "Grüße")),
	"vanish":     dialed(checkVanish),
	"toobig":     dialed(checkTooBig),
	"unread":     dialed(checkUnread),
	"refused":    checkRefused,
	"impatient":  checkImpatient,
	"impossible": checkImpossible,
	"network":    checkNetwork,
	"leaks":      checkLeaks,
}

// dialed makes a check of what is done with an open connection. What is still open
// at the end is closed.
func dialed(f func(ctx context.Context, c *conn.Conn) error) func(ctx context.Context, url string) error {
	return func(ctx context.Context, url string) error {
		c, err := conn.Dial(ctx, url, nil)
		if err != nil {
			return err
		}
		if err := f(ctx, c); err != nil {
			c.CloseNow()
			return err
		}
		if c.Err() == nil {
			return c.Close(conn.StatusNormalClosure, "done")
		}
		return nil
	}
}

func wrong(format string, args ...any) error { return fmt.Errorf(format, args...) }

// pattern has no two halves that are alike.
func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return p
}

func echoed(ctx context.Context, c *conn.Conn, typ conn.MessageType, p []byte) error {
	got, q, err := c.Read(ctx)
	if err == nil && (got != typ || !bytes.Equal(p, q)) {
		err = wrong("the echo of %d bytes of %v is %d bytes of %v", len(p), typ, len(q), got)
	}
	return err
}

func checkEcho(ctx context.Context, c *conn.Conn) error {
	for _, m := range []conn.Message{
		{Type: conn.Text, Data: nil},
		{Type: conn.Binary, Data: nil},
		{Type: conn.Text, Data: []byte("Grüße, 世界! 🎉\x00")},
		{Type: conn.Binary, Data: pattern(1)},
		{Type: conn.Binary, Data: pattern(1 << 20)},
		{Type: conn.Text, Data: bytes.Repeat([]byte("世"), 1<<20/3)},
	} {
		if err := c.Write(ctx, m.Type, m.Data); err != nil {
			return err
		}
		if err := echoed(ctx, c, m.Type, m.Data); err != nil {
			return err
		}
	}
	return nil
}

// checkByteOrderMark sends a text that begins with what decoders like to swallow.
func checkByteOrderMark(ctx context.Context, c *conn.Conn) error {
	p := []byte("\ufefftext")
	if err := c.Write(ctx, conn.Text, p); err != nil {
		return err
	}
	return echoed(ctx, c, conn.Text, p)
}

// checkPieces streams a message of 1 MiB each way.
func checkPieces(ctx context.Context, c *conn.Conn) error {
	want := pattern(1 << 20)
	w, err := c.Writer(ctx, conn.Binary)
	if err != nil {
		return err
	}
	for p := want; len(p) > 0; p = p[min(len(p), 10_000):] {
		if _, err := w.Write(p[:min(len(p), 10_000)]); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	typ, r, err := c.Reader(ctx)
	if err != nil {
		return err
	}
	var got []byte
	for p := make([]byte, 777); err == nil; {
		var n int
		n, err = r.Read(p)
		got = append(got, p[:n]...)
	}
	if err != io.EOF || typ != conn.Binary || !bytes.Equal(got, want) {
		return wrong("a stream of %d bytes came back as %d bytes of %v: %v", len(want), len(got), typ, err)
	}
	return nil
}

// checkCancel gives up a read while nothing has come, and goes on.
func checkCancel(ctx context.Context, c *conn.Conn) error {
	for range 3 {
		short, cancel := context.WithTimeout(ctx, 5*time.Millisecond)
		_, _, err := c.Read(short)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			return wrong("a read that has run out of time says %v", err)
		}
	}
	if err := c.Write(ctx, conn.Text, []byte("now")); err != nil {
		return err
	}
	buf := make([]byte, 0, 16)
	typ, p, err := c.AppendRead(ctx, buf)
	if err != nil || typ != conn.Text || string(p) != "now" || &p[0] != &buf[:1][0] {
		return wrong("the read after cancelled ones gives %q and %v", p, err)
	}
	return nil
}

// checkMessages loops over what comes until the server closes.
func checkMessages(ctx context.Context, c *conn.Conn) error {
	n := 0
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		if string(m.Data) != strconv.Itoa(n) {
			return wrong("message %d is %q", n, m.Data)
		}
		n++
	}
	closed, ok := errors.AsType[*conn.CloseError](c.Err())
	if n != 1000 || !ok || closed.Code != conn.StatusNormalClosure || closed.Reason != "that was all" {
		return wrong("after %d messages of 1000: %v", n, c.Err())
	}
	<-c.Done()
	if err := c.Write(ctx, conn.Text, nil); err != c.Err() {
		return wrong("writing to an ended connection says %v, in place of %v", err, c.Err())
	}
	return c.Close(conn.StatusNormalClosure, "")
}

// checkWriters has many write at once, messages and a stream.
func checkWriters(ctx context.Context, c *conn.Conn) error {
	const writers, each = 20, 20
	errs := make(chan error, writers)
	for i := range writers {
		go func() {
			for range each {
				p := bytes.Repeat([]byte{byte(i)}, 1+i*100)
				if err := c.Write(ctx, conn.Binary, p); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	counts := make(map[byte]int)
	for range writers * each {
		_, p, err := c.Read(ctx)
		if err != nil {
			return err
		}
		if want := 1 + int(p[0])*100; len(p) != want || bytes.Count(p, p[:1]) != want {
			return wrong("a message of writer %d is torn: %d bytes", p[0], len(p))
		}
		counts[p[0]]++
	}
	for range writers {
		if err := <-errs; err != nil {
			return err
		}
	}
	if len(counts) != writers {
		return wrong("only %d writers were heard", len(counts))
	}
	return nil
}

func checkNetConn(_ context.Context, c *conn.Conn) error {
	nc := conn.NetConn(c, conn.Binary)
	nc.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
	var timeout net.Error
	if _, err := nc.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		return wrong("a read past the deadline says %v", err)
	}
	nc.SetReadDeadline(time.Time{})
	if _, err := io.WriteString(nc, "a stream"); err != nil {
		return err
	}
	p := make([]byte, 8)
	if _, err := io.ReadFull(nc, p); err != nil || string(p) != "a stream" {
		return wrong("the stream brings %q, %v", p, err)
	}
	if nc.RemoteAddr().Network() != "websocket" || nc.LocalAddr().String() != "browser" {
		return wrong("the addresses are %v and %v", nc.LocalAddr(), nc.RemoteAddr())
	}
	return nil
}

func checkJSON(ctx context.Context, c *conn.Conn) error {
	type point struct{ X, Y int }
	if err := conn.WriteJSON(ctx, c, point{3, -4}); err != nil {
		return err
	}
	got, err := conn.ReadJSON[point](ctx, c)
	if err != nil || got != (point{3, -4}) {
		return wrong("JSON comes back as %v, %v", got, err)
	}
	return nil
}

// checkTryWrite sends to a server that does not read until it is told.
func checkTryWrite(ctx context.Context, c *conn.Conn) error {
	p, taken := pattern(64<<10), 0
	var err error
	for i := 0; i < 10_000 && err == nil; i++ {
		if err = c.TryWrite(conn.Binary, p); err == nil {
			taken++
		}
		if i%8 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	if !errors.Is(err, conn.ErrBacklog) {
		return wrong("TryWrite to a server that does not read says %v after %d messages", err, taken)
	}
	if backlog := c.Backlog(); backlog < 64<<10 {
		return wrong("the backlog is %d bytes when it is full", backlog)
	}
	js.Global().Call("fetch", "http"+strings.TrimPrefix(c.RemoteAddr().String(), "ws")+"/go")
	if err := c.Write(ctx, conn.Text, []byte(strconv.Itoa(taken))); err != nil {
		return err
	}
	if err := echoed(ctx, c, conn.Text, []byte(strconv.Itoa(taken))); err != nil {
		return err
	}
	for c.Backlog() > 0 {
		time.Sleep(time.Millisecond)
	}
	return nil
}

func checkPing(ctx context.Context, c *conn.Conn) error {
	if rtt, err := c.Ping(ctx); !errors.Is(err, errors.ErrUnsupported) || rtt != 0 {
		return wrong("Ping says %v, %v", rtt, err)
	}
	return c.Err()
}

func checkCloseRead(ctx context.Context, c *conn.Conn) error {
	ctx = c.CloseRead(ctx)
	if err := c.Write(ctx, conn.Text, []byte("close, please")); err != nil {
		return err
	}
	<-ctx.Done()
	<-c.Context().Done()
	<-c.Done()
	if code := conn.CloseStatus(c.Err()); code != 4321 {
		return wrong("the server closes with 4321: %v", c.Err())
	}
	return nil
}

func checkCloseNow(ctx context.Context, c *conn.Conn) error {
	reading := make(chan error)
	go func() { _, _, err := c.Read(ctx); reading <- err }()
	time.Sleep(time.Millisecond)
	if err := c.CloseNow(); err != nil {
		return err
	}
	<-c.Done()
	if err := <-reading; !errors.Is(err, net.ErrClosed) || err != c.Err() {
		return wrong("a read that is under way at CloseNow says %v", err)
	}
	return nil
}

func closeWith(code conn.StatusCode, reason string) func(ctx context.Context, c *conn.Conn) error {
	return func(ctx context.Context, c *conn.Conn) error {
		if err := c.Close(code, reason); err != nil {
			return err
		}
		if got := conn.CloseStatus(c.Err()); got != code || !errors.Is(c.Err(), net.ErrClosed) {
			return wrong("Close with %d: %v", code, c.Err())
		}
		return nil
	}
}

func checkVanish(ctx context.Context, c *conn.Conn) error {
	typ, p, err := c.Read(ctx)
	if err != nil || typ != conn.Text || string(p) != "last words" {
		return wrong("what came before the end is read: %q, %v", p, err)
	}
	_, _, err = c.Read(ctx)
	if !errors.Is(err, io.ErrUnexpectedEOF) || conn.CloseStatus(err) != conn.StatusAbnormalClosure {
		return wrong("an end without a Close frame says %v", err)
	}
	return nil
}

func checkTooBig(ctx context.Context, c *conn.Conn) error {
	_, _, err := c.Read(ctx)
	if broken, ok := errors.AsType[*conn.ProtocolError](err); !ok || broken.Code != conn.StatusMessageTooBig {
		return wrong("a message of more than 1 MiB says %v", err)
	}
	<-c.Done()
	return nil
}

// checkUnread does not read while far more comes than may wait.
func checkUnread(ctx context.Context, c *conn.Conn) error {
	time.Sleep(2 * time.Second)
	read := 0
	for {
		_, p, err := c.Read(ctx)
		if err != nil {
			if conn.CloseStatus(err) != conn.StatusAbnormalClosure || read > 18<<20 {
				return wrong("after %d bytes that had waited: %v", read, err)
			}
			return nil
		}
		read += len(p)
	}
}

func checkRefused(ctx context.Context, url string) error {
	_, err := conn.Dial(ctx, url, nil)
	if e, ok := errors.AsType[*handshake.Error](err); !ok || e.Status != 0 || e.Reason == "" {
		return wrong("a refused connection says %v", err)
	}
	return nil
}

// checkImpatient gives up dialling a server that does not answer.
func checkImpatient(ctx context.Context, url string) error {
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	_, err := conn.Dial(short, url, nil)
	if _, ok := errors.AsType[*handshake.Error](err); !ok || !errors.Is(err, context.DeadlineExceeded) {
		return wrong("Dial past its deadline says %v", err)
	}
	_, err = conn.Dial(ctx, url, &conn.DialOptions{Timeout: 20 * time.Millisecond})
	if !errors.Is(err, context.DeadlineExceeded) {
		return wrong("Dial past its Timeout says %v", err)
	}
	return nil
}

func checkImpossible(ctx context.Context, url string) error {
	_, err := conn.Dial(ctx, url, &conn.DialOptions{Header: http.Header{"Origin": {"https://example.org"}}})
	if !errors.Is(err, errors.ErrUnsupported) {
		return wrong("Dial with a Header says %v", err)
	}
	_, err = conn.Dial(ctx, url, &conn.DialOptions{Subprotocols: []string{"a", "a"}})
	if _, ok := errors.AsType[*handshake.Error](err); !ok {
		return wrong("Dial with a subprotocol twice says %v", err)
	}
	_, err = conn.Dial(ctx, url+"#fragment", nil)
	if _, ok := errors.AsType[*handshake.Error](err); !ok {
		return wrong("Dial with a fragment says %v", err)
	}
	return nil
}

// checkNetwork dials over a network of the program's own, which is all frames, Pings
// included.
func checkNetwork(ctx context.Context, _ string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0") // in memory, says package net
	if err != nil {
		return err
	}
	defer l.Close()
	go func() {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		u, err := handshake.Accept(nc, nil)
		if err != nil {
			return
		}
		c := conn.New(u, nil)
		defer c.Close(conn.StatusNormalClosure, "")
		for m, err := range c.Messages(ctx) {
			if err != nil || c.Write(ctx, m.Type, m.Data) != nil {
				return
			}
		}
	}()
	c, err := conn.Dial(ctx, "ws://"+l.Addr().String()+"/", &conn.DialOptions{
		Header: http.Header{"X-Anything": {"goes"}},
		NetDial: func(_ context.Context, network, addr string) (net.Conn, error) {
			return net.Dial(network, addr)
		},
	})
	if err != nil {
		return err
	}
	defer c.CloseNow()
	if err := c.Write(ctx, conn.Text, []byte("hello")); err != nil {
		return err
	}
	if err := echoed(ctx, c, conn.Text, []byte("hello")); err != nil {
		return err
	}
	stop, cancel := context.WithCancel(ctx)
	defer cancel()
	go c.Read(stop)
	if _, err := c.Ping(ctx); err != nil {
		return err
	}
	return c.Close(conn.StatusNormalClosure, "")
}

// checkLeaks looks for goroutines that are left behind by connections that ended.
func checkLeaks(ctx context.Context, url string) error {
	before := runtime.NumGoroutine()
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() { dialed(checkEchoOnce)(ctx, url) })
	}
	group.Wait()
	for range 1000 {
		if runtime.NumGoroutine() <= before {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return wrong("%d goroutines, and %d before", runtime.NumGoroutine(), before)
}

func checkEchoOnce(ctx context.Context, c *conn.Conn) error {
	if err := c.Write(ctx, conn.Text, []byte("x")); err != nil {
		return err
	}
	return echoed(ctx, c, conn.Text, []byte("x"))
}
