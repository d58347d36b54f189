package handshake

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// wrapper is what a middleware makes of a ResponseWriter: it hides Hijack.
type wrapper struct{ http.ResponseWriter }

// unwrapper is one that can be seen through.
type unwrapper struct{ wrapper }

func (u unwrapper) Unwrap() http.ResponseWriter { return u.ResponseWriter }

func TestRule08MiddlewareHeadersReachThe101(t *testing.T) {
	cfg := &ServerConfig{Header: http.Header{"Server": {"parley"}}}
	o := serveWith(t, aRequest(), func(w http.ResponseWriter, r *http.Request) (*Upgraded, error) {
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "1"})
		http.SetCookie(w, &http.Cookie{Name: "b", Value: "2"})
		w.Header().Set("X-Evil", "1\r\nX-Injected: 1")
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Length", "5")
		w.Header().Set("Connection", "close")
		return Upgrade(unwrapper{wrapper{w}}, r, cfg)
	})
	o.requireUpgraded(t)
	require.Equal(t, []string{"a=1", "b=2"}, o.Header["Set-Cookie"])
	require.Equal(t, "parley", o.Header.Get("Server"))
	require.Equal(t, "1  X-Injected: 1", o.Header.Get("X-Evil"))
	require.NotContains(t, o.Header, "X-Injected")
	require.NotContains(t, o.Header, "Content-Length")
}

func TestRule08AWriterThatCannotHijackIsNamed(t *testing.T) {
	o := serveWith(t, aRequest(), func(w http.ResponseWriter, r *http.Request) (*Upgraded, error) {
		return Upgrade(unwrapper{wrapper{wrapper{w}}}, r, nil)
	})
	o.requireRejected(t, 501)
	require.ErrorContains(t, o.err, "handshake.unwrapper around a handshake.wrapper without a Hijack method")
	require.ErrorIs(t, o.err, http.ErrNotSupported)
	require.NotContains(t, o.body, "unwrapper", "what our types are called is nobody's business")
}

func TestUpgradeAfterSomebodyElseHijacked(t *testing.T) {
	o := serveWith(t, aRequest(), func(w http.ResponseWriter, r *http.Request) (*Upgraded, error) {
		nc, _, err := w.(http.Hijacker).Hijack()
		require.NoError(t, err)
		defer nc.Close()
		return Upgrade(w, r, nil)
	})
	require.Empty(t, o.raw)
	require.ErrorIs(t, o.err, http.ErrHijacked)
	require.Zero(t, requireFailure(t, o.err).Status, "there was nobody left to answer")
}

// hijackable is a ResponseWriter over a connection of the test's.
type hijackable struct {
	*httptest.ResponseRecorder
	nc  net.Conn
	rw  *bufio.ReadWriter
	err error
}

func (h hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) { return h.nc, h.rw, h.err }

func aHTTPRequest(t *testing.T) *http.Request {
	t.Helper()
	r := httptest.NewRequest("GET", "http://example.com/chat?room=1", nil)
	r.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Key": {sampleKey}, "Sec-Websocket-Version": {"13"},
	}
	return r
}

func TestUpgradeWhenHijackingFails(t *testing.T) {
	w := hijackable{ResponseRecorder: httptest.NewRecorder(), err: errors.New("no luck")}
	w.Header().Set("Content-Encoding", "gzip")
	w.Header().Set("Etag", "x")
	_, err := Upgrade(w, aHTTPRequest(t), nil)
	require.ErrorIs(t, err, w.err)
	require.Equal(t, 500, w.Code)
	require.NotContains(t, w.Body.String(), "no luck", "error texts stay here")
	require.NotContains(t, w.Header(), "Content-Encoding", "it was meant for another answer")
	require.NotContains(t, w.Header(), "Etag")
}

