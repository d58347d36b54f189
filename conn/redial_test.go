package conn

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/handshake"
	"github.com/parleyws/websocket/internal/wstest"
)

// world is a network in memory with one server, whose script says what becomes of each
// attempt to connect. Its last act is repeated.
type world struct {
	t      *testing.T
	script []act
	begin  time.Time
	dialed []time.Duration // when, since begin
}

// act is what becomes of one attempt.
type act func(w *world, ctx context.Context) (net.Conn, error)

// newWorld makes one, and lets what is on its way out when the test ends come to its end.
func newWorld(t *testing.T, script ...act) *world {
	t.Cleanup(func() { time.Sleep(time.Hour) })
	return &world{t: t, script: script, begin: time.Now()}
}

func (w *world) now() time.Duration { return time.Since(w.begin) }

// options has a client connect to w.
func (w *world) options() *DialOptions {
	return &DialOptions{Config: *calm(nil), NetDial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		w.dialed = append(w.dialed, w.now())
		return w.script[min(len(w.dialed), len(w.script))-1](w, ctx)
	}}
}

// waits returns how long the client has waited before each attempt but the first.
func (w *world) waits() []time.Duration {
	var all []time.Duration
	for i := 1; i < len(w.dialed); i++ {
		all = append(all, w.dialed[i]-w.dialed[i-1])
	}
	return all
}

// refuses is a host where nobody listens.
func refuses(*world, context.Context) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
}

// hangs is a host that does not answer.
func hangs(_ *world, ctx context.Context) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// responds is a server that says something else than 101.
func responds(response ...string) act {
	return func(w *world, _ context.Context) (net.Conn, error) {
		nc, other := wstest.Pipe()
		go func() {
			skipRequest(other)
			io.WriteString(other, strings.Join(response, "\r\n")+"\r\n\r\n")
			other.Close()
		}()
		return nc, nil
	}
}

// status is a server that refuses with a status.
func status(code string, header ...string) act {
	return responds(append([]string{"HTTP/1.1 " + code + " ?", "Content-Length: 0"}, header...)...)
}

func skipRequest(r io.Reader) {
	var head []byte
	for b := make([]byte, 1); !strings.HasSuffix(string(head), "\r\n\r\n"); head = append(head, b[0]) {
		if _, err := io.ReadFull(r, b); err != nil {
			return
		}
	}
}

// accepts is a server that runs f on the connection, and then waits for its end.
func accepts(f func(c *Conn)) act {
	return func(w *world, _ context.Context) (net.Conn, error) {
		nc, other := wstest.Pipe()
		go func() {
			u, err := handshake.Accept(other, nil)
			if err != nil {
				w.t.Error(err)
				return
			}
			c := New(u, calm(nil))
			defer end(c)
			f(c)
			<-c.CloseRead(context.Background()).Done()
		}()
		return nc, nil
	}
}

// closes is a server that closes every connection after a time.
func closes(code StatusCode, after time.Duration) act {
	return accepts(func(c *Conn) {
		time.Sleep(after)
		c.beginClose(code, "")
	})
}

// vanishes is a server whose connections break after a time.
func vanishes(after time.Duration) act {
	return accepts(func(c *Conn) {
		time.Sleep(after)
		c.CloseNow()
	})
}

// listen is the body of a loop that reads until a connection ends.
func listen(ctx context.Context, c *Conn) {
	for _, err := range c.Messages(ctx) {
		if err != nil {
			return
		}
	}
}

// redial runs a loop over Redial that reads. It returns how many connections there
// were, and the error of the last turn.
func redial(ctx context.Context, w *world, policy *RedialPolicy) (connections int, last error) {
	for c, err := range Redial(ctx, "ws://a.example/", w.options(), policy) {
		if err != nil {
			last = err
			continue // there must not be another turn
		}
		if last != nil {
			w.t.Error("a turn follows the last")
		}
		connections++
		listen(ctx, c)
	}
	return connections, last
}

