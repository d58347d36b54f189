//go:build unix && !parley_noraw

package conn

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/handshake"
)

// The number of connections may be raised, as in
//
//	PARLEY_IDLE=10000 go test -run TestIdleMemory -v ./conn
//
// The clients live in a process of their own, so as not to be counted, and
// because of the limit on open files. So does each server: Go keeps what describes a
// goroutine for the next, half a KiB of it.
const (
	idleAlone   = "PARLEY_IDLE_ALONE" // set for a server's process
	idleCount   = "PARLEY_IDLE"
	idleClients = "PARLEY_IDLE_CLIENTS" // set for the clients' process: where to dial
)

// TestIdleMemory measures what a connection costs that has exchanged a message,
// has KeepAlive on, and waits for the next. The limits are those of plain sockets that
// can be tried without waiting: elsewhere each connection that waits has 4 KiB in hand.
func TestIdleMemory(t *testing.T) {
	if url := os.Getenv(idleClients); url != "" {
		dialAndWait(t, url)
		return
	}
	n := 2000
	if raceEnabled {
		n = 200 // the detector's own memory would be measured: it only runs
	}
	if s := os.Getenv(idleCount); s != "" {
		n, _ = strconv.Atoi(s)
	}
	for _, tt := range []struct {
		name  string
		limit float64 // KiB, heap and stack together
		serve func(t *testing.T, l net.Listener)
	}{
		{"raw", 3.5, serveRaw},
		{"Handler", 3.5, serveHandler},
		{"Server", 0.5, serveEvents},
		{"Accept", 21, serveAccept}, // most of it is net/http's, for as long as its handler runs,
	} {
		t.Run(tt.name, func(t *testing.T) {
			if os.Getenv(idleAlone) == "" {
				alone(t)
				return
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			tt.serve(t, l)
			clients(t, l, 20)() // what the process needs but once is no connection's
			before := memory()
			leave := clients(t, l, n)
			after := memory()
			leave()
			heap, stack := after.heap-before.heap, after.stack-before.stack
			t.Logf("%d idle connections: %.2f KiB each (heap %.2f, stack %.2f)", n,
				kib(heap+stack, n), kib(heap, n), kib(stack, n))
			if !raceEnabled {
				const once = 64 << 10 // stacks and tables of the server grow, whatever the number
				require.Less(t, kib(heap+stack-once, n), tt.limit)
			}
		})
	}
}

// alone runs a subtest in a process of its own.
func alone(t *testing.T) {
	name := "^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$"
	cmd := exec.Command(os.Args[0], "-test.v", "-test.run="+name)
	cmd.Env = append(os.Environ(), idleAlone+"=1")
	out, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if err != nil || strings.Contains(line, " KiB each ") {
			t.Log(strings.TrimSpace(line))
		}
	}
	require.NoError(t, err)
}

func kib(bytes int64, n int) float64 { return float64(bytes) / 1024 / float64(n) }

type usage struct{ heap, stack int64 }

// memory returns what is in use once all garbage is collected.
func memory() usage {
	for range 5 {
		runtime.GC()
		time.Sleep(20 * time.Millisecond)
	}
	s := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/stacks:bytes"},
	}
	metrics.Read(s)
	return usage{int64(s[0].Value.Uint64()), int64(s[1].Value.Uint64())}
}

// clients starts the process that dials n connections, and returns when each has
// had its message echoed.
func clients(t *testing.T, l net.Listener, n int) (leave func()) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestIdleMemory$")
	cmd.Env = append(os.Environ(), idleClients+"=ws://"+l.Addr().String(), idleCount+"="+strconv.Itoa(n))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "connected\n", line)
	return func() {
		in.Close()
		io.Copy(io.Discard, out)
		require.NoError(t, cmd.Wait())
	}
}

func dialAndWait(t *testing.T, url string) {
	n, err := strconv.Atoi(os.Getenv(idleCount))
	require.NoError(t, err)
	var all []*Conn
	for range n {
		c, err := Dial(t.Context(), url, nil)
		require.NoError(t, err)
		all = append(all, c)
		require.NoError(t, c.Write(t.Context(), Text, []byte(strings.Repeat("敏捷的棕色狐狸", 20))))
		_, _, err = c.Read(t.Context())
		require.NoError(t, err)
	}
	fmt.Println("connected")
	io.Copy(io.Discard, os.Stdin)
	for _, c := range all {
		c.CloseNow()
	}
}

func serveRaw(t *testing.T, l net.Listener) {
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				u, err := handshake.Accept(nc, nil)
				if err != nil {
					return
				}
				go echo(context.Background(), New(u, nil))
			}()
		}
	}()
}

func serveHandler(t *testing.T, l net.Listener) {
	s := &http.Server{Handler: Handler(nil, echo)}
	t.Cleanup(func() { s.Close() })
	go s.Serve(l)
}

func serveEvents(t *testing.T, l net.Listener) {
	s := &Server{Handler: &events{message: echoes}}
	t.Cleanup(func() { s.Shutdown(t.Context()) })
	go s.Serve(l)
}

func serveAccept(t *testing.T, l net.Listener) {
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := Accept(w, r, nil)
		if err != nil {
			return
		}
		echo(context.Background(), c)
	})}
	t.Cleanup(func() { s.Close() })
	go s.Serve(l)
}
