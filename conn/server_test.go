package conn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/handshake"
	"github.com/parleyws/websocket/internal/poll"
	"github.com/parleyws/websocket/internal/vectors"
	"github.com/parleyws/websocket/internal/wstest"
)

// events is an EventHandler made of functions; nil: nothing is done.
type events struct {
	open    func(c *Conn)
	message func(c *Conn, m Message)
	close   func(c *Conn, err error)
}

func (e *events) Open(c *Conn) {
	if e.open != nil {
		e.open(c)
	}
}

func (e *events) Message(c *Conn, m Message) {
	if e.message != nil {
		e.message(c, m)
	}
}

func (e *events) Close(c *Conn, err error) {
	if e.close != nil {
		e.close(c, err)
	}
}

func echoes(c *Conn, m Message) { c.Write(context.Background(), m.Type, m.Data) }

// manners are the ways in which a Server may run.
var manners = map[string]func(s *Server){
	"loops":      func(s *Server) { s.Loops = 2 },
	"workers":    func(s *Server) { s.Loops, s.Workers = 2, 3 },
	"goroutines": func(s *Server) { s.noLoops = true },
}

// inAllManners runs a test with a server in each of the ways.
func inAllManners(t *testing.T, test func(t *testing.T, s *Server)) {
	for name, how := range manners {
		t.Run(name, func(t *testing.T) {
			wstest.NoLeaks(t)
			s := &Server{ErrorLog: log.New(io.Discard, "", 0)}
			how(s)
			test(t, s)
			shutDown(t, s)
		})
	}
}

// shutDown does not wait long for clients that nobody has read any more.
func shutDown(t *testing.T, s *Server) {
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	s.Shutdown(ctx)
	require.Zero(t, s.Len())
}

// listenAndServe returns a URL of a server.
func listenAndServe(t *testing.T, s *Server) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	serving := call(func() error { return s.Serve(l) })
	t.Cleanup(func() {
		if t.Failed() {
			l.Close() // for nobody has shut the server down
			return
		}
		require.ErrorIs(t, <-serving, ErrServerClosed)
	})
	return "ws://" + l.Addr().String()
}

// enters gives the server a connection whose handshake is done, and returns the
// peer's end.
func enters(t *testing.T, s *Server, role frame.Role) *net.TCPConn {
	nc, other := tcpPair(t)
	require.NoError(t, s.start())
	require.True(t, s.admitNow())
	s.attach(upgraded(nc, role))
	return other.(*net.TCPConn)
}

func dialCalm(t *testing.T, url string) *Conn {
	c, err := Dial(t.Context(), url, &DialOptions{Config: *calm(nil)})
	require.NoError(t, err)
	t.Cleanup(func() { c.CloseNow() })
	return c
}

func TestServerEchoes(t *testing.T) {
	inAllManners(t, func(t *testing.T, s *Server) {
		s.Handler = &events{message: echoes}
		url := listenAndServe(t, s)
		for range 5 {
			c := dialCalm(t, url)
			for _, size := range []int{0, 1, 125, 126, 1000, 70_000, 300_000} {
				p := string(pattern(size))
				require.NoError(t, c.Write(t.Context(), Binary, []byte(p)))
				require.Equal(t, received{Binary, p, nil}, read(t.Context(), c))
			}
			require.NoError(t, c.Close(StatusNormalClosure, ""))
		}
	})
}

// Every vector, whole and in chunks.
func TestRule24VectorsOfServer(t *testing.T) {
	rnd := rand.New(rand.NewPCG(6455, 77))
	inAllManners(t, func(t *testing.T, s *Server) {
		outcomes := make(chan *outcome, 1)
		var now *outcome
		s.Handler = &events{
			open: func(*Conn) { now = new(outcome) },
			message: func(_ *Conn, m Message) {
				now.messages = append(now.messages, received{Type: m.Type, Data: string(m.Data)})
			},
			close: func(_ *Conn, err error) { now.err = err; outcomes <- now },
		}
		require.NoError(t, s.start())
		for i, v := range vectors.Load(t, "*") {
			if (testing.Short() || raceEnabled) && i%3 != 0 {
				continue
			}
			cuts := []int{len(v.Wire)}
			if i%2 == 0 && len(v.Wire) < 2000 {
				cuts = chunks(rnd, len(v.Wire))
			}
			t.Run(v.String(), func(t *testing.T) { playVector(t, s, v, cuts, outcomes) })
		}
	})
}

