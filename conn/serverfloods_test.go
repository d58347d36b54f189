package conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// This file is floods_test.go for a Server. What is new is that the others, who share
// its loops, are served meanwhile.

// neighbour is a connection of a server that is asked to prove that it is served.
func neighbour(t *testing.T, s *Server) (prove func()) {
	c := New(upgraded(enters(t, s, frame.Server), frame.Client), calm(nil))
	t.Cleanup(func() { end(c) })
	return func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		require.NoError(t, c.Write(ctx, Text, []byte("anybody?")))
		require.Equal(t, received{Text, "anybody?", nil}, read(ctx, c))
	}
}

// drowned is a server of a flood: it answers neighbours, and counts all other messages.
type drowned struct {
	messages atomic.Int64
	closed   chan error
}

func drowns(s *Server) *drowned {
	d := &drowned{closed: make(chan error, 10)}
	s.Handler = &events{
		message: func(c *Conn, m Message) {
			if string(m.Data) == "anybody?" {
				echoes(c, m)
			} else {
				d.messages.Add(1)
			}
		},
		close: func(_ *Conn, err error) { d.closed <- err },
	}
	return d
}

func TestServerFloods(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes ten seconds; in what -short is for, other builds of the same code, a flood is the same")
	}
	for _, flood := range floods {
		t.Run(flood.name, func(t *testing.T) {
			inAllManners(t, func(t *testing.T, s *Server) {
				d := drowns(s)
				frames := 20_000
				if flood.piece == 1 || testing.Short() || raceEnabled {
					frames = 2000
				}
				wire := floodOf(frame.Server, flood.begin, flood.frame, frames)
				prove := neighbour(t, s)
				prove()
				peer := enters(t, s, frame.Server)
				defer peer.Close()
				goroutines := runtime.NumGoroutine()
				allocated := allocatedBy(func() {
					go io.Copy(io.Discard, peer)
					flooding := call(func() error {
						for rest := wire; len(rest) > 0; {
							n, err := peer.Write(rest[:min(flood.piece, len(rest))])
							if err != nil {
								return nil // we have hung up
							}
							rest = rest[n:]
						}
						return peer.CloseWrite()
					})
					prove()
					<-flooding
					require.Error(t, <-d.closed)
				})
				prove()
				if flood.frame.Fin && flood.frame.Opcode.IsData() {
					require.EqualValues(t, frames, d.messages.Load())
				} else {
					require.Zero(t, d.messages.Load())
				}
				if !raceEnabled { // the race detector has sync.Pool forget at random
					each := flood.bytes
					if s.Workers > 0 {
						each += 100 // a place in the line of jobs
					}
					require.LessOrEqual(t, allocated, uint64(512<<10+frames*each))
				}
				require.LessOrEqual(t, runtime.NumGoroutine(), goroutines+2)
			})
		})
	}
}

// A peer that sends Close frames for ever is listened to for as long as CloseTimeout.
func TestServerCloseFramesRepeated(t *testing.T) {
	inAllManners(t, func(t *testing.T, s *Server) {
		d := drowns(s)
		s.Options = &AcceptOptions{Config: Config{CloseTimeout: 200 * time.Millisecond}}
		prove := neighbour(t, s)
		peer := enters(t, s, frame.Server)
		defer peer.Close()
		closes := floodOf(frame.Server, nil, wstest.Close(StatusNormalClosure, ""), 1000)
		gone := call(func() error {
			for {
				if _, err := peer.Write(closes); err != nil {
					return err
				}
				time.Sleep(time.Millisecond)
			}
		})
		begin := time.Now()
		require.ErrorIs(t, <-d.closed, io.EOF)
		require.Error(t, <-gone)
		require.Less(t, time.Since(begin), 10*time.Second)
		prove()
	})
}

