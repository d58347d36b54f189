package interop

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/parleyws/websocket/conn"
)

// wasmPage runs the program in wasm/ as a peer.
const wasmPage = `<!doctype html><title>Peer in wasm</title><link rel="icon" href="data:,"><script src="/wasm_exec.js"></script><script>
  const go = new Go();
  const running = WebAssembly.instantiateStreaming(fetch("/program.wasm"), go.importObject).then(({ instance }) => { go.run(instance); });
</script>
`

// wasmFiles are the page, what Go needs in a page, and the program in wasm/, built.
func wasmFiles(t *testing.T) map[string][]byte {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program.wasm")
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", program, "./wasm")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("wasm/ does not build: %v\n%s", err, out)
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	check(t, err)
	files := map[string][]byte{"/wasm.html": []byte(wasmPage)}
	lib := filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm")
	for name, path := range map[string]string{
		"/program.wasm":      program,
		"/wasm_exec.js":      filepath.Join(lib, "wasm_exec.js"),
		"/wasm_exec_node.js": filepath.Join(lib, "wasm_exec_node.js"),
	} {
		files[name], err = os.ReadFile(path)
		check(t, err)
	}
	return files
}

func serveFile(w http.ResponseWriter, name string, data []byte) {
	w.Header().Set("Content-Type", map[string]string{
		".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm",
	}[filepath.Ext(name)])
	w.Write(data)
}

// wasmPeer is our own client in a page: it can do no more than the browser can.
type wasmPeer struct{ *browser }

func (wasmPeer) can() ability { return 0 }

// openWasm opens the page in a new tab and waits until the program runs.
func openWasm(t *testing.T, chromium context.Context, base string) wasmPeer {
	t.Helper()
	p := openPage(t, chromium, base+"/wasm.html")
	ctx, cancel := context.WithTimeout(p.tab, patience)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool]("globalThis.run !== undefined")); err != nil {
		t.Fatalf("the program does not begin to run: %v", err)
	}
	return wasmPeer{p}
}

// Package conn itself is the peer, in a page, over the browser's WebSocket.
func TestWasm(t *testing.T) {
	id, files := newIdentity(t), wasmFiles(t)
	chromium := startChromium(t, id.pin)
	for _, w := range waysToUs(t, id) {
		w.us.files = files
		t.Run(w.name, func(t *testing.T) {
			p := openWasm(t, chromium, strings.TrimSuffix(w.page(), "/"))
			playAll(t, p, w.fromPeer(p))
		})
	}
}

// The same in node, whose WebSocket is another one.
func TestWasmInNode(t *testing.T) {
	id, files := newIdentity(t), wasmFiles(t)
	t.Setenv("NODE_EXTRA_CA_CERTS", id.certFile)
	for _, w := range waysToUs(t, id) {
		t.Run(w.name, func(t *testing.T) {
			p := startWasmInNode(t, files)
			playAll(t, p, w.fromPeer(p))
		})
	}
}

