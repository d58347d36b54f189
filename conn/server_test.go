package conn

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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

// served runs a test with a server in each of the ways that it may run.
func served(t *testing.T, s func() *Server, test func(t *testing.T, s *Server, url string)) {
	for name, how := range map[string]func(s *Server){
		"loops":      func(s *Server) { s.Loops = 2 },
		"workers":    func(s *Server) { s.Loops, s.Workers = 2, 3 },
		"goroutines": func(s *Server) { s.noLoops = true },
	} {
		t.Run(name, func(t *testing.T) {
			wstest.NoLeaks(t)
			s := s()
			how(s)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			serving := call(func() error { return s.Serve(l) })
			test(t, s, "ws://"+l.Addr().String())
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			require.NoError(t, s.Shutdown(ctx))
			require.ErrorIs(t, <-serving, ErrServerClosed)
			require.Zero(t, s.Len())
		})
	}
}

func TestServerEchoes(t *testing.T) {
	served(t, func() *Server {
		return &Server{Handler: &events{message: func(c *Conn, m Message) {
			c.Write(context.Background(), m.Type, m.Data)
		}}}
	}, func(t *testing.T, s *Server, url string) {
		for range 10 {
			c, err := Dial(t.Context(), url, nil)
			require.NoError(t, err)
			for _, size := range []int{0, 1, 125, 126, 1000, 70_000, 300_000} {
				p := string(pattern(size))
				require.NoError(t, c.Write(t.Context(), Binary, []byte(p)))
				require.Equal(t, received{Binary, p, nil}, read(t.Context(), c))
			}
			require.NoError(t, c.Close(StatusNormalClosure, ""))
		}
	})
}
