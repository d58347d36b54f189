package interop

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// The echo example as people use it: the program itself, its page in a browser,
// an interrupt at the end.
func TestEchoPage(t *testing.T) {
	p := startEcho(t, "-subprotocols", "chat")
	page := &echoPage{examplePage: examplePage{t, startChromium(t, "")}}
	visit(t, page.tab, p.url)

	page.wantState("closed", "the page connects when it is told to")
	page.do(chromedp.SendKeys(chromedp.ID("subprotocols"), "unknown, chat"))
	page.connect()
	page.wantText("subprotocol", "chat")

	page.say("hello")
	page.wantEcho("text", 5)
	page.say("Grüße, 世界")
	page.wantEcho("text", len("Grüße, 世界"))
	page.say("")
	page.wantEcho("text", 0)
	for _, size := range []int{0, 1<<16 + 1, 16 << 20} {
		page.sendFile(size)
		page.wantEcho("binary", size)
	}
	page.wantText("sent-count", "6")
	page.wantText("received-count", "6")

	page.do(
		chromedp.SetValue(chromedp.ID("code"), "4001"),
		chromedp.SetValue(chromedp.ID("reason"), "lunch"),
		chromedp.Click(chromedp.ID("disconnect")),
	)
	page.wantState("closed", "the closing handshake completes")
	page.wantText("state", "Closed 4001")
	total := 5 + len("Grüße, 世界") + 1<<16 + 1 + 16<<20
	p.wantLog(fmt.Sprintf("closed with 4001 after 6 messages, %d bytes", total))

	page.connect()
	check(t, p.process.Signal(os.Interrupt))
	page.wantState("closed", "the server takes its leave")
	page.wantText("state", "Closed 1001")
	p.wantLog("closed with 1001 after 0 messages, 0 bytes")
	<-p.ended
}

// exampleProgram is a program of the examples, built and running.
type exampleProgram struct {
	t       *testing.T
	url     string
	process *os.Process
	log     *bufio.Scanner
	ended   <-chan struct{}
}

func startEcho(t *testing.T, args ...string) *exampleProgram {
	t.Helper()
	return startExample(t, buildExample(t, "echo"), append([]string{"-addr", "127.0.0.1:0"}, args...)...)
}

// buildExample builds a program of the directory examples, and returns where it is.
func buildExample(t *testing.T, name string) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), name)
	build := exec.Command("go", "build", "-o", program, "./examples/"+name)
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("examples/%s does not build: %v\n%s", name, err, out)
	}
	return program
}

// startExample starts a program that serves a page, and says where first of all.
func startExample(t *testing.T, program string, args ...string) *exampleProgram {
	t.Helper()
	cmd := exec.Command(program, args...)
	r, w, err := os.Pipe()
	check(t, err)
	t.Cleanup(func() { r.Close() })
	cmd.Stderr = w
	p := &exampleProgram{t: t, log: bufio.NewScanner(r)}
	p.ended = start(t, cmd, os.Kill)
	p.process = cmd.Process
	w.Close()
	_, p.url, _ = strings.Cut(p.wantLog("listening on "), "listening on ")
	return p
}

// wantLog waits for the next line of the program's log.
func (p *exampleProgram) wantLog(part string) string {
	p.t.Helper()
	if !p.log.Scan() {
		p.t.Fatalf("the program has ended before it logged %q", part)
	}
	if !strings.Contains(p.log.Text(), part) {
		p.t.Fatalf("the log says %q, want %q", p.log.Text(), part)
	}
	return p.log.Text()
}

// examplePage is the page of an example in a tab. It has the elements state and log.
type examplePage struct {
	t   *testing.T
	tab context.Context
}

// echoPage is that of examples/echo.
type echoPage struct {
	examplePage
	echoes int // that have come
}

func (p *examplePage) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.tab, patience)
	defer cancel()
	check(p.t, chromedp.Do(ctx, steps...))
}

func (p *echoPage) connect() {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.ID("connect")))
	p.wantState("open", "the page connects")
}

func (p *echoPage) say(text string) {
	p.t.Helper()
	p.do(chromedp.SendKeys(chromedp.ID("text"), text), chromedp.Click(chromedp.ID("send")))
}

func (p *echoPage) sendFile(size int) {
	p.t.Helper()
	name := filepath.Join(p.t.TempDir(), strconv.Itoa(size)+".bin")
	check(p.t, os.WriteFile(name, binary(period, size).bytes(), 0o600))
	p.do(chromedp.SetUploadFiles(chromedp.ID("file"), []string{name}))
}

// wantEcho waits for the next echo: of the type and size given, and found
// identical by the page.
func (p *echoPage) wantEcho(typ string, size int) {
	p.t.Helper()
	p.echoes++
	const received = "#log li[data-kind=received]"
	p.wait("the echo comes", fmt.Sprintf("document.querySelectorAll(%q).length === %d", received, p.echoes))
	last := fmt.Sprintf("[...document.querySelectorAll(%q)].at(-1).dataset", received)
	got := p.eval(fmt.Sprintf("((d) => d.type + ' ' + d.size + ' ' + d.same)(%s)", last))
	if want := fmt.Sprintf("%s %d true", typ, size); got != want {
		p.t.Fatalf("the echo's type, size and whether it is the same: got %q, want %q", got, want)
	}
}

func (p *examplePage) wantState(state, sentence string) {
	p.t.Helper()
	p.wait(sentence, fmt.Sprintf("document.getElementById('state').dataset.state === %q", state))
}

func (p *examplePage) wantText(id, want string) {
	p.t.Helper()
	if got := p.eval(fmt.Sprintf("document.getElementById(%q).textContent", id)); got != want {
		p.t.Fatalf("#%s is %q, want %q", id, got, want)
	}
}

func (p *examplePage) eval(expression string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.tab, patience)
	defer cancel()
	got, err := chromedp.Run(ctx, chromedp.Evaluate[string](expression))
	check(p.t, err)
	return got
}

// wait polls the condition, in the page, until it is true.
func (p *examplePage) wait(sentence, condition string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.tab, patience)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](condition)); err != nil {
		p.t.Fatalf("%s: %v; the page says: %s", sentence, err, p.eval("document.body.innerText"))
	}
}
