package conn

import (
	"context"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// record is what an Observer was told, a line each. What it is told, it asks the
// connection about: no lock may be held.
type record struct {
	mu    sync.Mutex
	lines []string
}

func (r *record) note(c *Conn, format string, args ...any) {
	c.Stats()
	c.Err()
	c.Backlog()
	c.Latency()
	c.Done()
	c.Context()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

// take returns what was told since the last time.
func (r *record) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := r.lines
	r.lines = nil
	return lines
}

// config returns cfg with an Observer that keeps the record.
func (r *record) config(cfg Config) *Config {
	cfg.Observer = &Observer{
		Open:     func(c *Conn) { r.note(c, "open") },
		Close:    func(c *Conn, err error) { r.note(c, "close %t", err != nil && err == c.Err()) },
		Received: func(c *Conn, typ MessageType, n int) { r.note(c, "received %v %d", typ, n) },
		Sent:     func(c *Conn, typ MessageType, n int) { r.note(c, "sent %v %d", typ, n) },
		Pong:     func(c *Conn, rtt time.Duration) { r.note(c, "pong %v", rtt) },
		Drop:     func(c *Conn, typ MessageType, n int) { r.note(c, "drop %v %d", typ, n) },
	}
	return &cfg
}

// observed runs a test like play, with a record that has nothing in it yet.
func observed(t *testing.T, cfg Config, test func(t *testing.T, c *Conn, p *wstest.Peer, r *record)) {
	for _, role := range roles {
		r := new(record)
		playAs(t, role, r.config(cfg), func(t *testing.T, c *Conn, p *wstest.Peer) {
			require.Equal(t, []string{"open"}, r.take(), "once, when the connection is made")
			test(t, c, p, r)
			end(c)
			synctest.Wait()
			require.Equal(t, []string{"close true"}, r.take(), "once, with c.Err(), and the last of all")
		})
	}
}

func TestObserverReceived(t *testing.T) {
	for _, w := range ways {
		observed(t, Config{}, func(t *testing.T, c *Conn, p *wstest.Peer, r *record) {
			p.Send(wstest.Text("12345"), wstest.Binary(nil), wstest.Text("12").NoFin(), wstest.Ping(""), wstest.Cont("345678"))
			for _, want := range []string{"received TEXT 5", "received BINARY 0", "received TEXT 8"} {
				require.NoError(t, w.receive(t.Context(), c).Err)
				require.Equal(t, []string{want}, r.take(), w.name)
			}
			p.Send(wstest.Text("half").NoFin())
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			require.Error(t, w.receive(ctx, c).Err)
			require.Empty(t, r.take(), "a message that has not ended")
		})
	}
	observed(t, Config{}, func(t *testing.T, c *Conn, p *wstest.Peer, r *record) {
		p.Send(wstest.Text(`{"a":1}`), wstest.Text(`{`), wstest.Text("skipped"), wstest.Text("read"))
		_, err := ReadJSON[any](t.Context(), c)
		require.NoError(t, err)
		_, err = ReadJSON[any](t.Context(), c)
		require.Error(t, err)
		require.Equal(t, []string{"received TEXT 7", "received TEXT 1"}, r.take(), "it has been read, though it was not JSON")
		_, skipped, err := c.Reader(t.Context())
		require.NoError(t, err)
		_, err = skipped.Read(make([]byte, 2))
		require.NoError(t, err)
		require.NoError(t, read(t.Context(), c).Err)
		require.Equal(t, []string{"received TEXT 4"}, r.take(), "the other was not read to its end")
	})
}

func TestObserverSent(t *testing.T) {
	m, err := NewPrepared(Binary, make([]byte, 9))
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		send func(ctx context.Context, c *Conn) error
		want []string
	}{
		"Write":            {func(ctx context.Context, c *Conn) error { return c.Write(ctx, Text, make([]byte, 5)) }, []string{"sent TEXT 5"}},
		"Write of nothing": {func(ctx context.Context, c *Conn) error { return c.Write(ctx, Binary, nil) }, []string{"sent BINARY 0"}},
		"WriteBatch": {func(ctx context.Context, c *Conn) error {
			return c.WriteBatch(ctx, Message{Text, make([]byte, 1)}, Message{Binary, nil}, Message{Text, make([]byte, 20_000)})
		}, []string{"sent TEXT 1", "sent BINARY 0", "sent TEXT 20000"}},
		"WritePrepared":    {func(ctx context.Context, c *Conn) error { return c.WritePrepared(ctx, m) }, []string{"sent BINARY 9"}},
		"TryWrite":         {func(_ context.Context, c *Conn) error { return c.TryWrite(Text, make([]byte, 3)) }, []string{"sent TEXT 3"}},
		"TryWritePrepared": {func(_ context.Context, c *Conn) error { return c.TryWritePrepared(m) }, []string{"sent BINARY 9"}},
		"WriteJSON":        {func(ctx context.Context, c *Conn) error { return WriteJSON(ctx, c, "four") }, []string{"sent TEXT 6"}},
		"NetConn": {func(_ context.Context, c *Conn) error {
			_, err := NetConn(c, Binary).Write(make([]byte, 8))
			return err
		}, []string{"sent BINARY 8"}},
		"Writer": {func(ctx context.Context, c *Conn) error {
			w, err := c.Writer(ctx, Text)
			if err != nil {
				return err
			}
			if _, err := w.Write(make([]byte, 10_000)); err != nil {
				return err
			}
			return w.Close()
		}, []string{"sent TEXT 10000"}},
	} {
		t.Run(name, func(t *testing.T) {
			observed(t, Config{}, func(t *testing.T, c *Conn, p *wstest.Peer, r *record) {
				require.NoError(t, tt.send(t.Context(), c))
				synctest.Wait()
				require.Equal(t, tt.want, r.take())
				require.EqualValues(t, len(tt.want), c.Stats().MessagesSent)
				require.NoError(t, c.CloseNow())
				require.Error(t, tt.send(t.Context(), c))
			})
		})
	}
}

