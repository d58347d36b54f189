package conn

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/handshake"
)

// What DialOptions says reaches the server, and what it answers the caller.
func TestDialOptions(t *testing.T) {
	header := make(chan http.Header, 1)
	accept := Handler(&AcceptOptions{Subprotocols: []string{"b"}}, echo)
	url, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header <- r.Header.Clone()
		accept.ServeHTTP(w, r)
	}))
	dialled := ""
	c := dial(t, url, &DialOptions{
		Subprotocols: []string{"a", "b"},
		Header:       http.Header{"Authorization": {"Bearer t"}, "X-Other": {"1", "2"}},
		NetDial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			dialled = network + " " + addr
			return new(net.Dialer).DialContext(ctx, network, addr)
		},
		Config: Config{MaxMessage: 5},
	})
	got := <-header
	require.Equal(t, "Bearer t", got.Get("Authorization"))
	require.Equal(t, []string{"1", "2"}, got["X-Other"])
	require.Equal(t, "tcp "+strings.TrimPrefix(url, "ws://"), dialled)
	require.Equal(t, "b", c.Subprotocol())

	require.NoError(t, c.Write(t.Context(), Text, []byte("hello")))
	ways[0].want(t, c, received{Type: Text, Data: "hello"})
	require.NoError(t, c.Write(t.Context(), Text, []byte("hello!")))
	require.ErrorIs(t, read(t.Context(), c).Err, &ProtocolError{Code: StatusMessageTooBig})
}

// wss, over crypto/tls on both sides.
func TestDialTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(Handler(nil, echo))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	url := "wss" + strings.TrimPrefix(s.URL, "https")
	c := dial(t, url, &DialOptions{TLS: s.Client().Transport.(*http.Transport).TLSClientConfig})
	require.IsType(t, &tls.Conn{}, c.Transport())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, n := range []int{0, 10, 100_000} {
		writing := call(func() error { return c.Write(ctx, Binary, pattern(n)) })
		require.Equal(t, received{Type: Binary, Data: string(pattern(n))}, read(ctx, c))
		require.NoError(t, <-writing)
	}
	require.NoError(t, c.Close(StatusNormalClosure, ""))

	_, err := Dial(t.Context(), url, nil)
	var unknown *tls.CertificateVerificationError
	require.ErrorAs(t, err, &unknown, "nobody signed that certificate")
}

// A server that refuses is heard out.
func TestDialIsRefused(t *testing.T) {
	url, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		http.Error(w, "come back later", http.StatusServiceUnavailable)
	}))
	_, err := Dial(t.Context(), url, nil)
	refused, ok := errors.AsType[*handshake.Error](err)
	require.True(t, ok, "%T %v", err, err)
	require.Equal(t, http.StatusServiceUnavailable, refused.Status)
	require.Equal(t, "7", refused.Header.Get("Retry-After"))
	require.Equal(t, "come back later\n", string(refused.Body))
}

func TestDialFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name string
		ctx  context.Context
		url  string
		is   error
	}{
		{"nobody listens", t.Context(), "ws://" + l.Addr().String(), nil},
		{"no WebSocket URL", t.Context(), "ftp://127.0.0.1/", nil},
		{"ctx has ended", ended, "ws://" + l.Addr().String(), context.Canceled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Dial(tt.ctx, tt.url, nil)
			require.Nil(t, c)
			failure, ok := errors.AsType[*handshake.Error](err)
			require.True(t, ok, "%T %v", err, err)
			require.Zero(t, failure.Status, "there was no response")
			if tt.is != nil {
				require.ErrorIs(t, err, tt.is)
			}
		})
	}
}

// ctx is for the dialling only.
func TestDialContextHasNoEffectAfterwards(t *testing.T) {
	url, _ := serve(t, Handler(nil, echo))
	ctx, cancel := context.WithCancel(t.Context())
	c, err := Dial(ctx, url, nil)
	require.NoError(t, err)
	defer end(c)
	cancel()
	require.NoError(t, c.Write(t.Context(), Text, []byte("hello")))
	ways[0].want(t, c, received{Type: Text, Data: "hello"})
	require.NoError(t, c.Context().Err())
}

// The raw path: no net/http server at all.
func TestNewOverARawHandshake(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	serving := call(func() error {
		nc, err := l.Accept()
		if err != nil {
			return err
		}
		u, err := handshake.Accept(nc, nil)
		if err != nil {
			return err
		}
		c := New(u, nil)
		if err := echo(context.Background(), c); err != nil {
			return err
		}
		return c.Close(StatusNormalClosure, "")
	})
	c := dial(t, "ws://"+l.Addr().String(), nil)
	require.NoError(t, c.Write(t.Context(), Text, []byte("hello")))
	ways[0].want(t, c, received{Type: Text, Data: "hello"})
	require.NoError(t, c.Close(StatusGoingAway, ""))
	require.NoError(t, <-serving)
}

// New takes over bytes that were read with the handshake, however many.
func TestNewWithBufferedBytes(t *testing.T) {
	for _, role := range roles {
		for _, n := range []int{0, 1, 5000, 100_000} {
			nc, other := net.Pipe()
			u := upgraded(nc, role)
			u.Buffered = long.wire(peerOf(role))
			u.Buffered = append(u.Buffered[:len(u.Buffered):len(u.Buffered)], head(role, Binary, true, int64(n))...)
			u.Buffered = append(u.Buffered, make([]byte, n)...)
			c := New(u, nil)
			clear(u.Buffered) // they are the caller's again
			for _, want := range append(long.want, received{Type: Binary, Data: string(make([]byte, n))}) {
				require.Equal(t, want, read(t.Context(), c))
			}
			other.Close()
			require.ErrorIs(t, read(t.Context(), c).Err, io.ErrUnexpectedEOF)
			end(c)
		}
	}
}
