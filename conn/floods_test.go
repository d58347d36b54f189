package conn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/handshake"
	"github.com/parleyws/websocket/internal/wstest"
)

// tape is a transport that plays what a peer has sent, in pieces of at most
// piece bytes, and forgets what it is told. It neither allocates nor waits, so
// what is measured is ours.
type tape struct {
	net.Conn // never called
	wire     []byte
	at       int
	piece    int
	written  bytes.Buffer
}

func (t *tape) Read(p []byte) (int, error) {
	if t.at == len(t.wire) {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), t.piece)], t.wire[t.at:])
	t.at += n
	return n, nil
}

func (t *tape) Write(p []byte) (int, error) {
	if t.written.Len() < 1<<10 {
		t.written.Write(p)
	}
	return len(p), nil
}

func (t *tape) Close() error                     { return nil }
func (t *tape) SetDeadline(time.Time) error      { return nil }
func (t *tape) SetReadDeadline(time.Time) error  { return nil }
func (t *tape) SetWriteDeadline(time.Time) error { return nil }
func (t *tape) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (t *tape) RemoteAddr() net.Addr             { return &net.TCPAddr{} }

// floods are what a peer may send without end and within the rules.
var floods = []struct {
	name  string
	piece int // bytes that arrive together
	frame wstest.Frame
	begin []wstest.Frame // what comes before
	bytes int            // may be allocated for each frame
}{
	{"empty fragments", 4096, wstest.Cont("").NoFin(), []wstest.Frame{wstest.Text("").NoFin()}, 0},
	{"tiny fragments", 4096, wstest.Cont("x").NoFin(), []wstest.Frame{wstest.Text("").NoFin()}, 12},
	{"tiny fragments, dripping", 1, wstest.Cont("x").NoFin(), []wstest.Frame{wstest.Text("").NoFin()}, 12},
	{"empty messages", 4096, wstest.Text(""), nil, 0},
	{"tiny messages, dripping", 1, wstest.Binary([]byte("x")), nil, 0},
	{"pings", 4096, wstest.Ping(strings.Repeat("p", 125)), nil, 0},
	{"pings in a message", 4096, wstest.Ping(""), []wstest.Frame{wstest.Text("").NoFin()}, 0},
	{"unsolicited pongs", 4096, wstest.Pong("never asked"), nil, 0},
	{"pongs that look like answers", 4096, wstest.Pong("\x00\x00\x00\x00\x00\x00\x00\x01"), nil, 0},
	{"pongs, dripping", 1, wstest.Pong("drip"), nil, 0},
	{"close frames", 4096, wstest.Close(StatusNormalClosure, "again"), nil, 0},
}

// TestFloods: rules 22 and 23 in numbers. However many frames come, memory is
// bounded, there is no goroutine for them, and time is linear.
func TestFloods(t *testing.T) {
	for _, flood := range floods {
		for _, role := range roles {
			t.Run(flood.name+"/"+role.String(), func(t *testing.T) {
				frames := 4000
				if testing.Short() || raceEnabled {
					frames = 1000
				}
				run := func(n int) { drown(t, role, flood.piece, floodOf(role, flood.begin, flood.frame, n)) }
				wstest.Linear(t, frames, run)
				before := runtime.NumGoroutine()
				wire, messages := floodOf(role, flood.begin, flood.frame, frames), 0
				allocated := allocatedBy(func() { messages = drown(t, role, flood.piece, wire) })
				if flood.frame.Fin && flood.frame.Opcode.IsData() {
					require.Equal(t, frames, messages)
				} else {
					require.Zero(t, messages)
				}
				if !raceEnabled { // the race detector has sync.Pool forget at random
					// Twice the largest buffer that is read into: it has been doubled until then.
					require.LessOrEqual(t, allocated, uint64(2*readSize<<maxGrade+frames*flood.bytes))
				}
				require.LessOrEqual(t, runtime.NumGoroutine(), before+1)
			})
		}
	}
}

func floodOf(role frame.Role, begin []wstest.Frame, one wstest.Frame, n int) (wire []byte) {
	key := frame.Key{1, 2, 3, 4}
	for _, f := range begin {
		wire = f.Wire(wire, peerOf(role), key)
	}
	for range n {
		wire = one.Wire(wire, peerOf(role), key)
	}
	return wire
}

