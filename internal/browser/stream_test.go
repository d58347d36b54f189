package browser

import (
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
)

// WHATWG WebSockets Standard, section 3.1: close takes 1000 and 3000 to 4999.
func TestCloseCode(t *testing.T) {
	for code, want := range map[frame.StatusCode]frame.StatusCode{
		1000: 1000, 1001: 1000, // both are a normal end
		1002: 4002, 1003: 4003, 1007: 4007, 1008: 4008, 1009: 4009, 1010: 4010, 1011: 4011, 1012: 4012, 1013: 4013, 1014: 4014,
		1005: 1005, // no code at all
		3000: 3000, 3999: 3999, 4000: 4000, 4999: 4999,
	} {
		require.Equal(t, want, closeCode(code), "in place of %d", code)
	}
	for code := frame.StatusCode(0); code < 5000; code++ {
		if got := closeCode(code); code.Valid() {
			require.True(t, got == 1000 || got >= 3000 && got <= 4999, "%d for %d is not for scripts", got, code)
		}
	}
}

// Whatever way the frames are cut, the browser is told the same.
func TestWrite(t *testing.T) {
	long := strings.Repeat("0123456789", 7000) // a length of 64 bits
	for _, tt := range []struct {
		name   string
		frames [][]byte
		want   []string
	}{
		{"a text", [][]byte{masked(frame.Text, true, "hello")}, []string{"TEXT hello"}},
		{"nothing", [][]byte{masked(frame.Binary, true, "")}, []string{"BINARY "}},
		{"messages of all lengths", [][]byte{
			masked(frame.Binary, true, long[:125]), masked(frame.Binary, true, long[:126]),
			masked(frame.Text, true, long), masked(frame.Text, true, "")},
			[]string{"BINARY " + long[:125], "BINARY " + long[:126], "TEXT " + long, "TEXT "}},
		{"fragments are one message", [][]byte{
			masked(frame.Text, false, "a"), masked(frame.Continuation, false, ""), masked(frame.Continuation, true, "b")},
			[]string{"TEXT ab"}},
		{"control frames between fragments; a Ping and a Pong are dropped", [][]byte{
			masked(frame.Binary, false, "a"), masked(frame.Ping, true, "p"), masked(frame.Pong, true, ""), masked(frame.Continuation, true, "b")},
			[]string{"BINARY ab"}},
		{"a Close", [][]byte{masked(frame.Text, true, "bye"), masked(frame.Close, true, "\x03\xe8why")}, []string{"TEXT bye", "close 1000 why"}},
		{"a Close with a code that is not for scripts", [][]byte{masked(frame.Close, true, "\x03\xf1why")}, []string{"close 4009 why"}},
		{"a Close without a code", [][]byte{masked(frame.Close, true, "")}, []string{"close 1005 "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			all := slices.Concat(tt.frames...)
			before := slices.Clone(all)
			for _, n := range []int{1, 2, 3, 7, 4096, len(all)} {
				s, f := newStream()
				for chunk := range slices.Chunk(all, n) {
					m, err := s.Write(chunk)
					require.NoError(t, err)
					require.Equal(t, len(chunk), m)
				}
				require.Equal(t, tt.want, f.did(), "in chunks of %d", n)
				require.Nil(t, s.out.message, "nothing is kept between messages")
			}
			require.Equal(t, before, all, "Write must not change what it is given")
		})
	}
}

// A frame that no client may send shows a mistake of our own, and goes nowhere.
func TestWriteOfWhatIsNoFrame(t *testing.T) {
	unmasked := frame.Header{Opcode: frame.Text, Fin: true}.Append(nil)
	for name, p := range map[string][]byte{
		"not masked":              unmasked,
		"a length out of range":   {0x81, 0xff, 0x80},
		"a CONTINUATION of none":  masked(frame.Continuation, true, "x"),
		"a Close of one byte":     masked(frame.Close, true, "x"),
		"what the browser throws": masked(frame.Text, true, "throw"),
	} {
		s, f := newStream()
		n, err := s.Write(p)
		require.Error(t, err, name)
		require.Zero(t, n, name)
		require.Empty(t, f.did(), name)
	}
}

