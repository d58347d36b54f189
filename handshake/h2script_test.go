package handshake

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// The types of frames, RFC 9113, section 6, and what is in them here.
const (
	h2Data, h2Headers, h2Reset, h2Settings, h2GoAway = 0, 1, 3, 4, 7

	enableConnect = "\x00\x08\x00\x00\x00\x01" // SETTINGS_ENABLE_CONNECT_PROTOCOL = 1
	status200     = "\x88"                     // ":status: 200" of the static table of HPACK
	refusedStream = "\x00\x00\x00\x07"
	cancelled     = "\x00\x00\x00\x08"
)

// h2script is a server that does what a test says, frame by frame.
type h2script struct {
	t  *testing.T
	nc *tls.Conn
}

// send sends a frame.
func (s *h2script) send(typ, flags byte, stream uint32, payload string) {
	head := []byte{0, byte(len(payload) >> 8), byte(len(payload)), typ, flags}
	head = binary.BigEndian.AppendUint32(head, stream)
	if _, err := s.nc.Write(append(head, payload...)); err != nil {
		s.t.Errorf("the client is gone: %v", err)
	}
}

// check is for the goroutine of a script, which may not end the test.
func (s *h2script) check(ok bool, sentence string) {
	if !ok {
		s.t.Errorf("it is not so: %s", sentence)
	}
}

// want reads up to the next frame of a type, and returns its stream, flags and payload.
func (s *h2script) want(typ byte) (stream uint32, flags byte, payload []byte) {
	for {
		var head [9]byte
		if _, err := io.ReadFull(s.nc, head[:]); err != nil {
			s.t.Errorf("no frame of type %d: %v", typ, err)
			return 0, 0, nil
		}
		payload = make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		io.ReadFull(s.nc, payload)
		if head[3] == typ {
			return binary.BigEndian.Uint32(head[5:]), head[4], payload
		}
	}
}

// scripted runs a test of a client whose server follows a script, from after the
// exchange of SETTINGS on. The script is for one TCP connection.
func scripted(t *testing.T, script func(s *h2script, conn int), test func(t *testing.T, dial func() (*Upgraded, error))) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		certificates := serveH2On(t, &memory{closed: make(chan struct{})}, nil, nil)
		l := &memory{conns: make(chan net.Conn), closed: make(chan struct{})}
		certificates.dial = l.dial
		go func() {
			for i := 0; ; i++ {
				nc, ok := <-l.conns
				if !ok {
					return
				}
				go func() {
					tc := tls.Server(nc, &tls.Config{Certificates: certificates.TLS.Certificates, NextProtos: []string{"h2"}})
					defer tc.Close()
					if _, err := io.ReadFull(tc, make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))); err != nil {
						t.Errorf("no preface: %v", err)
						return
					}
					s := &h2script{t, tc}
					s.send(h2Settings, 0, 0, enableConnect)
					script(s, i)
					io.Copy(io.Discard, tc)
				}()
			}
		}()
		test(t, func() (*Upgraded, error) { return Connect(t.Context(), "wss://example.com", certificates.config()) })
		certificates.pool.CloseIdleConnections()
		close(l.conns)
	})
}

// RFC 9113, section 8.7: "The REFUSED_STREAM error code can be included in a
// RST_STREAM frame to indicate that the stream is being closed prior to any processing
// having occurred. Any request that was sent on the reset stream can be safely
// retried."
func TestH2RefusedStreamIsTriedAgain(t *testing.T) {
	scripted(t, func(s *h2script, _ int) {
		first, _, _ := s.want(h2Headers)
		s.send(h2Reset, 0, first, refusedStream)
		second, flags, _ := s.want(h2Headers)
		s.check(first != second, "another stream")
		s.check(flags&1 == 0, "END_STREAM would be the end of the connection")
		s.send(h2Headers, 4, second, status200)
		_, _, payload := s.want(h2Data)
		s.send(h2Data, 1, second, string(payload))
	}, func(t *testing.T, dial func() (*Upgraded, error)) {
		u, err := dial()
		require.NoError(t, err)
		requireEcho(t, u.Conn, "hello")
		_, err = u.Conn.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err)
		u.Conn.Close()
		u.Conn.(*Stream).Wait()
	})
}

// A server that leaves between two dials refuses what it has not looked at by GOAWAY,
// RFC 9113, section 6.8. The next connection takes it.
func TestH2RequestThatCrossedAGoAway(t *testing.T) {
	scripted(t, func(s *h2script, conn int) {
		first, _, _ := s.want(h2Headers)
		s.send(h2Headers, 4, first, status200)
		if conn == 0 {
			s.want(h2Headers)
			s.send(h2GoAway, 0, 0, "\x00\x00\x00\x01\x00\x00\x00\x00") // 1 was the last
		}
		_, _, payload := s.want(h2Data)
		s.send(h2Data, 1, first, string(payload))
	}, func(t *testing.T, dial func() (*Upgraded, error)) {
		var open []*Upgraded
		for range 2 {
			u, err := dial()
			require.NoError(t, err)
			open = append(open, u)
		}
		for _, u := range open {
			requireEcho(t, u.Conn, "hello")
			u.Conn.Close()
			u.Conn.(*Stream).Wait()
		}
	})
}

// RFC 8441, section 5: a reset is RST_STREAM with CANCEL, from either side.
func TestRule37ResetsAreCancel(t *testing.T) {
	scripted(t, func(s *h2script, _ int) {
		ours, _, _ := s.want(h2Headers)
		s.send(h2Headers, 4, ours, status200)
		stream, _, code := s.want(h2Reset)
		s.check(stream == ours, "our stream is reset")
		s.check(string(code) == cancelled, "with CANCEL")
		theirs, _, _ := s.want(h2Headers)
		s.send(h2Headers, 4, theirs, status200)
		s.send(h2Reset, 0, theirs, cancelled)
	}, func(t *testing.T, dial func() (*Upgraded, error)) {
		u, err := dial()
		require.NoError(t, err)
		u.Conn.Close()
		u.Conn.(*Stream).Wait()
		u, err = dial()
		require.NoError(t, err)
		_, err = u.Conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, errReset)
		require.ErrorContains(t, err, "error code 8")
		u.Conn.Close()
		u.Conn.(*Stream).Wait()
	})
}