// requireBetween fails the test if a wait is not between two times.
func requireBetween(t *testing.T, low, got, high time.Duration, sentence string) {
	t.Helper()
	require.LessOrEqual(t, low, got, sentence)
	require.Less(t, got, high, sentence)
}

// One connection follows the other, and every one works.
func TestRedialStaysConnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		echoOnce := accepts(func(c *Conn) {
			got := read(context.Background(), c)
			c.Write(context.Background(), got.Type, []byte(got.Data))
			c.CloseNow()
		})
		w := newWorld(t, echoOnce)
		n := 0
		for c, err := range Redial(t.Context(), "ws://a.example/", w.options(), nil) {
			require.NoError(t, err)
			require.NoError(t, c.Write(t.Context(), Text, []byte("hello")))
			ways[0].want(t, c, received{Type: Text, Data: "hello"})
			require.Error(t, read(t.Context(), c).Err)
			if n++; n == 20 {
				break
			}
		}
		require.Zero(t, w.dialed[0], "the first attempt is made at once")
		require.Len(t, w.dialed, 20)
	})
}

// How long the client waits after each way to lose a connection that was stable.
func TestRedialWaits(t *testing.T) {
	for _, tt := range []struct {
		name      string
		lose      act
		low, high time.Duration
	}{
		{"the stream breaks", vanishes(time.Minute), 0, 5 * time.Second},
		{"1001", closes(StatusGoingAway, time.Minute), 0, 5 * time.Second},
		{"1005", closes(StatusNoStatusReceived, time.Minute), 0, 5 * time.Second},
		{"1011", closes(StatusInternalError, time.Minute), 0, 5 * time.Second},
		{"1012", closes(StatusServiceRestart, time.Minute), 5 * time.Second, 30 * time.Second},
		{"1013", closes(StatusTryAgainLater, time.Minute), 5 * time.Second, 30 * time.Second},
		{"1014", closes(StatusBadGateway, time.Minute), 0, 5 * time.Second},
		{"4000", closes(4000, time.Minute), 0, 5 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tt.lose)
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				n, err := redial(ctx, w, nil)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.Greater(t, n, 30)
				different := map[time.Duration]bool{}
				for _, wait := range w.waits() {
					requireBetween(t, tt.low, wait-time.Minute, tt.high, "every wait is a first one")
					different[wait] = true
				}
				require.Greater(t, len(different), 20, "it is random")
			})
		})
	}
}

// Attempts that fail, and connections that do not last, make the waits longer; one that
// lasts makes them short again.
func TestRedialBacksOff(t *testing.T) {
	const s = time.Second
	short, long := vanishes(9*s), vanishes(10*s)
	for _, tt := range []struct {
		name   string
		script []act
		want   [][2]time.Duration // how long to the next attempt
	}{
		{"nobody listens", []act{refuses},
			[][2]time.Duration{{0, 5 * s}, {5 * s, 10 * s}, {10 * s, 20 * s}, {20 * s, 40 * s}, {30 * s, 60 * s}, {30 * s, 60 * s}}},
		{"nobody answers", []act{hangs},
			[][2]time.Duration{{30 * s, 35 * s}, {35 * s, 40 * s}, {40 * s, 50 * s}}},
		{"503", []act{status("503")},
			[][2]time.Duration{{0, 5 * s}, {5 * s, 10 * s}, {10 * s, 20 * s}}},
		{"no connection lasts", []act{short},
			[][2]time.Duration{{9 * s, 14 * s}, {14 * s, 19 * s}, {19 * s, 29 * s}, {29 * s, 49 * s}, {39 * s, 69 * s}}},
		{"one lasts", []act{refuses, refuses, long, refuses, short, long, refuses},
			[][2]time.Duration{{0, 5 * s}, {5 * s, 10 * s}, {10 * s, 15 * s}, {5 * s, 10 * s}, {19 * s, 29 * s}, {10 * s, 15 * s}, {5 * s, 10 * s}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tt.script...)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
				defer cancel()
				_, err := redial(ctx, w, nil)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				for i, want := range tt.want {
					requireBetween(t, want[0], w.waits()[i], want[1], "as the table says")
				}
			})
		})
	}
}