// What comes is read as the frames of a server, however little is read at a time.
func TestRead(t *testing.T) {
	for _, n := range []int{1, 2, 3, 7, 4096, 1 << 20} {
		long := strings.Repeat("x", 70_000)
		s, f := newStream()
		s.Message(frame.Text, inMemory("hello"))
		s.Message(frame.Binary, inMemory(nil))
		s.Message(frame.Binary, inMemory(long))
		s.Closed(1001, "so long")
		require.Equal(t, 1, f.released, "there are no more events")
		got, err := readAll(s, n)
		require.Equal(t, io.EOF, err)
		require.Equal(t, []string{
			"TEXT FIN len=5 hello", "BINARY FIN len=0 ", "BINARY FIN len=70000 " + long, "CLOSE FIN len=9 \x03\xe9so long",
		}, got)
		require.Zero(t, s.in.waiting)
		require.Nil(t, s.in.frames, "nothing is kept when all is read")
	}
}

// RFC 6455, sections 7.1.5 and 7.1.6: what the end of the connection says.
func TestClosed(t *testing.T) {
	for _, tt := range []struct {
		code   frame.StatusCode
		reason string
		want   []string
	}{
		{1000, "", []string{"CLOSE FIN len=2 \x03\xe8"}},
		{4321, "é", []string{"CLOSE FIN len=4 \x10\xe1é"}},
		{1005, "", []string{"CLOSE FIN len=0 "}},
		{1006, "", nil},
		{1015, "", nil}, // no Close frame can say that
		{2999, "", nil},
	} {
		s, f := newStream()
		s.Closed(tt.code, tt.reason)
		s.Closed(1000, "again")
		s.Message(frame.Text, inMemory("too late"))
		got, err := readAll(s, 100)
		require.Equal(t, io.EOF, err, "%d", tt.code)
		require.Equal(t, tt.want, got, "%d", tt.code)
		_, err = s.Write(masked(frame.Close, true, ""))
		if tt.want != nil {
			require.NoError(t, err, "the answer is dropped, for the browser has given it")
		} else {
			require.ErrorIs(t, err, errGone)
		}
		require.Empty(t, f.did())
		require.NoError(t, s.Close())
		require.Equal(t, 1, f.released)
	}
}

// What nobody reads is bounded, and the server is told.
func TestUnread(t *testing.T) {
	s, f := newStream()
	half := inMemory(make([]byte, MaxUnread/2))
	s.Message(frame.Binary, half)
	s.Message(frame.Binary, half[:len(half)-2*overhead]) // exactly full
	require.Equal(t, MaxUnread, s.in.waiting)
	s.Message(frame.Binary, half) // the one that came last does not count
	require.Empty(t, f.did())
	s.Message(frame.Binary, inMemory(nil))
	require.Equal(t, []string{"close 4008 more messages have come than were read"}, f.did())
	require.Equal(t, 1, f.released)
	s.Message(frame.Binary, half)
	s.Closed(4008, "")

	_, err := s.Write(masked(frame.Text, true, ""))
	require.ErrorIs(t, err, ErrUnread)
	frames, err := readAll(s, 1<<20)
	require.Equal(t, ErrUnread, err, "after all that had come")
	require.Len(t, frames, 3)
}

// Messages without bytes take memory too.
func TestUnreadEmptyMessages(t *testing.T) {
	s, _ := newStream()
	n := 0
	for ; s.end == nil; n++ {
		s.Message(frame.Text, inMemory(nil))
	}
	require.Equal(t, MaxUnread/overhead+2, n)
}