// drown reads all there is, and returns how many messages that were.
func drown(t *testing.T, role frame.Role, piece int, wire []byte) (messages int) {
	nc := &tape{wire: wire, piece: piece}
	c := New(upgraded(nc, role), calm(nil))
	for _, err := range c.Messages(context.Background()) {
		if err != nil {
			require.Equal(t, StatusAbnormalClosure, CloseStatus(err))
			break
		}
		messages++
	}
	<-c.Done()
	require.Equal(t, len(wire), nc.at, "all was read")
	return messages
}

// TestCloseFramesRepeated: one Close frame is answered, and a peer that sends them
// for ever is listened to for as long as CloseTimeout.
func TestCloseFramesRepeated(t *testing.T) {
	play(t, &Config{CloseTimeout: 3 * time.Second}, func(t *testing.T, c *Conn, p *wstest.Peer) {
		start := time.Now()
		closes := floodOf(c.out.role, nil, wstest.Close(StatusNormalClosure, ""), 1000)
		gone := call(func() error {
			for {
				if _, err := p.Conn().Write(closes); err != nil {
					return err
				}
				time.Sleep(time.Millisecond)
			}
		})
		require.ErrorIs(t, read(t.Context(), c).Err, io.EOF)
		p.WantClose("the first is answered", StatusNormalClosure)
		<-c.Done()
		require.Error(t, <-gone)
		more, _ := io.ReadAll(p.Conn())
		require.Empty(t, more, "RFC 6455, section 5.5.1: nothing comes after the Close frame")
		require.LessOrEqual(t, time.Since(start), 3*time.Second+time.Millisecond)
	})
}

// TestDeclaredLengths: rule 22. A length allocates nothing, and no sum of lengths
// overflows.
func TestDeclaredLengths(t *testing.T) {
	for _, limit := range []int64{0, -1} {
		for _, length := range []int64{1 << 62, math.MaxInt64 - 1, math.MaxInt64} {
			for _, before := range []int{0, 10} {
				for _, role := range roles {
					name := fmt.Sprintf("limit %d/%d after %d/%v", limit, length, before, role)
					t.Run(name, func(t *testing.T) { declare(t, role, limit, before, length) })
				}
			}
		}
	}
}

func declare(t *testing.T, role frame.Role, limit int64, before int, length int64) {
	var wire []byte
	op := frame.Binary
	if before > 0 {
		wire = wstest.Binary(pattern(before)).NoFin().Wire(nil, peerOf(role), frame.Key{})
		op = frame.Continuation
	}
	wire = append(append(wire, head(role, op, true, length)...), "a few bytes"...)
	for _, w := range ways {
		c := New(upgraded(&tape{wire: wire, piece: len(wire)}, role), calm(&Config{MaxMessage: limit}))
		var m received
		require.Less(t, allocatedBy(func() { m = w.receive(t.Context(), c) }), uint64(32<<10), w.name)
		if limit >= 0 || before > 0 && length > math.MaxInt64-int64(before) {
			require.Equal(t, StatusMessageTooBig, CloseStatus(m.Err), w.name)
		} else {
			require.ErrorIs(t, m.Err, io.ErrUnexpectedEOF, w.name)
		}
		end(c)
	}
}

// TestWritersToAReaderThatNeverReads: what waits for a stuck peer is what the
// writers hold in their hands, and no copy of it.
func TestWritersToAReaderThatNeverReads(t *testing.T) {
	const writers, size = 200, 64 << 10
	for _, role := range roles {
		t.Run(role.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _, _ := blocked(t, role, nil, 0)
				message, results := make([]byte, size), make([]<-chan error, 0, writers)
				goroutines := runtime.NumGoroutine()
				allocated := allocatedBy(func() {
					for range writers {
						results = append(results, call(func() error { return c.Write(t.Context(), Binary, message) }))
					}
					synctest.Wait()
				})
				require.Less(t, allocated, uint64(writers*size/4))
				require.LessOrEqual(t, runtime.NumGoroutine(), goroutines+writers+1)
				refused := 0
				for range 10_000 {
					if errors.Is(c.TryWrite(Binary, message[:1000]), ErrBacklog) {
						refused++
					}
				}
				require.LessOrEqual(t, c.Backlog(), 256<<10)
				require.Greater(t, refused, 9_000)
				c.CloseNow()
				for _, r := range results {
					require.ErrorIs(t, <-r, net.ErrClosed)
				}
				require.Zero(t, c.Backlog())
			})
		})
	}
}

