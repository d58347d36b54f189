package conn

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/handshake"
	"github.com/parleyws/websocket/internal/wstest"
)

// What is dialled through a proxy, or over a Unix socket, is a connection like any
// other. How proxies are asked is tested in package handshake.

// connectProxy opens every tunnel that it is asked for with CONNECT.
func connectProxy(w http.ResponseWriter, r *http.Request) {
	target, err := net.Dial("tcp", r.Host)
	if r.Method != http.MethodConnect || err != nil {
		http.Error(w, "no", http.StatusBadGateway)
		return
	}
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	io.WriteString(nc, "HTTP/1.1 200 OK\r\n\r\n")
	splice(nc, rw, target)
}

// splice carries bytes in both directions until both have ended, and closes.
func splice(nc net.Conn, from io.Reader, target net.Conn) {
	defer nc.Close()
	defer target.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(target, from)
		target.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(nc, target)
	nc.(interface{ CloseWrite() error }).CloseWrite()
	<-done
}

// socksProxy serves SOCKS clients that want no authentication and name an IPv4
// address.
func socksProxy(t *testing.T) (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var serving sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				in := make([]byte, 3+10) // the greeting, the request
				io.ReadFull(nc, in[:3])
				io.WriteString(nc, "\x05\x00")
				io.ReadFull(nc, in[3:])
				ip, port := in[7:11], int(in[11])<<8|int(in[12])
				target, err := net.DialTCP("tcp", nil, &net.TCPAddr{IP: ip, Port: port})
				if err != nil {
					nc.Close()
					return
				}
				io.WriteString(nc, "\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
				splice(nc, nc, target)
			})
		}
	})
	return l.Addr().String()
}

// talkOver sends messages of all sizes there and back, and says goodbye.
func talkOver(t *testing.T, c *Conn) {
	t.Helper()
	for _, n := range []int{0, 10, 5000, 1 << 20} {
		writing := call(func() error { return c.Write(t.Context(), Binary, pattern(n)) })
		require.Equal(t, received{Type: Binary, Data: string(pattern(n))}, read(t.Context(), c))
		require.NoError(t, <-writing)
	}
	require.NoError(t, c.Close(StatusNormalClosure, ""))
}

func TestDialThroughProxies(t *testing.T) {
	target, secureTarget := httptest.NewServer(Handler(nil, echo)), httptest.NewTLSServer(Handler(nil, echo))
	defer target.Close()
	defer secureTarget.Close()
	plain, secure := httptest.NewServer(http.HandlerFunc(connectProxy)), httptest.NewTLSServer(http.HandlerFunc(connectProxy))
	defer plain.Close()
	defer secure.Close()
	trusting := secure.Client().Transport.(*http.Transport).TLSClientConfig // httptest has one certificate
	for _, tt := range []struct {
		name, proxy string
		plainSocket bool // beneath a ws connection
	}{
		{"http", plain.URL, true},
		{"https", secure.URL, false},
		{"socks5", "socks5://" + socksProxy(t), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u, err := url.Parse(tt.proxy)
			require.NoError(t, err)
			opts := &DialOptions{Proxy: http.ProxyURL(u), ProxyTLS: trusting, TLS: trusting}
			c := dial(t, target.URL, opts)
			if tt.plainSocket {
				require.IsType(t, &net.TCPConn{}, c.Transport(), "it is read and written without a layer in between")
			}
			talkOver(t, c)

			c = dial(t, secureTarget.URL, opts)
			require.IsType(t, &tls.Conn{}, c.Transport())
			talkOver(t, c)
		})
	}
}

// CloseNow never blocks, however many layers would like to send an alert.
func TestCloseNowOverTLSOverTLS(t *testing.T) {
	cert := certificate(t)
	synctest.Test(t, func(t *testing.T) {
		client, server := wstest.Pipe()
		serving := call(func() error {
			conf := &tls.Config{Certificates: []tls.Certificate{cert}}
			nc := tls.Server(server, conf)
			if _, err := http.ReadRequest(bufio.NewReader(nc)); err != nil {
				return err
			}
			io.WriteString(nc, "HTTP/1.1 200 OK\r\n\r\n")
			_, err := handshake.Accept(tls.Server(nc, conf), nil)
			return err
		})
		c, err := Dial(t.Context(), "wss://example.com", &DialOptions{
			Proxy:    http.ProxyURL(&url.URL{Scheme: "https", Host: "proxy.example"}),
			TLS:      &tls.Config{InsecureSkipVerify: true},
			ProxyTLS: &tls.Config{InsecureSkipVerify: true},
			NetDial:  func(context.Context, string, string) (net.Conn, error) { return client, nil },
		})
		require.NoError(t, err)
		require.NoError(t, <-serving)
		client.SetBuffer(0) // from here on, nobody takes anything
		begin := time.Now()
		require.NoError(t, c.CloseNow())
		<-c.Done()
		require.Zero(t, time.Since(begin))
		_, err = client.Read(nil)
		require.ErrorIs(t, err, net.ErrClosed)
		server.Close()
	})
}

// A Unix socket, at the path that the program says and not the URL, for ws and wss.
func TestDialUnix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	hosts := make(chan string, 1)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hosts <- r.Host + r.RequestURI
		Handler(nil, echo).ServeHTTP(w, r)
	}))
	s.Listener.Close()
	s.Listener = l
	s.Start()
	defer s.Close()

	opts := &DialOptions{NetDial: handshake.UnixDial(path)}
	c := dial(t, "ws://chat.example/room?n=1", opts)
	require.Equal(t, "chat.example/room?n=1", <-hosts)
	require.IsType(t, &net.UnixConn{}, c.Transport())
	talkOver(t, c)

	_, err = Dial(t.Context(), "wss://chat.example/", opts)
	require.ErrorContains(t, err, "TLS", "the server speaks none, and it was asked for")
	_, err = Dial(t.Context(), "ws://chat.example/", &DialOptions{NetDial: handshake.UnixDial(path + "nowhere")})
	var network *net.OpError
	require.ErrorAs(t, err, &network)
	require.Equal(t, "unix", network.Net)
}
