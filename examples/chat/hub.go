package main

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/parleyws/websocket/conn"
)

// hub is all the rooms.
type hub struct {
	limits   limits
	everyone conn.Group     // also those who have not joined a room yet
	serving  sync.WaitGroup // calls of serve that have entered

	mu       sync.Mutex // before that of a room
	rooms    map[string]*room
	entered  int
	shutdown bool
}

func newHub(l limits) *hub { return &hub{limits: l, rooms: make(map[string]*room)} }

// enter lets a connection in, if there is room for it and the hub is not being shut
// down. exit is to be called if it returns nil.
func (h *hub) enter(c *conn.Conn) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.shutdown {
		return &conn.CloseError{Code: conn.StatusGoingAway}
	}
	if h.entered >= h.limits.Members {
		return &conn.CloseError{Code: conn.StatusTryAgainLater, Reason: "too many are here already"}
	}
	h.entered++
	h.serving.Add(1)
	h.everyone.Add(c)
	return nil
}

func (h *hub) exit() {
	h.mu.Lock()
	h.entered--
	h.mu.Unlock()
	h.serving.Done()
}

// room returns the room of that name, whatever the case of its letters, and makes it
// if need be. It stays at least until release is called.
func (h *hub) room(name string) (*room, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := strings.ToLower(name)
	r := h.rooms[key]
	if r == nil {
		if len(h.rooms) >= h.limits.Rooms && !h.forget() {
			return nil, &conn.CloseError{Code: statusFull, Reason: "there are too many rooms; choose one that is there"}
		}
		r = newRoom(name, &h.limits)
		h.rooms[key] = r
	}
	r.users++
	return r, nil
}

// release says that one user of a room has gone. An empty room is kept for its
// history, until its place is needed.
func (h *hub) release(r *room) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r.users--
	r.empty = time.Now()
}

// forget drops the room that has been empty for longest. It reports whether there
// was one.
func (h *hub) forget() bool {
	oldest := ""
	for key, r := range h.rooms {
		if r.users == 0 && (oldest == "" || r.empty.Before(h.rooms[oldest].empty)) {
			oldest = key
		}
	}
	delete(h.rooms, oldest)
	return oldest != ""
}

// close tells everybody, with 1001, and returns when all have gone; when ctx ends they
// are made to go.
func (h *hub) close(ctx context.Context) {
	h.mu.Lock()
	h.shutdown = true
	h.mu.Unlock()
	h.everyone.Shutdown(ctx)
	h.serving.Wait()
}
