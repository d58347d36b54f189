package main

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/handshake"
)

// server leads from WebSocket to TCP.
type server struct {
	limits
	log     *log.Logger
	targets []string // host:port of each; the first is the default
	origins []string

	open conn.Group
}

// serve serves until ctx ends, and then until all tunnels have been closed.
func (s *server) serve(ctx context.Context, l net.Listener) error {
	web := &http.Server{Handler: s, ErrorLog: s.log, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(l) }()
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	web.Shutdown(ctx) // a request that is not answered by then is dropped
	s.open.Shutdown(ctx)
	s.wait()
	return err
}

// ServeHTTP is one tunnel. The target is dialled before the handshake is answered, so
// that a client learns of one that is not there, but after the origin was checked.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	target, ok := s.target(r.URL.Path)
	if !ok {
		http.Error(w, "this server does not lead there", http.StatusForbidden)
		return
	}
	if !s.enter() {
		w.Header().Set("Retry-After", "10")
		http.Error(w, "too many tunnels", http.StatusServiceUnavailable)
		return
	}
	defer s.leave()

	var tcp net.Conn
	c, err := conn.Accept(w, r, &conn.AcceptOptions{
		Subprotocols:   []string{halfClose},
		OriginPatterns: s.origins,
		Config:         config,
		Check: func(*handshake.Request) (err error) {
			dialer := net.Dialer{Timeout: dialTimeout}
			if tcp, err = dialer.DialContext(r.Context(), "tcp", target); err != nil {
				s.log.Print(err)
				return &handshake.Error{Status: http.StatusBadGateway, Reason: "no connection to the target", Body: []byte("no connection to the target\n")}
			}
			return nil
		},
	})
	if err != nil {
		if tcp != nil {
			tcp.Close()
		}
		s.log.Printf("%v: %v", r.RemoteAddr, err)
		return
	}
	s.open.Add(c) // it leaves by itself, and is closed at once when the server shuts down
	err = relay(context.Background(), c, tcp.(*net.TCPConn), s.idle)
	stats := c.Stats()
	s.log.Printf("%v to %s: %d bytes in, %d out, %s", r.RemoteAddr, target, stats.BytesReceived, stats.BytesSent, outcome(err))
}

// target is the one that a path names: the first, or one of the list.
func (s *server) target(path string) (string, bool) {
	name := strings.TrimPrefix(path, "/")
	if name == "" {
		return s.targets[0], true
	}
	return name, slices.Contains(s.targets, name)
}

func outcome(err error) string {
	if err == nil {
		return "ended well"
	}
	return err.Error()
}

// ignoreClosed is err, unless it says that a connection has ended already.
func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
