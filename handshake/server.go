package handshake

import (
	"net/http"
	"time"
)

const (
	defaultMaxHeaderBytes = 16 << 10
	defaultMaxHeaders     = 100
	defaultTimeout        = 10 * time.Second
)

// ServerConfig says which requests a server accepts and how it answers. The
// zero value is safe, and so is a nil *ServerConfig: same origin, no
// subprotocol, bounded. It must not be changed while a handshake uses it.
type ServerConfig struct {
	// Subprotocols are the subprotocols this server speaks, in its order of
	// preference: the first one that the client offers too is chosen, whatever
	// the client's own order. If there is no such, the connection is opened
	// without one, and the client may give up (RFC 6455, section 4.2.2).
	Subprotocols []string

	// SelectSubprotocol, if set, decides in place of Subprotocols. It is called
	// only if the client offers subprotocols, with these in the client's order,
	// and returns one of them or "" for none. An error refuses the request, as
	// one from Check does.
	SelectSubprotocol func(r *Request, offered []string) (string, error)

	// Deflate, if set, agrees to compression if the client offers it: to the first
	// offer that is valid. If nil, every offer is declined.
	Deflate *DeflateConfig

	// OriginPatterns allows browser origins besides the server's own. A pattern
	// without "://" is matched against the origin's host[:port], one with it
	// against scheme://host[:port]; both as in [path.Match] and regardless of
	// case, the port left out where it is the scheme's default. A pattern equal
	// to what it is matched against always matches, so that "[::1]:8080" need
	// not be escaped. An origin without a host is allowed by the same text only:
	// "null", which sandboxed pages send, or "file://", which apps made of web
	// pages do. Examples: "example.com", "*.example.com",
	// "https://*.example.com", "localhost:*".
	//
	// The server's own origin is that of the Host field. Behind a proxy that
	// puts another name there all browsers are foreign: have it pass on the
	// browser's Host, or name the public host here.
	OriginPatterns []string

	// CheckOrigin, if set, decides in place of the same-origin rule and of
	// OriginPatterns. It is called with the value of the Origin field; requests
	// without the field (not from a browser) are allowed and requests with
	// several refused before it is asked.
	CheckOrigin func(r *Request, origin string) bool

	// InsecureSkipOriginCheck lets any web page open connections in the name
	// of its visitor, cookies included. Only for servers that rely on neither
	// cookies nor the network they are reached from (RFC 6455, section 10.2).
	InsecureSkipOriginCheck bool

	// Check, if set, has the last word, after the rules of the protocol and of
	// the origin: the place to look at the path or at credentials where there is
	// no HTTP handler before. An error refuses the request: an *Error with a
	// Status is answered as it says, any other error as 403 without its text.
	Check func(r *Request) error

	// Header is sent with the 101 response, over HTTP/2 the 200. What the handshake itself decides
	// (Connection, Upgrade, Sec-WebSocket-*) or what says that a body follows
	// (Content-Length, Transfer-Encoding, Trailer) is left out; so are fields
	// whose name is not a token, and CR, LF and NUL in a value become spaces.
	Header http.Header

	// KeepHeader names the request's fields that Upgraded.Header shall hold.
	KeepHeader []string

	// MaxHeaderBytes bounds the request, from its first byte to the blank line,
	// on the raw path. 0 or less: 16 KiB, which leaves room for the cookies that
	// browsers bring. The memory grows as bytes arrive. (net/http has its own
	// bound, http.Server.MaxHeaderBytes.)
	MaxHeaderBytes int

	// MaxHeaders bounds the number of header fields on the raw path. 0 or less:
	// 100.
	MaxHeaders int

	// Timeout bounds the whole handshake on the raw path, from the call of
	// Accept to the end of the answer, however slowly the peer sends. On the
	// net/http path it bounds the writing of the 101 or 200. 0 or less: 10 s.
	Timeout time.Duration
}

// defaultServerConfig stands for nil. It is not written to; on the stack it would
// take up much of what there is.
var defaultServerConfig ServerConfig

func (c *ServerConfig) orDefault() *ServerConfig {
	if c == nil {
		return &defaultServerConfig
	}
	return c
}

func (c *ServerConfig) maxHeaderBytes() int {
	return positiveOr(c.MaxHeaderBytes, defaultMaxHeaderBytes)
}

func (c *ServerConfig) maxHeaders() int {
	return positiveOr(c.MaxHeaders, defaultMaxHeaders)
}

func (c *ServerConfig) timeout() time.Duration {
	return positiveOr(c.Timeout, defaultTimeout)
}

func positiveOr[T int | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}
