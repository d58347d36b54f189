package conn

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/internal/wstest"
)

// The soak may be longer and larger, as in
//
//	PARLEY_SOAK=3m PARLEY_SOAK_CONNS=15000 go test -run TestServerSoak -v -timeout 10m ./conn
//
// The clients live in a process of their own, for the limit on open files.
const (
	soakTime    = "PARLEY_SOAK"
	soakConns   = "PARLEY_SOAK_CONNS"
	soakClients = "PARLEY_SOAK_URL" // set for the clients' process: where to dial
)

// TestServerSoak: connections join, talk, stall and die at random. In the end nothing
// is left, and of those who said goodbye every message has come and gone.
func TestServerSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("it is for the time that it takes")
	}
	howLong, err := time.ParseDuration(os.Getenv(soakTime))
	if err != nil {
		howLong = 2 * time.Second
	}
	howMany, err := strconv.Atoi(os.Getenv(soakConns))
	if err != nil {
		howMany = 300
	}
	if url := os.Getenv(soakClients); url != "" {
		soakAsClients(t, url, howMany, howLong)
		return
	}
	for name, how := range manners {
		if name == "goroutines" {
			continue // they are those of Handler
		}
		t.Run(name, func(t *testing.T) {
			wstest.NoLeaks(t)
			var opened, closed, clean, echoed atomic.Int64
			s := &Server{
				Options: &AcceptOptions{Timeout: time.Minute, Config: Config{Backlog: 4 << 20, WriteTimeout: time.Minute}},
				Handler: &events{
					open: func(*Conn) { opened.Add(1) },
					message: func(c *Conn, m Message) {
						if err := c.TryWrite(m.Type, m.Data); err == ErrBacklog {
							t.Error(err)
						}
					},
					close: func(c *Conn, err error) {
						closed.Add(1)
						if CloseStatus(err) == StatusNormalClosure {
							clean.Add(1)
							echoed.Add(int64(c.Stats().MessagesSent))
						}
					},
				},
			}
			how(s)
			before := openFiles()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			serving := call(func() error { return s.Serve(l) })
			toldClean, toldEchoed := soakInAnotherProcess(t, "ws://"+l.Addr().String())
			require.Eventually(t, func() bool { return s.Len() == 0 }, time.Minute, 10*time.Millisecond)
			require.Equal(t, opened.Load(), closed.Load())
			require.Equal(t, toldClean, clean.Load())
			require.Equal(t, toldEchoed, echoed.Load(), "messages of those who said goodbye")
			t.Logf("%d connections, %d of them said goodbye, after %d messages; peak %d goroutines",
				opened.Load(), clean.Load(), echoed.Load(), runtime.NumGoroutine())
			shutDown(t, s)
			require.ErrorIs(t, <-serving, ErrServerClosed)
			require.Eventually(t, func() bool { return openFiles() <= before }, 5*time.Second, 10*time.Millisecond)
		})
	}
}

// openFiles returns how many there are, 0 if that cannot be told.
func openFiles() int {
	all, _ := os.ReadDir("/proc/self/fd")
	return len(all)
}

func soakInAnotherProcess(t *testing.T, url string) (clean, echoed int64) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestServerSoak$", "-test.timeout=30m")
	cmd.Env = append(os.Environ(), soakClients+"="+url)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	go io.Copy(io.Discard, out)
	_, err = fmt.Sscanf(line, "soaked %d %d\n", &clean, &echoed)
	require.NoError(t, err, line)
	require.NoError(t, cmd.Wait())
	return clean, echoed
}

func soakAsClients(t *testing.T, url string, howMany int, howLong time.Duration) {
	end := time.Now().Add(howLong)
	var clean, echoed atomic.Int64
	var all sync.WaitGroup
	for i := range howMany {
		all.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(i), 15_000))
			for time.Now().Before(end) {
				n, said, err := soak(url, rnd)
				if err != nil {
					fmt.Fprintln(os.Stderr, "client:", err)
					t.Fail()
					return
				}
				if said {
					clean.Add(1)
					echoed.Add(int64(n))
				}
			}
		})
	}
	all.Wait()
	fmt.Printf("soaked %d %d\n", clean.Load(), echoed.Load())
}

// soak is the life of a client. It returns how many messages it has exchanged, and
// whether it has said goodbye.
func soak(url string, rnd *rand.Rand) (n int, clean bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	// Thousands on a small machine take their time.
	c, err := Dial(ctx, url, &DialOptions{Timeout: time.Minute, Config: Config{CloseTimeout: time.Minute}})
	if err != nil {
		return 0, false, err
	}
	defer c.CloseNow()
	for range rnd.IntN(10) {
		k := 1 + rnd.IntN(16)
		size := rnd.IntN(1 << rnd.IntN(16))
		for i := range k {
			if err := c.Write(ctx, Binary, fmt.Appendf(nil, "%d %s", n+i, pattern(size))); err != nil {
				return n, false, err
			}
		}
		if rnd.IntN(20) == 0 {
			return n, false, nil // it dies
		}
		if rnd.IntN(4) == 0 {
			time.Sleep(time.Duration(rnd.IntN(500)) * time.Millisecond) // it stalls
		}
		for i := range k {
			_, p, err := c.Read(ctx)
			if err != nil {
				return n, false, err
			}
			if want := fmt.Sprintf("%d %s", n+i, pattern(size)); string(p) != want {
				return n, false, fmt.Errorf("got %.20q, want %.20q", p, want)
			}
		}
		n += k
	}
	return n, true, c.Close(StatusNormalClosure, "")
}
