// Command tunnel carries TCP connections over WebSocket, past firewalls and reverse
// proxies that let nothing but HTTP through. The server leads to the targets that it
// names, and to no other:
//
//	go run ./examples/tunnel -listen :8080 -to localhost:22,localhost:5432
//
// and the client either listens, or takes its standard input and output:
//
//	go run ./examples/tunnel -local localhost:2222 ws://example.com:8080/
//	go run ./examples/tunnel -local localhost:5433 ws://example.com:8080/localhost:5432
//	ssh -o ProxyCommand='tunnel ws://example.com:8080/' user@example.com
//
// The path of the URL chooses the target; / is the first. The server asks for no
// password: that is for what listens at the target, or a reverse proxy in front.
//
// # The stream
//
// Bytes go in binary messages, whose bounds mean nothing. WebSocket has no half-close: its
// Close ends both directions. So the two sides agree on a subprotocol, in which
// an empty message says that no more bytes follow in this direction, and the connection
// is closed with 1000 when both directions have ended. A peer that does not know the
// subprotocol (websocat, a script) gets a plain stream: there the end of either direction
// ends both. What ends otherwise, a TCP connection that was reset or a WebSocket that was
// lost, has the TCP connection at the other end reset too, so that nobody takes half a
// file for a whole one.
//
// # Back-pressure
//
// A side that is not read from stops reading, and so TCP makes the other side wait, for as
// long as it takes. That is why there is no limit on the time of a write, and why a Ping
// that is not answered is no reason to give up: a side that waits for its TCP connection
// answers none. Pings keep routers and proxies awake, TCP's own keepalive
// finds out that a machine is gone, and -idle bounds everything else.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/parleyws/websocket/conn"
)

const (
	dialTimeout     = 10 * time.Second // to the target, and to the server
	shutdownTimeout = 5 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil && err != flag.ErrHelp {
		log.Fatal(err)
	}
}

// run is the server or a client until ctx ends.
func run(ctx context.Context, args []string, stdin io.Reader, stdout io.WriteCloser, stderr io.Writer) error {
	flags := flag.NewFlagSet("tunnel", flag.ContinueOnError)
	flags.SetOutput(stderr)
	listen := flags.String("listen", "", "be the server, at `host:port`")
	to := flags.String("to", "", "targets that the server leads to, as `host:port,host:port`")
	origins := flags.String("origin", "", "web pages that may use the server besides its own, as `pattern,pattern`")
	local := flags.String("local", "", "be a client that listens at `host:port`")
	most := flags.Int("max", 1000, "`number` of tunnels at the same time")
	idle := flags.Duration("idle", time.Hour, "end a tunnel that carries nothing for this long; 0: never")
	url, err := parse(flags, args)
	if err != nil {
		return err
	}
	logger := log.New(stderr, "", log.Ltime)
	limits := limits{slots: make(chan struct{}, max(*most, 1)), idle: *idle}
	switch {
	case *listen != "" && *to != "" && *local == "" && url == "":
		s := &server{limits: limits, log: logger, targets: strings.Split(*to, ",")}
		if *origins != "" {
			s.origins = strings.Split(*origins, ",")
		}
		return listenAnd(ctx, *listen, logger, s.serve)
	case *listen == "" && *to == "" && url != "":
		c := &client{limits: limits, log: logger, url: url}
		if *local != "" {
			return listenAnd(ctx, *local, logger, c.serve)
		}
		return c.carry(ctx, &stdio{in: stdin, out: stdout})
	default:
		flags.Usage()
		return errors.New("either -listen and -to, or the URL of a server")
	}
}

// parse lets flags follow the URL too.
func parse(flags *flag.FlagSet, args []string) (url string, err error) {
	if err := flags.Parse(args); err != nil || flags.NArg() == 0 {
		return "", err
	}
	url = flags.Arg(0)
	if err := flags.Parse(flags.Args()[1:]); err != nil {
		return "", err
	}
	if flags.NArg() > 0 {
		return "", errors.New("more than one URL: " + strings.Join(flags.Args(), " "))
	}
	return url, nil
}

func listenAnd(ctx context.Context, addr string, logger *log.Logger, serve func(context.Context, net.Listener) error) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	logger.Printf("listening on %v", l.Addr())
	return serve(ctx, l)
}

// limits are what all tunnels of a process may cost together.
type limits struct {
	slots chan struct{} // holds one for each tunnel
	idle  time.Duration // how long one may carry nothing, 0 for ever
}

// enter reports whether there may be one more tunnel; leave has to follow then.
func (l limits) enter() bool {
	select {
	case l.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

func (l limits) leave() { <-l.slots }

// wait returns when the last tunnel has ended, and lets no other begin.
func (l limits) wait() {
	for range cap(l.slots) {
		l.slots <- struct{}{}
	}
}

// config is for both sides: messages are streamed, so their size does not matter, and a
// peer may keep us waiting, see the comment on back-pressure.
var config = conn.Config{
	MaxMessage:   -1,
	WriteTimeout: -1,
	KeepAlive:    conn.KeepAlive{Timeout: -1},
}

// stdio is standard input and output as if they were a TCP connection.
type stdio struct {
	in  io.Reader
	out io.WriteCloser
}

func (s *stdio) Read(p []byte) (int, error)  { return s.in.Read(p) }
func (s *stdio) Write(p []byte) (int, error) { return s.out.Write(p) }
func (s *stdio) CloseWrite() error           { return s.out.Close() }

// Close leaves the input alone: a read from a terminal cannot be ended, but the program.
func (s *stdio) Close() error { return s.out.Close() }
