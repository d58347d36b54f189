package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// follower is a client in Go, of any transport.
type follower struct {
	base     string        // http://host:port
	interval time.Duration // of short polling
	deliver  func(event)   // every event, in order
	requests *atomic.Int64 // counts HTTP requests
	dial     func(ctx context.Context, network, addr string) (net.Conn, error)

	client *http.Client
	after  int64 // the last event that it has; negative: none yet
}

// retry is how long a client waits before it connects again.
const retry = 50 * time.Millisecond

// run follows the events until ctx ends. Whenever the connection breaks it comes
// back, with its cursor.
func (f *follower) run(ctx context.Context, t transport) {
	pool := &http.Transport{DialContext: f.dial, ResponseHeaderTimeout: maxHold + 5*time.Second}
	defer pool.CloseIdleConnections()
	f.client = &http.Client{Transport: pool}
	f.after = -1
	for ctx.Err() == nil {
		// Why it ended does not matter here: what matters is to get back.
		_ = t.follow(ctx, f)
		select {
		case <-time.After(retry):
		case <-ctx.Done():
		}
	}
}

// url returns the URL of a transport, with the cursor in the query.
func (f *follower) url(path string) string {
	if f.after < 0 {
		return f.base + path
	}
	return f.base + path + "?after=" + strconv.FormatInt(f.after, 10)
}

func (f *follower) get(ctx context.Context, path string, header http.Header) (io.ReadCloser, error) {
	url := f.url(path)
	if header.Get("Last-Event-ID") != "" {
		url = f.base + path // an EventSource has one URL
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	if header != nil {
		r.Header = header
	}
	f.requests.Add(1)
	resp, err := f.client.Do(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("%s: %s", path, resp.Status)
	}
	return resp.Body, nil
}
