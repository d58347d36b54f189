package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/conn"
)

func dial(t *testing.T, url, query string) (*conn.Conn, error) {
	c, err := conn.Dial(patience(t), url+"?"+query, nil)
	if err == nil {
		t.Cleanup(func() { c.CloseNow() })
	}
	return c, err
}

// next reads the next event that is none of presence.
func next(t *testing.T, c *conn.Conn) event {
	t.Helper()
	for {
		e, err := conn.ReadJSON[event](patience(t), c)
		require.NoError(t, err)
		if len(e.Present) == 0 {
			return e
		}
	}
}

func TestWhoMayCome(t *testing.T) {
	_, url := startServer(t, newMemory(10))
	for _, query := range []string{
		"", "room=x", "name=a", "room=x.y&name=a", "room=>&name=a", "room=*&name=a", "room=x&name=a%20b",
		"room=x&name=" + strings.Repeat("a", 65), "room=x&name=a&after=-1", "room=x&name=a&after=z",
	} {
		_, err := dial(t, url, query)
		require.ErrorContains(t, err, "400", query)
	}
}

func TestWhatMayBeSaid(t *testing.T) {
	_, url := startServer(t, newMemory(10))
	for _, tt := range []struct {
		name, says string
		code       conn.StatusCode
	}{
		{"a message", `{"id":"x-1","text":"hello"}`, 0},
		{"a signal", `{"signal":"typing"}`, 0},
		{"no JSON", `hello`, conn.StatusUnsupportedData},
		{"nothing", `{}`, conn.StatusUnsupportedData},
		{"no id", `{"text":"hello"}`, conn.StatusUnsupportedData},
		{"no text", `{"id":"x-1"}`, conn.StatusUnsupportedData},
		{"both", `{"id":"x-1","text":"hello","signal":"typing"}`, conn.StatusUnsupportedData},
		{"too much", `{"id":"x-1","text":"` + strings.Repeat("a", maxRequest) + `"}`, conn.StatusMessageTooBig},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := dial(t, url, "room=x&name=a")
			require.NoError(t, err)
			require.NotEmpty(t, next(t, c).Log)
			require.True(t, next(t, c).Joined)
			require.NoError(t, c.Write(patience(t), conn.Text, []byte(tt.says)))
			for err == nil && tt.code != 0 {
				_, _, err = c.Read(patience(t))
			}
			if tt.code == 0 {
				e := next(t, c)
				require.True(t, e.Ack != "" || e.Text != "" || e.Signal != "")
			}
			require.Equal(t, tt.code, conn.CloseStatus(err))
		})
	}
}

// Where a client that comes back gets what it has not seen from: the broker, the room, or
// both, while others talk.
func TestResume(t *testing.T) {
	everyBroker(t, func(t *testing.T, a, b Broker) {
		const n = 3 * keepRecent
		var seqs []uint64
		// The broker's messages are the servers' business.
		_, err := a.Publish(patience(t), "x", "foreign", []byte("no JSON"))
		require.NoError(t, err)
		counting := &countingBroker{Broker: b}
		_, url := startServer(t, counting)
		for i := range n {
			seq, err := a.Publish(patience(t), "x", fmt.Sprint(i), event{ID: "i", From: "a", Text: fmt.Sprint(i)}.encode())
			require.NoError(t, err)
			seqs = append(seqs, seq)
			if i == n/4 {
				startPerson(t, "x", "early", url).joins(1)
			}
		}
		for _, from := range []int{0, 1, n / 8, n / 4, n / 2, n - keepRecent, n - fewMessages - 2, n - 3, n} {
			after := uint64(0)
			if from > 0 {
				after = seqs[from-1]
			}
			c, err := dial(t, url, fmt.Sprintf("room=x&name=b&log=%s&after=%d", b.Log(), after))
			require.NoError(t, err)
			require.Equal(t, b.Log(), next(t, c).Log)
			for _, seq := range seqs[from:] {
				e := next(t, c)
				for e.Joined {
					e = next(t, c)
				}
				require.Equal(t, seq, e.Seq, "after %d", from)
			}
			c.CloseNow()
		}
		require.Positive(t, counting.pages.Load(), "some of it from the broker")
	})
}

// countingBroker counts what is asked of a broker.
type countingBroker struct {
	Broker
	pages atomic.Int32
}

func (b *countingBroker) History(ctx context.Context, room string, after uint64, limit int) ([]Stored, error) {
	b.pages.Add(1)
	return b.Broker.History(ctx, room, after, limit)
}

// A client may have seen at another server what comes to this one later. It comes once.
func TestAClientThatIsAhead(t *testing.T) {
	b := newMemory(10)
	_, url := startServer(t, b)
	c, err := dial(t, url, "room=x&name=a&after=2&log="+b.Log())
	require.NoError(t, err)
	next(t, c)
	require.True(t, next(t, c).Joined)
	for _, id := range []string{"one", "two", "three"} {
		_, err := b.Publish(t.Context(), "x", id, event{ID: id, From: "b", Text: id}.encode())
		require.NoError(t, err)
	}
	require.Equal(t, "three", next(t, c).ID)
}

