package handshake

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/internal/wstest"
)

// side is one end of a stream, and the other.
type side struct {
	name       string
	nc, other  *Stream
	isServer   bool
	handlerEnd chan struct{} // closed when the HTTP handler has returned
	tcp        *wstest.Conn  // the client's end of what is beneath
}

// onBothSides runs a test for the client's end of a stream, and for the server's.
func onBothSides(t *testing.T, tune func(*httptest.Server), test func(t *testing.T, x side)) {
	for _, name := range []string{"client", "server"} {
		t.Run(name, func(t *testing.T) {
			got := make(chan *Stream, 1)
			var ended chan struct{}
			handler := func(w http.ResponseWriter, r *http.Request) {
				defer close(ended)
				u, err := Upgrade(w, r, nil)
				if err != nil {
					t.Error(err)
					return
				}
				got <- u.Conn.(*Stream)
				u.Conn.(*Stream).Wait()
			}
			inMemory(t, handler, tune, func(t *testing.T, s *h2server) {
				got, ended = make(chan *Stream, 1), make(chan struct{})
				client := connectH2(t, s, nil).Conn.(*Stream)
				server := <-got
				x := side{name, client, server, false, ended, s.memory.last}
				if name == "server" {
					x = side{name, server, client, true, ended, s.memory.last}
				}
				test(t, x)
				client.Close()
				server.Close()
				client.Wait()
				<-ended
			})
		})
	}
}

func TestStreamReadDeadlineResumes(t *testing.T) {
	onBothSides(t, nil, func(t *testing.T, x side) {
		var p [8]byte
		for range 3 {
			began := time.Now()
			x.nc.SetReadDeadline(began.Add(time.Second))
			_, err := x.nc.Read(p[:])
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			require.Equal(t, time.Second, time.Since(began))
			_, err = x.nc.Read(p[:])
			require.ErrorIs(t, err, os.ErrDeadlineExceeded, "until another is set")
		}
		x.nc.SetReadDeadline(time.Time{})
		_, err := io.WriteString(x.other, "late")
		require.NoError(t, err)
		n, err := x.nc.Read(p[:])
		require.NoError(t, err)
		require.Equal(t, "late", string(p[:n]))
	})
}

func TestStreamDeadlineEndsAReadUnderWay(t *testing.T) {
	onBothSides(t, nil, func(t *testing.T, x side) {
		for _, by := range []time.Time{time.Unix(1, 0), time.Now().Add(time.Second)} {
			x.nc.SetDeadline(time.Time{})
			reading := make(chan error, 1)
			go func() {
				_, err := x.nc.Read(make([]byte, 1))
				reading <- err
			}()
			synctest.Wait()
			x.nc.SetDeadline(by)
			require.ErrorIs(t, <-reading, os.ErrDeadlineExceeded)
		}
	})
}

// A Write that the peer's window stops runs into its deadline; what it says it has
// written, and nothing else, arrives in front of what the next one writes.
func TestStreamWriteDeadlineResumes(t *testing.T) {
	onBothSides(t, nil, func(t *testing.T, x side) {
		p := pattern(8 << 20)
		sent := 0
		for range 3 {
			x.nc.SetWriteDeadline(time.Now().Add(time.Second))
			n, err := x.nc.Write(p[sent:])
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			require.Less(t, sent+n, len(p))
			sent += n
		}
		require.Greater(t, sent, 64<<10, "the window was full at first")
		x.nc.SetWriteDeadline(time.Time{})
		writing := make(chan error, 1)
		go func() {
			_, err := x.nc.Write(p[sent:])
			writing <- err
		}()
		got := make([]byte, len(p))
		_, err := io.ReadFull(x.other, got)
		require.NoError(t, err)
		require.NoError(t, <-writing)
		require.Equal(t, p, got)
	})
}

// pattern returns n bytes that do not repeat soon.
func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return p
}

