package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/conn"
)

func ids(news []message) (all []int64) {
	for _, m := range news {
		all = append(all, m.id)
	}
	return all
}

func TestHubTellsWhatCameSince(t *testing.T) {
	h := newHub(1)
	news, lost, more := h.since(0)
	require.Empty(t, news)
	require.Zero(t, lost)
	h.publish()
	<-more // is closed

	for range 4 {
		h.publish()
	}
	news, lost, _ = h.since(2)
	require.Equal(t, []int64{3, 4, 5}, ids(news))
	require.Zero(t, lost)
	var e event
	require.NoError(t, json.Unmarshal(news[0].json, &e))
	require.EqualValues(t, 3, e.ID)
	require.WithinDuration(t, time.Now(), time.UnixMicro(e.At), patience)

	for _, after := range []int64{5, 6, 1 << 62} {
		news, lost, _ = h.since(after)
		require.Empty(t, news, "there is no news for who has everything, or a cursor of another run")
		require.Zero(t, lost)
	}
}

func TestHubForgets(t *testing.T) {
	h := newHub(1)
	for range history + 10 {
		h.publish()
	}
	news, lost, _ := h.since(3)
	require.EqualValues(t, 7, lost, "events 4 to 10 are forgotten")
	require.Len(t, news, maxBatch, "it hands out a bounded number at once")
	require.EqualValues(t, 11, news[0].id)

	var got int64 = 10
	for {
		news, lost, _ = h.since(got)
		require.Zero(t, lost)
		if len(news) == 0 {
			break
		}
		for _, m := range news {
			require.Equal(t, got+1, m.id)
			got = m.id
		}
	}
	require.EqualValues(t, history+10, got, "the rest comes batch by batch")
}

func TestHubRunsAtItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(10)
		ctx, cancel := context.WithCancel(t.Context())
		go h.run(ctx)
		during := func(d time.Duration) int64 {
			before := h.latest()
			time.Sleep(d)
			synctest.Wait()
			return h.latest() - before
		}
		time.Sleep(time.Millisecond)
		require.EqualValues(t, 20, during(2*time.Second))
		h.setRate(100)
		require.EqualValues(t, 100, h.currentRate(), "at once")
		require.EqualValues(t, 200, during(2*time.Second))
		h.setRate(1e9)
		require.EqualValues(t, 2*maxRate, during(2*time.Second), "there is a limit")
		h.setRate(-1)
		require.EqualValues(t, 2, during(10*time.Second), "in both directions")
		cancel()
		require.Zero(t, during(time.Minute), "and an end")
	})
}

// recorder is a ResponseWriter that can do what handlers here want of it.
type recorder struct {
	bytes.Buffer
	header    http.Header
	deadlines int    // that were set
	during    func() // a write
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.during != nil {
		r.during()
	}
	return r.Buffer.Write(p)
}

func (r *recorder) Header() http.Header {
	if r.header == nil {
		r.header = http.Header{}
	}
	return r.header
}
func (r *recorder) WriteHeader(int)                    {}
func (r *recorder) Flush()                             {}
func (r *recorder) SetWriteDeadline(d time.Time) error { r.deadlines++; return nil }

func request(t *testing.T, path string) *http.Request {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	require.NoError(t, err)
	return r
}

func TestLongPollWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(1)
		begun := time.Now()
		w := &recorder{}
		s.longPoll(new(tally))(w, request(t, "/long?after=0"))
		require.Equal(t, maxHold, time.Since(begun))
		require.Equal(t, `{"last":0,"lost":0,"events":[]}`, w.String(), "without news it ends in time for the next one")
		require.NotZero(t, w.deadlines, "the time for the answer begins with the answer")

		time.AfterFunc(time.Second, s.hub.publish)
		begun = time.Now()
		w = &recorder{}
		s.longPoll(new(tally))(w, request(t, "/long?after=0"))
		require.Equal(t, time.Second, time.Since(begun))
		require.True(t, strings.HasPrefix(w.String(), `{"last":1,"lost":0,"events":[{"id":1,`), w.String())
	})
}

func TestAStreamShowsThatItIsAlive(t *testing.T) {
	for name, f := range map[string]format{"sse": sseFormat, "iframe": iframeFormat} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(1)
				ctx, cancel := context.WithTimeout(t.Context(), 3*heartbeat+time.Second)
				defer cancel()
				w := &recorder{}
				s.stream(w, request(t, "/").WithContext(ctx), new(tally), f)
				require.Equal(t, f.prelude+strings.Repeat(f.idle, 3), w.String())
				require.Equal(t, 4, w.deadlines, "every piece has its own deadline")
			})
		})
	}
}

// While a write waits for its client, the client may fall behind as far as the
// history goes.
func TestASlowStreamIsDropped(t *testing.T) {
	s := newServer(1)
	w, writes := &recorder{}, 0
	w.during = func() {
		writes++
		require.Less(t, writes, 4, "it goes on, without the events in between")
		for range history {
			s.hub.publish()
		}
	}
	require.PanicsWithValue(t, http.ErrAbortHandler, func() {
		s.stream(w, request(t, "/"), new(tally), sseFormat)
	})
	require.Equal(t, 2, writes, "after the first it is just behind enough to get a batch, after the second too far")
	require.Equal(t, maxBatch, strings.Count(w.String(), "data: "))
}

// A WebSocket that reads nothing is dropped when more would have to be queued for
// it than may be.
func TestASlowWebSocketIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, all := newServer(1), new(tally)
		client, slow := conn.Pipe(nil, &webSocketOptions.Config)
		defer client.CloseNow()
		require.NoError(t, s.join(slow, all, 0))
		var sent int64
		for ; slow.Err() == nil; sent++ {
			require.Less(t, sent, int64(100_000), "memory is bounded")
			s.broadcastOne(message{sent + 1, []byte(`{"id":1,"at":1764244800000000,"price":100.25}`)}, all)
		}
		require.ErrorIs(t, slow.Err(), conn.ErrBacklog)
		require.Equal(t, sent-1, all.messages.Load(), "all that went before were taken")
		time.Sleep(time.Minute)
		require.Zero(t, s.sockets.group.Len(), "and it is forgotten, whether it says goodbye or not")
	})
}
