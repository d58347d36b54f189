package handshake

import (
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/parleyws/websocket/frame"
)

// grant is what an accepted request was granted. Its strings are not views, but
// for the key. It is zero at first and filled in place: copies of it would make
// every stack beneath net/http grow once more.
type grant struct {
	key         string // as received, to be answered
	subprotocol string
	uri, host   string
	deflate     *Deflate      // nil: not agreed
	answer      deflateParams // how that is said
}

// judge decides about a request by the rules of RFC 6455, section 4.2, and those
// of cfg. It does no I/O: whoever calls it sends the 101 or the rejection.
func (g *grant) judge(q *request, cfg *ServerConfig) (rejection *Error) {
	if rejection = g.judgeHTTP(q); rejection != nil {
		return rejection
	}
	if rejection = judgeUpgrade(q); rejection != nil {
		return rejection
	}
	if q.major == 1 {
		g.key = q.key[0]
	}
	if q.views {
		n := len(g.uri)
		text := g.uri + g.host // one allocation for both
		g.uri, g.host = text[:n], text[n:]
	}
	q.fields.host = g.host
	r := newRequest(q, g, cfg)
	rejection = g.judgePolicy(q, cfg, r)
	r.expire()
	return rejection
}

// judgePolicy decides by the rules of cfg.
func (g *grant) judgePolicy(q *request, cfg *ServerConfig, r *Request) (rejection *Error) {
	if rejection = judgeOrigin(q, cfg, r, g.host); rejection != nil {
		return rejection
	}
	if cfg.Check != nil {
		if err := cfg.Check(r); err != nil {
			return refusal("Check", err)
		}
	}
	if g.subprotocol, rejection = selectSubprotocol(q, cfg, r); rejection != nil {
		return rejection
	}
	return g.negotiate(q, cfg.Deflate)
}

// fill fills in what the caller gets.
func (g *grant) fill(u *Upgraded, nc net.Conn, buffered []byte, header http.Header) {
	u.Conn, u.Buffered, u.Role = nc, buffered, frame.Server
	u.Subprotocol, u.Deflate = g.subprotocol, g.deflate
	u.URI, u.Host, u.Header = g.uri, g.host, header
}

// negotiate agrees about extensions, whose header judgeUpgrade has seen.
func (g *grant) negotiate(q *request, deflate *DeflateConfig) *Error {
	if deflate == nil {
		return nil
	}
	if err := deflate.check(); err != nil {
		rejection := reject(500, "cannot negotiate compression")
		rejection.Err = err
		return rejection
	}
	if answer, ok := deflate.negotiate(q.extensions); ok {
		g.deflate, g.answer = answer.agreed(), answer
	}
	return nil
}

// judgeHTTP looks at what HTTP itself asks of a request.
//
// RFC 6455, section 4.2.1: "An HTTP/1.1 or higher GET request, including a
// 'Request-URI'", and "A |Host| header field containing the server's authority."
func (g *grant) judgeHTTP(q *request) *Error {
	if rejection := judgeMethod(q); rejection != nil {
		return rejection
	}
	// A body would be read as frames, or the other way round: request smuggling. One
	// of no bytes cannot be, and there are clients and proxies that announce it.
	if q.hasBody {
		return reject(400, "the request must have no body: no Transfer-Encoding, and no Content-Length but 0")
	}
	uri, host, ok := splitTarget(q.target)
	if !ok {
		return reject(400, "the request target must be a path or an absolute URL, without a fragment")
	}
	if len(q.host) != 1 {
		return reject(400, "there must be exactly one Host header")
	}
	// RFC 9112, section 3.2.2: "When an origin server receives a request with an
	// absolute-form of request-target, the origin server MUST ignore the received
	// Host header field (if any)".
	if host == "" {
		host = q.host[0]
	}
	if _, _, ok := splitHostPort(host); !ok {
		return reject(400, "the Host header must be a host, with a port or without")
	}
	g.uri, g.host = uri, host
	return nil
}

