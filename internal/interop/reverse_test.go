package interop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/parleyws/websocket/conn"
)

// haproxyConfig is a reverse proxy. A connection that was upgraded is a tunnel to
// HAProxy, for which one limit takes the place of those for HTTP.
const haproxyConfig = `
global
	maxconn 100
defaults
	mode http
	timeout connect 5s
	timeout client 5s
	timeout server 5s
	timeout tunnel {idle}
frontend front
	bind fd@3
	bind fd@4 ssl crt {pem} alpn http/1.1
	default_backend back
backend back
	server us {upstream}
`

func startHAProxy(t *testing.T, id *identity, upstream string, idle time.Duration) (plain, secure string) {
	t.Helper()
	dir := t.TempDir()
	pem, config := filepath.Join(dir, "both.pem"), filepath.Join(dir, "haproxy.cfg")
	cert, err := os.ReadFile(id.certFile)
	check(t, err)
	key, err := os.ReadFile(id.keyFile)
	check(t, err)
	check(t, os.WriteFile(pem, append(cert, key...), 0o600))
	text := fill(t, haproxyConfig, "{idle}", milliseconds(idle), "{pem}", pem, "{upstream}", upstream)
	check(t, os.WriteFile(config, []byte(text), 0o600))
	cmd := exec.Command(tool(t, "apt-get install haproxy", "haproxy", "/usr/sbin/haproxy"), "-db", "-q", "-f", config)
	plain, secure = inherit(t, cmd), inherit(t, cmd)
	keepErrors(t, cmd)
	start(t, cmd, syscall.SIGTERM)
	for _, f := range cmd.ExtraFiles {
		f.Close()
	}
	return plain, secure
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%dms", d.Milliseconds()) }

// apacheConfig has both of Apache's ways to proxy WebSocket, mod_proxy_http with
// upgrade=websocket and the older mod_proxy_wstunnel, and a forward proxy for CONNECT
// that is itself reached over TLS.
const apacheConfig = `
ServerRoot {dir}
ServerName localhost
DefaultRuntimeDir {dir}
PidFile apache.pid
ErrorLog /dev/stderr
User nobody
Group nogroup
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule ssl_module {modules}/mod_ssl.so
LoadModule proxy_module {modules}/mod_proxy.so
LoadModule proxy_http_module {modules}/mod_proxy_http.so
LoadModule proxy_wstunnel_module {modules}/mod_proxy_wstunnel.so
LoadModule proxy_connect_module {modules}/mod_proxy_connect.so
StartServers 1
Timeout {idle}
SSLCertificateFile {cert}
SSLCertificateKeyFile {key}
Listen {plain}
Listen {secure}
Listen {forward}
<VirtualHost {plain}>
	ProxyPass / http://{upstream}/ upgrade=websocket
	ProxyPreserveHost On
</VirtualHost>
<VirtualHost {secure}>
	SSLEngine on
	ProxyWebsocketFallbackToProxyHttp Off
	ProxyPass / ws://{upstream}/
	ProxyPreserveHost On
</VirtualHost>
<VirtualHost {forward}>
	SSLEngine on
	ProxyRequests On
	AllowCONNECT 1-65535
</VirtualHost>
`

// startApache returns the addresses at which it takes ws and wss for the server at
// upstream, and at which it is an https proxy to anywhere.
func startApache(t *testing.T, id *identity, upstream string, idle time.Duration) (plain, secure, forward string) {
	t.Helper()
	apache := tool(t, "apt-get install apache2-bin", "apache2", "/usr/sbin/apache2")
	addrs := startOnPorts(t, 3, func(addrs []string) *exec.Cmd {
		dir := t.TempDir()
		config := filepath.Join(dir, "apache.conf")
		text := fill(t, apacheConfig, "{dir}", dir, "{modules}", "/usr/lib/apache2/modules", "{upstream}", upstream,
			"{idle}", milliseconds(idle), "{cert}", id.certFile, "{key}", id.keyFile,
			"{plain}", addrs[0], "{secure}", addrs[1], "{forward}", addrs[2])
		check(t, os.WriteFile(config, []byte(text), 0o600))
		return exec.Command(apache, "-D", "FOREGROUND", "-f", config)
	})
	return addrs[0], addrs[1], addrs[2]
}

// longIdle is more than any test waits.
const longIdle = time.Minute

// The scenarios of all peers again, with other reverse proxies than nginx between
// node's client and us.
func TestReverseProxies(t *testing.T) {
	id, us := newIdentity(t), new(acceptor)
	s := httptest.NewServer(us)
	t.Cleanup(s.Close)
	upstream := s.Listener.Addr().String()
	haproxy, haproxyTLS := startHAProxy(t, id, upstream, longIdle)
	apache, apacheTLS, _ := startApache(t, id, upstream, longIdle)
	for _, w := range []way{
		{name: "haproxy", base: "ws://" + haproxy, id: id, us: us},
		{name: "haproxy-tls", base: "wss://" + haproxyTLS, id: id, us: us},
		{name: "apache", base: "ws://" + apache, id: id, us: us},
		{name: "apache-tls", base: "wss://" + apacheTLS, id: id, us: us},
	} {
		t.Run(w.name, func(t *testing.T) { p := startNode(t); playAll(t, p, w.fromPeer(p)) })
	}
}

// A reverse proxy ends what says nothing for a while, but for Apache, which has no
// such limit for a tunnel. KeepAlive, set to less than that, needs neither side to say
// anything else; without it both learn of the end as of any end without a Close frame.
func TestReverseProxiesWhileNothingIsSaid(t *testing.T) {
	const idle = 4 * time.Second
	id, us := newIdentity(t), new(acceptor)
	s := httptest.NewServer(us)
	t.Cleanup(s.Close)
	upstream := s.Listener.Addr().String()
	nginx, nginxTLS := startNginxIdle(t, id, upstream, idle)
	haproxy, haproxyTLS := startHAProxy(t, id, upstream, idle)
	apache, apacheTLS, _ := startApache(t, id, upstream, idle)
	ways := []way{
		{name: "nginx", base: "ws://" + nginx}, {name: "nginx-tls", base: "wss://" + nginxTLS},
		{name: "haproxy", base: "ws://" + haproxy}, {name: "haproxy-tls", base: "wss://" + haproxyTLS},
		{name: "apache", base: "ws://" + apache}, {name: "apache-tls", base: "wss://" + apacheTLS},
	}
	type pair struct{ server, client *side }
	alive, silent := make([]pair, len(ways)), make([]pair, len(ways))
	for i, w := range ways {
		w.id, w.us = id, us
		alive[i].server, alive[i].client = w.quiet(t, 1, conn.KeepAlive{Interval: idle / 16})
		silent[i].server, silent[i].client = w.quiet(t, 2, conn.KeepAlive{Interval: -1})
	}
	time.Sleep(3 * idle) // nothing else tells that nothing happens
	m := text("still here", 10)
	for i, w := range ways {
		alive[i].client.write(m)
		alive[i].server.want(w.name+": with KeepAlive all is well after three times the proxy's limit", m)
		if strings.HasPrefix(w.name, "apache") {
			silent[i].client.write(m)
			silent[i].server.want(w.name+": its Timeout is not for tunnels", m)
			continue
		}
		for _, end := range []*side{silent[i].server, silent[i].client} {
			if err := end.wantEnd(w.name + ": without KeepAlive it is over"); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s: an end without a Close frame is io.ErrUnexpectedEOF: %v", w.name, err)
			}
		}
	}
}

// quiet opens a connection of ours to us, with that KeepAlive on the server's side and
// none on the client's.
func (w way) quiet(t *testing.T, n int, alive conn.KeepAlive) (server, client *side) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	path := "/quiet" + w.path(n)
	accepted := w.us.expect(path, &conn.AcceptOptions{Config: conn.Config{KeepAlive: alive}})
	c, err := conn.Dial(ctx, w.base+path, &conn.DialOptions{
		TLS: w.id.client, Config: conn.Config{KeepAlive: conn.KeepAlive{Interval: -1}},
	})
	check(t, err)
	client = newSide(t, ctx, c)
	return newSide(t, ctx, <-accepted), client
}