// What is cut and completed in the background has been sent, what leaves no trace
// has not.
func TestObserverSentOfCutWrites(t *testing.T) {
	for _, role := range roles {
		synctest.Test(t, func(t *testing.T) {
			r := new(record)
			c, p, open := blocked(t, role, r.config(Config{}), 1)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			cut := call(func() error { return c.Write(ctx, Text, []byte("cut")) })
			synctest.Wait()
			require.Equal(t, context.DeadlineExceeded, c.Write(ctx, Text, []byte("no trace")))
			require.Equal(t, context.DeadlineExceeded, <-cut)
			require.Equal(t, context.DeadlineExceeded, c.WriteBatch(ctx, Message{Text, nil}))
			open()
			p.Want("the one that was cut", wstest.Text("cut"))
			synctest.Wait()
			require.EqualValues(t, 1, c.Stats().MessagesSent)
			require.Equal(t, []string{"open", "sent TEXT 3"}, r.take())
		})
	}
}

func TestObserverPong(t *testing.T) {
	keep := KeepAlive{Interval: 10 * time.Second, Timeout: 4 * time.Second}
	observed(t, Config{KeepAlive: keep}, func(t *testing.T, c *Conn, p *wstest.Peer, r *record) {
		go c.Read(t.Context())
		ping := p.Next("of KeepAlive")
		time.Sleep(time.Second)
		p.Send(wstest.Pong("unsolicited"), wstest.Pong(string(ping.Payload)), wstest.Pong(string(ping.Payload)))
		synctest.Wait()
		require.Equal(t, []string{"pong 1s"}, r.take(), "once for each Ping that was answered")
		go c.Ping(t.Context())
		ping = p.Next("of Conn.Ping")
		time.Sleep(2 * time.Second)
		p.Send(wstest.Pong(string(ping.Payload)))
		synctest.Wait()
		require.Equal(t, []string{"pong 2s"}, r.take())
	})
}

// Each message that TryWrite did not send is reported once, and counted.
func TestObserverDrop(t *testing.T) {
	for _, tt := range []struct {
		policy SlowConsumer
		want   []string // after two messages that fit, of 60 and 61 bytes, and three that do not
	}{
		{Refuse, []string{"drop TEXT 62", "drop TEXT 63", "drop TEXT 64"}},
		{DropOldest, []string{"sent TEXT 62", "drop TEXT 61", "sent TEXT 63", "drop TEXT 62", "sent TEXT 64", "drop TEXT 63"}},
		{Disconnect, []string{"drop TEXT 62", "drop TEXT 61"}}, // after that nothing can be dropped
	} {
		for _, role := range roles {
			synctest.Test(t, func(t *testing.T) {
				r := new(record)
				c, _, _ := blocked(t, role, r.config(Config{Backlog: 150, SlowConsumer: tt.policy}), 0)
				s := &stuck{Conn: c}
				require.NoError(t, c.TryWrite(Text, make([]byte, 60)))
				s.begun()
				require.NoError(t, c.TryWrite(Text, make([]byte, 61)))
				require.Equal(t, []string{"open", "sent TEXT 60", "sent TEXT 61"}, r.take())
				for i := range 3 {
					err := c.TryWrite(Text, make([]byte, 62+i))
					require.Equal(t, tt.policy != DropOldest, err != nil)
				}
				got := r.take()
				require.ElementsMatch(t, tt.want, got)
				drops := 0
				for _, line := range got {
					if line[:4] == "drop" {
						drops++
					}
				}
				require.EqualValues(t, drops, c.Stats().Dropped)
			})
		}
	}
}