// TestHalfOpenHandshakes: a thousand peers that begin a request and never end it
// cost little and are gone after Timeout.
func TestHalfOpenHandshakes(t *testing.T) {
	const peers = 1000
	cfg := &handshake.ServerConfig{Timeout: 5 * time.Second}
	goroutines := runtime.NumGoroutine()
	synctest.Test(t, func(t *testing.T) {
		var results []<-chan error
		start := time.Now()
		allocated := allocatedBy(func() {
			for i := range peers {
				client, server := wstest.Pipe()
				client.Write([]byte(rawRequest()[:i%50]))
				t.Cleanup(func() { client.Close() })
				results = append(results, call(func() error {
					_, err := handshake.Accept(server, cfg)
					return err
				}))
			}
			synctest.Wait()
		})
		require.Less(t, allocated, uint64(peers*16<<10))
		for _, r := range results {
			var failure *handshake.Error
			require.ErrorAs(t, <-r, &failure)
			require.Contains(t, []int{0, 408}, failure.Status)
		}
		require.LessOrEqual(t, time.Since(start), cfg.Timeout+time.Second)
	})
	untilGoroutines(t, goroutines) // in a bubble one that has ended may be counted a moment longer
}

func rawRequest(fields ...string) string {
	return "GET / HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		strings.Join(append(fields, "\r\n"), "")
}

// headerFloods are fields of a request, of about n bytes.
var headerFloods = []struct {
	name  string
	field func(n int) string
}{
	{"long value", func(n int) string { return "X: " + strings.Repeat("a", n) + "\r\n" }},
	{"spaces", func(n int) string { return "Sec-WebSocket-Protocol: a" + strings.Repeat(" ", n) + "\r\n" }},
	{"backslashes", func(n int) string {
		return `Sec-WebSocket-Extensions: a; b="` + strings.Repeat(`\\`, n/2) + "\"\r\n"
	}},
	{"open quote", func(n int) string {
		return `Sec-WebSocket-Extensions: a; b="` + strings.Repeat(`\"`, n/2) + "\r\n"
	}},
	{"commas", func(n int) string { return "Connection: " + strings.Repeat(",", n) + "\r\n" }},
	{"fields", func(n int) string { return strings.Repeat("A: b\r\n", n/6) }},
	{"protocols", func(n int) string { return strings.Repeat("Sec-WebSocket-Protocol: a\r\n", n/27) }},
}

// TestHandshakeFloods: a header of any shape takes linear time, also when it comes
// byte by byte, and by default little of it is read at all.
func TestHandshakeFloods(t *testing.T) {
	for _, flood := range headerFloods {
		for _, piece := range []int{1, 4096} {
			t.Run(fmt.Sprintf("%s/%d", flood.name, piece), func(t *testing.T) {
				generous := &handshake.ServerConfig{MaxHeaderBytes: 8 << 20, MaxHeaders: 1 << 20, Subprotocols: []string{"chat"}}
				wstest.Linear(t, 32_000, func(n int) {
					nc := &tape{wire: []byte(rawRequest(flood.field(n))), piece: piece}
					handshake.Accept(nc, generous)
					require.Equal(t, len(nc.wire), nc.at)
				})
				nc := &tape{wire: []byte(rawRequest(flood.field(600_000))), piece: piece}
				var err error
				allocated := allocatedBy(func() { _, err = handshake.Accept(nc, nil) })
				var failure *handshake.Error
				require.ErrorAs(t, err, &failure)
				require.Equal(t, 431, failure.Status)
				require.Less(t, allocated, uint64(128<<10))
				require.Less(t, nc.at, 300<<10, "what is refused is not read to its end")
			})
		}
	}
}
