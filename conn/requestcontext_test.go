package conn

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What package context makes is known well enough to be taken off. If this fails, each
// connection of a Handler takes 400 bytes more, and nothing else is wrong.
func TestContextsCanBeUnwrapped(t *testing.T) {
	require.NotNil(t, cancelContext)
	require.NotNil(t, valueContext)
}

// The context of a connection has the values of its request's, wherever they come from,
// and outlives all of them.
func TestHandlerKeepsValues(t *testing.T) {
	type key string
	with := func(ctx context.Context, k key) context.Context { return context.WithValue(ctx, k, string(k)) }
	fake := &net.TCPAddr{IP: net.IPv4(1, 2, 3, 4)}
	for name, tt := range map[string]struct {
		base       func(ctx context.Context) context.Context
		conn       func(ctx context.Context, _ net.Conn) context.Context
		middleware func(ctx context.Context) context.Context
		want       []key
		local      net.Addr
		shared     bool // connections share what they keep
	}{
		"net/http alone": {shared: true},
		"BaseContext": {
			base: func(ctx context.Context) context.Context { return with(ctx, "base") },
			want: []key{"base"}, shared: true,
		},
		"ConnContext": {
			conn: func(ctx context.Context, _ net.Conn) context.Context { return with(ctx, "conn") },
			want: []key{"conn"},
		},
		"ConnContext that knows better": {
			conn: func(ctx context.Context, _ net.Conn) context.Context {
				return context.WithValue(with(ctx, "conn"), http.LocalAddrContextKey, fake) // and is overruled
			},
			want: []key{"conn"},
		},
		"middleware that knows better": {
			middleware: func(ctx context.Context) context.Context {
				return context.WithValue(ctx, http.LocalAddrContextKey, fake)
			},
			local: fake,
		},
		"middleware": {
			middleware: func(ctx context.Context) context.Context { return with(with(ctx, "a"), "b") },
			want:       []key{"a", "b"},
		},
		"middleware with an end": {
			middleware: func(ctx context.Context) context.Context {
				ctx, cancel := context.WithCancel(with(ctx, "a"))
				t.Cleanup(cancel)
				ctx, cancel = context.WithTimeout(with(ctx, "b"), time.Nanosecond)
				t.Cleanup(cancel)
				return ctx
			},
			want: []key{"a", "b"},
		},
		"middleware with a context of its own": {
			middleware: func(ctx context.Context) context.Context {
				return uncomparable{with(ctx, "a"), []byte("x")}
			},
			want: []key{"a"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			conns := make(chan *Conn, 2)
			h := Handler(nil, func(ctx context.Context, c *Conn) error {
				conns <- c
				<-c.CloseRead(ctx).Done()
				return nil
			})
			base, end := context.WithCancel(context.Background())
			defer end()
			if tt.base != nil {
				base = tt.base(base)
			}
			s := &http.Server{ConnContext: tt.conn, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if tt.middleware != nil {
					r = r.WithContext(tt.middleware(r.Context()))
				}
				h.ServeHTTP(w, r)
			})}
			if tt.base != nil {
				s.BaseContext = func(net.Listener) context.Context { return base }
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			go s.Serve(l)
			defer s.Close()
			url := "ws://" + l.Addr().String()
			dialCalm(t, url)
			first := next(t, conns)
			dialCalm(t, url)
			second := next(t, conns)
			require.Equal(t, tt.shared, first.terms == second.terms)
			end()
			for _, c := range []*Conn{first, second} {
				ctx := c.Context()
				for _, k := range tt.want {
					require.Equal(t, string(k), ctx.Value(k))
				}
				require.Equal(t, s, ctx.Value(http.ServerContextKey))
				local := tt.local
				if local == nil {
					local = c.LocalAddr()
				}
				require.Equal(t, local, ctx.Value(http.LocalAddrContextKey))
				require.Nil(t, ctx.Value(key("none")))
				derived := context.WithValue(ctx, key("derived"), 1)
				require.Equal(t, local, derived.Value(http.LocalAddrContextKey))
				require.NoError(t, ctx.Err(), "the request is over, and the server's context too")
				select {
				case <-ctx.Done():
					t.Fatal("the context has ended")
				default:
				}
				c.CloseNow()
				<-ctx.Done()
			}
		})
	}
}

func next(t *testing.T, conns <-chan *Conn) *Conn {
	select {
	case c := <-conns:
		return c
	case <-time.After(10 * time.Second):
		t.Fatal("no connection was served")
		return nil
	}
}

// uncomparable is a context that cannot be compared with another.
type uncomparable struct {
	context.Context
	_ []byte
}