// judgeMethod looks at the version and the method.
//
// RFC 8441, section 4: "A new pseudo-header field :protocol MAY be included on
// request HEADERS indicating the desired protocol to be spoken on the tunnel created
// by CONNECT." That is how it is over HTTP/2, where there is no upgrade.
func judgeMethod(q *request) *Error {
	switch {
	case q.major == 2 && q.connect == "":
		return reject(505, "the request must be HTTP/1.1, or over HTTP/2 an extended CONNECT; "+
			"a proxy in between may have to be told to speak that")
	// RFC 9220, section 3, says for HTTP/3 what status this is.
	case q.major == 2 && (q.method != "CONNECT" || q.connect != "websocket"):
		return reject(501, "the method must be CONNECT, with websocket for the :protocol")
	case q.major == 2:
		return nil
	case q.major != 1 || q.minor < 1:
		return reject(505, "the request must be HTTP/1.1; a proxy in between may have to be told to speak that")
	case q.method != "GET":
		rejection := reject(405, "the method must be GET")
		rejection.Header.Set("Allow", "GET")
		return rejection
	}
	return nil
}

// judgeUpgrade looks at what makes the request a WebSocket handshake, RFC 6455,
// section 4.2.1. RFC 8441, section 5, has "Upgrade", "Connection" and
// "Sec-WebSocket-Key" left out over HTTP/2, where CONNECT takes their place.
func judgeUpgrade(q *request) *Error {
	old := q.major == 1
	switch {
	// "An |Upgrade| header field containing the value 'websocket', treated as an
	// ASCII case-insensitive value."
	case old && !hasToken(q.upgrade, "websocket"):
		return upgradeRequired("this is a WebSocket endpoint: the Upgrade header must have websocket")
	// "A |Connection| header field that includes the token 'Upgrade', treated as
	// an ASCII case-insensitive value."
	case old && !hasToken(q.connection, "Upgrade"):
		return upgradeRequired("the Connection header must have upgrade; a proxy in between may have dropped it")
	// Sections 11.3.1 and 11.3.5: "MUST NOT appear more than once".
	case len(q.version) > 1:
		return reject(400, "there must be one Sec-WebSocket-Version header")
	// Section 4.2.2: "If this version does not match a version understood by the
	// server, the server MUST abort the WebSocket handshake described in this
	// section and instead send an appropriate HTTP error code (such as 426 Upgrade
	// Required) and a |Sec-WebSocket-Version| header field".
	case len(q.version) == 0 || q.version[0] != "13":
		return otherVersion(old)
	case old && len(q.key) != 1:
		return reject(400, "there must be exactly one Sec-WebSocket-Key header")
	// "A |Sec-WebSocket-Key| header field with a base64-encoded value that, when
	// decoded, is 16 bytes in length."
	case old && !validKey(q.key[0]):
		return reject(400, "the Sec-WebSocket-Key header must be 16 bytes in base64")
	}
	// Section 9.1: "the recipient of such malformed data MUST immediately _Fail the
	// WebSocket Connection_". What is well formed is declined by not answering it.
	if err := checkExtensions(q.extensions); err != nil {
		return reject(400, "malformed Sec-WebSocket-Extensions header: "+err.Error())
	}
	return nil
}

// judgeOrigin applies the origin policy. RFC 6455, section 4.2.2: "If the server
// does not wish to accept this connection, it MUST return an appropriate HTTP
// error code (e.g., 403 Forbidden)".
func judgeOrigin(q *request, cfg *ServerConfig, r *Request, host string) *Error {
	if cfg.InsecureSkipOriginCheck {
		return nil
	}
	var allowed bool
	var err error
	if cfg.CheckOrigin != nil && len(q.origin) == 1 {
		allowed = cfg.CheckOrigin(r, strings.Clone(q.origin[0]))
	} else {
		allowed, err = originAllowed(q.origin, host, q.tls, cfg.OriginPatterns)
	}
	switch {
	case err != nil:
		rejection := reject(500, "cannot check the origin")
		rejection.Err = err
		return rejection
	case allowed:
		return nil
	}
	rejection := reject(403, "this origin is not allowed")
	rejection.Reason = "the origin " + quote(strings.Join(q.origin, ", ")) +
		" is not allowed to connect to " + quote(host) + "; allow it with OriginPatterns or CheckOrigin"
	return rejection
}