func TestUpgradeBoundsTheWritingOfThe101(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := wstest.Pipe()
		defer client.Close()
		server.SetBuffer(10)
		start := time.Now()
		w := hijackable{ResponseRecorder: httptest.NewRecorder(), nc: server}
		_, err := Upgrade(w, aHTTPRequest(t), &ServerConfig{Timeout: time.Minute})
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Zero(t, requireFailure(t, err).Status)
		require.Equal(t, time.Minute, time.Since(start))
		_, err = server.Write(nil)
		require.ErrorIs(t, err, net.ErrClosed)
	})
}

// A socket that is full, as one of a client that has asked for other things before and
// does not read them, takes the 101 later, or not in time.
func TestUpgradeOverAFullSocket(t *testing.T) {
	for _, tt := range []struct {
		name    string
		reads   bool
		timeout time.Duration
	}{
		{"and the client reads", true, time.Minute},
		{"and the client does not", false, 50 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s")) // TCP's kernel may find room later
			require.NoError(t, err)
			defer l.Close()
			client, err := net.Dial("unix", l.Addr().String())
			require.NoError(t, err)
			defer client.Close()
			nc, err := l.Accept()
			require.NoError(t, err)
			defer nc.Close()
			filled := 0
			for full := 0; full < 3; { // once may be a deadline that passed before the write began
				nc.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
				n, err := nc.Write(make([]byte, 1024))
				if filled += n; n > 0 {
					full = 0
					continue
				}
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
				full++ // the deadline, which has passed, is left
			}

			var got []byte
			read := make(chan struct{})
			go func() {
				defer close(read)
				if tt.reads {
					time.Sleep(20 * time.Millisecond)
					io.CopyN(io.Discard, client, int64(filled))
					got, _ = io.ReadAll(client)
				}
			}()
			u, err := Upgrade(hijackable{ResponseRecorder: httptest.NewRecorder(), nc: nc}, aHTTPRequest(t), &ServerConfig{Timeout: tt.timeout})
			if !tt.reads {
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
				require.Zero(t, requireFailure(t, err).Status)
				return
			}
			require.NoError(t, err)
			_, err = u.Conn.Write([]byte("no deadline is left"))
			require.NoError(t, err)
			u.Conn.Close()
			<-read
			require.Regexp(t, "^HTTP/1.1 101 [^#]*\r\n\r\nno deadline is left$", string(got))
		})
	}
}

func TestUpgradeSendsThe101InOneWriteAndClearsDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := wstest.Pipe()
		defer client.Close()
		server.SetDeadline(time.Now().Add(time.Second)) // the server's own, say ReadTimeout
		w := hijackable{ResponseRecorder: httptest.NewRecorder(), nc: server}
		u, err := Upgrade(w, aHTTPRequest(t), nil)
		require.NoError(t, err)
		require.Equal(t, 1, server.Writes())
		time.Sleep(time.Hour)
		_, err = u.Conn.Write([]byte("x"))
		require.NoError(t, err)
		u.Conn.Close()
	})
}

// Nothing but what is agreed about compression; net/http has allocations of its own.
// The Upgraded is on the stack of who does not keep it.
func TestAllocationsOfAnUpgrade(t *testing.T) {
	for _, tt := range []struct {
		cfg   *ServerConfig
		offer []string
		want  float64
	}{
		{nil, nil, 0},
		{&ServerConfig{Header: http.Header{"Server": {"parley"}}}, []string{deflateName}, 0},
		{&ServerConfig{Deflate: new(DeflateConfig)}, []string{deflateName}, 1},
	} {
		nc := new(cannedConn)
		w := &hijackable{
			ResponseRecorder: httptest.NewRecorder(), nc: nc,
			rw: bufio.NewReadWriter(bufio.NewReader(nc), bufio.NewWriter(nc)),
		}
		w.Header().Set("Set-Cookie", "a=1")
		r := aHTTPRequest(t)
		r.Header["Sec-Websocket-Extensions"] = tt.offer
		require.Equal(t, tt.want, leastAllocs(func() {
			if _, err := Upgrade(w, r, tt.cfg); err != nil {
				t.Fatal(err)
			}
		}), tt.offer)
	}
}