func startWasmInNode(t *testing.T, files map[string][]byte) *process {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		check(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	node := tool(t, "install Node.js 20.10 or later", "node", "nodejs")
	args := []string{filepath.Join(dir, "wasm_exec_node.js"), filepath.Join(dir, "program.wasm")}
	if exec.Command(node, "-e", "WebSocket").Run() != nil {
		args = append([]string{"--experimental-websocket"}, args...) // before version 22
	}
	return startProcess(t, 0, node, args...)
}

// checkServer answers the checks of wasm/checks.go.
type checkServer struct {
	files   map[string][]byte
	proceed chan struct{} // somebody has asked for /go

	mu  sync.Mutex
	saw map[string]chan error // what the serving of a check came to
}

// answer is what the server does in a check. What it returns ends the connection, and
// is what ended has to find right.
type answer struct {
	serve func(s *checkServer, ctx context.Context, c *conn.Conn) error
	ended func(err error) error // nil: the client closes with 1000 and "done"
}

func answers() map[string]answer {
	anything := func(error) error { return nil }
	return map[string]answer{
		"echo":      {serve: echoed},
		"bom":       {serve: echoed},
		"pieces":    {serve: echoed},
		"cancel":    {serve: echoed},
		"writers":   {serve: echoed},
		"netconn":   {serve: echoed},
		"json":      {serve: echoed},
		"ping":      {serve: echoed},
		"leaks":     {serve: echoed, ended: anything},
		"closenow":  {serve: echoed, ended: closedWith(1005, "")},
		"goingaway": {serve: echoed, ended: closedWith(1000, "")},
		"internal":  {serve: echoed, ended: closedWith(4011, "Grüße")},
		"messages":  {serve: counts, ended: closedWith(1000, "that was all")},
		"trywrite":  {serve: readsLate},
		"closeread": {serve: closesWhenAsked, ended: func(err error) error {
			if conn.CloseStatus(err) != 4321 {
				return err
			}
			return nil
		}},
		"vanish": {serve: vanishes, ended: anything},
		"toobig": {serve: writesTooMuch, ended: closedWith(4009, "the message is longer than this endpoint accepts")},
		"unread": {serve: floods, ended: closedWith(4008, "more messages have come than were read")},
	}
}

// closedWith judges what the client's Close frame said.
func closedWith(code conn.StatusCode, reason string) func(err error) error {
	return func(err error) error {
		if e, ok := errors.AsType[*conn.CloseError](err); !ok || e.Code != code || e.Reason != reason {
			return fmt.Errorf("want a Close with %d %q, got: %w", code, reason, err)
		}
		return nil
	}
}

// echoed returns how the client has ended the connection.
func echoed(_ *checkServer, ctx context.Context, c *conn.Conn) error {
	for {
		typ, p, err := c.Read(ctx)
		if err != nil {
			return err
		}
		if err := c.Write(ctx, typ, p); err != nil {
			return err
		}
	}
}

func counts(_ *checkServer, ctx context.Context, c *conn.Conn) error {
	for i := range 1000 {
		if err := c.Write(ctx, conn.Text, fmt.Append(nil, i)); err != nil {
			return err
		}
	}
	if err := c.Close(conn.StatusNormalClosure, "that was all"); err != nil {
		return err
	}
	return &conn.CloseError{Code: 1000, Reason: "that was all"}
}

// readsLate reads when it is told to: so many big messages, and then their number.
func readsLate(s *checkServer, ctx context.Context, c *conn.Conn) error {
	<-s.proceed
	for n := 0; ; n++ {
		typ, p, err := c.Read(ctx)
		switch {
		case err != nil:
			return err
		case typ == conn.Binary:
			continue
		case string(p) != fmt.Sprint(n):
			return fmt.Errorf("of %s messages that were taken %d came", p, n)
		}
		if err := c.Write(ctx, typ, p); err != nil {
			return err
		}
		_, _, err = c.Read(ctx)
		return err
	}
}

func closesWhenAsked(_ *checkServer, ctx context.Context, c *conn.Conn) error {
	if _, _, err := c.Read(ctx); err != nil {
		return err
	}
	if err := c.Close(4321, "as you wish"); err != nil {
		return err
	}
	return c.Err()
}

func vanishes(_ *checkServer, ctx context.Context, c *conn.Conn) error {
	if err := c.Write(ctx, conn.Text, []byte("last words")); err != nil {
		return err
	}
	return c.CloseNow()
}

func writesTooMuch(_ *checkServer, ctx context.Context, c *conn.Conn) error {
	if err := c.Write(ctx, conn.Binary, make([]byte, 1<<20+1)); err != nil {
		return err
	}
	_, _, err := c.Read(ctx)
	return err
}

// floods writes until it is told to stop.
func floods(_ *checkServer, ctx context.Context, c *conn.Conn) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		for p := make([]byte, 256<<10); c.Write(ctx, conn.Binary, p) == nil; {
		}
	}()
	_, _, err := c.Read(ctx)
	return err
}

func (s *checkServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if data, ok := s.files[r.URL.Path]; ok {
		serveFile(w, r.URL.Path, data)
		return
	}
	name := filepath.Base(r.URL.Path)
	switch name {
	case "go":
		s.proceed <- struct{}{}
		return
	case "refused":
		http.Error(w, "not today", http.StatusForbidden)
		return
	case "impatient":
		<-r.Context().Done()
		return
	}
	c, err := conn.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer c.CloseNow()
	s.result(name) <- answers()[name].serve(s, r.Context(), c)
	c.Close(conn.StatusNormalClosure, "")
}

// result is where the server says what it saw in a check.
func (s *checkServer) result(name string) chan error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.saw[name] == nil {
		s.saw[name] = make(chan error, 64)
	}
	return s.saw[name]
}

// What a program does with a Conn in a page, and what its peer sees of it.
func TestWasmChecks(t *testing.T) {
	s, url := startCheckServer(t, wasmFiles(t))
	s.playAll(t, openWasm(t, startChromium(t, ""), url), url)
}

func TestWasmChecksInNode(t *testing.T) {
	files := wasmFiles(t)
	s, url := startCheckServer(t, files)
	s.playAll(t, startWasmInNode(t, files), url, "bom") // node 20 takes it off what it receives
}

func startCheckServer(t *testing.T, files map[string][]byte) (s *checkServer, url string) {
	s = &checkServer{files: files, proceed: make(chan struct{}, 1), saw: make(map[string]chan error)}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

// playAll has the peer play all checks but some.
func (s *checkServer) playAll(t *testing.T, p peer, url string, but ...string) {
	all := answers()
	for _, name := range but {
		delete(all, name)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			s.play(t, p, url, name)
			select {
			case err := <-s.result(name):
				ended := all[name].ended
				if ended == nil {
					ended = closedWith(conn.StatusNormalClosure, "done")
				}
				check(t, ended(err))
			case <-time.After(patience):
				t.Error("the server has not seen the end of the connection")
			}
		})
	}
	for _, name := range []string{"refused", "impatient", "impossible", "network"} {
		t.Run(name, func(t *testing.T) { s.play(t, p, url, name) })
	}
}

// play has the peer play a check.
func (s *checkServer) play(t *testing.T, p peer, url, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	session := &session{t: t, ctx: ctx, peer: p, conn: "/check/" + name}
	session.do(command{Do: "check", URL: "ws" + strings.TrimPrefix(url, "http") + session.conn})
	if got := session.next("the check is played"); got.Event != "checked" || got.Detail != "" {
		t.Errorf("the peer says: %v", got)
	}
}