// The waits are the program's to choose.
func TestRedialPolicyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, refuses, refuses, refuses, refuses, vanishes(2*time.Second))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := redial(ctx, w, &RedialPolicy{FirstWait: 100 * time.Millisecond, MaxWait: 400 * time.Millisecond, Stable: 2 * time.Second})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		const ms = time.Millisecond
		for i, want := range [][2]time.Duration{{0, 100 * ms}, {100 * ms, 200 * ms}, {200 * ms, 400 * ms}, {200 * ms, 400 * ms}} {
			requireBetween(t, want[0], w.waits()[i], want[1], "as it was told")
		}
		for _, wait := range w.waits()[4:] {
			requireBetween(t, 2000*ms, wait, 2100*ms, "two seconds are stable")
		}
	})
}

// A server that says when to come again is obeyed, within bounds.
func TestRedialRetryAfter(t *testing.T) {
	inAnHour := time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC).Format(http.TimeFormat) // in a bubble it is midnight
	for _, tt := range []struct {
		name   string
		server act
		max    time.Duration
		low    time.Duration
	}{
		{"429, seconds", status("429", "Retry-After: 90"), 0, 90 * time.Second},
		{"503, seconds", status("503", "Retry-After: 90"), 0, 90 * time.Second},
		{"503, a date", status("503", "Retry-After: "+inAnHour), 2 * time.Hour, time.Hour},
		{"503, a date and the server's clock", status("503", "Retry-After: "+inAnHour, "Date: Sat, 01 Jan 2000 00:59:00 GMT"), 0, time.Minute},
		{"more than we allow", status("503", "Retry-After: 86400"), 0, 10 * time.Minute},
		{"more than can be told", status("503", "Retry-After: 99999999999999999999999"), time.Hour, time.Hour},
		{"it is ignored", status("503", "Retry-After: 90"), -1, 0},
		{"500 has none", status("500", "Retry-After: 90"), 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tt.server, closes(StatusNormalClosure, 0))
				n, err := redial(t.Context(), w, &RedialPolicy{MaxRetryAfter: tt.max})
				require.NoError(t, err)
				require.Equal(t, 1, n)
				requireBetween(t, tt.low, w.waits()[0], tt.low+5*time.Second, "what it asked for, and a random time")
			})
		})
	}
}

// What does not heal ends the loop at once, and says why.
func TestRedialStops(t *testing.T) {
	refused := func(status int) func(error) bool {
		return func(err error) bool {
			e, ok := errors.AsType[*handshake.Error](err)
			return ok && e.Status == status
		}
	}
	closed := func(code StatusCode) func(error) bool {
		return func(err error) bool { return errors.Is(err, &CloseError{Code: code}) }
	}
	broken := accepts(func(c *Conn) { c.Transport().Write([]byte{0x83, 0x00}) })
	for _, tt := range []struct {
		name        string
		server      act
		connections int
		want        func(error) bool
	}{
		{"200", status("200"), 0, refused(200)},
		{"302", status("302", "Location: /login"), 0, refused(302)},
		{"400", status("400"), 0, refused(400)},
		{"401", status("401"), 0, refused(401)},
		{"403", status("403"), 0, refused(403)},
		{"404", status("404"), 0, refused(404)},
		{"405", status("405"), 0, refused(405)},
		{"410", status("410"), 0, refused(410)},
		{"426", status("426"), 0, refused(426)},
		{"501", status("501"), 0, refused(501)},
		{"101 that breaks the rules", status("101"), 0, refused(101)},
		{"no HTTP", responds("220 mail.example ESMTP"), 0, refused(0)},
		{"1002", closes(StatusProtocolError, 0), 1, closed(StatusProtocolError)},
		{"1003", closes(StatusUnsupportedData, 0), 1, closed(StatusUnsupportedData)},
		{"1007", closes(StatusInvalidPayload, 0), 1, closed(StatusInvalidPayload)},
		{"1008", closes(StatusPolicyViolation, 0), 1, closed(StatusPolicyViolation)},
		{"1009", closes(StatusMessageTooBig, 0), 1, closed(StatusMessageTooBig)},
		{"1010", closes(StatusMandatoryExtension, 0), 1, closed(StatusMandatoryExtension)},
		{"the peer breaks a rule", broken, 1, func(err error) bool { return errors.Is(err, &ProtocolError{Code: StatusProtocolError}) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tt.server)
				n, err := redial(t.Context(), w, nil)
				require.Equal(t, tt.connections, n)
				require.True(t, tt.want(err), "%v", err)
				require.ErrorContains(t, err, "conn: Redial: ")
				require.Zero(t, w.now(), "there was nothing to wait for")
				require.Len(t, w.dialed, 1)
			})
		})
	}
}

