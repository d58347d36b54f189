package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/parleyws/websocket/conn"
)

// shutdownTime is how long clients may take to leave.
const shutdownTime = 10 * time.Second

// serve serves until it is told to end, or a successor has taken over.
func serve(addr, file string, logger *log.Logger) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, slices.Concat(restartSignals, []os.Signal{os.Interrupt, syscall.SIGTERM})...)
	defer signal.Stop(signals)

	store, err := openStore(file)
	if err != nil {
		return err
	}
	defer store.close()
	l, err := takeOver() // when it returns, nobody else has the store
	if err != nil {
		return err
	}
	if l == nil {
		if l, err = net.Listen("tcp", addr); err != nil {
			return err
		}
	}
	defer l.Close()
	if err := store.load(); err != nil {
		return err
	}

	events := &conn.Server{
		Handler:  handler{store, logger},
		Workers:  8, // for a disk may make them wait
		ErrorLog: logger,
		Options: &conn.AcceptOptions{Config: conn.Config{
			MaxMessage:   maxMessage,
			SlowConsumer: conn.Disconnect, // it will dial again, and send again
		}},
	}
	server := &http.Server{Handler: events, ErrorLog: logger, ReadHeaderTimeout: shutdownTime / 2}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	logger.Printf("serving on ws://%v/", l.Addr())

	next, err := untilReplaced(l, signals, failed, logger)
	if err != nil {
		return err
	}
	// Whoever is told to come again must not come to this process, and what one process
	// stores the next must find: so first the door, then the store, and only then the next.
	l.Close()
	if err := store.close(); err != nil {
		logger.Print(err)
	}
	next.begin()
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	// Requests first, for connections come of them. One that is not answered yet net/http
	// drops; its client dials again.
	err = ignoreClosed(server.Shutdown(ctx))
	err = errors.Join(err, events.Shutdown(ctx))
	logger.Print("all clients have left")
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil // the listener
	}
	return err
}

// untilReplaced waits for a signal to end, for which it returns nil, or for one to
// restart, for which it returns the process that comes next. As long as that cannot be
// started this one goes on.
func untilReplaced(l net.Listener, signals <-chan os.Signal, failed <-chan error, logger *log.Logger) (*successor, error) {
	for {
		select {
		case err := <-failed:
			return nil, err
		case s := <-signals:
			if !slices.Contains(restartSignals, s) {
				return nil, nil
			}
		}
		next, err := startSuccessor(l)
		if err == nil {
			return next, nil
		}
		logger.Printf("cannot restart, and goes on: %v", err)
	}
}

// handler stores messages and acknowledges them.
type handler struct {
	store *store
	log   *log.Logger
}

func (handler) Open(*conn.Conn)         {}
func (handler) Close(*conn.Conn, error) {}

func (h handler) Message(c *conn.Conn, in conn.Message) {
	var m message
	if err := json.Unmarshal(in.Data, &m); err != nil || !m.valid() {
		c.Close(conn.StatusUnsupportedData, "this is not a message with a client and an id")
		return
	}
	switch err := h.store.add(m); {
	case err == errStoreClosed:
		c.Close(conn.StatusGoingAway, "the server restarts")
	case err == errGap:
		c.Close(4000, err.Error())
	case err != nil:
		h.log.Print(err)
		c.Close(conn.StatusInternalError, "")
	default:
		ack, _ := json.Marshal(acknowledgement{m.ID})
		c.TryWrite(conn.Text, ack)
	}
}
