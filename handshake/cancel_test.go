package handshake

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/internal/wstest"
)

// stage is a moment at which a peer can leave a client waiting.
type stage struct {
	name  string
	url   string
	dial  func(ctx context.Context, client net.Conn) error
	serve func(server *wstest.Conn)
	proxy string // its URL; "": there is none
}

// stages are those of a client that is alone with the server; those with a proxy
// are in proxyStages.
var stages = []stage{
	{name: "connecting", url: "ws://example.com/", dial: stuck},
	{name: "TLS", url: "wss://example.com/"},
	{name: "sending the request", url: "ws://example.com/", dial: takingNothing},
	{name: "waiting for the response", url: "ws://example.com/"},
	{name: "in the status line", url: "ws://example.com/", serve: saying("HTTP/1.1 101")},
	{name: "in the header", url: "ws://example.com/", serve: saying("HTTP/1.1 101 Switching Protocols\r\nUpg")},
	{name: "after an interim response", url: "ws://example.com/", serve: saying("HTTP/1.1 100 Continue\r\n\r\n")},
	{name: "in the body of a refusal", url: "ws://example.com/",
		serve: saying("HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nabc")},
}

// stuck never connects.
func stuck(ctx context.Context, _ net.Conn) error {
	<-ctx.Done()
	return ctx.Err()
}

// takingNothing has every byte that the client writes wait.
func takingNothing(_ context.Context, client net.Conn) error {
	client.(*wstest.Conn).SetBuffer(0)
	return nil
}

// saying is a peer that says s, whatever it hears, and nothing more.
func saying(s string) func(*wstest.Conn) {
	return func(server *wstest.Conn) { io.WriteString(server, s) }
}

// atEveryStage runs test, in a bubble, against a server that falls silent there.
func atEveryStage(t *testing.T, test func(t *testing.T, url string, cfg *ClientConfig)) {
	for _, stage := range slices.Concat(stages, proxyStages(t)) {
		t.Run(stage.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := wstest.Pipe()
				defer server.Close()
				cfg := &ClientConfig{NetDial: func(ctx context.Context, _, _ string) (net.Conn, error) {
					if stage.dial != nil {
						if err := stage.dial(ctx, client); err != nil {
							client.Close()
							return nil, err
						}
					}
					if stage.serve != nil {
						stage.serve(server)
					}
					return client, nil
				}}
				if stage.proxy != "" {
					cfg.Proxy = http.ProxyURL(parseURL(t, stage.proxy))
					cfg.TLS, cfg.ProxyTLS = &tls.Config{InsecureSkipVerify: true}, &tls.Config{InsecureSkipVerify: true}
				}
				test(t, stage.url, cfg)
				_, err := client.Read(nil)
				require.ErrorIs(t, err, net.ErrClosed, "the connection is closed")
			})
		})
	}
}

func TestRule15CancellingWorksAtEveryStage(t *testing.T) {
	atEveryStage(t, func(t *testing.T, url string, cfg *ClientConfig) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		_, err := Connect(ctx, url, cfg)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, time.Second, time.Since(start))
		requireFailure(t, err)
	})
}

func TestRule15DeadlinesWorkAtEveryStage(t *testing.T) {
	atEveryStage(t, func(t *testing.T, url string, cfg *ClientConfig) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := Connect(ctx, url, cfg)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestRule15AContextThatIsDoneAlready(t *testing.T) {
	atEveryStage(t, func(t *testing.T, url string, cfg *ClientConfig) {
		because := errors.New("because")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(because)
		_, err := Connect(ctx, url, cfg)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, because, "the cause is told too")
	})
}

func TestConnectIsBoundedWithoutAContext(t *testing.T) {
	atEveryStage(t, func(t *testing.T, url string, cfg *ClientConfig) {
		start := time.Now()
		_, err := Connect(context.Background(), url, cfg)
		failure := requireFailure(t, err)
		if failure.Status == 403 { // what came of the body is kept, the rest not awaited
			require.Equal(t, bodyTime, time.Since(start))
			require.Equal(t, "abc", string(failure.Body))
			return
		}
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 30*time.Second, time.Since(start))
	})
}

