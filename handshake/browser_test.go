package handshake

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What a browser does not let scripts do is not just left out.
func TestBrowserCannot(t *testing.T) {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	follow := func(*url.URL, []*url.URL) error { return nil }
	const plain = "wss://example.com/chat"
	for name, tt := range map[string]struct {
		url string
		cfg ClientConfig
		why string // "": it can
	}{
		"nothing is asked":          {plain, ClientConfig{}, ""},
		"subprotocols":              {plain, ClientConfig{Subprotocols: []string{"chat"}}, ""},
		"time, bounds, compression": {plain, ClientConfig{Timeout: time.Second, MaxHeaderBytes: 1, MaxHeaders: 1, MaxBodyBytes: 1, Deflate: &DeflateConfig{}}, ""},
		"an empty header":           {plain, ClientConfig{Header: http.Header{}}, ""},
		"a header":                  {plain, ClientConfig{Header: http.Header{"Origin": {"https://example.com"}}}, "Header is set"},
		"user information":          {"ws://me:secret@example.com/", ClientConfig{}, "the URL has user information"},
		"TLS":                       {plain, ClientConfig{TLS: &tls.Config{}}, "TLS is set"},
		"a proxy":                   {plain, ClientConfig{Proxy: NoProxy}, "Proxy is set"},
		"cookies":                   {plain, ClientConfig{Jar: jar}, "Jar is set"},
		"redirects":                 {plain, ClientConfig{CheckRedirect: follow}, "CheckRedirect is set"},
	} {
		t.Run(name, func(t *testing.T) {
			target, err := parseTarget(tt.url)
			require.NoError(t, err)
			err = (&client{cfg: &tt.cfg}).checkBrowser(&target)
			if tt.why == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, errors.ErrUnsupported)
			require.ErrorContains(t, err, tt.why)
			require.NotContains(t, err.Error(), "secret")
		})
	}
}

func TestBrowserURL(t *testing.T) {
	for raw, want := range map[string]string{
		"http://example.com":            "ws://example.com/",
		"https://example.com:443/a?b=c": "wss://example.com/a?b=c",
		"ws://[::1]:8080/ü?ö":           "ws://[::1]:8080/%C3%BC?%C3%B6",
		"wss://example.com:8443/%23":    "wss://example.com:8443/%23",
	} {
		target, err := parseTarget(raw)
		require.NoError(t, err)
		require.Equal(t, want, target.browserURL(), raw)
	}
}