// Numbers of another log mean nothing: the client sees all there is, and goes on.
func TestAnotherLog(t *testing.T) {
	b := newMemory(10)
	_, url := startServer(t, b)
	_, err := b.Publish(t.Context(), "x", "one", event{ID: "one", From: "b", Text: "hello"}.encode())
	require.NoError(t, err)
	c, err := dial(t, url, "room=x&name=a&after=1000&log=other")
	require.NoError(t, err)
	require.Equal(t, b.Log(), next(t, c).Log)
	require.Equal(t, "one", next(t, c).ID)

	c, err = dial(t, url, "room=x&name=a")
	require.NoError(t, err)
	next(t, c)
	require.True(t, next(t, c).Joined, "who asks for no history gets none")
}

// A client that does not read is disconnected, and gets the rest when it comes again;
// meanwhile nobody waits for it.
func TestASlowClient(t *testing.T) {
	b := newMemory(100_000)
	_, url := startServer(t, b)
	slow, err := dial(t, url, "room=x&name=slow")
	require.NoError(t, err)
	next(t, slow)
	require.True(t, next(t, slow).Joined)
	var last uint64
	for i := 0; slow.Err() == nil && i < 20_000; i++ {
		last, err = b.Publish(t.Context(), "x", fmt.Sprint(i), event{ID: "i", From: "b", Text: strings.Repeat("x", 3000)}.encode())
		require.NoError(t, err)
	}
	var seen uint64
	for err == nil {
		var e event
		if e, err = conn.ReadJSON[event](patience(t), slow); err == nil && e.Seq > 0 {
			require.Equal(t, seen+1, e.Seq)
			seen = e.Seq
		}
	}
	require.Equal(t, conn.StatusPolicyViolation, conn.CloseStatus(err))
	require.Less(t, seen, last)
	c, err := dial(t, url, fmt.Sprintf("room=x&name=slow&after=%d&log=%s", seen, b.Log()))
	require.NoError(t, err)
	next(t, c)
	for ; seen < last; seen++ {
		if e := next(t, c); e.Joined {
			seen--
		} else {
			require.Equal(t, seen+1, e.Seq)
		}
	}
}

// Where the broker is away, servers say so to load balancers and to clients.
func TestNATSIsAway(t *testing.T) {
	e, err := startEmbedded("127.0.0.1:0", t.TempDir())
	require.NoError(t, err)
	b := natsAt(t, e.url())
	_, url := startServer(t, b)
	health := func() int {
		r, err := http.Get("http" + strings.TrimSuffix(strings.TrimPrefix(url, "ws"), "/ws") + "/healthz")
		require.NoError(t, err)
		r.Body.Close()
		return r.StatusCode
	}
	defer http.DefaultClient.CloseIdleConnections()
	require.Equal(t, http.StatusOK, health())
	c, err := dial(t, url, "room=x&name=a")
	require.NoError(t, err)
	next(t, c)
	require.True(t, next(t, c).Joined)
	e.close()
	eventually(t, "it is not healthy", func() bool { return health() == http.StatusServiceUnavailable })
	b.Close()
	require.NoError(t, conn.WriteJSON(patience(t), c, request{ID: "one", Text: "hello"}))
	for err == nil {
		var e event
		e, err = conn.ReadJSON[event](patience(t), c)
		require.Empty(t, e.Ack, "what is not kept is not acknowledged")
	}
	require.Equal(t, conn.StatusTryAgainLater, conn.CloseStatus(err))
}

// The program as people use it: a server with NATS in it, and two who talk.
func TestChat(t *testing.T) {
	p := startProgram(t, "-addr", "127.0.0.1:0", "-nats-listen", "127.0.0.1:0", "-store", t.TempDir())
	bob := startPerson(t, "lobby", "bob", p.url)
	bob.signal("typing")
	bob.says("hello")
	bob.hears("himself", "bob: hello")
	var out bytes.Buffer
	require.NoError(t, run(patience(t), []string{"-join", p.url, "-name", "alice"}, strings.NewReader("hi\n\x1b[2J\n"), &out, silent))
	bob.hears("alice", "bob: hello", "alice: hi", "alice: \x1b[2J")
	require.Contains(t, out.String(), "bob: hello\n")
	require.NotContains(t, out.String(), "\x1b", "what others write does not command the terminal")
	bob.sees("that she has left", "bob")
}

func TestWrongArguments(t *testing.T) {
	for name, args := range map[string][]string{
		"unknown flag":      {"-no-such-flag"},
		"no address":        {"-addr", "nowhere"},
		"no beat":           {"-beat", "0s"},
		"nobody at NATS":    {"-addr", "127.0.0.1:0", "-nats", "nats://127.0.0.1:1"},
		"no place for NATS": {"-addr", "127.0.0.1:0", "-nats-listen", "nowhere"},
		"no port for NATS":  {"-addr", "127.0.0.1:0", "-nats-listen", "127.0.0.1:x"},
		"no URL":            {"-join", "ftp://127.0.0.1/", "-name", "a"},
	} {
		ctx := patience(t)
		begin := time.Now()
		require.Error(t, run(ctx, args, strings.NewReader(""), new(bytes.Buffer), silent), name)
		require.Less(t, time.Since(begin), 20*time.Second, name)
	}
}