// Nobody waits for a URL or options to get better.
func TestRedialStopsBeforeTheNetwork(t *testing.T) {
	for name, tt := range map[string]struct {
		url  string
		opts *DialOptions
	}{
		"scheme":                   {"ftp://a.example/", nil},
		"fragment":                 {"ws://a.example/#a", &DialOptions{}},
		"no URL at all":            {"", nil},
		"a header of the protocol": {"ws://a.example/", &DialOptions{Header: http.Header{"Upgrade": {"x"}}}},
		"a subprotocol twice":      {"ws://a.example/", &DialOptions{Subprotocols: []string{"a", "a"}}},
	} {
		turns := 0
		for c, err := range Redial(t.Context(), tt.url, tt.opts, nil) {
			turns++
			require.Nil(t, c, name)
			failure, ok := errors.AsType[*handshake.Error](err)
			require.True(t, ok, "%s: %v", name, err)
			require.Zero(t, failure.Status, name)
		}
		require.Equal(t, 1, turns, name)
	}
}

// But a proxy that cannot be chosen now may be later.
func TestRedialWhileNoProxyCanBeChosen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, closes(StatusNormalClosure, time.Second))
		opts, asked := w.options(), 0
		opts.Proxy = func(*http.Request) (*url.URL, error) {
			if asked++; asked < 3 {
				return nil, errors.New("the network is not known yet")
			}
			return nil, nil
		}
		for c, err := range Redial(t.Context(), "ws://a.example/", opts, nil) {
			require.NoError(t, err)
			listen(t.Context(), c)
		}
		require.Equal(t, 3, asked)
		require.Len(t, w.dialed, 1)
	})
}

// A normal closure, by whichever side, is the end, and no error.
func TestRedialEndsNormally(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, vanishes(0), closes(StatusNormalClosure, 0))
		n, err := redial(t.Context(), w, nil)
		require.NoError(t, err)
		require.Equal(t, 2, n)

		w = newWorld(t, accepts(func(*Conn) {}))
		turns := 0
		for c, err := range Redial(t.Context(), "ws://a.example/", w.options(), nil) {
			require.NoError(t, err)
			require.NoError(t, c.Close(StatusNormalClosure, "that is all"))
			turns++
		}
		require.Equal(t, 1, turns)
	})
}

// The program may know better, in both directions.
func TestRedialAsksHeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, status("404"), closes(StatusNormalClosure, 0), refuses, closes(4001, 0))
		var asked []error
		n, err := redial(t.Context(), w, &RedialPolicy{Heals: func(err error) bool {
			asked = append(asked, err)
			if refused, ok := errors.AsType[*handshake.Error](err); ok && refused.Status == 404 {
				return true
			}
			return CloseStatus(err) == StatusNormalClosure || CloseStatus(err) != 4001 && Heals(err)
		}})
		require.Equal(t, 2, n)
		require.ErrorIs(t, err, &CloseError{Code: 4001})
		require.Len(t, asked, 4, "once for every error")
	})
}

