package conn

import (
	"context"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/handshake"
)

// silently connects to a server and says no more than the beginning of a request.
func silently(t *testing.T, url, begin string) net.Conn {
	nc, err := net.Dial("tcp", strings.TrimPrefix(url, "ws://"))
	require.NoError(t, err)
	t.Cleanup(func() { nc.Close() })
	_, err = io.WriteString(nc, begin)
	require.NoError(t, err)
	return nc
}

// requireServed says that a new connection is served, long before a silent one is out of
// time.
func requireServed(t *testing.T, url string) {
	c := dialCalm(t, url)
	require.NoError(t, c.Write(t.Context(), Text, []byte("hello")))
	require.Equal(t, received{Text, "hello", nil}, read(t.Context(), c))
	require.NoError(t, c.Close(StatusNormalClosure, ""))
}

// Peers that connect and say nothing, or never come to the end, do not keep others
// out: the oldest of them has to make room.
func TestServerSilentHandshakesMakeRoom(t *testing.T) {
	for name, begin := range map[string]string{"silent": "", "in the middle": "GET / HTTP/1.1\r\nHost: exa"} {
		for limit, set := range map[string]func(s *Server){
			"MaxHandshakes": func(s *Server) { s.MaxHandshakes = 3 },
			"MaxConns":      func(s *Server) { s.MaxConns = 3 },
		} {
			t.Run(name+"/"+limit, func(t *testing.T) {
				inAllManners(t, func(t *testing.T, s *Server) {
					s.Handler = &events{message: echoes}
					s.Options = &AcceptOptions{Timeout: time.Hour}
					set(s)
					s.grace = 20 * time.Millisecond
					url := listenAndServe(t, s)
					var silent []net.Conn
					for range 10 {
						silent = append(silent, silently(t, url, begin))
					}
					for range 5 {
						requireServed(t, url)
						require.Eventually(t, func() bool { return s.Len() <= 3 }, 5*time.Second, time.Millisecond)
					}
					for _, nc := range silent[:8] {
						nc.SetReadDeadline(time.Now().Add(10 * time.Second))
						_, err := nc.Read(make([]byte, 1))
						require.Error(t, err)
						require.False(t, isTimeout(err), "it was ended")
					}
				})
			})
		}
	}
}

func setGrace(s *Server, d time.Duration) {
	s.mu.Lock()
	s.grace = d
	s.mu.Unlock()
	s.look()
}

// A handshake that a function of ours holds up is not ended: who comes waits for it.
func TestServerSlowCheckMakesNoRoom(t *testing.T) {
	for name, set := range map[string]func(o *AcceptOptions, wait func()){
		"Check": func(o *AcceptOptions, wait func()) {
			o.Check = func(*handshake.Request) error { wait(); return nil }
		},
		"CheckOrigin": func(o *AcceptOptions, wait func()) {
			o.CheckOrigin = func(_ *handshake.Request, origin string) bool { wait(); return origin == "http://ours" }
		},
		"SelectSubprotocol": func(o *AcceptOptions, wait func()) {
			o.SelectSubprotocol = func(_ *handshake.Request, offered []string) (string, error) { wait(); return offered[0], nil }
		},
	} {
		t.Run(name, func(t *testing.T) {
			inAllManners(t, func(t *testing.T, s *Server) {
				var waiting atomic.Int32
				goOn := make(chan bool)
				s.MaxHandshakes, s.grace = 2, time.Hour
				s.Handler, s.Options = &events{message: echoes}, &AcceptOptions{OriginPatterns: []string{"*"}}
				set(s.Options, func() { waiting.Add(1); <-goOn })
				url := listenAndServe(t, s)
				dials := make([]<-chan error, 5)
				for i := range dials {
					dials[i] = call(func() error {
						c, err := Dial(context.Background(), url, &DialOptions{
							Subprotocols: []string{"chat"}, Header: map[string][]string{"Origin": {"http://ours"}},
						})
						if err != nil {
							return err
						}
						return c.CloseNow()
					})
				}
				require.Eventually(t, func() bool { return waiting.Load() == 2 }, 5*time.Second, time.Millisecond)
				setGrace(s, 1) // and the third that comes looks again
				time.Sleep(20 * time.Millisecond)
				require.EqualValues(t, 2, waiting.Load(), "there is no room for a third, be it late")
				setGrace(s, time.Hour)
				close(goOn)
				for _, dial := range dials {
					require.NoError(t, <-dial)
				}
			})
		})
	}
}

// A handshake that was refused is over for us, though the peer stays.
func TestServerRefusedHandshakesMakeRoom(t *testing.T) {
	inAllManners(t, func(t *testing.T, s *Server) {
		s.MaxHandshakes, s.grace = 2, 20*time.Millisecond
		s.Handler = &events{message: echoes}
		s.Options = &AcceptOptions{Check: func(r *handshake.Request) error {
			if r.URI == "/bad" {
				return io.ErrUnexpectedEOF
			}
			return nil
		}}
		url := listenAndServe(t, s)
		for range 6 {
			silently(t, url, strings.Replace(rawRequest(), "GET / ", "GET /bad ", 1)+"\r\n")
		}
		begin := time.Now()
		requireServed(t, url)
		require.Less(t, time.Since(begin), 5*time.Second)
	})
}

// Many that come at once do not end each other, however few there may be at a time.
func TestServerHandshakesAtOnce(t *testing.T) {
	inAllManners(t, func(t *testing.T, s *Server) {
		s.Handler, s.MaxHandshakes, s.grace = &events{}, 2, time.Hour
		url := listenAndServe(t, s)
		var dials []<-chan error
		for range 100 {
			dials = append(dials, call(func() error {
				c, err := Dial(context.Background(), url, nil)
				if err != nil {
					return err
				}
				return c.CloseNow()
			}))
		}
		for _, dial := range dials {
			require.NoError(t, <-dial)
		}
	})
}

// How long a handshake is let alone follows from how long it may take: a busy machine, or
// a busy client, must not have those ended who only wait for their turn.
func TestServerHandshakeGrace(t *testing.T) {
	for _, tt := range []struct {
		opts *AcceptOptions
		want time.Duration
	}{
		{nil, 2500 * time.Millisecond},
		{&AcceptOptions{}, 2500 * time.Millisecond},
		{&AcceptOptions{Timeout: time.Minute}, 15 * time.Second},
	} {
		s := &Server{Handler: &events{}, Options: tt.opts}
		require.NoError(t, s.start())
		require.Equal(t, tt.want, s.grace)
		shutDown(t, s)
	}
}
