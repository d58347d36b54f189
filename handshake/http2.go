package handshake

import (
	"context"
	"crypto/tls"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// HTTP2 has clients open their connections over HTTP/2 (RFC 8441), many of them over
// one TCP connection: that saves each but the first the round trips of TCP and TLS,
// and the server a socket. Its zero value is ready for use. One HTTP2 is shared by
// the dials whose connections may go together:
//
//	var shared handshake.HTTP2
//
//	cfg := &handshake.ClientConfig{HTTP2: &shared}
//
// It offers h2 in the TLS handshake, so that it is for wss and https URLs, and
// plain text goes over HTTP/1.1 as ever. So does a server that does not choose h2,
// or that has h2 but not extended CONNECT; this is remembered for ten minutes. Where
// a server lets no more streams be opened, or is about to leave (GOAWAY), the next
// dial opens another TCP connection. One that is silent for 30 seconds is asked for
// a sign of life, and its streams fail if none comes in 15 seconds.
//
// Connections are shared among dials to the same host and port with the same
// ClientConfig.TLS, by pointer. The NetDial and the Proxy of whoever is the first are used.
//
// What it costs: net/http is what speaks HTTP/2. It has a goroutine for a stream,
// and a buffer as large as the largest frame that the server takes, 512 KiB at the
// most, and that is what a server of net/http takes unless http.Server.HTTP2 has a
// MaxReadFrameSize. All streams of a connection wait for a lost packet of one.
//
// All methods may be called from any goroutine. An HTTP2 must not be copied.
type HTTP2 struct {
	// IdleTimeout is how long a TCP connection without streams is kept. If zero, 90
	// seconds. If negative, it is closed with its last stream.
	IdleTimeout time.Duration

	mu      sync.Mutex
	origins map[originKey]*h2origin
}

const (
	defaultIdleTimeout = 90 * time.Second

	// plainTime is how long it is remembered that a server wants HTTP/1.1.
	plainTime = 10 * time.Minute

	// manyOrigins is how many are kept before those that are of no use are looked for.
	manyOrigins = 64

	// streamWindow is how much of one stream a peer may send before it is read. That
	// of a connection is net/http's, 1 GiB: streams that nobody reads must not stop
	// the others.
	streamWindow = 256 << 10

	pingAfter   = 30 * time.Second
	pingTimeout = 15 * time.Second
)

// originKey is what dials must have in common to share a connection.
type originKey struct {
	addr, name string
	tls        *tls.Config
}

// h2origin is what is known of one server.
type h2origin struct {
	links   []*link
	opening chan struct{} // closed when whoever opens a link is done; nil: nobody does
	plain   time.Time     // until then it is dialled with HTTP/1.1
}

// link is one TCP connection with HTTP/2.
type link struct {
	pool    *HTTP2
	key     originKey
	nc      *tls.Conn
	control *http.Transport   // that rt belongs to, and no other link
	rt      http.RoundTripper // of net/http's HTTP/2

	// Guarded by pool.mu.
	streams int         // ours, open or about to be
	full    bool        // it took no more, and no stream has ended since
	idle    *time.Timer // until it is closed, if there is no stream
}

// newLink makes a link of a connection on which h2 was agreed. It is nil if net/http
// has no HTTP/2: GODEBUG may have http2client=0.
func (p *HTTP2) newLink(key originKey, nc *tls.Conn, maxHeaderBytes int) *link {
	t := &http.Transport{
		Protocols:              new(http.Protocols),
		DisableCompression:     true, // RFC 8441: no Accept-Encoding, a stream of frames is no content
		MaxResponseHeaderBytes: int64(maxHeaderBytes),
		IdleConnTimeout:        p.idleTimeout() + time.Minute, // ours comes first
		HTTP2: &http.HTTP2Config{
			MaxReceiveBufferPerStream: streamWindow,
			SendPingTimeout:           pingAfter,
			PingTimeout:               pingTimeout,
			WriteByteTimeout:          pingAfter,
		},
	}
	t.Protocols.SetHTTP2(true)
	t.CloseIdleConnections() // has it set up HTTP/2
	upgrade := t.TLSNextProto["h2"]
	if upgrade == nil {
		return nil
	}
	return &link{pool: p, key: key, nc: nc, control: t, rt: upgrade(key.addr, nc), streams: 1}
}

func (p *HTTP2) idleTimeout() time.Duration {
	switch {
	case p.IdleTimeout < 0:
		return 0
	case p.IdleTimeout == 0:
		return defaultIdleTimeout
	}
	return p.IdleTimeout
}

// What get has found.
type found int

const (
	foundLink  found = iota
	foundPlain       // the server wants HTTP/1.1
	foundNone        // the caller is to open a link, and then to call opened
)

// get returns a link that may take one more stream, with that stream counted. While
// somebody opens one, others wait for it: how many streams a server allows is known
// only then.
func (p *HTTP2) get(ctx context.Context, key originKey) (*link, found, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		o := p.origin(key)
		if time.Now().Before(o.plain) {
			return nil, foundPlain, nil
		}
		if i := slices.IndexFunc(o.links, func(l *link) bool { return !l.full }); i >= 0 {
			o.links[i].take()
			return o.links[i], foundLink, nil
		}
		if o.opening == nil {
			o.opening = make(chan struct{})
			return nil, foundNone, nil
		}
		opening := o.opening
		p.mu.Unlock()
		select {
		case <-opening:
		case <-ctx.Done():
		}
		p.mu.Lock()
		if ctx.Err() != nil {
			return nil, foundNone, contextError(ctx)
		}
	}
}