// The end of ctx ends whatever Redial does, at once, and the error says so.
func TestRedialContext(t *testing.T) {
	const s = time.Second
	reason := errors.New("the user has left")
	for _, tt := range []struct {
		name   string
		script []act
		policy *RedialPolicy
		after  time.Duration
		cause  error // beside that of ctx
	}{
		{"before it begins", []act{refuses}, nil, 0, nil},
		{"while dialling", []act{hangs}, nil, s, nil},
		{"while dialling again", []act{refuses, hangs}, nil, 10 * s, syscall.ECONNREFUSED},
		{"while the server does not answer", []act{silent}, nil, s, nil},
		{"while waiting", []act{status("503", "Retry-After: 100")}, nil, 50 * s, &handshake.Error{Status: 503}},
		{"while Connected runs", []act{accepts(func(*Conn) {})}, &RedialPolicy{Connected: func(ctx context.Context, c *Conn) error {
			return read(ctx, c).Err
		}}, s, nil},
		{"while connected", []act{accepts(func(*Conn) {})}, nil, time.Hour, nil},
		{"while connected again", []act{vanishes(0), accepts(func(*Conn) {})}, nil, time.Hour, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				w := newWorld(t, tt.script...)
				opts := w.options()
				opts.Timeout = -1
				time.AfterFunc(tt.after, func() { cancel(reason) })
				if tt.after == 0 {
					cancel(reason)
				}
				var last error
				for c, err := range Redial(ctx, "ws://a.example/", opts, tt.policy) {
					if last = err; err == nil {
						listen(ctx, c)
					}
				}
				require.Equal(t, tt.after, w.now(), "at once")
				require.ErrorIs(t, last, context.Canceled)
				require.ErrorIs(t, last, reason)
				if refused, ok := tt.cause.(*handshake.Error); ok {
					got, ok := errors.AsType[*handshake.Error](last)
					require.True(t, ok)
					require.Equal(t, refused.Status, got.Status)
				} else if tt.cause != nil {
					require.ErrorIs(t, last, tt.cause, "it says why there was no connection")
				} else {
					require.NotContains(t, last.Error(), "there was no connection", "there was one, or no other reason")
				}
			})
		})
	}
}

// silent is a server that accepts the TCP connection and no more.
func silent(*world, context.Context) (net.Conn, error) {
	nc, other := wstest.Pipe()
	go io.Copy(io.Discard, other)
	return nc, nil
}

// Good news ends a wait, each only one. A channel that is closed is no news.
func TestRedialWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wake := make(chan struct{})
		w := newWorld(t, status("503", "Retry-After: 100"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		looping := call(func() error { _, err := redial(ctx, w, &RedialPolicy{Wake: wake}); return err })
		for range 3 {
			time.Sleep(7 * time.Second)
			wake <- struct{}{}
		}
		time.Sleep(time.Second)
		close(wake)
		require.ErrorIs(t, <-looping, context.DeadlineExceeded)
		require.Equal(t, []time.Duration{7 * time.Second, 7 * time.Second, 7 * time.Second}, w.waits())
		require.Equal(t, time.Minute, w.now())
	})
}

