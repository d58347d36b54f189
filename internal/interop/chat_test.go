package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	_ "image/png"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/parleyws/websocket/conn"
)

// The chat example as people use it: the program itself, and two browsers that talk,
// before and after the server is started again. With PARLEY_SCREENSHOT=1, the picture
// of the page in examples/chat is taken anew; with the name of a directory, all
// pictures are kept there.
func TestChatPage(t *testing.T) {
	program := buildExample(t, "chat")
	server := startExample(t, program, "-addr", "127.0.0.1:0")
	url := server.url
	ada, grace := openChat(t, url+"#lobby", "Ada"), openChat(t, url+"#lobby", "Grace")

	ada.wantMembers("Ada you, Grace")
	grace.wantMembers("Ada you, Grace", "Ada, Grace you")
	ada.wantLog("presence is told", "Grace has joined")

	ada.say("Hello Grace!\nIs this the line?")
	grace.wantMessage("Hello Grace!\nIs this the line?")
	grace.say("<img src=x onerror=alert(1)> & <b>it is</b>")
	ada.wantMessage("<img src=x onerror=alert(1)> & <b>it is</b>")
	for _, p := range []*chatPage{ada, grace} {
		p.wait("what people write is text", "document.querySelector('#log img, #log b.x, .bubble *') === null")
		p.wait("the round-trip time is shown", `/^\d+(\.\d)? ms$/.test(document.getElementById('rtt').textContent)`)
		p.wantMessages(2)
	}

	robot := newGuest(t, url, "lobby", "Robot", "secret of the robot")
	robot.say("beep")
	for _, p := range []*chatPage{ada, grace} {
		p.wantMessage("beep")
	}
	check(t, server.process.Signal(syscall.SIGTERM))
	<-server.ended
	for _, p := range []*chatPage{ada, grace} {
		p.wantState("waiting", "the pages know that the server is gone")
	}
	ada.say("written while the line was dead")
	ada.say("and in order")
	ada.wait("what has not arrived is shown", "document.querySelectorAll('#log li[data-sent=false]').length === 2")

	startExample(t, program, "-addr", strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/"))
	for _, p := range []*chatPage{ada, grace} {
		p.wait("both come back by themselves", "document.getElementById('state').dataset.state === 'open'")
	}
	grace.wantMessage("and in order")
	robot = newGuest(t, url, "lobby", "Robot", "secret of the robot")
	robot.say("beep") // it does not know that this had arrived, nor does the server
	robot.say("boop")
	grace.wantMessage("boop")
	grace.say("heard you, both times once")
	ada.wantMessage("heard you, both times once")
	want := []string{
		"Hello Grace!\nIs this the line?", "<img src=x onerror=alert(1)> & <b>it is</b>", "beep",
		"written while the line was dead", "and in order", "boop", "heard you, both times once",
	}
	for _, p := range []*chatPage{ada, grace} {
		p.wantMessages(len(want))
		p.wait("all is there once, and in order", fmt.Sprintf("%s === %q", texts, strings.Join(want, "|")))
		p.wait("all has arrived", "document.querySelector('#log li[data-sent=false]') === null")
	}

	// A page that is loaded again is the same member, and sees what the server has.
	robot.c.CloseNow()
	grace.do(chromedp.Reload())
	grace.enter("Grace")
	ada.wantMembers("Ada you, Grace", "Grace, Ada you")
	history := strings.Join([]string{want[3], want[4], "beep", "boop", want[6]}, "|")
	grace.wait("the history is there", fmt.Sprintf("%s === %q", texts, history))

	// One whose session is used elsewhere does not fight for it.
	newGuest(t, url, "lobby", "Grace", grace.eval("JSON.parse(sessionStorage.getItem('chat lobby')).session"))
	grace.wantState("stopped", "the page is told that it was replaced")
	grace.do(chromedp.Click(chromedp.ID("again")))
	grace.wantState("open", "and comes back as somebody new when told to")
	ada.wait("there are three now", "document.getElementById('count').textContent === '3'")
}

// texts is an expression for what all messages say.
const texts = "[...document.querySelectorAll('#log .bubble')].map(b => b.textContent).join('|')"

// A conversation to look at, by day, by night, and on a phone.
func TestChatPictures(t *testing.T) {
	server := startExample(t, buildExample(t, "chat"), "-addr", "127.0.0.1:0")
	url := server.url + "#engine%20room"
	ada := openChat(t, url, "Ada")
	ada.size(1120, 720, false)
	grace := newGuest(t, server.url, "engine room", "Grace", "Grace is a guest")
	zoya := newGuest(t, server.url, "engine room", "Зоя", "Zoya is a guest, too")
	ada.wantMembers("Ada you, Grace, Зоя")
	said := 0
	say := func(who interface{ say(text string) }, text string) {
		who.say(text)
		said++
		ada.wait("it arrives", fmt.Sprintf("document.querySelectorAll('#log .bubble').length === %d", said))
	}
	say(ada, "Good morning! The tests are green.")
	say(grace, "Morning. All 1,412 vectors?")
	say(ada, "Every one, as client and as server.")
	say(zoya, "Доброе утро!")
	say(zoya, "I pulled the plug of the server in the middle of a sentence.\nThe page came back by itself, and the rest of the sentence arrived. Once.")
	say(grace, "That is what the numbers in protocol.go are for.")
	say(ada, "Coffee?")
	ada.wait("the round-trip time is shown", "/ms/.test(document.getElementById('rtt').textContent)")

	light := ada.picture("light")
	ada.scheme("dark")
	dark := ada.picture("dark")
	ada.size(390, 844, true)
	ada.wait("a phone has no room for names beside the messages", "getComputedStyle(document.getElementById('people')).visibility === 'hidden'")
	ada.wait("nor anything that sticks out", "document.documentElement.scrollWidth === 390")
	ada.picture("phone-dark")
	ada.scheme("light")
	ada.picture("phone")
	ada.do(chromedp.Click(chromedp.ID("show-people")))
	ada.wait("but they can be looked at", "getComputedStyle(document.getElementById('people')).visibility === 'visible'")
	ada.picture("phone-people")
	ada.do(chromedp.Click(chromedp.ID("leave")))
	ada.wait("and left", "!document.getElementById('door').hidden")
	ada.picture("door")

	if brightness(t, light) < 200 || brightness(t, dark) > 60 {
		t.Errorf("mean brightness by day %d, by night %d, of 255", brightness(t, light), brightness(t, dark))
	}
	if os.Getenv("PARLEY_SCREENSHOT") == "1" {
		check(t, os.WriteFile(filepath.Join("..", "..", "examples", "chat", "screenshot.png"), light, 0o644))
	}
}

// brightness is the mean of a picture's pixels.
func brightness(t *testing.T, png []byte) int {
	t.Helper()
	img, _, err := image.Decode(bytes.NewReader(png))
	check(t, err)
	sum, n := 0, 0
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y += 4 {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x += 4 {
			r, g, b, _ := img.At(x, y).RGBA()
			sum += int(r+g+b) / 3 >> 8
			n++
		}
	}
	return sum / n
}

// chatPage is the page of the chat in a browser of its own.
type chatPage struct{ examplePage }

// openChat opens the page, and enters the room of its address.
func openChat(t *testing.T, url, name string) *chatPage {
	t.Helper()
	p := &chatPage{examplePage{t, startChromium(t, "")}}
	visit(t, p.tab, url)
	p.enter(name)
	return p
}

func (p *chatPage) enter(name string) {
	p.t.Helper()
	p.do(
		chromedp.SetValue(chromedp.ID("name"), name),
		chromedp.Click(chromedp.CSS("#enter button")),
	)
	p.wantState("open", name+" comes in")
}

// say types a text, as people do, and sends it.
func (p *chatPage) say(text string) {
	p.t.Helper()
	p.do(chromedp.SetValue(chromedp.ID("text"), text), chromedp.Click(chromedp.ID("send")))
}

func (p *chatPage) wantMessage(text string) {
	p.t.Helper()
	p.wait("it is heard: "+text, fmt.Sprintf("[...document.querySelectorAll('#log li[data-kind=theirs] .bubble')].at(-1)?.textContent === %q", text))
}

func (p *chatPage) wantMessages(n int) {
	p.t.Helper()
	p.wait(fmt.Sprintf("there are %d messages", n), fmt.Sprintf("document.querySelectorAll('#log .bubble').length === %d", n))
}

func (p *chatPage) wantLog(sentence, part string) {
	p.t.Helper()
	p.wait(sentence, fmt.Sprintf("document.getElementById('log').textContent.includes(%q)", part))
}

// wantMembers waits for the list of who is there to be one of these.
func (p *chatPage) wantMembers(lists ...string) {
	p.t.Helper()
	list := "[...document.querySelectorAll('#members li')].map(li => [...li.children].slice(1).map(e => e.textContent).join(' ')).join(', ')"
	p.wait("who is there: "+lists[0], fmt.Sprintf("%s.includes(%s)", js(lists), list))
}

func (p *chatPage) size(width, height int64, phone bool) {
	p.t.Helper()
	var opts []chromedp.EmulateViewportOption
	if phone {
		opts = append(opts, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	p.do(chromedp.EmulateViewport(width, height, opts...))
}

// scheme sets whether the browser is told to be light or dark.
func (p *chatPage) scheme(name string) {
	p.t.Helper()
	_, err := chromedp.Call(p.tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
	})
	check(p.t, err)
}

func (p *chatPage) picture(name string) []byte {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.tab, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	check(p.t, err)
	if dir := os.Getenv("PARLEY_SCREENSHOT"); dir != "" && dir != "1" {
		check(p.t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644))
	}
	return png
}

// guest is a member whose page is this program.
type guest struct {
	t    *testing.T
	c    *conn.Conn
	said int
}

func newGuest(t *testing.T, url, room, name, session string) *guest {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	c, err := conn.Dial(ctx, url+"ws", nil)
	check(t, err)
	t.Cleanup(func() { c.CloseNow() })
	check(t, conn.WriteJSON(ctx, c, map[string]any{"type": "join", "room": room, "name": name, "session": session}))
	_, _, err = c.Read(ctx)
	check(t, err)
	c.CloseRead(t.Context())
	return &guest{t: t, c: c}
}

func (g *guest) say(text string) {
	g.t.Helper()
	g.said++
	check(g.t, conn.WriteJSON(g.t.Context(), g.c, map[string]any{"type": "say", "id": g.said, "text": text}))
}

// js is a value as a page writes it.
func js(v any) string {
	p, err := json.Marshal(v)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return string(p)
}