func playVector(t *testing.T, s *Server, v vectors.Vector, cuts []int, outcomes chan *outcome) {
	limited := *s.cfg
	limited.MaxMessage = cmpOr(limitOf(v), defaults.MaxMessage)
	s.cfg = &limited
	peer := enters(t, s, v.Role)
	defer peer.Close()
	ponged, listening := listenTo(peer, v)
	wire := v.Wire
	for _, n := range cuts {
		if _, err := peer.Write(wire[:n]); err != nil {
			break
		}
		wire = wire[n:]
		runtime.Gosched()
	}
	if !poll.Available && (v.End == vectors.Open || v.End == vectors.Incomplete) {
		<-ponged
	}
	peer.CloseWrite()
	o := <-outcomes
	judgeMessages(t, v, o)
	judgeError(t, v, o.err)
	judgeFrames(t, v, frames(t, v.Role, <-listening))
}

func cmpOr(n, def int64) int64 {
	if n == 0 {
		return def
	}
	return n
}

// The handler is called in order, and never twice at once for one connection.
func TestServerCallsInOrder(t *testing.T) {
	inAllManners(t, func(t *testing.T, s *Server) {
		const conns, each = 20, 200
		var inside, opened, closed sync.Map
		var count atomic.Int64
		enter := func(c *Conn) func() {
			_, twice := inside.LoadOrStore(c, true)
			if twice {
				t.Error("two calls at once")
			}
			return func() { inside.Delete(c) }
		}
		s.Handler = &events{
			open: func(c *Conn) { defer enter(c)(); opened.Store(c, new(int)) },
			message: func(c *Conn, m Message) {
				defer enter(c)()
				next, ok := opened.Load(c)
				if !ok {
					t.Error("a message before Open")
					return
				}
				n := next.(*int)
				if string(m.Data) != fmt.Sprint(*n) {
					t.Errorf("got %q, want %d", m.Data, *n)
				}
				*n++
				count.Add(1)
				if rand.IntN(50) == 0 {
					time.Sleep(time.Millisecond)
				}
			},
			close: func(c *Conn, err error) {
				defer enter(c)()
				if _, twice := closed.LoadOrStore(c, true); twice {
					t.Error("Close twice")
				}
				if CloseStatus(err) != StatusNormalClosure {
					t.Error(err)
				}
			},
		}
		url := listenAndServe(t, s)
		var clients sync.WaitGroup
		for range conns {
			c := dialCalm(t, url)
			clients.Go(func() {
				for i := range each {
					c.Write(context.Background(), Text, fmt.Append(nil, i))
				}
				c.Close(StatusNormalClosure, "")
			})
		}
		clients.Wait()
		require.Eventually(t, func() bool { return s.Len() == 0 }, 10*time.Second, time.Millisecond)
		require.EqualValues(t, conns*each, count.Load(), "a Close comes after all messages")
		n := 0
		closed.Range(func(any, any) bool { n++; return true })
		require.Equal(t, conns, n)
	})
}

// A panic closes its connection, and no other.
func TestServerHandlerPanics(t *testing.T) {
	inAllManners(t, func(t *testing.T, s *Server) {
		var logged strings.Builder
		var mu sync.Mutex
		s.ErrorLog = log.New(lockedWriter{&mu, &logged}, "", 0)
		s.Handler = &events{message: func(c *Conn, m Message) {
			if string(m.Data) == "panic" {
				panic("on demand")
			}
			echoes(c, m)
		}}
		url := listenAndServe(t, s)
		good, bad := dialCalm(t, url), dialCalm(t, url)
		require.NoError(t, bad.Write(t.Context(), Text, []byte("panic")))
		require.Equal(t, &CloseError{Code: StatusInternalError}, read(t.Context(), bad).Err)
		require.NoError(t, good.Write(t.Context(), Text, []byte("hello")))
		require.Equal(t, received{Text, "hello", nil}, read(t.Context(), good))
		mu.Lock()
		defer mu.Unlock()
		require.Contains(t, logged.String(), "on demand")
	})
}

