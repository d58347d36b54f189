package main

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// connectProxy is an HTTP proxy that connects whoever has the password, and
// nobody who wants to go to a name that ends in .invalid.
func connectProxy(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodConnect || r.Header.Get("Proxy-Authorization") != "Basic dXNlcjpwYXNz":
		http.Error(w, "who are you?", http.StatusProxyAuthRequired)
		return
	case strings.Contains(r.Host, ".invalid"):
		http.Error(w, "no such host", http.StatusBadGateway)
		return
	}
	server, err := net.Dial("tcp", r.Host)
	if err != nil {
		http.Error(w, "", http.StatusBadGateway)
		return
	}
	defer server.Close()
	client, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer client.Close()
	io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		io.Copy(server, client)
		server.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(client, server)
}

func TestProxy(t *testing.T) {
	proxy := strings.TrimPrefix(serveHTTP(t, http.HandlerFunc(connectProxy)), "ws://")
	url := serveWS(t, nil, echo)
	for name, tt := range map[string]struct {
		proxy, url string
		status     int
		stderr     string
	}{
		"it connects":         {"http://user:pass@" + proxy, url, exitOK, "closed with 1000"},
		"it wants a password": {"http://" + proxy, url, exitUnreachable, "407"},
		"it finds no server":  {"http://user:pass@" + proxy, "ws://parley.invalid", exitUnreachable, "502"},
		"none":                {"none", url, exitOK, "closed with 1000"},
		"no URL":              {"nope", url, exitUsage, "want a URL"},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := runToEnd(t, "", "-proxy", tt.proxy, "-x", "hello", tt.url)
			require.Equal(t, tt.status, status, stderr)
			require.Contains(t, stderr, tt.stderr)
			require.NotContains(t, stderr, "pass@")
			require.Equal(t, status == exitOK, stdout == "hello\n")
		})
	}
}

func TestUnixSocket(t *testing.T) {
	path := t.TempDir() + "/wscat.sock"
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Skip("there are no Unix sockets here: ", err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(tellRequest)}
	go srv.Serve(ln)
	defer srv.Close()
	status, stdout, stderr := runToEnd(t, "", "-unix", path, "-n", "1", "ws://localhost/chat")
	require.Equal(t, exitOK, status, stderr)
	require.True(t, strings.HasPrefix(stdout, "/chat\nlocalhost\n"), stdout)
}