func TestStreamCloseEndsCallsUnderWay(t *testing.T) {
	onBothSides(t, nil, func(t *testing.T, x side) {
		calls := make(chan error, 2)
		go func() {
			_, err := x.nc.Read(make([]byte, 1))
			calls <- err
		}()
		go func() {
			_, err := x.nc.Write(make([]byte, 8<<20))
			calls <- err
		}()
		synctest.Wait()
		began := time.Now()
		require.NoError(t, x.nc.Close())
		require.Zero(t, time.Since(began), "Close waits for nobody")
		require.ErrorIs(t, <-calls, net.ErrClosed)
		require.ErrorIs(t, <-calls, net.ErrClosed)
		require.ErrorIs(t, x.nc.Close(), net.ErrClosed)
		require.ErrorIs(t, x.nc.CloseWrite(), net.ErrClosed)
		_, err := x.nc.Read(make([]byte, 1))
		require.ErrorIs(t, err, net.ErrClosed)
		_, err = x.nc.Write(make([]byte, 1))
		require.ErrorIs(t, err, net.ErrClosed)
		_, err = io.Copy(io.Discard, x.other)
		require.ErrorIs(t, err, syscall.ECONNRESET, "something was on its way that will not come")
	})
}

// RFC 8441, section 5: "Orderly TCP-level closures are represented as END_STREAM
// flags".
func TestStreamEndIsEOF(t *testing.T) {
	onBothSides(t, nil, func(t *testing.T, x side) {
		_, err := io.WriteString(x.other, "the last words")
		require.NoError(t, err)
		require.NoError(t, x.other.CloseWrite())
		got, err := io.ReadAll(x.nc)
		require.NoError(t, err)
		require.Equal(t, "the last words", string(got))
		_, err = x.other.Write([]byte("more"))
		require.ErrorIs(t, err, syscall.EPIPE)
		if x.isServer { // which may go on
			_, err = io.WriteString(x.nc, "an answer")
			require.NoError(t, err)
			require.NoError(t, x.nc.Close())
			got, err = io.ReadAll(x.other)
			require.NoError(t, err)
			require.Equal(t, "an answer", string(got))
			return
		}
		_, err = x.other.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err, "a server that has ended its half reads no more")
		<-x.handlerEnd
	})
}

// RFC 8441, section 5: "RST exceptions are represented with the RST_STREAM frame".
func TestStreamResetIsSeen(t *testing.T) {
	onBothSides(t, nil, func(t *testing.T, x side) {
		if x.isServer {
			require.NoError(t, x.other.Close()) // a client's Close is a reset
		} else {
			go x.other.Write(make([]byte, 8<<20))
			synctest.Wait()
			require.NoError(t, x.other.Close()) // in the middle of a Write
		}
		_, err := io.Copy(io.Discard, x.nc)
		require.ErrorIs(t, err, syscall.ECONNRESET)
		require.NotErrorIs(t, err, io.EOF)
		synctest.Wait()
		_, err = x.nc.Write([]byte("more"))
		require.Error(t, err)
		var oe *net.OpError
		require.ErrorAs(t, err, &oe)
		<-x.handlerEnd
	})
}

// The deadlines of http.Server are for requests. RFC 8441 knows none.
func TestStreamOutlivesTheServersTimeouts(t *testing.T) {
	tune := func(s *httptest.Server) {
		c := s.Config
		c.ReadHeaderTimeout, c.ReadTimeout, c.WriteTimeout, c.IdleTimeout = time.Second, time.Second, time.Second, time.Second
	}
	onBothSides(t, tune, func(t *testing.T, x side) {
		for range 3 {
			time.Sleep(time.Minute)
			_, err := io.WriteString(x.nc, "still here")
			require.NoError(t, err)
			p := make([]byte, len("still here"))
			_, err = io.ReadFull(x.other, p)
			require.NoError(t, err)
			require.Equal(t, "still here", string(p))
		}
	})
}

// Two writers do not mix their bytes, and two readers share what comes.
func TestStreamCallsTakeTurns(t *testing.T) {
	onBothSides(t, nil, func(t *testing.T, x side) {
		const n = 100_000
		for _, c := range "ab" {
			p := make([]byte, n)
			for i := range p {
				p[i] = byte(c)
			}
			go x.nc.Write(p)
		}
		got := make([]byte, 2*n)
		_, err := io.ReadFull(x.other, got)
		require.NoError(t, err)
		changes := 0
		for i := range got[1:] {
			if got[i] != got[i+1] {
				changes++
			}
		}
		require.Equal(t, 1, changes)
	})
}

