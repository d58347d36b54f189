package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/conn"
)

// program is a running echo server.
type program struct {
	t    *testing.T
	url  string // of the page, with the slash
	log  *bufio.Scanner
	stop context.CancelFunc // what an interrupt does
	done chan error         // what run returned
}

func start(t *testing.T, args ...string) *program {
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	p := &program{t: t, log: bufio.NewScanner(r), stop: stop, done: make(chan error, 1)}
	go func() {
		p.done <- run(ctx, append([]string{"-addr", "127.0.0.1:0"}, args...), w)
		w.Close()
	}()
	t.Cleanup(func() {
		stop()
		io.Copy(io.Discard, r)
	})
	_, url, found := strings.Cut(p.nextLog(), "listening on ")
	require.True(t, found, "the first line says where it listens")
	p.url = url
	return p
}

func (p *program) nextLog() string {
	p.t.Helper()
	require.True(p.t, p.log.Scan(), "the program logs another line")
	return p.log.Text()
}

func (p *program) dial(opts *conn.DialOptions) *conn.Conn {
	p.t.Helper()
	c, err := conn.Dial(timeout(p.t), "ws"+strings.TrimPrefix(p.url, "http")+"ws", opts)
	require.NoError(p.t, err)
	p.t.Cleanup(func() { c.CloseNow() })
	return c
}

func timeout(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func wantEcho(t *testing.T, c *conn.Conn, typ conn.MessageType, data []byte) {
	t.Helper()
	ctx := timeout(t)
	require.NoError(t, c.Write(ctx, typ, data))
	gotType, got, err := c.Read(ctx)
	require.NoError(t, err)
	require.Equal(t, typ, gotType)
	require.True(t, bytes.Equal(data, got), "%d bytes came back for %d", len(got), len(data))
}

func TestServesThePage(t *testing.T) {
	p := start(t)
	resp, err := http.Get(p.url)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Equal(t, "text/html; charset=utf-8", resp.Header.Get("Content-Type"))
	assert.Equal(t, page, body)

	resp, err = http.Get(p.url + "elsewhere")
	require.NoError(t, err)
	resp.Body.Close()
	assert.Equal(t, http.StatusNotFound, resp.StatusCode, "the page is at / and nowhere else")
}

func TestThePageNeedsNothingElse(t *testing.T) {
	for _, outside := range []string{`src="`, `href="http`, "@import", "url(", "import ", "fetch("} {
		assert.NotContains(t, string(page), outside, "the page is one file that loads no other")
	}
}

func TestEchoesByEvents(t *testing.T) {
	p := start(t, "-loop")
	c := p.dial(nil)
	for _, size := range []int{0, 5, 70_000, 1 << 20} {
		wantEcho(t, c, conn.Binary, bytes.Repeat([]byte("x"), size))
	}
	p.stop()
	_, _, err := c.Read(timeout(t))
	require.Equal(t, conn.StatusGoingAway, conn.CloseStatus(err))
	assert.Contains(t, p.nextLog(), "closed with 1001 after 4 messages, 1118581 bytes")
	require.NoError(t, <-p.done)
}

func TestEchoes(t *testing.T) {
	c := start(t).dial(nil)
	tests := []struct {
		name string
		typ  conn.MessageType
		data []byte
	}{
		{"text", conn.Text, []byte("Grüße, 世界")},
		{"empty text", conn.Text, nil},
		{"binary", conn.Binary, []byte{0, 1, 0xFE, 0xFF}},
		{"empty binary", conn.Binary, nil},
		{"64 KiB + 1", conn.Binary, bytes.Repeat([]byte("parley"), 1<<16)[:1<<16+1]},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { wantEcho(t, c, tt.typ, tt.data) })
	}
}

func TestLogsTheEndOfAConnection(t *testing.T) {
	p := start(t)
	c := p.dial(nil)
	wantEcho(t, c, conn.Text, []byte("12345"))
	wantEcho(t, c, conn.Binary, []byte("678"))
	require.NoError(t, c.Close(4001, "done"))
	assert.Contains(t, p.nextLog(), c.LocalAddr().String()+": closed with 4001 after 2 messages, 8 bytes")
}

func TestMaxFlagLimitsAMessage(t *testing.T) {
	c := start(t, "-max", "10").dial(nil)
	wantEcho(t, c, conn.Text, []byte("0123456789"))
	require.NoError(t, c.Write(timeout(t), conn.Text, []byte("0123456789+")))
	_, _, err := c.Read(timeout(t))
	assert.Equal(t, conn.StatusMessageTooBig, conn.CloseStatus(err))
}

func TestSubprotocolsFlag(t *testing.T) {
	p := start(t, "-subprotocols", "b,a")
	assert.Equal(t, "a", p.dial(&conn.DialOptions{Subprotocols: []string{"x", "a"}}).Subprotocol())
	assert.Equal(t, "", p.dial(nil).Subprotocol(), "none is offered")
}

func TestInterruptLeavesWith1001(t *testing.T) {
	p := start(t)
	one, other := p.dial(nil), p.dial(nil)
	for _, c := range []*conn.Conn{one, other} {
		// A connection that the program has not begun to serve when it is
		// interrupted is closed with 1001 too, but not logged.
		wantEcho(t, c, conn.Text, []byte("hello"))
	}
	p.stop()
	for _, c := range []*conn.Conn{one, other} {
		_, _, err := c.Read(timeout(t))
		assert.Equal(t, conn.StatusGoingAway, conn.CloseStatus(err))
	}
	for range 2 {
		assert.Contains(t, p.nextLog(), "closed with 1001")
	}
	assert.NoError(t, <-p.done, "an interrupt is no failure")
	_, err := net.Dial("tcp", strings.Trim(strings.TrimPrefix(p.url, "http:"), "/"))
	assert.Error(t, err, "nobody listens any more")
}

func TestServesWSS(t *testing.T) {
	cert, key, roots := certificate(t)
	p := start(t, "-cert", cert, "-key", key)
	assert.True(t, strings.HasPrefix(p.url, "https://"), p.url)
	c := p.dial(&conn.DialOptions{TLS: &tls.Config{RootCAs: roots}})
	assert.IsType(t, (*tls.Conn)(nil), c.Transport())
	wantEcho(t, c, conn.Text, []byte("in private"))
}

func TestStartsOnlyWhenItCan(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	for name, args := range map[string][]string{
		"unknown flag":      {"-no-such-flag"},
		"address in use":    {"-addr", taken.Addr().String()},
		"no such file":      {"-addr", "127.0.0.1:0", "-cert", "missing.pem", "-key", "missing.pem"},
		"cert without key":  {"-addr", "127.0.0.1:0", "-cert", "missing.pem"},
		"max is not a size": {"-max", "big"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Error(t, run(t.Context(), args, io.Discard))
		})
	}
}

// certificate makes a certificate for 127.0.0.1, which is its own authority.
func certificate(t *testing.T) (certFile, keyFile string, roots *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		NotAfter:              time.Now().Add(time.Hour),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)

	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	certFile, keyFile = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(certFile, certPEM, 0o600))
	require.NoError(t, os.WriteFile(keyFile, keyPEM, 0o600))
	roots = x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(certPEM))
	return certFile, keyFile, roots
}
