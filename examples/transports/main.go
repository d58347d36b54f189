// Command transports is the story of the real-time web, measured: one server with
// one source of events, and five ways for them to reach a page. Short polling, long
// polling, a stream of scripts in a hidden iframe, Server-Sent Events and
// WebSocket run side by side, and the page draws how long events take, how many
// bytes and how many requests:
//
//	go run ./examples/transports
//
// It is at http://127.0.0.1:8080/. Try other rates: at many events a second
// polling collects them, and is not as bad as it is said to be, but late; at one a
// second it is both. What the server pays is measured with each transport alone,
// by the button on the page, or without a browser:
//
//	go run ./examples/transports -headless -clients 100 -rate 20 -duration 5s
//
// Each transport has a file of its own with both sides of it; hub.go is the source,
// meter.go counts.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"time"
)

//go:embed index.html
var page []byte

const (
	maxConns   = 2000 // TCP connections at a time
	maxClients = 1000 // of a measurement
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil && err != flag.ErrHelp {
		log.Fatal(err)
	}
}

// run is the program: the server with its page, the measurement without one, or
// the clients of a measurement.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("transports", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("addr", "127.0.0.1:8080", "`host:port` to listen on")
	headless := flags.Bool("headless", false, "measure all transports, each alone, print a table, and end")
	asJSON := flags.Bool("json", false, "with -headless: print JSON in place of a table")
	load := flags.String("load", "", "be the clients of this `transport`: what -headless starts")
	url := flags.String("url", "", "with -load: the server's `http://host:port`")
	var p plan
	flags.Float64Var(&p.rate, "rate", 10, "events a `second`")
	flags.DurationVar(&p.duration, "duration", 3*time.Second, "with -headless: how long to measure each transport")
	flags.DurationVar(&p.interval, "interval", 500*time.Millisecond, "with -headless: how often short polling asks")
	flags.IntVar(&p.clients, "clients", 50, "with -headless: how many `clients` follow at once")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := p.check(); err != nil {
		return err
	}
	switch {
	case *load != "":
		t, ok := transportNamed(*load)
		if !ok {
			return fmt.Errorf("%q is no transport", *load)
		}
		return drive(ctx, t, *url, p, stdin, stdout)
	case *headless:
		rows, err := measure(ctx, p)
		if err != nil {
			return err
		}
		if *asJSON {
			return json.NewEncoder(stdout).Encode(rows)
		}
		return writeTable(stdout, p, rows)
	}
	return serve(ctx, *addr, p.rate, log.New(stderr, "", log.Ltime))
}

// serve serves the page until ctx ends.
func serve(ctx context.Context, addr string, rate float64, logger *log.Logger) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	m := &meter{Listener: ln, limit: maxConns}
	s := newServer(rate)
	s.live(m, &measuring{})
	logger.Printf("listening on http://%v/", ln.Addr())
	if err := s.serve(ctx, m, logger); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
