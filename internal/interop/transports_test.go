package interop

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

var transportNames = []string{"short", "long", "iframe", "sse", "websocket"}

// The transports example in a browser: the page follows the events in all five
// ways at once, every figure comes, every chart is drawn, and nothing is said on
// the console. With PARLEY_SCREENSHOT=1 the picture in the example's directory is
// taken anew.
func TestTransportsPage(t *testing.T) {
	p := startExample(t, buildExample(t, "transports"), "-addr", "127.0.0.1:0", "-rate", "20")
	tab, cancel := chromedp.NewContext(startChromium(t, ""))
	defer cancel()
	console := listenToConsole(tab)
	page := &transportsPage{&examplePage{t, tab}}
	page.do(chromedp.EmulateViewport(1180, 900))
	visit(t, tab, p.url)

	page.wantState("live", "the page starts by itself")
	for _, name := range transportNames {
		page.wait(name+" delivers", fmt.Sprintf("byName[%q].events > 20", name))
	}
	page.wait("every figure comes", `[...document.querySelectorAll("#now td")].every(td => td.textContent !== "–" && td.textContent !== "")`)
	for _, chart := range []string{"arrivals", "latency", "bytes", "requests"} {
		page.wantDrawn(chart, transportNames)
	}
	page.wait("every event comes, once and in order", "transports.every(t => t.samples.every((s, i) => !i || s.id === t.samples[i - 1].id + 1))")
	page.wait("no event is older on arrival than it can be", "transports.every(t => t.samples.every(s => s.latency < 20_000))")

	page.do(chromedp.Click(chromedp.ID("pause")))
	page.wantState("paused", "the page can be told to stop")
	page.wait("the iframe is gone", `document.querySelector("iframe") === null`)
	page.do(chromedp.Click(chromedp.ID("pause")))
	page.wantState("live", "and to go on")

	page.do(chromedp.Click(chromedp.ID("measure")))
	page.wantState("measuring", "the page asks what the server pays")
	page.waitLong("what the server pays is known", "transports.every(t => t.cost)")
	page.wantState("live", "the page goes on by itself")
	page.wantDrawn("costs", transportNames)
	page.wait("there is a verdict for each measure", `[...document.querySelectorAll("#verdict li")].every(li => li.dataset.held !== "unknown")`)

	page.setRate(6)
	page.wait("all transports follow at the new rate", "transports.every(t => t.samples.filter(s => performance.now() - s.arrived < 1000).length > 30)")
	if os.Getenv("PARLEY_SCREENSHOT") != "" {
		page.setRate(4)
		time.Sleep(12 * time.Second) // for the charts to fill
		page.screenshot(filepath.Join("..", "..", "examples", "transports", "screenshot.png"), "verdict")
	}
	if said := console(); len(said) > 0 {
		t.Errorf("the console says %q", said)
	}
}

// transportsPage is the example's page in a tab: a page with figures and charts.
type transportsPage struct{ *examplePage }

// listenToConsole collects what a page logs and throws. The function that it
// returns ends that, and returns what there was.
func listenToConsole(tab context.Context) (said func() []string) {
	ctx, cancel := context.WithCancel(tab)
	messages := chromedp.Console(ctx)
	all := make(chan []string)
	go func() {
		var lines []string
		for m, err := range messages {
			if err != nil {
				break
			}
			lines = append(lines, m.String())
		}
		all <- lines
	}()
	return func() []string { cancel(); return <-all }
}

// wantDrawn waits until a chart has something in the colour of each transport.
func (p *transportsPage) wantDrawn(chart string, names []string) {
	p.t.Helper()
	for _, name := range names {
		p.wait(fmt.Sprintf("the chart %s shows %s", chart, name), fmt.Sprintf(`((c, name) => {
			const want = colors[name].match(/\w\w/g).map(hex => parseInt(hex, 16));
			const g = new OffscreenCanvas(c.width, c.height).getContext("2d", { willReadFrequently: true });
			g.drawImage(c, 0, 0);
			const p = g.getImageData(0, 0, c.width, c.height).data;
			for (let i = 0; i < p.length; i += 4)
				if (p[i + 3] === 255 && want.every((v, j) => Math.abs(v - p[i + j]) < 3)) return true;
			return false;
		})(document.getElementById(%q), %q)`, chart, name))
	}
}

// waitLong is wait for what takes longer than a scenario may: a measurement.
func (p *transportsPage) waitLong(sentence, condition string) {
	p.t.Helper()
	for begun := time.Now(); time.Since(begun) < 4*patience; time.Sleep(100 * time.Millisecond) {
		if p.eval(fmt.Sprintf("String(%s)", condition)) == "true" {
			return
		}
	}
	p.t.Fatalf("%s: it did not come in time", sentence)
}

// setRate moves the slider of the rate, as a finger does.
func (p *transportsPage) setRate(position int) {
	p.t.Helper()
	p.eval(fmt.Sprintf(`(slider => {
		slider.value = %d;
		slider.dispatchEvent(new Event("input"));
		slider.dispatchEvent(new Event("change"));
		return "";
	})(document.getElementById("rate"))`, position))
}

// screenshot writes a picture of the page down to the end of an element.
func (p *transportsPage) screenshot(name, last string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.tab, patience)
	defer cancel()
	height, err := chromedp.Run(ctx, chromedp.Evaluate[float64](fmt.Sprintf(
		"document.getElementById(%q).closest('section').getBoundingClientRect().bottom + scrollY", last)))
	check(p.t, err)
	p.do(chromedp.EmulateViewport(1180, int64(height)+14))
	p.eval("(scrollTo(0, 0), '')")
	time.Sleep(time.Second) // the charts are drawn again
	shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	check(p.t, err)
	picture, err := png.Decode(bytes.NewReader(shot))
	check(p.t, err)
	var out bytes.Buffer
	check(p.t, (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, withPalette(picture)))
	check(p.t, os.WriteFile(name, out.Bytes(), 0o644))
}

// withPalette reduces a picture to its 256 most frequent colours, as it is to be
// small.
func withPalette(picture image.Image) *image.Paletted {
	b := picture.Bounds()
	count := map[color.Color]int{}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			count[picture.At(x, y)]++
		}
	}
	colors := slices.SortedFunc(maps.Keys(count), func(a, b color.Color) int { return count[b] - count[a] })
	reduced := image.NewPaletted(b, colors[:min(len(colors), 256)])
	draw.Draw(reduced, b, picture, b.Min, draw.Src)
	return reduced
}