func TestConnectTimeoutIsForTheProgramToChoose(t *testing.T) {
	for timeout, want := range map[time.Duration]time.Duration{
		time.Second: time.Second,
		-1:          time.Hour, // the context's
	} {
		synctest.Test(t, func(t *testing.T) {
			client, server := wstest.Pipe()
			defer server.Close()
			cfg := &ClientConfig{
				Timeout: timeout,
				NetDial: func(context.Context, string, string) (net.Conn, error) { return client, nil },
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			start := time.Now()
			_, err := Connect(ctx, "ws://example.com", cfg)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, want, time.Since(start))
		})
	}
}

func TestRule15ALateCancelHasNoEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := wstest.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		go Accept(server, nil)
		u, err := Connect(ctx, "ws://example.com", &ClientConfig{
			NetDial: func(context.Context, string, string) (net.Conn, error) { return client, nil },
		})
		require.NoError(t, err)
		cancel()
		time.Sleep(time.Hour)
		io.WriteString(server, "x")
		_, err = io.ReadFull(u.Conn, make([]byte, 1))
		require.NoError(t, err)
		u.Conn.Close()
		server.Close()
	})
}

// A cancel that comes together with the response either fails Connect or has no
// effect at all; there is no third way.
func TestCancelRacesWithTheResponse(t *testing.T) {
	for range 500 {
		client, server := wstest.Pipe()
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			r, err := http.ReadRequest(bufio.NewReader(server))
			if err != nil {
				return
			}
			accept := AcceptKey(r.Header.Get("Sec-WebSocket-Key"))
			go cancel()
			io.WriteString(server, strings.ReplaceAll(aResponse(), "{accept}", accept)+"x")
		}()
		u, err := Connect(ctx, "ws://example.com", &ClientConfig{
			NetDial: func(context.Context, string, string) (net.Conn, error) { return client, nil },
		})
		cancel()
		if err != nil {
			require.ErrorIs(t, err, context.Canceled)
		} else {
			_, err = u.Conn.Write([]byte("x"))
			require.NoError(t, err)
		}
		client.Close()
		server.Close()
	}
}

// The real thing: a listener that accepts and says nothing, and a name that does
// not resolve in time.
func TestCancelOverTheLoopback(t *testing.T) {
	s := httptest.NewUnstartedServer(nil)
	defer s.Listener.Close()
	for _, scheme := range []string{"ws", "wss"} {
		ctx, cancel := context.WithCancel(t.Context())
		cfg := &ClientConfig{NetDial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			defer cancel()
			return new(net.Dialer).DialContext(ctx, network, addr)
		}}
		_, err := Connect(ctx, scheme+"://"+s.Listener.Addr().String(), cfg)
		require.ErrorIs(t, err, context.Canceled)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Connect(ctx, "ws://localhost:1", nil)
	require.ErrorIs(t, err, context.Canceled)
}

func TestErrorsOfTheNetworkAreCauses(t *testing.T) {
	refused := errors.New("refused")
	_, err := Connect(t.Context(), "ws://example.com", &ClientConfig{
		NetDial: func(context.Context, string, string) (net.Conn, error) { return nil, refused },
	})
	require.ErrorIs(t, err, refused)
	require.ErrorContains(t, err, "example.com:80")

	for name, faults := range map[string]wstest.Faults{
		"a reset while sending":   {Write: []wstest.Fault{wstest.ResetAt(10)}},
		"a reset while receiving": {Read: []wstest.Fault{wstest.ResetAt(0)}},
	} {
		client, server := wstest.Pipe()
		go io.WriteString(server, aResponse())
		_, err := Connect(t.Context(), "ws://example.com", &ClientConfig{
			NetDial: func(context.Context, string, string) (net.Conn, error) { return wstest.Faulty(client, faults), nil },
		})
		var netErr *net.OpError
		require.ErrorAs(t, err, &netErr, name)
		server.Close()
	}

	_, _, err = connect(t, "ws://example.com", nil, "")
	require.ErrorIs(t, err, io.ErrUnexpectedEOF, "no response at all")
	_, _, err = connect(t, "ws://example.com", nil, "HTTP/1.1 101 Sw")
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}
