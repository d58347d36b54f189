package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/handshake"
)

// dialFlags say how to connect; the client and the benchmark share them.
type dialFlags struct {
	header         headerFlag
	subprotocols   listFlag
	origin         string
	insecure       bool
	ca, cert, key  string
	serverName     string
	deflate        bool
	redirects      bool
	connectTimeout time.Duration
	maxMessage     int64
	proxy          proxyFlag
	unix           string
}

func (d *dialFlags) register(f *flag.FlagSet) {
	f.Var(&d.header, "H", "send the header `'Name: value'`; may be repeated")
	f.Var(&d.subprotocols, "s", "offer the subprotocols `a,b`; may be repeated")
	f.StringVar(&d.origin, "o", "", "send the Origin `https://example.com`; with -listen: the origins that may connect, as in https://*.example.com")
	f.BoolVar(&d.insecure, "insecure", false, "take any certificate of the server")
	f.StringVar(&d.ca, "ca", "", "trust the certificates in `file` (PEM), and no others")
	f.StringVar(&d.cert, "cert", "", "certificate `file` (PEM) to show to the other side")
	f.StringVar(&d.key, "key", "", "its private key `file` (PEM)")
	f.StringVar(&d.serverName, "servername", "", "expect the server's certificate to be for `name`")
	f.BoolVar(&d.deflate, "deflate", false, "have messages compressed (permessage-deflate)")
	f.BoolVar(&d.redirects, "L", false, "follow redirects")
	f.DurationVar(&d.connectTimeout, "connect-timeout", 30*time.Second, "how long connecting may take")
	f.Var(&d.proxy, "proxy", "connect through the proxy `URL` (http, https, socks5), or none; else the environment decides")
	f.StringVar(&d.unix, "unix", "", "connect to the Unix socket at `path`, whatever the host of the URL")
	f.Int64Var(&d.maxMessage, "max", 64<<20, "largest message to accept, in `bytes`")
}

// handshake makes the configuration of the opening handshake.
func (d *dialFlags) handshake() (*handshake.ClientConfig, error) {
	t, err := d.tls()
	if err != nil {
		return nil, err
	}
	cfg := &handshake.ClientConfig{
		Subprotocols: d.subprotocols,
		Header:       d.request(),
		TLS:          t,
		Timeout:      d.connectTimeout,
		Proxy:        d.proxy.choose,
	}
	if d.unix != "" {
		cfg.NetDial = handshake.UnixDial(d.unix)
	}
	if d.deflate {
		cfg.Deflate = &handshake.DeflateConfig{ServerContextTakeover: true, ClientContextTakeover: true}
	}
	if d.redirects {
		cfg.CheckRedirect = func(*url.URL, []*url.URL) error { return nil }
	}
	return cfg, nil
}

// request returns the header fields to send.
func (d *dialFlags) request() http.Header {
	h := d.header.Clone()
	if h == nil {
		h = http.Header{}
	}
	if d.origin != "" {
		h.Set("Origin", d.origin)
	}
	if h["User-Agent"] == nil {
		h.Set("User-Agent", "parley-wscat")
	}
	return h
}

// config makes the configuration of the connection, for clients and for the
// server.
func (d *dialFlags) config() *conn.Config {
	cfg := &conn.Config{MaxMessage: d.maxMessage}
	if d.deflate {
		cfg.Compression = &conn.Compression{ServerContextTakeover: true, ClientContextTakeover: true}
	}
	return cfg
}

// tls returns what -insecure, -ca, -cert, -key and -servername say.
func (d *dialFlags) tls() (*tls.Config, error) {
	t := &tls.Config{InsecureSkipVerify: d.insecure, ServerName: d.serverName}
	if d.ca != "" {
		pem, err := os.ReadFile(d.ca)
		if err != nil {
			return nil, usagef("-ca: %v", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, usagef("-ca: there is no certificate in %s", d.ca)
		}
	}
	if d.cert != "" || d.key != "" {
		pair, err := tls.LoadX509KeyPair(d.cert, d.key)
		if err != nil {
			return nil, usagef("-cert and -key: %v", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

// connect performs the opening handshake. It goes through package handshake, and
// not conn.Dial, to have the response's header and to lay a tap beneath the
// connection.
func connect(ctx context.Context, rawURL string, d *dialFlags) (*handshake.Upgraded, error) {
	if u, err := url.Parse(rawURL); err != nil || u.Host == "" {
		return nil, usagef("%q is no URL to connect to", rawURL)
	}
	cfg, err := d.handshake()
	if err != nil {
		return nil, err
	}
	u, err := handshake.Connect(ctx, rawURL, cfg)
	if err != nil && ctx.Err() != nil {
		return nil, whyEnded(ctx)
	}
	return u, err
}

// redacted is a URL without its password, for people to read.
func redacted(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return rawURL
	}
	return u.Redacted()
}

// refusal returns the response of a server that refused the handshake, or nil.
func refusal(err error) *handshake.Error {
	var failed *handshake.Error
	if errors.As(err, &failed) && failed.Status != 0 {
		return failed
	}
	return nil
}
