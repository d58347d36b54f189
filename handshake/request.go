package handshake

import (
	"net/http"
	"strings"
)

// Request is the opening request as the callbacks of a [ServerConfig] see it:
// the same whether it came through net/http or on the raw path. It is valid
// until the callback returns; the strings it gives are the caller's to keep.
type Request struct {
	// URI is the request target in origin-form: the path, not decoded, and the
	// query, "/chat?room=1".
	URI string

	// Host is the authority the request is for, "example.com:8080".
	Host string

	// TLS reports whether the request came over TLS to this process. It is false
	// behind a proxy that ends TLS.
	TLS bool

	header http.Header // on the net/http path
	fields []field     // on the raw path
}

// field is a header field, as received, its value trimmed.
type field struct {
	name, value string
}

// Path returns the URI without its query, not decoded.
func (r *Request) Path() string {
	path, _, _ := strings.Cut(r.URI, "?")
	return path
}

// Get returns the value of the first field of that name, in any case, "" if
// there is none.
func (r *Request) Get(name string) string {
	if r.header != nil {
		return r.header.Get(name)
	}
	for _, f := range r.fields {
		if equalFold(f.name, name) {
			return strings.Clone(f.value)
		}
	}
	return ""
}

// Values returns the values of all fields of that name, in any case, in order.
func (r *Request) Values(name string) []string {
	values := append([]string(nil), r.header.Values(name)...)
	for _, f := range r.fields {
		if equalFold(f.name, name) {
			values = append(values, strings.Clone(f.value))
		}
	}
	return values
}
