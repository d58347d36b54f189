package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
)

// requestText is a request for a transport, as a client with an event behind it
// writes it.
func requestText(tr transport) string {
	text := "GET /" + tr.name + "?after=1 HTTP/1.1\r\nHost: example.com\r\n"
	if tr.whole {
		text += "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	}
	return text + "\r\n"
}

// wire is a TCP connection to a server that counts what comes.
type wire struct {
	net.Conn
	t    *testing.T
	read int64
}

func (r *running) connect() *wire {
	nc, err := net.Dial("tcp", r.addr)
	require.NoError(r.t, err)
	r.t.Cleanup(func() { nc.Close() })
	return &wire{Conn: nc, t: r.t}
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.read += int64(n)
	return n, err
}

// until reads exactly to the end of what is expected.
func (w *wire) until(end string) (text string) {
	w.t.Helper()
	one := make([]byte, 1)
	for !strings.HasSuffix(text, end) {
		_, err := io.ReadFull(w, one)
		require.NoError(w.t, err, "after %q", text)
		text += string(one)
	}
	return text
}

// One connection asks for one thing after the other, as a browser's do. Every
// byte is counted, and for the transport that it belongs to.
func TestMeterCountsEveryByteForItsTransport(t *testing.T) {
	r := start(t, 10)
	r.hub.publish()
	r.hub.publish() // the clients have seen the first
	w := r.connect()
	ask := func(tr transport, end string, messages int64) {
		t.Helper()
		before, read := r.tallies[tr.name].read(), w.read
		text := requestText(tr)
		_, err := io.WriteString(w, text)
		require.NoError(t, err)
		w.until(end)
		want := figures{In: int64(len(text)), Out: w.read - read, Requests: 1, Messages: messages}
		r.wait("the counts are made", func() bool { return r.tallies[tr.name].read().minus(before) == want })
	}
	ask(shortPolling, "]}", 1)
	ask(longPolling, "]}", 1)
	ask(shortPolling, "]}", 1)
	require.Zero(t, r.meter.other.read(), "nothing is left over")

	const other = "GET /clock HTTP/1.1\r\nHost: example.com\r\n\r\n"
	_, err := io.WriteString(w, other)
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(w), nil)
	require.NoError(t, err)
	_, err = io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.EqualValues(t, len(other), r.meter.other.in.Load(), "the page's own requests are nobody's")

	ask(serverSentEvents, "\n\n\r\n", 1) // an event, and the end of its HTTP chunk
}

func TestMeterCountsAWebSocketWhole(t *testing.T) {
	r := start(t, 10)
	r.hub.publish()
	// The WebSocket joins with what the broadcast has sent so far.
	r.wait("the broadcast has seen it", func() bool {
		r.sockets.mu.Lock()
		defer r.sockets.mu.Unlock()
		return r.sockets.sent == 1
	})
	w := r.connect()
	opening := requestText(webSocket)
	_, err := io.WriteString(w, opening)
	require.NoError(t, err)
	w.until("\r\n\r\n")
	r.wait("it joins", func() bool { return r.sockets.group.Len() == 1 })
	header := w.read

	r.hub.publish()
	text := w.until("}")
	require.EqualValues(t, header+int64(len(text)), w.read)
	h, n, err := frame.ParseHeader([]byte(text))
	require.NoError(t, err)
	require.EqualValues(t, len(text)-n, h.Length, "an event is a frame: 2 bytes and its JSON")

	// A ping and its pong, of 6 and 2 bytes with nothing in them.
	ping := frame.Header{Opcode: frame.Ping, Fin: true, Masked: true, Key: frame.NewKey()}.Append(nil)
	_, err = w.Write(ping)
	require.NoError(t, err)
	_, err = io.ReadFull(w, make([]byte, 2))
	require.NoError(t, err)
	want := figures{In: int64(len(opening) + len(ping)), Out: w.read, Requests: 1, Messages: 1}
	r.wait("all of it is the WebSocket's", func() bool { return r.tallies["websocket"].read() == want })
}

// A WebSocket that speaks is told that it should not.
func TestOnlyTheServerSpeaks(t *testing.T) {
	r := start(t, 10)
	w := r.connect()
	_, err := io.WriteString(w, requestText(webSocket))
	require.NoError(t, err)
	w.until("\r\n\r\n")
	_, err = w.Write(append(frame.Header{Opcode: frame.Text, Fin: true, Masked: true, Length: 1}.Append(nil), 'x'))
	require.NoError(t, err)
	got := make([]byte, 2+2)
	_, err = io.ReadFull(w, got)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("%x", 1008), fmt.Sprintf("%x", int(got[2])<<8|int(got[3])))
}
