package browser

import (
	"context"
	"errors"
	"syscall/js"

	"github.com/parleyws/websocket/frame"
)

// ErrRefused is all that a browser lets a script know of a connection that did not
// come about. "User agents must not convey any failure information to scripts in a
// way that would allow a script to distinguish" why (WHATWG WebSockets Standard,
// section 4).
var ErrRefused = errors.New("browser: the WebSocket does not open, and scripts are not told why; the browser's console may say more")

// Open has the browser connect to url, whose scheme is ws or wss, and offer the
// subprotocols. It returns the one that the server chose, if any. The error is that
// of ctx, ErrRefused, or what the browser threw.
func Open(ctx context.Context, url string, subprotocols []string) (s *Stream, subprotocol string, err error) {
	w := &webSocket{opened: make(chan bool, 1)}
	if err := w.construct(url, subprotocols); err != nil {
		return nil, "", err
	}
	select {
	case ok := <-w.opened:
		if !ok {
			w.stream.Close()
			return nil, "", ErrRefused
		}
		return w.stream, w.ws.Get("protocol").String(), nil
	case <-ctx.Done():
		w.stream.Close()
		return nil, "", ctx.Err()
	}
}

// webSocket is the browser's.
type webSocket struct {
	ws      js.Value
	stream  *Stream
	opened  chan bool // takes one token, when that is decided
	on      js.Func
	encoder js.Value
	decoder js.Value
}

// events are those that are listened to. Once the connection is open, an error has
// nothing to say but that a close follows; before that, not even that is certain
// (node 20).
var events = [...]string{"onopen", "onmessage", "onerror", "onclose"}

// construct makes the WebSocket, which begins to connect.
func (w *webSocket) construct(url string, subprotocols []string) (err error) {
	defer caught(&err)
	if js.Global().Get("WebSocket").IsUndefined() {
		return errors.New("browser: there is no WebSocket in this JavaScript")
	}
	offer := make([]any, len(subprotocols))
	for i, name := range subprotocols {
		offer[i] = name
	}
	w.encoder = js.Global().Get("TextEncoder").New()
	// Without this a text would lose the U+FEFF it begins with.
	w.decoder = js.Global().Get("TextDecoder").New("utf-8", map[string]any{"ignoreBOM": true})
	w.ws = js.Global().Get("WebSocket").New(url, offer)
	w.stream = New(w, url)
	w.ws.Set("binaryType", "arraybuffer")
	w.on = js.FuncOf(w.event)
	for _, name := range events {
		w.ws.Set(name, w.on)
	}
	return nil
}

// caught turns what JavaScript has thrown into an error.
func caught(err *error) {
	switch e := recover().(type) {
	case nil:
	case js.Error:
		*err = e
	default:
		panic(e)
	}
}

// event is called by the browser, and must not wait.
func (w *webSocket) event(_ js.Value, args []js.Value) any {
	e := args[0]
	switch e.Get("type").String() {
	case "open":
		w.decide(true)
	case "message":
		w.message(e.Get("data"))
	case "error":
		w.decide(false)
	case "close":
		code := frame.StatusCode(e.Get("code").Int())
		w.stream.Closed(code, e.Get("reason").String())
		w.decide(false)
	}
	return nil
}

// decide says whether the connection is open, unless that has been said.
func (w *webSocket) decide(open bool) {
	select {
	case w.opened <- open:
	default:
	}
}

func (w *webSocket) message(data js.Value) {
	if data.Type() == js.TypeString {
		w.stream.Message(frame.Text, newBytes(w.encoder.Call("encode", data)))
		return
	}
	w.stream.Message(frame.Binary, newBytes(js.Global().Get("Uint8Array").New(data)))
}

// Send implements Socket.
func (w *webSocket) Send(typ frame.Opcode, p []byte) (err error) {
	defer caught(&err)
	data := js.Global().Get("Uint8Array").New(len(p))
	js.CopyBytesToJS(data, p)
	if typ == frame.Text {
		data = w.decoder.Call("decode", data)
	}
	w.ws.Call("send", data)
	return nil
}

// Close implements Socket.
func (w *webSocket) Close(code frame.StatusCode, reason string) {
	if code == frame.StatusNoStatusReceived {
		w.ws.Call("close")
		return
	}
	w.ws.Call("close", int(code), reason)
}

// Buffered implements Socket.
func (w *webSocket) Buffered() int { return w.ws.Get("bufferedAmount").Int() }

// Release implements Socket.
func (w *webSocket) Release() {
	for _, name := range events {
		w.ws.Set(name, js.Null())
	}
	w.on.Release()
}

// bytes are in a Uint8Array.
type bytes struct {
	array js.Value
	n     int
}

func newBytes(array js.Value) bytes { return bytes{array, array.Length()} }

func (b bytes) Len() int { return b.n }

func (b bytes) CopyTo(dst []byte, from int) int {
	if len(dst) == 0 || from == b.n {
		return 0
	}
	part := b.array
	if from > 0 {
		part = part.Call("subarray", from)
	}
	return js.CopyBytesToGo(dst, part)
}