func TestStreamNothingIsSomethingToo(t *testing.T) {
	onBothSides(t, nil, func(t *testing.T, x side) {
		n, err := x.nc.Write(nil)
		require.NoError(t, err)
		require.Zero(t, n)
		n, err = x.nc.Read(nil)
		require.NoError(t, err)
		require.Zero(t, n)
	})
}

// A handler that returns while the stream is in use ends it, and whoever uses it is
// told why.
func TestStreamEndsWithItsHandler(t *testing.T) {
	var got chan *Stream
	handler := func(w http.ResponseWriter, r *http.Request) {
		u, err := Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		got <- u.Conn.(*Stream)
	}
	inMemory(t, handler, nil, func(t *testing.T, s *h2server) {
		got = make(chan *Stream, 1)
		client := connectH2(t, s, nil).Conn
		server := <-got
		_, err := io.ReadAll(client)
		require.NoError(t, err, "for the client it is an orderly end")
		_, err = server.Read(make([]byte, 1))
		require.ErrorIs(t, err, errHandlerReturned)
		synctest.Wait()
		_, err = server.Write(make([]byte, 1))
		require.ErrorIs(t, err, errStreamOver)
		require.NoError(t, server.Close())
		server.Wait()
	})
}

// The TCP connection is gone, without a word about the stream.
func TestStreamEndsWithItsConnection(t *testing.T) {
	onBothSides(t, nil, func(t *testing.T, x side) {
		require.NoError(t, x.tcp.Close())
		_, err := x.nc.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	})
}

// CloseWrite ends a Write that is under way too, and what that has written arrives
// before the end.
func TestStreamCloseWriteInAWrite(t *testing.T) {
	onBothSides(t, nil, func(t *testing.T, x side) {
		type result struct {
			n   int
			err error
		}
		p := pattern(8 << 20)
		writing := make(chan result, 1)
		go func() {
			n, err := x.nc.Write(p)
			writing <- result{n, err}
		}()
		synctest.Wait()
		require.NoError(t, x.nc.CloseWrite())
		r := <-writing
		require.ErrorIs(t, r.err, syscall.EPIPE)
		require.Less(t, r.n, len(p))
		got, err := io.ReadAll(x.other)
		require.NoError(t, err)
		require.Equal(t, p[:r.n], got)
	})
}

// A stream that nobody reads holds up no other.
func TestStreamsDoNotWaitForEachOther(t *testing.T) {
	var got chan *Upgraded
	inMemory(t, streams(nil, func(u *Upgraded) { got <- u; u.Conn.(*Stream).Wait() }), nil, func(t *testing.T, s *h2server) {
		got = make(chan *Upgraded, 20)
		for range cap(got) {
			connectH2(t, s, nil)
			u := <-got
			go u.Conn.Write(make([]byte, 1<<20)) // more than a stream may have unread
		}
		synctest.Wait()
		u := connectH2(t, s, nil)
		_, err := io.WriteString((<-got).Conn, "hello")
		require.NoError(t, err)
		p := make([]byte, 5)
		_, err = io.ReadFull(u.Conn, p)
		require.NoError(t, err)
		require.Equal(t, "hello", string(p))
	})
}

// Small writes to a peer that does not read: those that are handed over have succeeded,
// and the first that is not says so, and has left nothing behind.
func TestStreamWriteIsAllOrTimedOut(t *testing.T) {
	onBothSides(t, nil, func(t *testing.T, x side) {
		p := pattern(1000)
		sent := 0
		for {
			x.nc.SetWriteDeadline(time.Now().Add(time.Second))
			n, err := x.nc.Write(p)
			if err != nil {
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
				require.Zero(t, n)
				break
			}
			require.Equal(t, len(p), n)
			sent += n
			require.Less(t, sent, 8<<20)
		}
		got := make(chan []byte, 1)
		go func() {
			all, _ := io.ReadAll(x.other)
			got <- all
		}()
		synctest.Wait()
		require.NoError(t, x.nc.CloseWrite())
		require.Len(t, <-got, sent)
	})
}
