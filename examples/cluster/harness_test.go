package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/internal/wstest"
)

// programArgs, in the environment, has the test program be the program, with these
// arguments, one a line. So the program that the tests start is built as they are. It
// ends with its standard input, the other end of which is a test's: however that dies, no
// process is left.
const programArgs = "CLUSTER_TEST_ARGS"

func TestMain(m *testing.M) {
	if args := os.Getenv(programArgs); args != "" {
		os.Args = append(os.Args[:1], strings.Split(args, "\n")...)
		go func() {
			io.Copy(io.Discard, os.Stdin)
			os.Exit(3)
		}()
		main()
		return
	}
	wstest.Main(m)
}

// beat is how often servers of these tests say that they are there.
const beat = 200 * time.Millisecond

// quick is how clients of these tests dial again.
var quick = conn.RedialPolicy{FirstWait: 20 * time.Millisecond, MaxWait: 200 * time.Millisecond, Stable: time.Nanosecond}

var silent = log.New(io.Discard, "", 0)

func patience(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits for what happens on another goroutine or in another process.
func eventually(t *testing.T, what string, happens func() bool) {
	t.Helper()
	for begin := time.Now(); !happens(); time.Sleep(2 * time.Millisecond) {
		require.Less(t, time.Since(begin), 20*time.Second, what)
	}
}

// startNATS starts a NATS server that lives, like what it keeps, as long as the test.
func startNATS(t *testing.T) (url string) {
	e, err := startEmbedded("127.0.0.1:0", "")
	require.NoError(t, err)
	t.Cleanup(e.close)
	return e.url()
}

func natsAt(t *testing.T, url string) *natsBroker {
	b, err := connectNATS(t.Context(), url, beat, silent)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}

// startServer starts a server in this process.
func startServer(t *testing.T, b Broker) (s *server, url string) {
	s = newServer(b, silent)
	h := httptest.NewServer(s.handler())
	t.Cleanup(func() {
		h.Close()
		require.NoError(t, s.shutdown(context.Background()))
	})
	return s, "ws" + strings.TrimPrefix(h.URL, "http") + "/ws"
}

// program is a server in a process of its own.
type program struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string // what it logs; closed when it has ended
	url   string
}

func startProgram(t *testing.T, args ...string) *program {
	p := &program{t: t, cmd: exec.Command(os.Args[0]), lines: make(chan string, 10_000)}
	p.cmd.Env = append(os.Environ(), programArgs+"="+strings.Join(args, "\n"))
	stderr, err := p.cmd.StderrPipe()
	require.NoError(t, err)
	lifeline, err := p.cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(stderr); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		lifeline.Close()
		p.ends()
		p.cmd.Wait()
	})
	_, p.url, _ = strings.Cut(p.logs("serving on "), "serving on ")
	return p
}

// logs waits for a line with that text.
func (p *program) logs(text string) string {
	p.t.Helper()
	for late := time.After(time.Minute); ; {
		select {
		case line, ok := <-p.lines:
			require.True(p.t, ok, "the program has ended, and has not logged %q", text)
			if strings.Contains(line, text) {
				return line
			}
			p.t.Log(line)
		case <-late:
			require.Fail(p.t, "the program does not log "+text)
		}
	}
}

// ends waits for the end of the program.
func (p *program) ends() {
	for line := range p.lines {
		if strings.Contains(line, "DATA RACE") || strings.Contains(line, "panic") {
			p.t.Error(line)
		}
	}
}

// person is a client of a test, and what it has been told.
type person struct {
	*client
	t     *testing.T
	ended chan error

	mu       sync.Mutex
	messages []event
	signals  []string
	acked    map[string]uint64
	present  []string
	joined   int // times
}

// startPerson starts a client, which tries the servers at urls in turn.
func startPerson(t *testing.T, room, name string, urls ...string) *person {
	p := &person{t: t, ended: make(chan error, 1), acked: make(map[string]uint64)}
	p.client = newClient(urls, room, name, p.take)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { p.ended <- p.run(ctx, quick) }()
	t.Cleanup(func() {
		cancel()
		p.finish()
		err := <-p.ended
		if ctx.Err() == nil || err != nil && !strings.Contains(err.Error(), context.Canceled.Error()) {
			require.NoError(t, err, name)
		}
	})
	return p
}

func (p *person) take(e event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case e.ID != "":
		p.messages = append(p.messages, e)
	case e.Ack != "":
		p.acked[e.Ack] = e.Seq
	case e.Signal != "":
		p.signals = append(p.signals, e.From+": "+e.Signal)
	case e.Joined:
		p.joined++
	case len(e.Present) > 0:
		p.present = e.Present
	}
}

func (p *person) says(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		require.NoError(p.t, p.say(patience(p.t), text))
	}
}

// heard is what has been said in the room.
func (p *person) heard() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []string
	for _, e := range p.messages {
		all = append(all, e.From+": "+e.Text)
	}
	return all
}

func (p *person) hears(what string, all ...string) {
	p.t.Helper()
	eventually(p.t, what, func() bool { return len(p.heard()) >= len(all) })
	require.Equal(p.t, all, p.heard(), what)
}

func (p *person) sees(what string, names ...string) {
	p.t.Helper()
	eventually(p.t, fmt.Sprint(what, names), func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return slices.Equal(p.present, names)
	})
}

func (p *person) joins(times int) {
	p.t.Helper()
	eventually(p.t, "to join", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.joined >= times
	})
}
func listen(t *testing.T) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return l
}

func decode(t *testing.T, m Stored) (e event) {
	t.Helper()
	require.NoError(t, json.Unmarshal(m.Data, &e))
	e.Seq = m.Seq
	return e
}