// An Observer may have any of its functions, and may be shared.
func TestObserverInPart(t *testing.T) {
	full := new(record).config(Config{}).Observer
	for i, o := range []*Observer{
		{}, {Open: full.Open}, {Close: full.Close}, {Received: full.Received}, {Sent: full.Sent}, {Pong: full.Pong}, {Drop: full.Drop},
	} {
		synctest.Test(t, func(t *testing.T) {
			cfg := calm(&Config{Observer: o, Backlog: -1})
			client, server := Pipe(cfg, cfg)
			closed := call(func() error { return echo(t.Context(), server) })
			require.NoError(t, client.Write(t.Context(), Text, []byte("hello")))
			require.Equal(t, received{Type: Text, Data: "hello"}, read(t.Context(), client))
			require.Error(t, client.TryWrite(Text, []byte("refused")))
			go client.Read(t.Context())
			_, err := client.Ping(t.Context())
			require.NoError(t, err, "observer %d", i)
			require.NoError(t, client.Close(StatusNormalClosure, ""))
			require.NoError(t, <-closed)
			<-server.Done()
		})
	}
}

// An Observer may add the connection to a group, or end it.
func TestObserverMayUseTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		cfg := calm(&Config{Observer: &Observer{
			Open:     func(c *Conn) { g.Add(c) },
			Received: func(c *Conn, _ MessageType, n int) { g.Broadcast(Text, make([]byte, n)) },
			Sent:     func(c *Conn, _ MessageType, n int) { c.CloseNow() },
			Close:    func(c *Conn, _ error) { g.Remove(c); c.CloseNow() },
		}})
		client, server := Pipe(calm(nil), cfg)
		require.Equal(t, 1, g.Len())
		require.NoError(t, client.Write(t.Context(), Text, []byte("hello")))
		require.NoError(t, read(t.Context(), server).Err)
		<-server.Done()
		require.Zero(t, g.Len())
		end(client)
	})
	synctest.Test(t, func(t *testing.T) {
		_, server := Pipe(nil, &Config{Observer: &Observer{Open: func(c *Conn) { c.CloseNow() }}})
		require.Error(t, read(t.Context(), server).Err)
		<-server.Done()
	})
}

// Stats are exact.
func TestStats(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		require.Equal(t, Stats{}, c.Stats())
		p.Send(wstest.Text("12345"), wstest.Ping("?"), wstest.Binary(nil), wstest.Text("12").NoFin())
		p.Send(wstest.Cont("3"))
		for range 3 {
			require.NoError(t, read(t.Context(), c).Err)
		}
		p.Want("the Pong", wstest.Pong("?"))
		want := Stats{MessagesReceived: 3, BytesReceived: 8, Reads: 1, Writes: 1}
		require.Equal(t, want, c.Stats(), "the Pong is a write, and no message")

		require.NoError(t, c.Write(t.Context(), Text, make([]byte, 100)))
		require.NoError(t, c.WriteBatch(t.Context(), Message{Text, make([]byte, 10)}, Message{Binary, nil}))
		w, err := c.Writer(t.Context(), Binary)
		require.NoError(t, err)
		_, err = w.Write(make([]byte, fragmentSize+1))
		require.NoError(t, err)
		want.MessagesSent, want.BytesSent, want.Writes = 3, 110+fragmentSize+1, want.Writes+3
		require.Equal(t, want, c.Stats(), "of a message that is not complete, the fragments count")
		_, err = io.WriteString(w, "12")
		require.NoError(t, err)
		require.NoError(t, w.Close())
		want.MessagesSent, want.BytesSent, want.Writes = want.MessagesSent+1, want.BytesSent+2, want.Writes+1
		require.Equal(t, want, c.Stats())
		end(c)
		require.Equal(t, want, c.Stats(), "also when the connection is over")
	})
}

// What nobody reads counts neither, and what is skipped or dropped does.
func TestStatsOfMessagesThatNobodyWants(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		p.Send(wstest.Text("12345"), wstest.Text("678"))
		_, _, err := c.Reader(t.Context())
		require.NoError(t, err)
		require.NoError(t, read(t.Context(), c).Err)
		require.EqualValues(t, 2, c.Stats().MessagesReceived)
		require.EqualValues(t, 8, c.Stats().BytesReceived)
		c.CloseRead(t.Context())
		p.Send(wstest.Text("9"), wstest.Op(frame.Binary, []byte("10")))
		synctest.Wait()
		require.EqualValues(t, 4, c.Stats().MessagesReceived)
		require.EqualValues(t, 11, c.Stats().BytesReceived)
	})
}
