package conn

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/rpc"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// Programs that know nothing of messages, over NetConn.

// streams runs a test with the two ends of a stream, over a pipe and over TCP.
func streams(t *testing.T, test func(t *testing.T, a, b net.Conn)) {
	t.Run("pipe", func(t *testing.T) {
		a, b := Pipe(nil, nil)
		test(t, NetConn(a, Binary), NetConn(b, Binary))
		end(a)
		end(b)
	})
	t.Run("TCP", func(t *testing.T) {
		a, b := connPair(t, nil)
		test(t, NetConn(a, Binary), NetConn(b, Binary))
	})
}

func TestNetConnCopyBothWays(t *testing.T) {
	streams(t, func(t *testing.T, a, b net.Conn) {
		const size = 3 << 20
		var all sync.WaitGroup
		for i, n := range []net.Conn{a, b} {
			all.Go(func() {
				src := rand.NewChaCha8([32]byte{byte(i)})
				if _, err := io.CopyN(n, src, size); err != nil {
					t.Error(err)
				}
			})
			all.Go(func() {
				want, got := make([]byte, size), make([]byte, size)
				rand.NewChaCha8([32]byte{byte(1 - i)}).Read(want)
				if _, err := io.ReadFull(n, got); err != nil || !bytes.Equal(want, got) {
					t.Errorf("what came is not what was sent: %v", err)
				}
			})
		}
		all.Wait()
		closing := call(a.Close)
		n, err := io.Copy(io.Discard, b)
		require.NoError(t, err, "a clean end is a clean EOF")
		require.Zero(t, n)
		require.NoError(t, <-closing)
	})
}

// Many goroutines may use a stream at once, as with any net.Conn.
func TestNetConnConcurrently(t *testing.T) {
	streams(t, func(t *testing.T, a, b net.Conn) {
		const goroutines, each = 8, 50
		var all sync.WaitGroup
		sum := make(chan int, goroutines)
		for range goroutines {
			all.Go(func() {
				for range each {
					if _, err := a.Write([]byte{1, 2, 3}); err != nil {
						t.Error(err)
					}
					a.SetDeadline(time.Now().Add(time.Minute))
				}
			})
			all.Go(func() {
				total := 0
				buf := make([]byte, 2)
				for {
					n, err := b.Read(buf)
					for _, x := range buf[:n] {
						total += int(x)
					}
					if err != nil {
						sum <- total
						return
					}
				}
			})
		}
		done := make(chan struct{})
		go func() { all.Wait(); close(done) }()
		writers := statsOf(a)
		for writers().MessagesSent < goroutines*each {
			time.Sleep(time.Millisecond)
		}
		require.NoError(t, a.Close())
		<-done
		total := 0
		for range goroutines {
			total += <-sum
		}
		require.Equal(t, goroutines*each*6, total)
	})
}

// statsOf returns how to ask what the connection beneath has done.
func statsOf(n net.Conn) func() Stats { return n.(*netConn).c.Stats }

type arith int

func (*arith) Multiply(args [2]int, reply *int) error {
	*reply = args[0] * args[1]
	return nil
}

func TestNetConnRPC(t *testing.T) {
	streams(t, func(t *testing.T, a, b net.Conn) {
		server := rpc.NewServer()
		require.NoError(t, server.RegisterName("Arith", new(arith)))
		served := make(chan struct{})
		go func() { server.ServeConn(b); close(served) }()
		client := rpc.NewClient(a)
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				var product int
				if err := client.Call("Arith.Multiply", [2]int{i, 7}, &product); err != nil || product != 7*i {
					t.Errorf("7 times %d is %d, error %v", i, product, err)
				}
			})
		}
		all.Wait()
		require.NoError(t, client.Close())
		<-served
	})
}

// TLS inside, to its clean end.
func TestNetConnTLS(t *testing.T) {
	cert := certificate(t)
	streams(t, func(t *testing.T, a, b net.Conn) {
		client, server := tlsPair(t, cert, frame.Client, a, b)
		echoing := call(func() error {
			_, err := io.Copy(server, server)
			return errors.Join(err, server.Close())
		})
		message := pattern(300_000)
		writing := call(func() error {
			if _, err := client.Write(message); err != nil {
				return err
			}
			return client.CloseWrite()
		})
		got, err := io.ReadAll(client)
		require.NoError(t, err)
		require.True(t, bytes.Equal(message, got))
		require.NoError(t, <-writing)
		require.NoError(t, <-echoing)
		require.IsType(t, tls.ConnectionState{}, client.ConnectionState())
		require.NoError(t, client.Close())
	})
}