// selectSubprotocol chooses among the subprotocols on offer, "" if none of them
// will do. RFC 6455, section 4.2.2: "if the server does not wish to agree to one
// of the suggested subprotocols, it MUST NOT send back a |Sec-WebSocket-Protocol|
// header field in its response".
func selectSubprotocol(q *request, cfg *ServerConfig, r *Request) (string, *Error) {
	best := len(cfg.Subprotocols)
	var offered []string
	for _, list := range q.protocol {
		for list != "" {
			var name string
			if name, list = cutElement(list); name == "" {
				continue
			}
			if !isToken(name) {
				return "", reject(400, "the subprotocols in Sec-WebSocket-Protocol must be tokens")
			}
			if cfg.SelectSubprotocol != nil {
				offered = append(offered, strings.Clone(name))
			} else if i := slices.Index(cfg.Subprotocols[:best], name); i >= 0 {
				best = i
			}
		}
	}
	if len(offered) > 0 {
		return askForSubprotocol(cfg, r, offered)
	}
	if best < len(cfg.Subprotocols) {
		return cfg.Subprotocols[best], nil
	}
	return "", nil
}

func askForSubprotocol(cfg *ServerConfig, r *Request, offered []string) (string, *Error) {
	chosen, err := cfg.SelectSubprotocol(r, slices.Clone(offered))
	if err != nil {
		return "", refusal("SelectSubprotocol", err)
	}
	if chosen != "" && !slices.Contains(offered, chosen) {
		rejection := reject(500, "cannot choose a subprotocol")
		rejection.Reason = "SelectSubprotocol returned " + quote(chosen) + ", which was not offered"
		return "", rejection
	}
	return chosen, nil
}

// reject makes a rejection whose reason is also its body. Every rejection closes
// the connection: what follows a refused handshake is not another request.
func reject(status int, reason string) *Error {
	return &Error{
		Status: status,
		Header: http.Header{"Connection": {"close"}},
		Body:   []byte(reason + "\n"),
		Reason: reason,
	}
}

// upgradeRequired makes the rejection of a request that asks for something other
// than WebSocket version 13. RFC 9110, section 15.5.22: "The server MUST send an
// Upgrade header field in a 426 response"; and section 7.8: "A sender of Upgrade
// MUST also send an 'Upgrade' connection option in the Connection header field".
func upgradeRequired(reason string) *Error {
	rejection := reject(426, reason)
	rejection.Header["Connection"] = []string{"close", "Upgrade"}
	rejection.Header.Set("Upgrade", "websocket")
	rejection.Header.Set("Sec-WebSocket-Version", "13")
	return rejection
}

// otherVersion makes the rejection of another version of WebSocket. Over HTTP/2
// there is no Upgrade header, and 426 cannot be without one.
func otherVersion(old bool) *Error {
	const reason = "the Sec-WebSocket-Version header must be 13"
	if old {
		return upgradeRequired(reason)
	}
	rejection := reject(400, reason)
	rejection.Header.Set("Sec-WebSocket-Version", "13")
	return rejection
}

// refusal makes the rejection for the error of a callback. The text of an error
// is for our own log and never goes on the wire, unless it was meant to.
func refusal(callback string, err error) *Error {
	rejection := reject(403, "refused")
	var answer *Error
	if errors.As(err, &answer) && 300 <= answer.Status && answer.Status < 600 {
		rejection = reject(answer.Status, http.StatusText(answer.Status))
		for name, values := range answer.Header {
			if !isReserved(name) {
				rejection.Header[http.CanonicalHeaderKey(name)] = values
			}
		}
		if answer.Body != nil {
			rejection.Body = answer.Body
		}
	}
	rejection.Reason, rejection.Err = callback+" refused the request", err
	return rejection
}
