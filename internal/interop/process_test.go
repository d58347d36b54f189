package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"
)

// tool finds a program, and fails the test with what to install if it is not
// there.
func tool(t *testing.T, install string, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatalf("none of %q is on this machine: %s", names, install)
	return ""
}

// start starts a program that lives no longer than the test, which ends it with
// sig. The channel is closed when the program has ended.
func start(t *testing.T, cmd *exec.Cmd, sig os.Signal) <-chan struct{} {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s does not start: %v", cmd.Path, err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cmd.Wait()
	}()
	t.Cleanup(func() {
		cmd.Process.Signal(sig)
		select {
		case <-ended:
		case <-time.After(patience):
			t.Errorf("%s does not end on %v", cmd.Path, sig)
			cmd.Process.Kill()
			<-ended
		}
	})
	return ended
}

// keepErrors keeps what cmd will write to stderr, to be read when it has ended,
// and shows it if the test fails.
func keepErrors(t *testing.T, cmd *exec.Cmd) *bytes.Buffer {
	kept := new(bytes.Buffer)
	cmd.Stderr = kept
	t.Cleanup(func() {
		if t.Failed() && kept.Len() > 0 {
			t.Logf("%s wrote to stderr:\n%s", cmd.Path, kept)
		}
	})
	return kept
}

// process is a peer in a child process.
type process struct {
	stdin    io.Writer
	incoming chan event
	stderr   *bytes.Buffer
	able     ability
}

func startProcess(t *testing.T, able ability, path string, args ...string) *process {
	t.Helper()
	cmd := exec.Command(path, args...)
	stdin, err := cmd.StdinPipe() // the peer ends with it, even if this program is killed
	if err != nil {
		t.Fatal(err)
	}
	// Not StdoutPipe, which Wait would close before the last event is read.
	stdout, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = w
	p := &process{
		stdin: stdin, incoming: make(chan event, 1024),
		stderr: keepErrors(t, cmd), able: able,
	}
	ended := start(t, cmd, os.Kill)
	w.Close()
	go func() {
		defer stdout.Close()
		p.read(stdout)
		<-ended
		close(p.incoming)
	}()
	return p
}

func (p *process) read(stdout io.Reader) {
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			e = event{Event: "error", Detail: fmt.Sprintf("not an event: %q: %v", lines.Text(), err)}
		}
		p.incoming <- e
	}
}

func (p *process) do(_ context.Context, c command) error {
	line, err := json.Marshal(c)
	if err != nil {
		return err
	}
	_, err = p.stdin.Write(append(line, '\n'))
	return err
}

func (p *process) events() <-chan event { return p.incoming }
func (p *process) why() string          { return p.stderr.String() }
func (p *process) can() ability         { return p.able }

func startNode(t *testing.T) *process {
	t.Helper()
	all := pings | fragments | anyCode | drop | plain | asks | window8
	return startProcess(t, all, findNode(t), "peers/node.mjs")
}

func findNode(t *testing.T) string {
	t.Helper()
	node := tool(t, "install Node.js 20 or later (nodejs and npm)", "node", "nodejs")
	if _, err := os.Stat("node_modules/ws"); err != nil {
		t.Fatalf("npm's ws is not here: run `npm ci` in internal/interop: %v", err)
	}
	return node
}

func startPython(t *testing.T) *process {
	t.Helper()
	// Its zlib refuses to compress with a window of 8 bits.
	return startProcess(t, pings|fragments|anyCode|drop|plain|asks, findPython(t), "-B", "peers/python.py")
}

func findPython(t *testing.T) string {
	t.Helper()
	// The interpreter of the distribution, because that is where apt installs to.
	python := tool(t, "apt-get install python3-websockets", "/usr/bin/python3", "python3")
	if out, err := exec.Command(python, "-c", "import websockets").CombinedOutput(); err != nil {
		t.Fatalf("%s has no websockets: apt-get install python3-websockets: %s", python, out)
	}
	return python
}

// listen makes p a server on these terms, nil for its own, and returns its
// address.
func listen(t *testing.T, p peer, deflate *terms) string {
	t.Helper()
	return listenAs(t, p, command{Do: "listen", Deflate: deflate})
}

func listenAs(t *testing.T, p peer, how command) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s := &session{t: t, ctx: ctx, peer: p}
	s.do(how)
	e := s.next("the peer listens")
	if e.Event != "listening" {
		t.Fatalf("the peer does not listen: %v", e)
	}
	return fmt.Sprintf("127.0.0.1:%d", e.Port)
}