type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// What the peer does not take waits in the loop, without a goroutine, and arrives when
// it reads again, in order with what was written meanwhile.
func TestServerWritesToAStuckPeer(t *testing.T) {
	inAllManners(t, func(t *testing.T, s *Server) {
		conns := make(chan *Conn, 1)
		s.Handler = &events{open: func(c *Conn) { conns <- c }}
		s.Options = &AcceptOptions{Config: Config{Backlog: 64 << 10}}
		peer := enters(t, s, frame.Server)
		defer peer.Close()
		c := <-conns
		var sent []string
		for i := 0; ; i++ {
			m := fmt.Sprintf("%d %s", i, pattern(10_000))
			err := c.TryWrite(Binary, []byte(m))
			if err == ErrBacklog {
				break
			}
			require.NoError(t, err)
			sent = append(sent, m)
		}
		require.Positive(t, c.Backlog())
		writing := call(func() error { return c.Write(context.Background(), Binary, []byte("the last")) })
		client := New(upgraded(peer, frame.Client), calm(nil))
		defer end(client)
		for _, m := range append(sent, "the last") {
			require.Equal(t, received{Binary, m, nil}, read(t.Context(), client))
		}
		require.NoError(t, <-writing)
		require.Eventually(t, func() bool { return c.Backlog() == 0 }, 5*time.Second, time.Millisecond)
	})
}

// A handler that writes to a peer that does not read waits no longer than WriteTimeout,
// though it is the loop itself that waits; and what nobody waits for neither.
func TestServerWriteTimeout(t *testing.T) {
	want := &TimeoutError{Op: "write", After: 100 * time.Millisecond}
	for name, write := range map[string]func(c *Conn) error{
		"Write": func(c *Conn) (err error) {
			for err == nil {
				err = c.Write(context.Background(), Binary, pattern(50_000))
			}
			return err
		},
		"TryWrite": func(c *Conn) (err error) {
			for p := pattern(50_000); err == nil || err == ErrBacklog; err = c.TryWrite(Binary, p) {
				runtime.Gosched() // where a goroutine fills the socket, let it
			}
			<-c.Done()
			return c.Err()
		},
		"TryWrite, then Write": func(c *Conn) (err error) {
			for err == nil {
				err = c.TryWrite(Binary, pattern(50_000))
			}
			// The kernel may find some more room for what has filled the socket.
			for err = nil; err == nil; {
				err = c.Write(context.Background(), Binary, pattern(50_000))
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			inAllManners(t, func(t *testing.T, s *Server) {
				result, closed := make(chan error, 1), make(chan error, 1)
				s.Handler = &events{
					message: func(c *Conn, m Message) {
						if name == "TryWrite" {
							go func() { result <- write(c) }()
						} else {
							result <- write(c)
						}
					},
					close: func(_ *Conn, err error) { closed <- err },
				}
				s.Options = &AcceptOptions{Config: Config{WriteTimeout: want.After}}
				peer := enters(t, s, frame.Server)
				defer peer.Close()
				say(t, peer, "go")
				require.Equal(t, want, <-result)
				require.Equal(t, want, <-closed)
			})
		})
	}
}

func TestServerKeepAlive(t *testing.T) {
	inAllManners(t, func(t *testing.T, s *Server) {
		closed := make(chan error, 2)
		s.Handler = &events{close: func(_ *Conn, err error) { closed <- err }}
		s.Options = &AcceptOptions{Config: Config{KeepAlive: KeepAlive{Interval: 200 * time.Millisecond, Timeout: 200 * time.Millisecond}}}
		living := New(upgraded(enters(t, s, frame.Server), frame.Client), calm(nil))
		defer end(living)
		living.CloseRead(t.Context())
		peer := enters(t, s, frame.Server)
		defer peer.Close()
		require.Equal(t, &TimeoutError{Op: "keepalive", After: 200 * time.Millisecond}, <-closed)
		time.Sleep(600 * time.Millisecond)
		require.NoError(t, living.Err(), "a peer that answers lives")
		require.Equal(t, 1, s.Len())
	})
}

// The ways in which this side closes.
func TestServerCloses(t *testing.T) {
	for name, tt := range map[string]struct {
		close func(c *Conn) error
		want  StatusCode // that the peer sees
	}{
		"Close":    {func(c *Conn) error { return c.Close(StatusPolicyViolation, "no") }, StatusPolicyViolation},
		"CloseNow": {func(c *Conn) error { return c.CloseNow() }, StatusAbnormalClosure},
	} {
		for _, where := range []string{"Open", "Message", "elsewhere"} {
			t.Run(name+" in "+where, func(t *testing.T) {
				inAllManners(t, func(t *testing.T, s *Server) {
					closed := make(chan error, 1)
					closes := func(c *Conn) { require.NoError(t, tt.close(c)) }
					s.Handler = &events{
						open: func(c *Conn) {
							if where == "Open" {
								closes(c)
							}
						},
						message: func(c *Conn, _ Message) {
							if where == "Message" {
								closes(c)
							} else {
								go closes(c)
							}
						},
						close: func(_ *Conn, err error) { closed <- err },
					}
					c := New(upgraded(enters(t, s, frame.Server), frame.Client), calm(nil))
					defer end(c)
					c.Write(t.Context(), Text, []byte("hello"))
					require.Equal(t, tt.want, CloseStatus(read(t.Context(), c).Err))
					require.ErrorIs(t, <-closed, net.ErrClosed)
				})
			})
		}
	}
}