// HTTP too, with its habit of interrupting a background read by a deadline.
func TestNetConnHTTP(t *testing.T) {
	streams(t, func(t *testing.T, a, b net.Conn) {
		l := &once{conn: b, closed: make(chan struct{})}
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			w.Write(body)
		})}
		serving := call(func() error { return server.Serve(l) })
		from := bufio.NewReader(a)
		for i := range 5 {
			body := bytes.Repeat([]byte("x"), i*10_000)
			r, err := http.NewRequest("POST", "http://inside/", bytes.NewReader(body))
			require.NoError(t, err)
			writing := call(func() error { return r.Write(a) })
			response, err := http.ReadResponse(from, r)
			require.NoError(t, err)
			got, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.True(t, bytes.Equal(body, got))
			require.NoError(t, <-writing)
		}
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-serving, http.ErrServerClosed)
	})
}

// once is a listener that accepts one connection.
type once struct {
	conn   net.Conn
	closed chan struct{}
	mu     sync.Mutex
}

func (l *once) Accept() (net.Conn, error) {
	l.mu.Lock()
	nc := l.conn
	l.conn = nil
	l.mu.Unlock()
	if nc != nil {
		return nc, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *once) Close() error   { close(l.closed); return nil }
func (l *once) Addr() net.Addr { return insideAddr("inside") }

type insideAddr string

func (insideAddr) Network() string  { return "websocket" }
func (a insideAddr) String() string { return string(a) }

// Deadlines that pass all the time lose no byte, in either direction.
func TestNetConnUnderPassingDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nc, other := wstest.Pipe()
		nc.SetBuffer(1000)
		other.SetBuffer(1000)
		a := NetConn(New(upgraded(nc, frame.Client), calm(nil)), Binary)
		b := NetConn(New(upgraded(other, frame.Server), calm(nil)), Binary)
		want := pattern(200_000)
		rnd := rand.New(rand.NewPCG(7, 8))
		writing := call(func() error {
			for p := want; len(p) > 0; {
				a.SetWriteDeadline(time.Now().Add(time.Millisecond))
				n, err := a.Write(p[:min(len(p), 1+rnd.IntN(5000))])
				p = p[n:]
				if ne, ok := err.(net.Error); err != nil && !(ok && ne.Timeout()) {
					return err
				}
			}
			a.SetWriteDeadline(time.Time{})
			return nil
		})
		var got []byte
		buf := make([]byte, 777)
		timeouts := 0
		for len(got) < len(want) {
			time.Sleep(time.Duration(len(got)%3) * time.Millisecond)
			b.SetReadDeadline(time.Now().Add(time.Duration(1+len(got)%5) * 100 * time.Microsecond))
			n, err := b.Read(buf)
			got = append(got, buf[:n]...)
			if err != nil {
				requireTimeout(t, "read", err)
				timeouts++
			}
		}
		require.NoError(t, <-writing)
		require.True(t, bytes.Equal(want, got))
		require.NoError(t, a.Close())
		b.SetReadDeadline(time.Time{})
		_, err := b.Read(buf)
		require.Equal(t, io.EOF, err)
		<-a.(*netConn).c.Done()
	})
}

// Messages are read through the stream or by other methods. A stream that has lost
// the rest of a message to one of them says so, and does not go on behind the hole.
func TestNetConnBesideRead(t *testing.T) {
	streamed(t, nil, func(t *testing.T, n net.Conn, c *Conn, p *wstest.Peer) {
		p.Send(wstest.Text("of the stream"), wstest.Text("of Read"), wstest.Text("of the stream again"))
		_, err := io.ReadFull(n, make([]byte, 6))
		require.NoError(t, err)
		require.Equal(t, received{Type: Text, Data: "of Read"}, read(t.Context(), c))
		for range 2 {
			_, err = n.Read(make([]byte, 100))
			require.ErrorIs(t, err, errStaleReader)
		}
		require.Equal(t, received{Type: Text, Data: "of the stream again"}, read(t.Context(), c))
	})
}
