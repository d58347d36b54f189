package interop

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const patience = 40 * time.Second

func TestNode(t *testing.T) {
	program := filepath.Join(t.TempDir(), "ddp")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the example does not build: %v\n%s", err, out)
	}
	if _, err := os.Stat("node_modules/ddp"); err != nil {
		t.Fatalf("the client is not here, run npm ci: %v", err)
	}
	addr, stop := serve(t, program, "127.0.0.1:0")
	defer func() { stop() }()

	_, port, _ := strings.Cut(addr, ":")
	node := exec.Command("node", "client.mjs", port)
	node.Stderr = t.Output()
	in, err := node.StdinPipe()
	check(t, err)
	out, err := node.StdoutPipe()
	check(t, err)
	check(t, node.Start())
	late := time.AfterFunc(patience, func() { node.Process.Kill() })
	defer late.Stop()
	var steps []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		steps = append(steps, lines.Text())
		if lines.Text() == "restart" {
			stop()
			_, stop = serve(t, program, addr)
			io.WriteString(in, "restarted\n")
		}
	}
	if err := node.Wait(); err != nil {
		t.Errorf("the client ends with %v", err)
	}
	want := "versions negotiated methods subscriptions unsubscribed pings restart reconnected"
	if got := strings.Join(steps, " "); got != want {
		t.Errorf("the client got through %q, want %q", got, want)
	}
}

// serve starts the server, and returns its address, and a function that interrupts it
// and waits for its end.
func serve(t *testing.T, program, addr string) (listening string, stop func()) {
	t.Helper()
	cmd := exec.Command(program, "-addr", addr, "-ping", "1s")
	stderr, err := cmd.StderrPipe()
	check(t, err)
	check(t, cmd.Start())
	lines := bufio.NewScanner(stderr)
	lines.Scan()
	_, url, found := strings.Cut(lines.Text(), "listening on http://")
	if !found {
		t.Fatalf("the server says %q", lines.Text())
	}
	return strings.TrimSuffix(url, "/"), func() {
		cmd.Process.Signal(os.Interrupt)
		late := time.AfterFunc(patience, func() { cmd.Process.Kill() })
		defer late.Stop()
		io.Copy(io.Discard, stderr)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server ends with %v", err)
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