// The browser tells of no event when it has sent something, so it is looked for.
func TestWriteWaitsForTheBrowser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := newStream()
		f.setBuffered(MaxUnsent)
		_, err := s.Write(masked(frame.Text, true, "there is room"))
		require.NoError(t, err)
		f.setBuffered(MaxUnsent + 1)
		written := make(chan error)
		go func() { _, err := s.Write(masked(frame.Text, true, "and now there is")); written <- err }()
		time.Sleep(time.Minute)
		require.Equal(t, []string{"TEXT there is room"}, f.did())
		f.setBuffered(0)
		start := time.Now()
		require.NoError(t, <-written)
		require.Less(t, time.Since(start), 50*time.Millisecond)
		require.Equal(t, []string{"TEXT and now there is"}, f.did())
	})
}

// What ends a Write that waits.
func TestWriteEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		do   func(s *Stream)
		want error
	}{
		"a deadline":               {func(s *Stream) { s.SetWriteDeadline(time.Now().Add(time.Second)) }, os.ErrDeadlineExceeded},
		"a deadline that is past":  {func(s *Stream) { s.SetDeadline(time.Unix(1, 0)) }, os.ErrDeadlineExceeded},
		"Close":                    {func(s *Stream) { s.Close() }, net.ErrClosed},
		"a failure":                {func(s *Stream) { s.Closed(1006, "") }, errGone},
		"the server's Close frame": {func(s *Stream) { s.Closed(1000, "") }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, f := newStream()
				f.setBuffered(MaxUnsent + 1)
				written := make(chan error)
				go func() { _, err := s.Write(masked(frame.Text, true, "x")); written <- err }()
				synctest.Wait()
				tt.do(s)
				err := <-written
				if tt.want == nil {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, tt.want)
				}
				require.NotContains(t, f.did(), "TEXT x")
				s.Close()
			})
		})
	}
}

// What ends a Read that waits, and what does not harm it.
func TestReadEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := newStream()
		read := func() error { _, err := s.Read(make([]byte, 100)); return err }
		reading := make(chan error)
		begin := func() {
			go func() { reading <- read() }()
			synctest.Wait()
		}

		require.NoError(t, s.SetReadDeadline(time.Now().Add(time.Second)))
		require.ErrorIs(t, read(), os.ErrDeadlineExceeded)
		require.ErrorIs(t, read(), os.ErrDeadlineExceeded)
		require.NoError(t, s.SetReadDeadline(time.Now().Add(time.Second)))
		require.NoError(t, s.SetReadDeadline(time.Time{}))
		begin()
		time.Sleep(time.Minute) // the deadline was taken back
		s.Message(frame.Text, inMemory("x"))
		require.NoError(t, <-reading)

		begin()
		require.NoError(t, s.SetReadDeadline(time.Unix(1, 0)))
		require.ErrorIs(t, <-reading, os.ErrDeadlineExceeded)
		require.NoError(t, s.SetReadDeadline(time.Time{}))
		n, err := s.Read(nil)
		require.Zero(t, n)
		require.NoError(t, err)

		begin()
		require.NoError(t, s.Close())
		require.ErrorIs(t, <-reading, net.ErrClosed)
		require.ErrorIs(t, s.Close(), net.ErrClosed)
		require.ErrorIs(t, s.SetReadDeadline(time.Time{}), net.ErrClosed)
		require.Equal(t, []string{"close 1005 "}, f.did(), "a Close frame without a code is all that can be done")
		require.Equal(t, 1, f.released)
		s.Message(frame.Text, inMemory("too late"))
		s.Closed(1005, "")
		require.ErrorIs(t, read(), net.ErrClosed)
	})
}

func TestAddr(t *testing.T) {
	s, _ := newStream()
	require.Equal(t, "ws://example.com/chat", s.RemoteAddr().String())
	require.Equal(t, "browser", s.LocalAddr().String())
	require.Equal(t, "websocket", s.LocalAddr().Network())
	s.Close()
	_, err := s.Write(nil)
	require.EqualError(t, err, "write websocket browser->ws://example.com/chat: use of closed network connection")
}
