package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/conn"
)

// start runs the program, and returns its URL, its log, and what an interrupt does.
func start(t *testing.T) (url string, log <-chan string, stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"-addr", "127.0.0.1:0"}, w)
		w.Close()
	}()
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			lines <- s.Text()
		}
	}()
	_, url, _ = strings.Cut(<-lines, "listening on ")
	return url, lines, func() {
		cancel()
		assert.NoError(t, <-done, "an interrupt is no failure")
	}
}

func TestServesThePage(t *testing.T) {
	url, _, stop := start(t)
	defer stop()
	resp, err := http.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, page, body)
	assert.Equal(t, "text/html; charset=utf-8", resp.Header.Get("Content-Type"))
}

func TestAPageOfAnotherSiteGetsNoWebSocket(t *testing.T) {
	url, _, stop := start(t)
	defer stop()
	r, err := http.NewRequest("GET", url+"socket.io/?EIO=4&transport=websocket", nil)
	require.NoError(t, err)
	r.Header.Set("Origin", "https://evil.example")
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	resp.Body.Close()
	assert.Equal(t, http.StatusForbidden, resp.StatusCode)
}

// Two people talk, one over a WebSocket and one by polling, until the server is
// interrupted.
func TestChat(t *testing.T) {
	url, log, stop := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	ws, err := conn.Dial(ctx, "ws"+strings.TrimPrefix(url, "http")+"socket.io/?EIO=4&transport=websocket", nil)
	require.NoError(t, err)
	defer ws.CloseNow()
	ada := scripted{t, ws}
	ada.read()
	ada.join("")
	ada.send(`420["say","hello?"]`)
	ada.want(`430[{"error":"join a room first"}]`)
	ada.send(`421["join","","x"]`)
	ada.want(`431[{"error":"a name and a room have from 1 to 40 bytes"}]`)
	ada.send(`422["join","Ada","x"]`)
	ada.want(`432[{"people":["Ada"]}]`)
	assert.Contains(t, <-log, "Ada joins x")

	ben := polls{t, url + "socket.io/?EIO=4&transport=polling"}
	_, rest, _ := strings.Cut(ben.get(), `"sid":"`)
	sid, _, _ := strings.Cut(rest, `"`)
	ben.url += "&sid=" + sid
	ben.post(`40`)
	assert.Contains(t, ben.get(), `40{"sid":"`)
	ben.post("421[\"join\",\"Ben\",\"x\"]\x1e42[\"say\",\"hi\"]\x1e451-[\"picture\",{\"_placeholder\":true,\"num\":0}]\x1ebAQI=")
	assert.Equal(t, `431[{"people":["Ada","Ben"]}]`, ben.get())
	ada.want(`42["joined",{"name":"Ben"}]`, `42["said",{"name":"Ben","text":"hi"}]`,
		`451-["picture","Ben",{"_placeholder":true,"num":0}]`, "\x01\x02")

	ben.post(`429["roll"]`)
	ada.want(`421["here?"]`)
	assert.Equal(t, `421["here?"]`, ben.get(), "everyone is asked")
	ada.send(`431[]`)
	ben.post(`431[]`)
	assert.Regexp(t, `^439\[\[\{"name":"Ada","ms":[0-9.]+},\{"name":"Ben","ms":[0-9.]+}]]$`, ben.get())

	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		stop()
	}()
	ada.wantEnd("the server says goodbye")
	<-stopped
}

// polls is a client that polls.
type polls struct {
	t   *testing.T
	url string
}

func (p polls) get() string {
	p.t.Helper()
	resp, err := http.Get(p.url)
	require.NoError(p.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(p.t, err)
	require.Equal(p.t, http.StatusOK, resp.StatusCode, string(body))
	return string(body)
}

func (p polls) post(body string) {
	p.t.Helper()
	resp, err := http.Post(p.url, "text/plain", strings.NewReader(body))
	require.NoError(p.t, err)
	defer resp.Body.Close()
	require.Equal(p.t, http.StatusOK, resp.StatusCode)
}

func TestStartsOnlyWhenItCan(t *testing.T) {
	assert.Error(t, run(t.Context(), []string{"-no-such-flag"}, io.Discard))
	assert.Error(t, run(t.Context(), []string{"-addr", "127.0.0.1:none"}, io.Discard))
}
