package interop

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

const patience = 40 * time.Second

// build compiles the example and returns the program.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "socketio")
	cmd := exec.Command("go", "build", "-o", program, ".")
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the example does not build: %v\n%s", err, out)
	}
	return program
}

// server is the program, which runs.
type server struct {
	t       *testing.T
	program string
	url     string
	stop    func() // as an interrupt does, and waits
}

func start(t *testing.T, program, addr string) *server {
	t.Helper()
	s := &server{t: t, program: program}
	s.start(addr)
	t.Cleanup(func() { s.stop() })
	return s
}

func (s *server) start(addr string) {
	s.t.Helper()
	cmd := exec.Command(s.program, "-addr", addr, "-ping", "500ms", "-client", "node_modules/socket.io-client/dist/socket.io.min.js")
	stderr, err := cmd.StderrPipe()
	check(s.t, err)
	check(s.t, cmd.Start())
	lines := bufio.NewScanner(stderr)
	if !lines.Scan() {
		s.t.Fatal("the server says nothing")
	}
	_, s.url, _ = strings.Cut(lines.Text(), "listening on ")
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		io.Copy(io.Discard, stderr)
	}()
	s.stop = func() {
		cmd.Process.Signal(os.Interrupt)
		late := time.AfterFunc(patience, func() { cmd.Process.Kill() })
		defer late.Stop()
		<-drained
		if err := cmd.Wait(); err != nil {
			s.t.Errorf("the server ends with %v", err)
		}
	}
}

// restart ends the server and starts another one in its place.
func (s *server) restart() {
	s.t.Helper()
	s.stop()
	s.start(strings.Trim(strings.TrimPrefix(s.url, "http:"), "/"))
}

// peer is where the client runs. eval has it evaluate an expression of JavaScript, and
// returns the string that its promise resolves to.
type peer interface {
	eval(t *testing.T, expression string) string
}

// node is a process that runs node.mjs.
type node struct {
	in  io.Writer
	out *bufio.Scanner
}

func startNode(t *testing.T, url string) peer {
	t.Helper()
	if _, err := os.Stat("node_modules/socket.io-client"); err != nil {
		t.Fatalf("the client is not here, run npm ci: %v", err)
	}
	path, err := exec.LookPath("node")
	check(t, err)
	cmd := exec.Command(path, "node.mjs", strings.TrimSuffix(url, "/"))
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe()
	check(t, err)
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	late := time.AfterFunc(4*patience, func() { cmd.Process.Kill() })
	t.Cleanup(func() {
		in.Close()
		io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("node ends with %v", err)
		}
		late.Stop()
	})
	return &node{in, bufio.NewScanner(out)}
}

func (n *node) eval(t *testing.T, expression string) string {
	t.Helper()
	_, err := io.WriteString(n.in, expression+"\n")
	check(t, err)
	if !n.out.Scan() {
		t.Fatalf("node has ended: %v", n.out.Err())
	}
	var answer struct{ Value, Error string }
	check(t, json.Unmarshal(n.out.Bytes(), &answer))
	if answer.Error != "" {
		t.Fatalf("%s: %s", expression, answer.Error)
	}
	return answer.Value
}

// page is the page of the example in Chromium, with the scenarios loaded.
type page struct{ tab context.Context }

func startChromium(t *testing.T, url string) peer {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Fatal("there is no Chromium on this machine: apt-get install chromium")
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(),
		chromedp.ExecPath(path),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("disable-sync", true),
	)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	check(t, chromedp.Do(ctx, chromedp.Navigate(url)))
	scenarios, err := os.ReadFile("scenarios.js")
	check(t, err)
	p := &page{ctx}
	p.eval(t, string(scenarios)+`; "loaded"`)
	return p
}

func (p *page) eval(t *testing.T, expression string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.tab, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[string](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%.100s: %v", expression, err)
	}
	return value
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
