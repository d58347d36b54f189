package interop

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/handshake"
)

// tinyproxyConfig allows everything to this machine.
const tinyproxyConfig = `
Listen 127.0.0.1
Port {port}
Allow 127.0.0.1
Timeout 60
MaxClients 20
LogLevel Error
{auth}
`

// startTinyproxy returns the address of an HTTP proxy. With a user it wants Basic
// authorization.
func startTinyproxy(t *testing.T, user, pass string) (addr string) {
	t.Helper()
	tinyproxy := tool(t, "apt-get install tinyproxy-bin", "tinyproxy")
	auth := ""
	if user != "" {
		auth = "BasicAuth " + user + " " + pass
	}
	return startOnPorts(t, 1, func(addrs []string) *exec.Cmd {
		config := filepath.Join(t.TempDir(), "tinyproxy.conf")
		text := fill(t, tinyproxyConfig, "{port}", port(t, addrs[0]), "{auth}", auth)
		check(t, os.WriteFile(config, []byte(text), 0o600))
		return exec.Command(tinyproxy, "-d", "-c", config)
	})[0]
}

// startMicrosocks returns the address of a SOCKS proxy. With a user it wants to be
// told name and password.
func startMicrosocks(t *testing.T, user, pass string) (addr string) {
	t.Helper()
	microsocks := tool(t, "apt-get install microsocks", "microsocks")
	return startOnPorts(t, 1, func(addrs []string) *exec.Cmd {
		args := []string{"-i", "127.0.0.1", "-p", port(t, addrs[0])}
		if user != "" {
			args = append(args, "-u", user, "-P", pass)
		}
		return exec.Command(microsocks, args...)
	})[0]
}

// dialThrough connects through a proxy.
func (w way) dialThrough(ctx context.Context, proxy *url.URL, path string) (*conn.Conn, error) {
	return conn.Dial(ctx, w.base+path, &conn.DialOptions{
		Proxy: http.ProxyURL(proxy), ProxyTLS: w.id.client, TLS: w.id.client,
		Config: conn.Config{MaxMessage: 32 << 20},
	})
}

// converse has both sides talk: messages small and large, in both directions at once, a
// ping, and a Close with a code.
func (w way) converse(t *testing.T, proxy *url.URL) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	path := "/" + strings.ReplaceAll(t.Name(), " ", "-")
	accepted := w.us.expect(path, &conn.AcceptOptions{Config: conn.Config{MaxMessage: 32 << 20}})
	c, err := w.dialThrough(ctx, proxy, path)
	check(t, err)
	client := newSide(t, ctx, c)
	server := newSide(t, ctx, <-accepted)
	for _, m := range []content{text("x", 0), text(languages, 1000*len(languages)), binary(period, 16<<20)} {
		wrote := make(chan struct{})
		go func() {
			defer close(wrote)
			if err := server.Write(ctx, typeOf(m), m.bytes()); err != nil {
				t.Errorf("the server writes %v: %v", m, err)
			}
		}()
		client.write(m)
		<-wrote
		server.want("the client's message arrives", m)
		client.want("the server's message arrives", m)
	}
	_, err = client.Ping(ctx)
	check(t, err)
	check(t, client.Close(4001, "lunch"))
	wantClosed(server, 4001, "lunch")
}

// Our client through proxies that other people wrote, to our server: ws and wss,
// with a password and without.
func TestForwardProxies(t *testing.T) {
	id, us := newIdentity(t), new(acceptor)
	plain, secure := httptest.NewServer(us), httptest.NewUnstartedServer(us)
	secure.TLS = id.server.Clone()
	secure.StartTLS()
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	upstream := plain.Listener.Addr().String()
	_, _, apache := startApache(t, id, upstream, longIdle)

	const user, pass = "parley", "open-sesame"
	known := url.UserPassword(user, pass)
	targets := []way{
		{name: "ws", base: "ws://" + upstream, id: id, us: us},
		{name: "wss", base: "wss://" + secure.Listener.Addr().String(), id: id, us: us},
		{name: "ws by name", base: "ws://localhost:" + port(t, upstream), id: id, us: us},
	}
	for _, tt := range []struct {
		name  string
		proxy url.URL
	}{
		{"tinyproxy", url.URL{Scheme: "http", Host: startTinyproxy(t, "", "")}},
		{"tinyproxy with Basic", url.URL{Scheme: "http", Host: startTinyproxy(t, user, pass), User: known}},
		{"apache over TLS", url.URL{Scheme: "https", Host: apache}},
		{"microsocks", url.URL{Scheme: "socks5", Host: startMicrosocks(t, "", "")}},
		{"microsocks with a password", url.URL{Scheme: "socks5h", Host: startMicrosocks(t, user, pass), User: known}},
	} {
		for _, w := range targets {
			t.Run(tt.name+"/"+w.name, func(t *testing.T) { w.converse(t, &tt.proxy) })
		}
	}
}

// How they refuse, and that the caller can tell them from the server.
func TestForwardProxiesRefuse(t *testing.T) {
	id := newIdentity(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	ln.Close() // nobody listens there any more
	nobody := way{base: "ws://" + ln.Addr().String(), id: id}

	_, _, apache := startApache(t, id, ln.Addr().String(), longIdle)
	basic, socks := startTinyproxy(t, "parley", "open-sesame"), startMicrosocks(t, "parley", "open-sesame")
	for _, tt := range []struct {
		name, proxy string
		statuses    []int // 0 if it is no HTTP
		words       string
	}{
		{"tinyproxy without a password", "http://" + basic, []int{407}, "wants user and password"},
		{"tinyproxy with a wrong one", "http://parley:secret@" + basic, []int{401, 407}, "refused to connect"},
		{"tinyproxy to nobody", "http://parley:open-sesame@" + basic, []int{500, 502}, "refused to connect"},
		{"apache to nobody", "https://" + apache, []int{502, 503}, "refused to connect"},
		{"microsocks without a password", "socks5://" + socks, []int{0}, "wants to be told who asks"},
		{"microsocks with a wrong one", "socks5://parley:secret@" + socks, []int{0}, "does not accept the user name and the password"},
		{"microsocks to nobody", "socks5://parley:open-sesame@" + socks, []int{0}, "the target refused the connection (SOCKS reply 5)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			u, err := url.Parse(tt.proxy)
			check(t, err)
			_, err = nobody.dialThrough(ctx, u, "/")
			refused, ok := errors.AsType[*handshake.Error](err)
			if !ok || refused.Proxy != u.Scheme+"://"+u.Host || !strings.Contains(err.Error(), tt.words) {
				t.Fatalf("the proxy %s refuses and says: %v", u.Host, err)
			}
			if !slices.Contains(tt.statuses, refused.Status) {
				t.Errorf("the status is %d, want one of %d: %v", refused.Status, tt.statuses, err)
			}
			if refused.Status == http.StatusProxyAuthRequired && refused.Header.Get("Proxy-Authenticate") == "" {
				t.Errorf("the header comes along: %v", refused.Header)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("no password is in the error: %v", err)
			}
		})
	}
}
