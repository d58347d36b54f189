package main

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/conn"
)

// loaded runs a load against serve, on connections in memory and in time that
// only passes where somebody waits.
func loaded(t *testing.T, o benchOptions, serve func(c *conn.Conn)) *load {
	t.Helper()
	o.typ = conn.Binary
	l := newLoad(&o)
	for range o.connections {
		client, server := conn.Pipe(nil, nil)
		l.conns = append(l.conns, client)
		go func() {
			defer server.CloseNow()
			serve(server)
		}()
	}
	l.began = time.Now()
	l.run(t.Context())
	l.hangUp()
	synctest.Wait()
	return l
}

// echoAfter echoes; the first message of a connection waits for stall, and all
// that come meanwhile with it.
func echoAfter(stall time.Duration) func(c *conn.Conn) {
	return func(c *conn.Conn) {
		first := stall
		for m, err := range c.Messages(context.Background()) {
			if err != nil {
				return
			}
			time.Sleep(first)
			first = 0
			if c.Write(context.Background(), m.Type, m.Data) != nil {
				return
			}
		}
	}
}

func TestAnOpenLoopChargesForAStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// 1000 messages, a millisecond apart. The server stalls for 500 ms: that is
		// what half of them have to wait for, 500, 499, 498, … ms.
		o := benchOptions{connections: 1, rate: 1000, size: 8, duration: time.Second}
		l := loaded(t, o, echoAfter(500*time.Millisecond))
		require.NoError(t, l.failed())
		require.EqualValues(t, 1000, l.answered.Load())
		require.Equal(t, 500*time.Millisecond, l.latency.max())
		require.InEpsilon(t, 250*time.Millisecond, l.latency.quantile(0.75), 0.02)
		require.InEpsilon(t, 400*time.Millisecond, l.latency.quantile(0.9), 0.02)
		require.Less(t, l.latency.quantile(0.49), 2*time.Millisecond, "the others wait for nothing")
	})
}

func TestAClosedLoopWaitsWithTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(c *conn.Conn) {
			for m, err := range c.Messages(context.Background()) {
				time.Sleep(10 * time.Millisecond)
				if err != nil || c.Write(context.Background(), m.Type, m.Data) != nil {
					return
				}
			}
		}
		l := loaded(t, benchOptions{connections: 3, size: 1000, duration: time.Second}, slow)
		require.NoError(t, l.failed())
		require.InDelta(t, 300, l.answered.Load(), 6, "three at a time, a hundred a second each")
		require.InEpsilon(t, 10*time.Millisecond, l.latency.quantile(0.5), 0.15)
	})
}

func TestTheRateIsSharedByConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := loaded(t, benchOptions{connections: 7, rate: 100, size: 1, duration: time.Second}, echoAfter(0))
		require.NoError(t, l.failed())
		require.EqualValues(t, 100, l.due.Load())
		require.EqualValues(t, 100, l.answered.Load())
		require.Equal(t, l.began.Add(10*time.Millisecond), l.when(1, 0), "the second connection is next")
		require.Equal(t, l.began.Add(80*time.Millisecond), l.when(1, 1))
	})
}

func TestAnswersThatDoNotCome(t *testing.T) {
	for name, rate := range map[string]float64{"open loop": 10, "closed loop": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				silent := func(c *conn.Conn) {
					for range c.Messages(context.Background()) {
					}
				}
				l := loaded(t, benchOptions{connections: 2, rate: rate, size: 1, duration: time.Second}, silent)
				require.ErrorContains(t, l.failed(), "without an answer")
				require.Equal(t, l.due.Load(), l.lost())
				require.Equal(t, time.Second+drainTime, l.ended.Sub(began), "there is an end to waiting")
			})
		})
	}
}

func TestAnswersThatAreNoEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := loaded(t, benchOptions{connections: 1, rate: 10, size: 4, duration: time.Second}, func(c *conn.Conn) {
			for m, err := range c.Messages(context.Background()) {
				if err != nil || c.Write(context.Background(), m.Type, append(m.Data, '!')) != nil {
					return
				}
			}
		})
		require.EqualError(t, l.failed(), "0 messages without an answer, 10 answers that were no echo")
	})
}

func TestAConnectionThatEndsEarly(t *testing.T) {
	for name, rate := range map[string]float64{"open loop": 100, "closed loop": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := loaded(t, benchOptions{connections: 2, rate: rate, size: 4, duration: time.Second}, func(c *conn.Conn) {
					_, r, err := c.Reader(context.Background())
					if err == nil {
						io.Copy(io.Discard, r)
						c.Close(1013, "busy")
					}
				})
				require.ErrorContains(t, l.failed(), `1013 try again later "busy"`)
				require.Zero(t, l.answered.Load())
				require.Less(t, l.ended.Sub(l.began), time.Second, "nothing is left to wait for")
			})
		})
	}
}