// A rule that the peer breaks, a silent peer, and one that leaves.
func TestServerEnds(t *testing.T) {
	inAllManners(t, func(t *testing.T, s *Server) {
		closed := make(chan error, 1)
		s.Handler = &events{
			message: func(c *Conn, m Message) { c.Close(StatusNormalClosure, "") },
			close:   func(_ *Conn, err error) { closed <- err },
		}
		s.Options = &AcceptOptions{Config: Config{CloseTimeout: 50 * time.Millisecond}}
		peer := enters(t, s, frame.Server)
		say(t, peer, "and then nothing")
		require.ErrorIs(t, <-closed, net.ErrClosed)
		peer.Close()
		peer = enters(t, s, frame.Server)
		peer.Close()
		require.ErrorIs(t, <-closed, io.ErrUnexpectedEOF)
		peer = enters(t, s, frame.Server)
		peer.SetLinger(0)
		peer.Close()
		require.ErrorIs(t, <-closed, io.ErrUnexpectedEOF)
	})
}

// Methods that read belong to the server.
func TestServerReadsAlone(t *testing.T) {
	inAllManners(t, func(t *testing.T, s *Server) {
		conns := make(chan *Conn, 1)
		s.Handler = &events{open: func(c *Conn) { conns <- c }}
		peer := enters(t, s, frame.Server)
		c := <-conns
		for _, w := range ways {
			require.Equal(t, errServed, w.receive(t.Context(), c).Err, w.name)
		}
		reading := c.CloseRead(t.Context())
		require.NoError(t, reading.Err())
		peer.Close()
		<-reading.Done()
		<-c.Done()
		for _, w := range ways {
			require.Equal(t, c.Err(), w.receive(t.Context(), c).Err, w.name)
		}
	})
}

func TestServerShutdown(t *testing.T) {
	inAllManners(t, func(t *testing.T, s *Server) {
		opened, closed := make(chan bool, 3), make(chan error, 3)
		s.Handler = &events{
			open:  func(*Conn) { opened <- true },
			close: func(_ *Conn, err error) { closed <- err },
		}
		url := listenAndServe(t, s)
		var clients []*Conn
		for range 2 {
			clients = append(clients, dialCalm(t, url))
		}
		silent := enters(t, s, frame.Server)
		defer silent.Close()
		for range 3 {
			<-opened
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		forced := call(func() error { return s.Shutdown(ctx) })
		for _, c := range clients {
			require.Equal(t, StatusGoingAway, CloseStatus(read(t.Context(), c).Err))
		}
		require.ErrorIs(t, <-forced, context.DeadlineExceeded)
		require.Len(t, closed, 3, "Shutdown returns when Close was called for all")
		_, err := Dial(t.Context(), url, nil)
		require.Error(t, err)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.ErrorIs(t, s.Serve(l), ErrServerClosed)
	})
}

// MaxConns, on both ways in.
func TestServerMaxConns(t *testing.T) {
	inAllManners(t, func(t *testing.T, s *Server) {
		s.Handler, s.MaxConns = &events{message: echoes}, 1
		url := listenAndServe(t, s)
		web := httptest.NewServer(s)
		defer web.Close()
		first := dialCalm(t, url)
		require.NoError(t, first.Write(t.Context(), Text, []byte("x")))
		require.NoError(t, read(t.Context(), first).Err)
		_, err := Dial(t.Context(), web.URL, nil)
		refused, ok := errors.AsType[*handshake.Error](err)
		require.True(t, ok, err)
		require.Equal(t, http.StatusServiceUnavailable, refused.Status)
		second := call(func() error {
			c, err := Dial(t.Context(), url, nil)
			if err == nil {
				c.CloseNow()
			}
			return err
		})
		time.Sleep(20 * time.Millisecond)
		require.Empty(t, second, "it waits for the first to end")
		require.NoError(t, first.Close(StatusNormalClosure, ""))
		require.NoError(t, <-second)
	})
}

// Through net/http, over TLS, and over a Unix socket.
func TestServerWaysIn(t *testing.T) {
	inAllManners(t, func(t *testing.T, s *Server) {
		s.Handler = &events{message: echoes}
		plain, secure := httptest.NewServer(s), httptest.NewTLSServer(s)
		defer plain.Close()
		defer secure.Close()
		path := filepath.Join(t.TempDir(), "socket")
		l, err := net.Listen("unix", path)
		if err == nil {
			serving := call(func() error { return s.Serve(l) })
			defer func() { shutDown(t, s); require.ErrorIs(t, <-serving, ErrServerClosed) }()
		}
		roots := secure.Client().Transport.(*http.Transport).TLSClientConfig
		for _, tt := range []struct {
			url  string
			opts DialOptions
		}{
			{plain.URL, DialOptions{}},
			{secure.URL, DialOptions{TLS: &tls.Config{RootCAs: roots.RootCAs}}},
			{"ws://localhost/", DialOptions{NetDial: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", path)
			}}},
		} {
			c, err := Dial(t.Context(), tt.url, &tt.opts)
			require.NoError(t, err, tt.url)
			require.NoError(t, c.Write(t.Context(), Text, []byte("hello")))
			require.Equal(t, received{Text, "hello", nil}, read(t.Context(), c))
			require.NoError(t, c.Close(StatusNormalClosure, ""))
		}
	})
}