// What is told, and in which order.
func TestRedialHooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, refuses, status("500"), vanishes(time.Second), refuses, closes(StatusNormalClosure, time.Second))
		var told []string
		var waits time.Duration
		why := ""
		_, err := redial(t.Context(), w, &RedialPolicy{
			Connecting: func(n int) { told = append(told, "connecting "+string(rune('0'+n))) },
			Connected: func(ctx context.Context, c *Conn) error {
				told = append(told, "connected")
				require.NoError(t, c.Err())
				return nil
			},
			Waiting: func(wait time.Duration, err error) {
				switch {
				case errors.Is(err, syscall.ECONNREFUSED):
					why = "refused"
				case errors.Is(err, io.ErrUnexpectedEOF):
					why = "lost"
				default:
					why = err.Error()
				}
				told = append(told, "waiting: "+why)
				waits += wait
			},
		})
		require.NoError(t, err)
		require.Equal(t, []string{
			"connecting 1", "waiting: refused",
			"connecting 2", "waiting: websocket handshake: status 500: the server did not upgrade to WebSocket, which would be status 101",
			"connecting 3", "connected", "waiting: lost",
			"connecting 1", "waiting: refused",
			"connecting 2", "connected",
		}, told)
		require.Equal(t, w.now(), waits+2*time.Second, "it waited as long as it said")
	})
}

// Connected has the connection before the loop, and if it fails, so has the attempt.
func TestRedialConnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ends := make(chan error, 10)
		greeter := accepts(func(c *Conn) {
			c.Write(context.Background(), Text, []byte("who are you?"))
			got := read(context.Background(), c)
			if got.Data != "" {
				c.Write(context.Background(), Text, []byte("welcome"))
			}
			ends <- read(context.Background(), c).Err
		})
		w := newWorld(t, greeter)
		calls := 0
		failure := errors.New("no name yet")
		var why []error
		for c, err := range Redial(t.Context(), "ws://a.example/", w.options(), &RedialPolicy{
			Connected: func(ctx context.Context, c *Conn) error {
				require.Equal(t, "who are you?", read(ctx, c).Data)
				switch calls++; calls {
				case 1:
					return failure
				case 2:
					return read(ctx, c).Err // there is nothing to be read
				}
				return c.Write(ctx, Text, []byte("a"))
			},
			Waiting: func(_ time.Duration, err error) { why = append(why, err) },
		}) {
			require.NoError(t, err)
			require.Equal(t, 3, calls, "the loop gets none of those that failed")
			ways[0].want(t, c, received{Type: Text, Data: "welcome"})
			break
		}
		require.Len(t, why, 2)
		require.Equal(t, failure, why[0])
		require.Equal(t, context.DeadlineExceeded, why[1])
		requireBetween(t, 35*time.Second, w.waits()[1], 40*time.Second, "it had the time of an opening handshake")
		for range 3 {
			require.ErrorIs(t, <-ends, &CloseError{Code: StatusNormalClosure}, "none is left open")
		}
	})
}

// However a turn ends, the connection is not left open; and who goes on gets another.
func TestRedialLeavesNothingOpen(t *testing.T) {
	for _, tt := range []struct {
		name  string
		leave func(c *Conn) (more bool)
		want  StatusCode
		again bool
	}{
		{"break", func(*Conn) bool { return false }, StatusNormalClosure, false},
		{"continue", func(*Conn) bool { return true }, StatusNormalClosure, true},
		{"CloseNow", func(c *Conn) bool { c.CloseNow(); return true }, StatusAbnormalClosure, true},
		{"Close with a code", func(c *Conn) bool { c.Close(4000, ""); return true }, 4000, true},
		{"panic", func(*Conn) bool { panic("the body's") }, StatusNormalClosure, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ended := make(chan error, 1)
				w := newWorld(t, accepts(func(c *Conn) {
					ended <- read(context.Background(), c).Err
				}))
				turns := 0
				loop := func() {
					defer func() { recover() }()
					for c, err := range Redial(t.Context(), "ws://a.example/", w.options(), nil) {
						require.NoError(t, err)
						if turns++; turns == 2 || !tt.leave(c) {
							break
						}
					}
				}
				loop()
				require.Equal(t, tt.want, CloseStatus(<-ended))
				require.Equal(t, tt.again, turns == 2)
				if tt.again {
					require.Equal(t, StatusNormalClosure, CloseStatus(<-ended))
					requireBetween(t, 0, w.waits()[0], 5*time.Second, "it waits as ever")
				}
			})
		})
	}
}

