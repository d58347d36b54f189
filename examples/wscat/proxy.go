package main

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/parleyws/websocket/handshake"
)

// proxyFlag is -proxy. Without it the environment decides, as for other programs:
// HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
type proxyFlag struct {
	choose func(*http.Request) (*url.URL, error)
}

func (p *proxyFlag) String() string { return "" }

func (p *proxyFlag) Set(s string) error {
	if s == "none" {
		p.choose = handshake.NoProxy
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return errors.New("want a URL, as in http://user:password@host:port or socks5://host:port, or none")
	}
	p.choose = http.ProxyURL(u)
	return nil
}
