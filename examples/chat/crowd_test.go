package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/conn"
)

// Thousands in one room: each gets every message of a few, all in the same order.
func TestACrowd(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of connections")
	}
	crowd, senders, each := 2000, 3, 20
	if raceEnabled {
		crowd = 500
	}
	l := eager()
	url, _ := serving(t, l)
	begin := time.Now()

	members := make([]*client, crowd)
	for i := range members {
		members[i] = join(t, url, "stadium", fmt.Sprint("fan ", i))
	}
	joined := time.Since(begin)
	heard := make([][]string, crowd)
	errs := make([]error, crowd)
	var listening sync.WaitGroup
	ctx := within(t)
	for i, p := range members {
		listening.Go(func() { heard[i], errs[i] = p.listen(ctx, senders*each) })
	}
	var talking sync.WaitGroup
	for s, p := range members[:senders] {
		talking.Go(func() {
			for id := range each {
				if err := conn.WriteJSON(ctx, p.c, request{Type: typeSay, ID: uint64(id + 1), Text: fmt.Sprintf("%d from %d", id, s)}); err != nil {
					return // those who listen will miss it
				}
			}
		})
	}
	talking.Wait()
	listening.Wait()
	t.Logf("%d have joined in %v and heard %d messages each in %v", crowd, joined, senders*each, time.Since(begin)-joined)

	for i := range members {
		require.NoError(t, errs[i], "member %d", i)
		require.Equal(t, heard[0], heard[i], "member %d hears what all hear", i)
	}
	said := make([]int, senders) // so far, by each
	for _, text := range heard[0] {
		var id, from int
		_, err := fmt.Sscanf(text, "%d from %d", &id, &from)
		require.NoError(t, err)
		require.Equal(t, said[from], id, "in the order in which %d has said it", from)
		said[from]++
	}
	for from, n := range said {
		require.Equal(t, each, n, "all that %d has said", from)
	}
}

// listen returns the texts of the next n messages.
func (p *client) listen(ctx context.Context, n int) (texts []string, err error) {
	for m, err := range p.c.Messages(ctx) {
		if err != nil {
			return texts, err
		}
		var said message
		if bytes.HasPrefix(m.Data, []byte(`{"type":"presence"`)) {
			continue
		}
		if err := json.Unmarshal(m.Data, &said); err != nil {
			return texts, err
		}
		if texts = append(texts, said.Text); len(texts) == n {
			return texts, nil
		}
	}
	return texts, io.ErrUnexpectedEOF
}
