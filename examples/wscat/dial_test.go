package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/conn"
)

// tellRequest is a server that answers a message with the request it got.
func tellRequest(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	lines := []string{
		r.RequestURI, r.Host, r.Header.Get("Origin"), r.Header.Get("User-Agent"),
		strings.Join(r.Header["X-Many"], "|"), user + ":" + password, r.Header.Get("Sec-WebSocket-Protocol"),
	}
	opts := &conn.AcceptOptions{InsecureSkipOriginCheck: true}
	conn.Handler(opts, func(ctx context.Context, c *conn.Conn) error {
		return c.Write(ctx, conn.Text, []byte(strings.Join(lines, "\n")))
	}).ServeHTTP(w, r)
}

func TestTheRequest(t *testing.T) {
	url := serveHTTP(t, http.HandlerFunc(tellRequest))
	host := strings.TrimPrefix(url, "ws://")
	status, stdout, stderr := runToEnd(t, "", "-n", "1",
		"-H", "x-many: 1", "-H", "X-Many:2", "-H", "User-Agent: me", "-H", "Host: example.com",
		"-o", "https://example.com", "-s", "a, b", "-s", "c", "ws://user:secret@"+host+"/path?q=1", "-v")
	require.Equal(t, exitOK, status, stderr)
	require.Equal(t, "/path?q=1\nexample.com\nhttps://example.com\nme\n1|2\nuser:secret\na, b, c\n", stdout)
	require.Contains(t, stderr, "> Authorization: Basic …\n", "the password is not for whoever looks over the shoulder")
	require.Contains(t, stderr, "connected to ws://user:xxxxx@")

	status, stdout, _ = runToEnd(t, "", "-n", "1", host)
	require.Equal(t, exitOK, status, "the scheme may be left out")
	require.Equal(t, "/\n"+host+"\n\nparley-wscat\n\n:\n\n", stdout)
}

func TestWithScheme(t *testing.T) {
	for in, want := range map[string]string{
		"wss://a/b":      "wss://a/b",
		"https://a":      "https://a",
		"localhost:80/a": "ws://localhost:80/a",
		":8080/ws":       "ws://127.0.0.1:8080/ws",
	} {
		require.Equal(t, want, withScheme(in))
	}
}

func TestRedirects(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/new", tellRequest)
	mux.Handle("/old", http.RedirectHandler("/new", http.StatusFound))
	url := serveHTTP(t, mux)
	status, _, stderr := runToEnd(t, "", "-n", "1", url+"/old")
	require.Equal(t, exitRefused, status, "they are not followed unless told to")
	require.Contains(t, stderr, "302")
	status, stdout, stderr := runToEnd(t, "", "-n", "1", "-L", url+"/old")
	require.Equal(t, exitOK, status, stderr)
	require.True(t, strings.HasPrefix(stdout, "/new\n"), stdout)
}

func TestCompression(t *testing.T) {
	url := serveWS(t, &conn.AcceptOptions{Config: conn.Config{Compression: &conn.Compression{}}}, echo)
	long := strings.Repeat("parley ", 1000)
	status, stdout, stderr := runToEnd(t, long+"\n", "-v", "-deflate", "-n", "1", url)
	require.Equal(t, exitOK, status, stderr)
	require.Equal(t, long+"\n", stdout)
	require.Contains(t, stderr, "> Sec-WebSocket-Extensions: permessage-deflate")
	require.Contains(t, stderr, ", compressed\n")
	require.Regexp(t, `> TEXT FIN RSV1 MASK len=\d{1,3}  compressed\n`, stderr, "what is on the wire is shown, not what it means")
	require.Regexp(t, `< TEXT FIN RSV1 len=\d{1,3}  compressed\n`, stderr)
}

func TestTLS(t *testing.T) {
	cert, key := certificate(t, "parley.example")
	pair, err := tls.LoadX509KeyPair(cert, key)
	require.NoError(t, err)
	srv := httptest.NewUnstartedServer(conn.Handler(nil, echo))
	srv.Config.ErrorLog = quietLog()
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAnyClientCert}
	srv.StartTLS()
	defer srv.Close()
	url := "wss" + strings.TrimPrefix(srv.URL, "https")
	mine := []string{"-cert", cert, "-key", key}
	for name, tt := range map[string]struct {
		args   []string
		status int
	}{
		"nobody vouches for it":      {mine, exitUnreachable},
		"for another name":           {append([]string{"-ca", cert, "-servername", "other.example"}, mine...), exitUnreachable},
		"for the name of the URL":    {append([]string{"-ca", cert}, mine...), exitUnreachable},
		"-ca and -servername":        {append([]string{"-ca", cert, "-servername", "parley.example"}, mine...), exitOK},
		"-insecure":                  {append([]string{"-insecure"}, mine...), exitOK},
		"no certificate of our own":  {[]string{"-insecure"}, exitUnreachable},
		"-v, whose tap is above TLS": {append([]string{"-insecure", "-v"}, mine...), exitOK},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := runToEnd(t, "", append(tt.args, "-x", "hello", url)...)
			require.Equal(t, tt.status, status, stderr)
			if status == exitOK {
				require.Equal(t, "hello\n", stdout)
			}
			if strings.HasPrefix(name, "-v") {
				require.Contains(t, stderr, `> TEXT FIN MASK len=5  "hello"`)
				require.Contains(t, stderr, `< CLOSE FIN len=2  1000`)
			}
		})
	}
}

// certificate makes a certificate for a name, which is its own authority.
func certificate(t *testing.T, name string) (certFile, keyFile string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{name},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	return certFile, keyFile
}
