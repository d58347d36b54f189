package main

import (
	"bytes"
	"context"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/internal/wstest"
)

// programArgs, in the environment, has the test program be the program, with these
// arguments, one a line. So the program that the tests start is built as they are. It
// ends with its standard input, the other end of which is a test's: however that dies, no
// process is left.
const programArgs = "RESTART_TEST_ARGS"

func TestMain(m *testing.M) {
	if args := os.Getenv(programArgs); args != "" {
		os.Args = append(os.Args[:1], strings.Split(args, "\n")...)
		go func() {
			io.Copy(io.Discard, os.Stdin)
			os.Exit(3)
		}()
		main()
		return
	}
	wstest.Main(m)
}

// quick is how clients of these tests dial again.
func quick() *conn.RedialPolicy {
	return &conn.RedialPolicy{FirstWait: 20 * time.Millisecond, MaxWait: 200 * time.Millisecond, Stable: time.Nanosecond}
}

func patience(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// service is a server of handler in this process.
func service(t *testing.T, s *store) (url string) {
	events := &conn.Server{Handler: handler{s, log.New(io.Discard, "", 0)}}
	server := httptest.NewServer(events)
	t.Cleanup(func() {
		server.Close()
		require.NoError(t, events.Shutdown(context.Background()))
	})
	return server.URL
}

// What the server answers to each message.
func TestHandler(t *testing.T) {
	s, _ := opened(t, `{"client":"a","id":1,"text":"x"}`+"\n")
	url := service(t, s)
	for _, tt := range []struct {
		name, message string
		ack           string
		code          conn.StatusCode
	}{
		{"new", `{"client":"a","id":2,"text":"y"}`, `{"ack":2}`, 0},
		{"stored before", `{"client":"a","id":1,"text":"x"}`, `{"ack":1}`, 0},
		{"one is missing", `{"client":"a","id":4,"text":"y"}`, "", 4000},
		{"no JSON", `hello`, "", conn.StatusUnsupportedData},
		{"no id", `{"client":"a"}`, "", conn.StatusUnsupportedData},
		{"no client", `{"id":1}`, "", conn.StatusUnsupportedData},
		{"the name is too long", `{"client":"` + strings.Repeat("a", 65) + `","id":1}`, "", conn.StatusUnsupportedData},
		{"the store is another's", `{"client":"a","id":3,"text":"y"}`, "", conn.StatusGoingAway},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.code == conn.StatusGoingAway {
				require.NoError(t, s.close())
			}
			c, err := conn.Dial(patience(t), url, nil)
			require.NoError(t, err)
			defer c.CloseNow()
			require.NoError(t, c.Write(patience(t), conn.Text, []byte(tt.message)))
			_, p, err := c.Read(patience(t))
			require.Equal(t, tt.ack, string(p))
			require.Equal(t, tt.code, conn.CloseStatus(err))
		})
	}
}

// An outbox keeps no more than it has to, and waits then.
func TestOutboxIsBounded(t *testing.T) {
	box := newOutbox("a")
	for range maxUnacked {
		require.NoError(t, box.add(t.Context(), "x"))
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, box.add(ended, "x"), context.Canceled)
	box.acknowledge(2)
	require.NoError(t, box.add(t.Context(), "x"))
	require.NoError(t, box.add(t.Context(), "x"))
	require.ErrorIs(t, box.add(ended, "x"), context.Canceled)
	messages, done := box.after(maxUnacked)
	require.Equal(t, []message{{"a", maxUnacked + 1, "x"}, {"a", maxUnacked + 2, "x"}}, messages)
	require.False(t, done)
}

// The client sends each line, and ends when all are stored.
func TestSendLines(t *testing.T) {
	s, name := opened(t, "")
	url := service(t, s)
	require.NoError(t, sendLines(patience(t), url, "a", strings.NewReader("one\ntwo\n"), log.New(io.Discard, "", 0)))
	requireFile(t, name, `{"client":"a","id":1,"text":"one"}
{"client":"a","id":2,"text":"two"}
`)
}

func TestWrongArguments(t *testing.T) {
	var logged bytes.Buffer
	logger := log.New(&logged, "", 0)
	for name, args := range map[string][]string{
		"unknown flag":  {"-no-such-flag"},
		"no such place": {"-file", t.TempDir() + "/missing/file"},
		"no address":    {"-file", t.TempDir() + "/file", "-addr", "nowhere"},
		"no URL":        {"-send", "ftp://127.0.0.1/"},
	} {
		require.Error(t, run(args, strings.NewReader(""), logger), name)
	}
}