// origin returns what is known of a server. The caller holds mu.
func (p *HTTP2) origin(key originKey) *h2origin {
	o := p.origins[key]
	if o != nil {
		return o
	}
	if p.origins == nil {
		p.origins = make(map[originKey]*h2origin)
	}
	if len(p.origins) >= manyOrigins {
		maps.DeleteFunc(p.origins, func(_ originKey, o *h2origin) bool { return o.isUseless() })
	}
	o = new(h2origin)
	p.origins[key] = o
	return o
}

func (o *h2origin) isUseless() bool {
	return len(o.links) == 0 && o.opening == nil && !time.Now().Before(o.plain)
}

// opened ends what get began with foundNone: there is a link now, or the server wants
// HTTP/1.1, or it came to nothing.
func (p *HTTP2) opened(key originKey, l *link, plain bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.origins[key]
	close(o.opening)
	o.opening = nil
	if l != nil {
		o.links = append(o.links, l)
	}
	if plain {
		o.plain = time.Now().Add(plainTime)
	}
	if o.isUseless() {
		delete(p.origins, key)
	}
}

// take counts a stream. The caller holds mu.
func (l *link) take() {
	l.streams++
	if l.idle != nil {
		l.idle.Stop()
		l.idle = nil
	}
}

// refused takes note that the link has not taken a stream that was counted.
func (l *link) refused() {
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	l.streams--
	l.full = true
	if l.streams == 0 { // then it is not full, but dead
		l.drop()
	}
}

// release takes note that a stream has ended.
func (l *link) release() {
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	l.streams--
	l.full = false
	switch after := l.pool.idleTimeout(); {
	case l.streams > 0:
	case after == 0:
		l.drop()
	default:
		l.idle = time.AfterFunc(after, l.expire)
	}
}

// discard drops a link that never came to be of use.
func (l *link) discard() {
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	if l.streams == 0 {
		l.drop()
	}
}

// expire drops a link that has been idle for long enough.
func (l *link) expire() {
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	if l.idle != nil && l.streams == 0 {
		l.drop()
	}
}

// drop forgets a link without streams and closes it. The caller holds mu.
func (l *link) drop() {
	if l.idle != nil {
		l.idle.Stop()
		l.idle = nil
	}
	p := l.pool
	if o := p.origins[l.key]; o != nil {
		o.links = slices.DeleteFunc(o.links, func(other *link) bool { return other == l })
		if o.isUseless() {
			delete(p.origins, l.key)
		}
	}
	go l.close()
}

// close closes the link, which may have to wait for the peer to take what is written.
func (l *link) close() {
	l.control.CloseIdleConnections()
	hangUp(l.nc)
}

// CloseIdleConnections closes the TCP connections that have no streams.
func (p *HTTP2) CloseIdleConnections() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range p.origins {
		for _, l := range slices.Clone(o.links) {
			if l.streams == 0 {
				l.drop()
			}
		}
	}
}