// A length allocates nothing, and no sum of lengths overflows.
func TestServerDeclaredLengths(t *testing.T) {
	for _, limit := range []int64{0, -1} {
		for _, length := range []int64{1 << 62, math.MaxInt64} {
			for _, before := range []int{0, 10} {
				t.Run(fmt.Sprintf("limit %d/%d after %d", limit, length, before), func(t *testing.T) {
					inAllManners(t, func(t *testing.T, s *Server) {
						d := drowns(s)
						s.Options = &AcceptOptions{Config: Config{MaxMessage: limit}}
						var wire []byte
						op := frame.Binary
						if before > 0 {
							wire = wstest.Binary(pattern(before)).NoFin().Wire(nil, frame.Client, frame.Key{})
							op = frame.Continuation
						}
						wire = append(append(wire, head(frame.Server, op, true, length)...), "a few bytes"...)
						peer := enters(t, s, frame.Server)
						defer peer.Close()
						var err error
						require.Less(t, allocatedBy(func() {
							peer.Write(wire)
							peer.CloseWrite()
							err = <-d.closed
						}), uint64(256<<10))
						if limit >= 0 || before > 0 && length > math.MaxInt64-int64(before) {
							require.Equal(t, StatusMessageTooBig, CloseStatus(err))
						} else {
							require.ErrorIs(t, err, io.ErrUnexpectedEOF)
						}
					})
				})
			}
		}
	}
}

// What waits for a stuck peer is what the writers hold in their hands, and no copy of
// it.
func TestServerWritersToAReaderThatNeverReads(t *testing.T) {
	const writers, size = 200, 64 << 10
	withServers(t, func(t *testing.T, v *company) {
		m := v.member(nil)
		v.stick(m)
		message, results := make([]byte, size), make([]<-chan error, 0, writers)
		goroutines := runtime.NumGoroutine()
		allocated := allocatedBy(func() {
			for range writers {
				results = append(results, call(func() error { return m.Write(t.Context(), Binary, message) }))
			}
			time.Sleep(20 * time.Millisecond)
		})
		require.Less(t, allocated, uint64(writers*size/4))
		require.LessOrEqual(t, runtime.NumGoroutine(), goroutines+writers+1)
		refused := 0
		for range 10_000 {
			if errors.Is(m.TryWrite(Binary, message[:1000]), ErrBacklog) {
				refused++
			}
		}
		require.LessOrEqual(t, m.Backlog(), 256<<10)
		require.Greater(t, refused, 9_000)
		m.CloseNow()
		for _, r := range results {
			require.ErrorIs(t, <-r, net.ErrClosed)
		}
		require.Zero(t, m.Backlog())
	})
}

// Peers that begin a request and never end it are gone after Timeout, and keep nobody
// out meanwhile.
func TestServerHalfOpenHandshakes(t *testing.T) {
	inAllManners(t, func(t *testing.T, s *Server) {
		s.Handler = &events{message: echoes}
		s.Options = &AcceptOptions{Timeout: time.Second}
		url := listenAndServe(t, s)
		allocated := allocatedBy(func() {
			for i := range 200 {
				silently(t, url, rawRequest()[:i%50])
			}
			requireServed(t, url)
		})
		require.Less(t, allocated, uint64(200*16<<10))
		require.Eventually(t, func() bool { return s.Len() == 0 }, 20*time.Second, time.Millisecond)
	})
}

// A header of any shape is refused, and others get in. (It is not so long that it would
// not be read after that, which would have the answer be lost in a reset.)
func TestServerHandshakeFloods(t *testing.T) {
	inAllManners(t, func(t *testing.T, s *Server) {
		s.Handler = &events{message: echoes}
		url := listenAndServe(t, s)
		for _, flood := range headerFloods {
			nc, err := net.Dial("tcp", strings.TrimPrefix(url, "ws://"))
			require.NoError(t, err)
			defer nc.Close()
			go io.WriteString(nc, rawRequest(flood.field(200_000)))
			answer := make([]byte, len("HTTP/1.1 431"))
			_, err = io.ReadFull(nc, answer)
			require.NoError(t, err, flood.name)
			require.Equal(t, fmt.Sprint("HTTP/1.1 ", http.StatusRequestHeaderFieldsTooLarge), string(answer), flood.name)
			requireServed(t, url)
		}
	})
}