// The memory of an Upgrade is used again. It must neither touch the header, which
// it has borrowed, nor hold on to it.
func TestUpgradeLetsGoOfTheRequest(t *testing.T) {
	r, nc := aHTTPRequest(t), new(cannedConn)
	r.Header["Origin"] = []string{"http://example.com"}
	before := r.Header.Clone()
	u := new(upgrade)
	for range 2 {
		for _, cfg := range []*ServerConfig{{}, {Check: func(*Request) error { return errors.New("no") }}} {
			w := hijackable{ResponseRecorder: httptest.NewRecorder(), nc: nc}
			upgraded := new(Upgraded)
			failure := u.run(upgraded, w, r, cfg)
			require.Equal(t, cfg.Check == nil, failure == nil)
			u.reset()
			require.Equal(t, upgrade{out: u.out}, *u)
			require.Equal(t, before, r.Header)
			if failure == nil {
				require.Equal(t, "example.com", upgraded.Host)
				require.Contains(t, string(nc.out), sampleAccept)
			}
		}
	}
	u.out = make([]byte, 5<<10)
	u.reset()
	require.Nil(t, u.out, "a large answer is not kept")
}

func TestUpgradeOfARequestMadeByHand(t *testing.T) {
	client, server := wstest.Pipe()
	defer client.Close()
	r := aHTTPRequest(t)
	r.RequestURI = ""
	u, err := Upgrade(hijackable{ResponseRecorder: httptest.NewRecorder(), nc: server}, r, nil)
	require.NoError(t, err)
	require.Equal(t, "/chat?room=1", u.URI)
	require.Equal(t, "example.com", u.Host)
	require.Equal(t, frame.Server, u.Role)
	u.Conn.Close()
}

// HTTP/2 knows neither Connection nor Upgrade, and the whole connection is not to
// be closed for the sake of one request.
func TestUpgradeOverHTTP2IsRefused(t *testing.T) {
	failed := make(chan error, 1)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := Upgrade(w, r, nil)
		failed <- err
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	r, err := s.Client().Get(s.URL)
	require.NoError(t, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.Equal(t, 2, r.ProtoMajor)
	require.Equal(t, 505, r.StatusCode)
	require.Contains(t, string(body), "HTTP/1.1")
	require.Empty(t, r.Header["Connection"])
	require.Equal(t, 505, requireFailure(t, <-failed).Status)
}

func TestRule10NothingOfNetHTTPIsKept(t *testing.T) {
	upgraded := make(chan *Upgraded)
	writer := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, err := Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
		}
		runtime.AddCleanup(r, func(done chan struct{}) { close(done) }, writer)
		upgraded <- u
	}))
	defer s.Close()
	nc, err := net.Dial("tcp", s.Listener.Addr().String())
	require.NoError(t, err)
	defer nc.Close()
	_, err = io.WriteString(nc, aRequest()+"abc")
	require.NoError(t, err)
	u := <-upgraded
	defer u.Conn.Close()
	require.IsType(t, &net.TCPConn{}, u.Conn)
	require.Equal(t, "abc", string(u.Buffered))
	require.LessOrEqual(t, cap(u.Buffered), 16, "a copy, not a piece of net/http's buffer")
	for released := false; !released; runtime.GC() {
		select {
		case <-writer: // while u is in use, the request and with it its server's state is not
			released = true
		default:
			runtime.Gosched()
		}
	}
	runtime.KeepAlive(u)
}

func TestUpgradeOverTLSKnowsIt(t *testing.T) {
	var seen bool
	cfg := &ServerConfig{Check: func(r *Request) error { seen = r.TLS; return nil }}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, err := Upgrade(w, r, cfg); err == nil {
			u.Conn.Close()
		}
	}))
	defer s.Close()
	conf := s.Client().Transport.(*http.Transport).TLSClientConfig
	u, err := Connect(t.Context(), s.URL, &ClientConfig{TLS: conf})
	require.NoError(t, err)
	u.Conn.Close()
	require.True(t, seen)
}