// A peer that takes nothing and says nothing does not hold up the loop.
func TestRedialDoesNotWaitForAPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, accepts(func(c *Conn) { time.Sleep(time.Minute) }))
		for _, err := range Redial(t.Context(), "ws://a.example/", w.options(), nil) {
			require.NoError(t, err)
			break
		}
		require.Zero(t, w.now())
	})
}

// A program that finds that it cannot write goes on with the next connection, and the
// reason is known.
func TestRedialAfterAFailedWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, vanishes(0), accepts(func(*Conn) {}))
		var why error
		turns := 0
		for c, err := range Redial(t.Context(), "ws://a.example/", w.options(), &RedialPolicy{
			Waiting: func(_ time.Duration, err error) { why = err },
		}) {
			require.NoError(t, err)
			if turns++; turns == 2 {
				break
			}
			for c.Write(t.Context(), Text, []byte("x")) == nil {
				time.Sleep(time.Second)
			}
		}
		require.ErrorIs(t, why, io.ErrUnexpectedEOF)
		require.NotErrorIs(t, why, errLeftOpen)
	})
}

// Dial may be another for every connection.
func TestRedialPolicyDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, vanishes(0), vanishes(0), closes(StatusNormalClosure, 0))
		opts := w.options()
		noToken := errors.New("the token server is down")
		calls := 0
		var why []error
		n := 0
		for c, err := range Redial(t.Context(), "what Dial does not need", nil, &RedialPolicy{
			Dial: func(ctx context.Context) (*Conn, error) {
				if calls++; calls == 2 {
					return nil, noToken
				}
				return Dial(ctx, "ws://a.example/"+string(rune('0'+calls)), opts)
			},
			Waiting: func(_ time.Duration, err error) { why = append(why, err) },
		}) {
			require.NoError(t, err)
			n++
			listen(t.Context(), c)
		}
		require.Equal(t, 3, n)
		require.Equal(t, 4, calls)
		require.Len(t, why, 3)
		require.Equal(t, noToken, why[1], "what nobody knows heals")
	})
}

// A sequence may be used again, and its waits begin anew.
func TestRedialAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, vanishes(0))
		connections := Redial(t.Context(), "ws://a.example/", w.options(), nil)
		for range 3 {
			turns := 0
			for c, err := range connections {
				require.NoError(t, err)
				if turns++; turns == 3 {
					break
				}
				listen(t.Context(), c)
			}
		}
		waits := w.waits()
		for i := range 3 {
			if i > 0 {
				require.Zero(t, waits[3*i-1], "the first attempt is made at once")
			}
			requireBetween(t, 0, waits[3*i], 5*time.Second, "a first wait")
			requireBetween(t, 5*time.Second, waits[3*i+1], 10*time.Second, "a second wait")
		}
	})
}

// A program that has had enough ends ctx, in any of its functions, and nothing follows.
func TestRedialGivesUp(t *testing.T) {
	for _, where := range []string{"Connecting", "Connected", "Heals", "Waiting"} {
		t.Run(where, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, refuses, vanishes(time.Second))
				ctx, cancel := context.WithCancel(t.Context())
				told := ""
				tell := func(name string) {
					if told = name; len(w.dialed) > 1 && name == where || where == "Connecting" {
						cancel()
					}
				}
				_, err := redial(ctx, w, &RedialPolicy{
					Connecting: func(int) { tell("Connecting") },
					Connected:  func(context.Context, *Conn) error { tell("Connected"); return nil },
					Heals:      func(error) bool { tell("Heals"); return true },
					Waiting:    func(time.Duration, error) { tell("Waiting") },
				})
				require.ErrorIs(t, err, context.Canceled)
				require.Equal(t, where, told, "it was the last that was called")
			})
		})
	}
}
