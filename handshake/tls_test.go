package handshake

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/internal/wstest"
)

// selfSigned returns a certificate for the given name, and a pool that trusts it.
// It is valid in a bubble's time too.
func selfSigned(t *testing.T, name string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC),
		DNSNames:     []string{name},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

// dialTo returns a NetDial whose connections lead to serve, which is waited for
// at the end of the test. A connection is closed when serve returns.
func dialTo(t *testing.T, serve func(net.Conn)) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := wstest.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer server.Close()
			serve(server)
		}()
		t.Cleanup(func() {
			client.Close()
			<-done
		})
		return client, nil
	}
}

// A peer that has shaken hands and then takes nothing does not hold up the end:
// closing a tls.Conn would write to it for another 5 seconds.
func TestRule15CancelWhileATLSPeerTakesNothing(t *testing.T) {
	cert, roots := selfSigned(t, "example.com")
	synctest.Test(t, func(t *testing.T) {
		client, server := wstest.Pipe()
		defer server.Close()
		shaken := make(chan struct{})
		go func() {
			defer close(shaken)
			tls.Server(server, &tls.Config{Certificates: []tls.Certificate{cert}}).Handshake()
		}()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		_, err := Connect(ctx, "wss://example.com", &ClientConfig{
			TLS:     &tls.Config{RootCAs: roots},
			Header:  http.Header{"X": {strings.Repeat("a", 1<<20)}},
			NetDial: func(context.Context, string, string) (net.Conn, error) { return client, nil },
		})
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, time.Second, time.Since(start))
		<-shaken
	})
}

// tlsPeer is a client that has shaken hands and sent a request, and now takes no
// more than n bytes.
func tlsPeer(t *testing.T, request string, n int) (client *wstest.Conn, server *tls.Conn) {
	t.Helper()
	cert, roots := selfSigned(t, "example.com")
	client, nc := wstest.Pipe()
	server = tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{cert}})
	go func() {
		tc := tls.Client(client, &tls.Config{RootCAs: roots, ServerName: "example.com"})
		io.WriteString(tc, request)
	}()
	require.NoError(t, server.Handshake())
	synctest.Wait()
	nc.SetBuffer(n)
	return client, server
}

func TestRule09ATLSPeerThatTakesNothing(t *testing.T) {
	for _, tt := range []struct {
		name, request string
		status        int
		want          time.Duration
	}{
		{"of the 101", aRequest(), 0, defaultTimeout},
		{"of a rejection", aRequest("-Upgrade"), 426, lingerTime},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := tlsPeer(t, tt.request, 0)
				defer client.Close()
				start := time.Now()
				_, err := Accept(server, nil)
				require.Equal(t, tt.status, requireFailure(t, err).Status)
				require.Equal(t, tt.want, time.Since(start))
			})
		})
	}
	t.Run("through net/http", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			client, server := tlsPeer(t, "", 0)
			defer client.Close()
			start := time.Now()
			w := hijackable{ResponseRecorder: httptest.NewRecorder(), nc: server}
			_, err := Upgrade(w, aHTTPRequest(t), nil)
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			require.Equal(t, defaultTimeout, time.Since(start))
		})
	})
}

// RFC 8446, section 6.1: "Each party MUST send a 'close_notify' alert before
// closing its write side of the connection".
func TestARefusedTLSPeerIsToldOfTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cert, roots := selfSigned(t, "example.com")
		client, nc := wstest.Pipe()
		go Accept(tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{cert}}), nil)
		tc := tls.Client(client, &tls.Config{RootCAs: roots, ServerName: "example.com"})
		io.WriteString(tc, aRequest("-Upgrade"))
		raw, err := io.ReadAll(tc)
		require.NoError(t, err, "an end without the alert would be io.ErrUnexpectedEOF")
		require.True(t, bytes.HasPrefix(raw, []byte("HTTP/1.1 426")))
		tc.Close()
	})
}
