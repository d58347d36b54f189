package handshake

import (
	"net/http"
	"strings"
)

// Request is the opening request as the callbacks of a [ServerConfig] see it:
// the same whether it came through net/http or on the raw path. Its header is
// there until the callback returns; the strings it gives are the caller's.
type Request struct {
	// URI is the request target in origin-form: the path, not decoded, and the
	// query, "/chat?room=1".
	URI string

	// Host is the authority the request is for, "example.com:8080".
	Host string

	// TLS reports whether the request came over TLS to this process. It is false
	// behind a proxy that ends TLS.
	TLS bool

	fields fields
}

// newRequest makes the public form of q, nil if there is no callback to show it
// to.
func newRequest(q *request, g *grant, cfg *ServerConfig) *Request {
	if cfg.Check == nil && cfg.CheckOrigin == nil && cfg.SelectSubprotocol == nil {
		return nil
	}
	return &Request{URI: g.uri, Host: g.host, TLS: q.tls, fields: q.fields}
}

// expire takes the header away, whose memory is about to be used again.
func (r *Request) expire() {
	if r != nil {
		r.fields = fields{}
	}
}

// Path returns the URI without its query, not decoded.
func (r *Request) Path() string {
	path, _, _ := strings.Cut(r.URI, "?")
	return path
}

// Get returns the value of the first field of that name, in any case, "" if
// there is none.
func (r *Request) Get(name string) string {
	if values := r.Values(name); len(values) > 0 {
		return values[0]
	}
	return ""
}

// Values returns the values of all fields of that name, in any case, in order.
// The slice belongs to the caller.
func (r *Request) Values(name string) []string { return r.fields.values(name) }

// fields are the header fields of a request, from either path.
type fields struct {
	parsed http.Header // by net/http
	raw    []field     // by us: views
	host   string      // net/http keeps Host elsewhere; the same for both paths
}

// values returns copies of the values of the named field.
func (f fields) values(name string) []string {
	if equalFold(name, "Host") {
		return []string{f.host}
	}
	values := append([]string(nil), f.parsed.Values(name)...)
	for _, line := range f.raw {
		if equalFold(line.name, name) {
			values = append(values, strings.Clone(line.value))
		}
	}
	return values
}

// keep returns the fields of the given names, nil if no name is given.
func (f fields) keep(names []string) http.Header {
	if len(names) == 0 {
		return nil
	}
	kept := make(http.Header)
	for _, name := range names {
		if values := f.values(name); values != nil {
			kept[http.CanonicalHeaderKey(name)] = values
		}
	}
	return kept
}

// request is a parsed opening request: what judge needs to know, and nothing of
// where it came from.
type request struct {
	views          bool // on the raw path: its strings are views of memory that is used again
	method, target string
	major, minor   int
	connect        string // over HTTP/2 the :protocol of an extended CONNECT, "" if it is none
	tls            bool
	hasBody        bool // Transfer-Encoding, or a Content-Length that is not 0

	// The values of the fields, one for each line.
	host, origin, connection, upgrade  []string
	key, version, protocol, extensions []string

	fields fields
}

// reset empties q and keeps its memory, but none that its strings are views of.
func (q *request) reset() {
	for _, values := range [...]*[]string{
		&q.host, &q.origin, &q.connection, &q.upgrade, &q.key, &q.version, &q.protocol, &q.extensions,
	} {
		clear(*values)
		*values = (*values)[:0]
	}
	q.method, q.target, q.hasBody, q.fields = "", "", false, fields{}
}

// fromHTTP makes a request of one that net/http has parsed. q is empty before;
// afterwards all its lists but host are borrowed from r, and not for reset.
func (q *request) fromHTTP(r *http.Request) {
	q.method, q.target = r.Method, r.RequestURI
	q.major, q.minor = r.ProtoMajor, r.ProtoMinor
	q.tls = r.TLS != nil
	q.hasBody = r.ContentLength != 0 || len(r.TransferEncoding) > 0
	if q.major == 2 {
		q.connect = first(r.Header[":protocol"])
		q.hasBody = r.ContentLength != -1 // the stream goes on, and nobody says how far
	}
	q.host = append(q.host, r.Host)
	q.origin = r.Header["Origin"]
	q.connection = r.Header["Connection"]
	q.upgrade = r.Header["Upgrade"]
	q.key = r.Header["Sec-Websocket-Key"]
	q.version = r.Header["Sec-Websocket-Version"]
	q.protocol = r.Header["Sec-Websocket-Protocol"]
	q.extensions = r.Header["Sec-Websocket-Extensions"]
	q.fields.parsed = r.Header
	if q.target == "" { // a request made by hand
		q.target = r.URL.RequestURI()
	}
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// fromHead makes a request of one that we have parsed ourselves.
func (q *request) fromHead(h *head) {
	q.views = true
	q.method, q.target, q.major, q.minor, _ = cutRequestLine(h.start)
	q.fields.raw = h.fields
	for _, f := range h.fields {
		switch values := q.values(f.name); {
		case values != nil:
			*values = append(*values, f.value)
		case equalFold(f.name, "Content-Length") && f.value != "0", equalFold(f.name, "Transfer-Encoding"):
			q.hasBody = true
		}
	}
}

// values returns where the values of the named field are kept, nil if nowhere.
func (q *request) values(name string) *[]string {
	switch {
	case equalFold(name, "Host"):
		return &q.host
	case equalFold(name, "Origin"):
		return &q.origin
	case equalFold(name, "Connection"):
		return &q.connection
	case equalFold(name, "Upgrade"):
		return &q.upgrade
	case equalFold(name, "Sec-WebSocket-Key"):
		return &q.key
	case equalFold(name, "Sec-WebSocket-Version"):
		return &q.version
	case equalFold(name, "Sec-WebSocket-Protocol"):
		return &q.protocol
	case equalFold(name, "Sec-WebSocket-Extensions"):
		return &q.extensions
	}
	return nil
}

// checkRequestLine refuses a line that is no request line.
func checkRequestLine(line string) error {
	if _, _, _, _, ok := cutRequestLine(line); !ok {
		return malformed("the first line is not an HTTP request line")
	}
	return nil
}

// cutRequestLine cuts "GET /chat HTTP/1.1" (RFC 9112, section 3).
func cutRequestLine(line string) (method, target string, major, minor int, ok bool) {
	method, rest, _ := strings.Cut(line, " ")
	target, version, _ := strings.Cut(rest, " ")
	major, minor, ok = parseVersion(version)
	return method, target, major, minor, ok && isToken(method) && target != ""
}

// parseVersion parses "HTTP/1.1" (RFC 9112, section 2.3).
func parseVersion(s string) (major, minor int, ok bool) {
	if len(s) != len("HTTP/1.1") || s[:5] != "HTTP/" || s[6] != '.' || !isDigit(s[5]) || !isDigit(s[7]) {
		return 0, 0, false
	}
	return int(s[5] - '0'), int(s[7] - '0'), true
}
