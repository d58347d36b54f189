//go:build unix

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/conn"
)

// program is the server, as processes that follow one another.
type program struct {
	t     *testing.T
	cmd   *exec.Cmd // the first
	lines chan string
	url   string
	pid   int // of the one that serves
}

func startProgram(t *testing.T, args ...string) *program {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	p := &program{t: t, cmd: exec.Command(os.Args[0]), lines: make(chan string, 1000)}
	p.cmd.Env = append(os.Environ(), programArgs+"="+strings.Join(args, "\n"))
	p.cmd.Stderr = w
	lifeline, err := p.cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	require.NoError(t, w.Close())
	go func() { // it ends when the last of the processes has
		defer close(p.lines)
		defer r.Close()
		for s := bufio.NewScanner(r); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		lifeline.Close()
		for range p.lines {
		}
	})
	p.serves()
	return p
}

// logs waits for a line with that text.
func (p *program) logs(text string) (line string) {
	p.t.Helper()
	for late := time.After(time.Minute); ; {
		select {
		case line, ok := <-p.lines:
			require.True(p.t, ok, "all processes have ended, and none has logged %q", text)
			require.NotContains(p.t, line, "DATA RACE")
			require.NotContains(p.t, line, "panic")
			if strings.Contains(line, text) {
				return line
			}
		case <-late:
			require.Fail(p.t, "the program does not log "+text)
		}
	}
}

// serves waits for the next process to serve.
func (p *program) serves() {
	p.t.Helper()
	pid, rest, _ := strings.Cut(p.logs("serving on "), " ")
	_, url, _ := strings.Cut(rest, "serving on ")
	before := p.pid
	var err error
	p.pid, err = strconv.Atoi(pid)
	require.NoError(p.t, err)
	require.NotEqual(p.t, before, p.pid, "it is another process")
	require.True(p.t, p.url == "" || p.url == url, "it is the same address")
	p.url = url
}

func (p *program) signal(s syscall.Signal) {
	require.NoError(p.t, syscall.Kill(p.pid, s))
}

// ends waits for the end of all processes.
func (p *program) ends() {
	p.t.Helper()
	for line := range p.lines {
		require.NotContains(p.t, line, "DATA RACE")
		require.NotContains(p.t, line, "panic")
	}
	require.NoError(p.t, p.cmd.Wait(), "the first has ended well")
}

// stored returns how many messages of an outbox have been acknowledged.
func (o *outbox) stored() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.id - len(o.unacked)
}

// crowd is many clients, which send for as long as they are told to.
type crowd struct {
	t      *testing.T
	boxes  []*outbox
	enough atomic.Bool
	ended  sync.WaitGroup
	errs   chan error

	mu          sync.Mutex
	connections map[string]int
	losses      []error
}

func startCrowd(t *testing.T, url string, n int) *crowd {
	k := &crowd{t: t, errs: make(chan error, 2*n), connections: map[string]int{}}
	ctx := patience(t)
	for i := range n {
		box := newOutbox("client " + strconv.Itoa(i))
		k.boxes = append(k.boxes, box)
		policy := quick()
		policy.Connecting = func(int) {
			k.mu.Lock()
			k.connections[box.client]++
			k.mu.Unlock()
		}
		policy.Connected = func(ctx context.Context, c *conn.Conn) error {
			last := box.stored()
			if last == 0 {
				return nil
			}
			// As if its acknowledgement had been lost.
			return conn.WriteJSON(ctx, c, message{box.client, last, text(box.client, last)})
		}
		policy.Waiting = func(_ time.Duration, why error) {
			k.mu.Lock()
			k.losses = append(k.losses, why)
			k.mu.Unlock()
		}
		k.ended.Go(func() { k.errs <- box.run(ctx, url, policy) })
		k.ended.Go(func() {
			defer box.finish()
			for n := 1; !k.enough.Load(); n++ {
				if err := box.add(ctx, text(box.client, n)); err != nil {
					k.errs <- err
					return
				}
				time.Sleep(4 * time.Millisecond) // some hundred a second
			}
		})
	}
	return k
}

func text(client string, n int) string { return fmt.Sprintf("message %d of %s", n, client) }

// progress waits until every client has had n more messages acknowledged.
func (k *crowd) progress(n int) {
	k.t.Helper()
	targets := map[*outbox]int{}
	for _, box := range k.boxes {
		targets[box] = box.stored() + n
	}
	for box, target := range targets {
		for begin := time.Now(); box.stored() < target; time.Sleep(time.Millisecond) {
			require.Less(k.t, time.Since(begin), time.Minute, "%s makes no progress", box.client)
		}
	}
}

// finish ends all clients, once everything is acknowledged.
func (k *crowd) finish() {
	k.t.Helper()
	k.enough.Store(true)
	k.ended.Wait()
	close(k.errs)
	for err := range k.errs {
		require.NoError(k.t, err)
	}
}

