package interop

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/parleyws/websocket/conn"
)

// startChromium starts a browser without a window. The context that it returns
// is for chromedp, and good until the test ends; pin is the certificate to trust.
func startChromium(t *testing.T, pin string) context.Context {
	t.Helper()
	path := tool(t, "apt-get install chromium", "chromium", "chromium-browser", "google-chrome")
	ctx, cancel := chromedp.NewExecAllocator(t.Context(),
		chromedp.ExecPath(path),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("ignore-certificate-errors-spki-list", pin),
	)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("%s does not start: %v", path, err)
	}
	return ctx
}

// browser is a page in Chromium, as a peer. It runs what is the same program in
// every browser, and can do only what a page can.
type browser struct {
	tab      context.Context
	incoming chan event
}

// openPage opens url, where browser.js is, in a new tab.
func openPage(t *testing.T, chromium context.Context, url string) *browser {
	t.Helper()
	tab, cancel := chromedp.NewContext(chromium)
	t.Cleanup(cancel)
	b := &browser{tab: tab, incoming: make(chan event, 1024)}
	calls := chromedp.Events(tab, runtime.BindingCalled)
	_, err := chromedp.Call(tab, runtime.AddBinding, runtime.AddBindingParams{Name: "emitLine"})
	check(t, err)
	go func() {
		defer close(b.incoming)
		for call, err := range calls {
			if err != nil {
				return
			}
			var e event
			if err := json.Unmarshal([]byte(call.Payload), &e); err != nil {
				e = event{Event: "error", Detail: err.Error()}
			}
			b.incoming <- e
		}
	}()
	visit(t, tab, url)
	return b
}

// visit loads url into a tab.
func visit(t *testing.T, tab context.Context, url string) {
	t.Helper()
	check(t, chromedp.Do(tab, chromedp.Navigate(url)))
	// Or the browser would report every frame to us, in base64 in JSON, which
	// takes five times as long as all the rest.
	_, err := chromedp.Call(tab, network.Disable, cdp.Empty{})
	check(t, err)
}

func (b *browser) do(_ context.Context, c command) error {
	line, err := json.Marshal(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(b.tab, patience)
	defer cancel()
	_, err = chromedp.Run(ctx, chromedp.Evaluate[bool]("run("+string(line)+"), true"))
	return err
}

func (b *browser) events() <-chan event { return b.incoming }
func (b *browser) why() string          { return "the tab is closed" }
func (b *browser) can() ability         { return window8 | seesTerms }

// page is the URL of the page of the tests, of the same origin as the way.
func (w way) page() string { return "http" + strings.TrimPrefix(w.base, "ws") + "/" }

func TestChromium(t *testing.T) {
	id := newIdentity(t)
	chromium := startChromium(t, id.pin)
	for _, w := range waysToUs(t, id) {
		t.Run(w.name, func(t *testing.T) {
			p := openPage(t, chromium, w.page())
			playAll(t, p, w.fromPeer(p))
		})
	}
}

// A page that is left says 1001, and does not wait for the answer.
func TestChromiumLeavesAPage(t *testing.T) {
	id := newIdentity(t)
	chromium := startChromium(t, id.pin)
	for _, w := range waysToUs(t, id) {
		t.Run(w.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			p := openPage(t, chromium, w.page())
			us, _ := w.fromPeer(p)(t, ctx, 0, scenario{})
			check(t, chromedp.Cancel(p.tab))
			wantClosed(us, conn.StatusGoingAway, "")
		})
	}
}

// RFC 6455, section 10.2: a server should not be open to every page.
func TestChromiumFromAForeignOrigin(t *testing.T) {
	id := newIdentity(t)
	ways := waysToUs(t, id)
	p := openPage(t, startChromium(t, id.pin), ways[1].page())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	path := ways[0].path(0)
	ways[0].us.expect(path, nil)
	s := &session{t: t, ctx: ctx, peer: p, conn: path}
	s.do(command{Do: "dial", URL: ways[0].base + path})
	if got := s.next("the page is refused"); got.Event != "error" || got.Code != 1006 {
		t.Errorf("a page of another origin is refused by default: the page says %v", got)
	}

	path = ways[0].path(1)
	accepted := ways[0].us.expect(path, &conn.AcceptOptions{OriginPatterns: []string{strings.TrimPrefix(ways[1].base, "ws://")}})
	s = &session{t: t, ctx: ctx, peer: p, conn: path}
	s.do(command{Do: "dial", URL: ways[0].base + path})
	s.want("an allowed origin may come in", event{Event: "open"})
	check(t, (<-accepted).Close(conn.StatusNormalClosure, ""))
}