// A handler that blocks holds its loop; with workers, only its connection.
func TestServerWorkersBlock(t *testing.T) {
	wstest.NoLeaks(t)
	goOn := make(chan bool)
	s := &Server{Loops: 1, Workers: 2, Handler: &events{message: func(c *Conn, m Message) {
		if string(m.Data) == "block" {
			<-goOn
		}
		echoes(c, m)
	}}}
	url := listenAndServe(t, s)
	blocked, other := dialCalm(t, url), dialCalm(t, url)
	require.NoError(t, blocked.Write(t.Context(), Text, []byte("block")))
	// More than a connection's line holds: it is not read from meanwhile.
	flooding := call(func() (err error) {
		for i := 0; i < 5000 && err == nil; i++ {
			err = blocked.Write(context.Background(), Binary, pattern(1000))
		}
		return err
	})
	for range 50 {
		require.NoError(t, other.Write(t.Context(), Text, []byte("hello")))
		require.Equal(t, received{Text, "hello", nil}, read(t.Context(), other))
	}
	close(goOn)
	require.Equal(t, received{Text, "block", nil}, read(t.Context(), blocked))
	for range 5000 {
		require.NoError(t, read(t.Context(), blocked).Err)
	}
	require.NoError(t, <-flooding)
	shutDown(t, s)
}

// A connection that floods does not starve the others of its loop.
func TestServerIsFair(t *testing.T) {
	wstest.NoLeaks(t)
	s := &Server{Loops: 1, Handler: &events{message: func(c *Conn, m Message) {
		if m.Type == Text {
			echoes(c, m)
		}
	}}}
	url := listenAndServe(t, s)
	flood, other := dialCalm(t, url), dialCalm(t, url)
	ctx, cancel := context.WithCancel(t.Context())
	flooding := call(func() (err error) {
		for err == nil {
			err = flood.Write(ctx, Binary, pattern(100_000))
		}
		return nil
	})
	for range 20 {
		begin := time.Now()
		require.NoError(t, other.Write(t.Context(), Text, []byte("hello")))
		require.Equal(t, received{Text, "hello", nil}, read(t.Context(), other))
		require.Less(t, time.Since(begin), 5*time.Second)
	}
	cancel()
	<-flooding
	shutDown(t, s)
}

// tired is a listener that has too few descriptors at first.
type tired struct {
	net.Listener
	failures int
}

func (l *tired) Accept() (net.Conn, error) {
	if l.failures > 0 {
		l.failures--
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return l.Listener.Accept()
}

func TestServerRecoversFromTooFewDescriptors(t *testing.T) {
	inAllManners(t, func(t *testing.T, s *Server) {
		s.Handler = &events{message: echoes}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		serving := call(func() error { return s.Serve(&tired{l, 3}) })
		c := dialCalm(t, "ws://"+l.Addr().String())
		require.NoError(t, c.Write(t.Context(), Text, []byte("x")))
		require.NoError(t, read(t.Context(), c).Err)
		shutDown(t, s)
		require.ErrorIs(t, <-serving, ErrServerClosed)
	})
}

func TestServerAcceptRate(t *testing.T) {
	s := &Server{Handler: &events{}, AcceptRate: 50}
	url := listenAndServe(t, s)
	begin := time.Now()
	for range 6 {
		dialCalm(t, url)
	}
	require.GreaterOrEqual(t, time.Since(begin), 80*time.Millisecond)
	shutDown(t, s)
}

func TestServerWithoutHandler(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.ErrorContains(t, new(Server).Serve(l), "Handler")
}