// requireStored fails the test unless the file has each message of each client once, in
// the order in which they were sent.
func (k *crowd) requireStored(name string) {
	k.t.Helper()
	f, err := os.Open(name)
	require.NoError(k.t, err)
	defer f.Close()
	got := map[string]int{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var m message
		require.NoError(k.t, json.Unmarshal(lines.Bytes(), &m), lines.Text())
		got[m.Client]++
		require.Equal(k.t, got[m.Client], m.ID, "the next message of %s", m.Client)
		require.Equal(k.t, text(m.Client, m.ID), m.Text)
	}
	want := map[string]int{}
	for _, box := range k.boxes {
		require.Equal(k.t, box.id, box.stored())
		want[box.client] = box.id
	}
	require.Equal(k.t, want, got, "as many as were acknowledged")
}

// Twenty clients send while the server is replaced three times. Nothing that was
// acknowledged is lost, nothing is there twice, and nobody was turned away.
func TestRestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "messages")
	p := startProgram(t, "-addr", "127.0.0.1:0", "-file", file)
	k := startCrowd(t, p.url, 20)
	for range 3 {
		k.progress(50)
		p.signal(syscall.SIGHUP)
		p.serves()
	}
	k.progress(50)
	k.finish()
	p.signal(syscall.SIGTERM)
	p.ends()

	k.requireStored(file)
	for _, box := range k.boxes {
		require.GreaterOrEqual(t, box.id, 200)
		require.GreaterOrEqual(t, k.connections[box.client], 4, "one to each process")
	}
	for _, why := range k.losses {
		require.Equal(t, conn.StatusGoingAway, conn.CloseStatus(why), "every connection was closed in order: %v", why)
	}
}

// A server that is killed loses nothing either. The socket is the test's, as it is
// systemd's or a supervisor's elsewhere.
func TestKill(t *testing.T) {
	file := filepath.Join(t.TempDir(), "messages")
	t.Setenv(programArgs, "-file\n"+file)
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	defer log.Close()
	stdin, lifeline, err := os.Pipe()
	require.NoError(t, err)
	defer stdin.Close()
	defer lifeline.Close()
	defer func(in, err *os.File) { os.Stdin, os.Stderr = in, err }(os.Stdin, os.Stderr)
	os.Stdin, os.Stderr = stdin, log // which the server inherits
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	var server *successor
	start := func() {
		server, err = startSuccessor(l)
		require.NoError(t, err)
		require.NoError(t, server.wait.Close())
	}
	kill := func() {
		require.NoError(t, server.process.Kill())
		state, err := server.process.Wait()
		require.NoError(t, err)
		require.False(t, state.Exited(), "it was killed and did not end before that: %v", state)
	}
	start()
	t.Cleanup(func() { server.process.Kill() })
	k := startCrowd(t, "ws://"+l.Addr().String(), 20)
	for range 3 {
		k.progress(20)
		kill()
		start()
	}
	k.progress(20)
	k.finish()
	kill()
	k.requireStored(file)
	logged, err := os.ReadFile(log.Name())
	require.NoError(t, err)
	require.NotContains(t, string(logged), "DATA RACE")
	require.Equal(t, 4, strings.Count(string(logged), "serving on "))
}

// A successor that cannot start does no harm.
func TestRestartFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	file := filepath.Join(dir, "messages")
	require.NoError(t, os.Mkdir(dir, 0o700))
	p := startProgram(t, "-addr", "127.0.0.1:0", "-file", file)
	k := startCrowd(t, p.url, 3)
	k.progress(10)
	away := dir + ".away"
	require.NoError(t, os.Rename(dir, away))
	p.signal(syscall.SIGHUP)
	p.logs("cannot restart, and goes on")
	k.progress(10)
	require.NoError(t, os.Rename(away, dir))
	p.signal(syscall.SIGHUP)
	p.serves()
	k.progress(10)
	k.finish()
	p.signal(os.Interrupt.(syscall.Signal))
	p.ends()
	k.requireStored(file)
}

// What is not a TCP listener cannot be handed over, and is not.
func TestOnlyTCPIsHandedOver(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	require.NoError(t, err)
	defer l.Close()
	_, err = startSuccessor(l)
	require.ErrorContains(t, err, "a *net.UnixListener cannot be handed over")
}

// A listener is not put into blocking mode by being handed over.
func TestDescriptorDoesNotBlock(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	file, err := descriptor(l)
	require.NoError(t, err)
	file.Fd() // as os/exec does
	accepting := make(chan error, 1)
	go func() {
		_, err := l.Accept()
		accepting <- err
	}()
	require.NoError(t, l.Close(), "it does not wait for Accept")
	require.True(t, errors.Is(<-accepting, net.ErrClosed))
	require.NoError(t, file.Close())
}
