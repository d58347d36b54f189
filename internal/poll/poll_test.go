//go:build (linux || darwin || dragonfly || freebsd || netbsd || openbsd) && !parley_noraw

package poll

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// socketPair returns two sockets that are connected, and closes them in the end.
func socketPair(t *testing.T) (one, other int) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	require.NoError(t, err)
	for _, fd := range fds {
		require.NoError(t, syscall.SetNonblock(fd, true))
		t.Cleanup(func() { syscall.Close(fd) })
	}
	return fds[0], fds[1]
}

// running runs a poller. What it is called with comes out of the channel; next says
// when it wants to be called.
func running(t *testing.T, p *Poller, next func() time.Time) <-chan []Event {
	calls, stop := make(chan []Event, 100), make(chan bool)
	ended := make(chan error)
	go func() {
		ended <- p.Run(func(events []Event) (time.Time, Then) {
			select {
			case <-stop:
				return time.Time{}, Stop
			default:
			}
			calls <- append([]Event{}, events...)
			return next(), Wait
		})
	}()
	require.Empty(t, <-calls, "it is called once to begin with")
	t.Cleanup(func() {
		close(stop)
		p.Wake()
		require.NoError(t, <-ended)
		p.Close()
	})
	return calls
}

func never() time.Time { return time.Time{} }

// merged waits for an event in which all is true that must be.
func merged(t *testing.T, calls <-chan []Event, is func(ev Event) bool) {
	t.Helper()
	for timeout := time.After(10 * time.Second); ; {
		select {
		case events := <-calls:
			for _, ev := range events {
				require.Equal(t, Token{7, 1 << 31}, ev.Token)
				if is(ev) {
					return
				}
			}
		case <-timeout:
			t.Fatal("the event does not come")
		}
	}
}

func TestEvents(t *testing.T) {
	p, err := New()
	require.NoError(t, err)
	calls := running(t, p, never)
	one, other := socketPair(t)
	require.NoError(t, p.Add(one, Token{7, 1 << 31}))
	merged(t, calls, func(ev Event) bool { return ev.Writable && !ev.End })

	_, err = syscall.Write(other, []byte("hello"))
	require.NoError(t, err)
	merged(t, calls, func(ev Event) bool { return ev.Readable && !ev.End })

	// It is full, and then it is not.
	for err = error(nil); err == nil; {
		_, err = syscall.Write(one, make([]byte, 4096))
	}
	buf := make([]byte, 1<<20)
	for n := 1; n > 0; {
		n, _ = syscall.Read(other, buf)
	}
	merged(t, calls, func(ev Event) bool { return ev.Writable })

	require.NoError(t, syscall.Shutdown(other, syscall.SHUT_WR))
	merged(t, calls, func(ev Event) bool { return ev.Readable && ev.End })

	p.Remove(one)
}

// Who only writes is not told of what there is to read, and of the end he is.
func TestEventsOfAWriter(t *testing.T) {
	p, err := New()
	require.NoError(t, err)
	calls := running(t, p, never)
	one, other := socketPair(t)
	for err = error(nil); err == nil; {
		_, err = syscall.Write(one, make([]byte, 4096))
	}
	require.NoError(t, p.AddWritable(one, Token{7, 1 << 31}))
	p.Wake()
	require.Empty(t, <-calls, "it is full")
	_, err = syscall.Write(other, []byte("hello"))
	require.NoError(t, err)
	p.Wake()
	require.Empty(t, <-calls, "it is full, and there is something to read")

	buf := make([]byte, 1<<20)
	for n := 1; n > 0; {
		n, _ = syscall.Read(other, buf)
	}
	merged(t, calls, func(ev Event) bool { return ev.Writable && !ev.End })

	p.Remove(one)
	require.NoError(t, p.AddWritable(one, Token{7, 1 << 31}), "it can be added again")
	merged(t, calls, func(ev Event) bool { return ev.Writable })
	require.NoError(t, syscall.Shutdown(one, syscall.SHUT_RDWR))
	merged(t, calls, func(ev Event) bool { return ev.Writable && ev.End })
	p.Remove(one)
}

// An event comes once, though nobody reads.
func TestEventsAreEdges(t *testing.T) {
	p, err := New()
	require.NoError(t, err)
	calls := running(t, p, never)
	one, other := socketPair(t)
	_, err = syscall.Write(other, []byte("hello"))
	require.NoError(t, err)
	require.NoError(t, p.Add(one, Token{7, 1 << 31}))
	merged(t, calls, func(ev Event) bool { return ev.Readable })
	time.Sleep(20 * time.Millisecond)
	for len(calls) > 0 {
		<-calls
	}
	time.Sleep(20 * time.Millisecond)
	require.Empty(t, calls)
}

func TestWake(t *testing.T) {
	p, err := New()
	require.NoError(t, err)
	calls := running(t, p, never)
	for range 100_000 { // more than the pipe holds
		p.Wake()
		for len(calls) > 0 {
			require.Empty(t, <-calls)
		}
	}
	time.Sleep(time.Millisecond)
	for len(calls) > 0 {
		<-calls
	}
	p.Wake()
	require.Empty(t, <-calls)
}

func TestNextTime(t *testing.T) {
	p, err := New()
	require.NoError(t, err)
	begin := time.Now()
	const step = 5 * time.Millisecond
	calls := running(t, p, func() time.Time { return time.Now().Add(step) })
	for range 5 {
		require.Empty(t, <-calls)
	}
	require.GreaterOrEqual(t, time.Since(begin), 5*step)
}

func TestAgain(t *testing.T) {
	p, err := New()
	require.NoError(t, err)
	n := 0
	require.NoError(t, p.Run(func([]Event) (time.Time, Then) {
		if n++; n == 1000 {
			return time.Time{}, Stop
		}
		return time.Time{}, Again
	}))
	p.Close()
}
