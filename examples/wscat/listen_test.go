package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/conn"
)

// server starts the program with -listen, and returns its URL.
func server(t *testing.T, stdout *output, args ...string) (p *program, url string) {
	t.Helper()
	p = startOn(t, stdout, newOutput(false), nil, append([]string{"-listen", "127.0.0.1:0"}, args...)...)
	p.wantIn(p.err, "/\n")
	url = regexp.MustCompile(`wss?://\S+`).FindString(p.err.String())
	require.NotEmpty(t, url)
	return p, url
}

func dial(t *testing.T, url string, opts *conn.DialOptions) *conn.Conn {
	t.Helper()
	c, err := conn.Dial(within(t), url, opts)
	require.NoError(t, err)
	t.Cleanup(func() { c.CloseNow() })
	return c
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func wantMessage(t *testing.T, c *conn.Conn, typ conn.MessageType, want string) {
	t.Helper()
	got, data, err := c.Read(within(t))
	require.NoError(t, err)
	require.Equal(t, typ, got)
	require.Equal(t, want, string(data))
}

func TestListenWithTwoClients(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	p, url := server(t, newOutput(true), "-commands")
	one := dial(t, url+"one", nil)
	p.wantIn(p.err, "#1 connected from "+one.LocalAddr().String()+" to /one\n")
	two := dial(t, url, nil)
	p.wantIn(p.err, "#2 connected")

	require.NoError(t, one.Write(within(t), conn.Text, []byte("hello\x1b[2J")))
	p.wantIn(p.out, `#1 < hello\x1b[2J`+"\n")
	require.NoError(t, two.Write(within(t), conn.Binary, []byte{1}))
	p.wantIn(p.out, "#2 < binary, 1 byte\n00000000  01 ")

	p.typeLines("to all", "/hex 0102", "not\xffUTF-8")
	for _, c := range []*conn.Conn{one, two} {
		wantMessage(t, c, conn.Text, "to all")
		wantMessage(t, c, conn.Binary, "\x01\x02")
	}
	p.wantIn(p.err, "not UTF-8") // which is not sent, and does not end the server

	require.NoError(t, two.Close(1000, ""))
	p.wantIn(p.err, "#2 is gone: 1000 normal closure\n")
	p.typeLines("to one")
	wantMessage(t, one, conn.Text, "to one")

	p.typeLines("/help", "/close 4000 enough")
	_, _, err := one.Read(within(t))
	require.Equal(t, conn.StatusCode(4000), conn.CloseStatus(err))
	p.wantIn(p.err, "#1 is gone")
	three := dial(t, url, nil) // the server goes on
	p.wantIn(p.err, "#3 connected")

	p.interrupt()
	_, _, err = three.Read(within(t))
	require.Equal(t, conn.StatusGoingAway, conn.CloseStatus(err))
	require.Equal(t, exitOK, p.wait(), "an interrupt is how a server ends")
}

func TestListenPings(t *testing.T) {
	p, url := server(t, newOutput(false), "-commands")
	c := dial(t, url, nil)
	reading := c.CloseRead(t.Context())
	p.wantIn(p.err, "#1 connected")
	p.typeLines("/ping")
	p.wantIn(p.err, "#1 pong after ")
	p.interrupt()
	<-reading.Done()
	require.Equal(t, exitOK, p.wait())
}

func TestListenEchoesAndCounts(t *testing.T) {
	p, url := server(t, newOutput(false), "-echo", "-n", "2")
	c := dial(t, url, nil)
	require.NoError(t, c.Write(within(t), conn.Text, []byte("a")))
	wantMessage(t, c, conn.Text, "a")
	require.NoError(t, c.Write(within(t), conn.Text, []byte("b")))
	wantMessage(t, c, conn.Text, "b")
	_, _, err := c.Read(within(t))
	require.Equal(t, conn.StatusGoingAway, conn.CloseStatus(err), "two messages were enough")
	require.Equal(t, exitOK, p.wait())
	require.Equal(t, "a\nb\n", p.out.String(), "in a pipe there is nothing else on standard output")
}

func TestListenLooksAtWhoComes(t *testing.T) {
	p, url := server(t, newOutput(false), "-s", "chat", "-o", "https://example.com", "-H", "X-Served-By: wscat", "-v", "-deflate")
	_, err := conn.Dial(within(t), url, &conn.DialOptions{Header: http.Header{"Origin": {"https://evil.example"}}})
	require.ErrorContains(t, err, "status 403", "the page of another site")
	p.wantIn(p.err, "https://evil.example")

	c := dial(t, url, &conn.DialOptions{
		Header: http.Header{"Origin": {"https://example.com"}}, Subprotocols: []string{"chat"},
		Config: conn.Config{Compression: &conn.Compression{}},
	})
	require.Equal(t, "chat", c.Subprotocol())
	require.NotNil(t, c.Deflate())
	p.wantIn(p.err, ", subprotocol chat, compressed\n")
	require.NoError(t, c.Write(within(t), conn.Text, []byte("hello")))
	p.wantIn(p.err, `#1 < TEXT FIN MASK len=5  "hello"`)
	p.wantIn(p.err, "#1 < GET / HTTP/1.1\n")
	p.wantIn(p.err, "#1 < Origin: https://example.com\n")
}

func TestListenOverTLS(t *testing.T) {
	cert, key := certificate(t, "parley.example")
	p, url := server(t, newOutput(false), "-cert", cert, "-key", key, "-echo", "-v")
	require.True(t, strings.HasPrefix(url, "wss://"), url)
	pem, err := os.ReadFile(cert)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(pem))
	c := dial(t, url, &conn.DialOptions{TLS: &tls.Config{RootCAs: roots, ServerName: "parley.example"}})
	require.NoError(t, c.Write(within(t), conn.Text, []byte("in private")))
	wantMessage(t, c, conn.Text, "in private")
	require.NoError(t, c.Close(1000, ""))
	p.wantIn(p.err, `#1 > CLOSE FIN len=2  1000`)
}

func TestClientAndServerAreOneProgram(t *testing.T) {
	p, url := server(t, newOutput(false))
	client := start(t, nil, url)
	p.wantIn(p.err, "#1 connected")
	client.typeLines("ping")
	p.wantIn(p.out, "ping\n")
	p.typeLines("pong")
	client.wantIn(client.out, "pong\n")
	p.interrupt()
	require.Equal(t, exitOK, client.wait(), "1001 is a normal end")
	require.Equal(t, exitOK, p.wait())
}
