// Command cluster is a chat on several servers, any of which may die at any time. Three
// of them, the first with the NATS server that they share:
//
//	go run . -addr 127.0.0.1:8081
//	go run . -addr 127.0.0.1:8082 -nats nats://127.0.0.1:4222
//	go run . -addr 127.0.0.1:8083 -nats nats://127.0.0.1:4222
//
// and people, who send the lines that they type:
//
//	go run . -join ws://127.0.0.1:8081/ws,ws://127.0.0.1:8082/ws,ws://127.0.0.1:8083/ws -name alice
//
// Kill the server that somebody is connected to (kill -9): the client goes on at another,
// and nothing is lost, doubled or out of order. (Not the first, unless NATS is a server of
// its own: then all wait for it.)
//
// A message is numbered by JetStream and acknowledged when JetStream has it. A client says
// which number it has seen last, gets the rest, and then sends again what was not
// acknowledged; the ids of messages let JetStream drop what it has. So the servers keep
// nothing, and a client may come back to any of them: a load balancer needs no sticky
// sessions. lb has configurations of nginx and HAProxy with and without.
//
// broker.go is all that the servers know of NATS; wire.go is what goes over a WebSocket.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/parleyws/websocket/conn"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	logger := log.New(os.Stderr, "", log.Ltime)
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, logger); err != nil && err != flag.ErrHelp {
		logger.Fatal(err)
	}
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer, logger *log.Logger) error {
	flags := flag.NewFlagSet("cluster", flag.ContinueOnError)
	flags.SetOutput(logger.Writer())
	addr := flags.String("addr", "127.0.0.1:8081", "`host:port` to listen on")
	url := flags.String("nats", "", "`URL` of a NATS server with JetStream (default: one in this process)")
	listen := flags.String("nats-listen", "127.0.0.1:4222", "`host:port` for the one in this process")
	store := flags.String("store", "", "`directory` for its messages (default: kept until it ends)")
	beat := flags.Duration("beat", 2*time.Second, "how often servers tell each other that they are there")
	drain := flags.Duration("drain", 0, "how long to be unhealthy at /healthz before closing connections; a load balancer's interval")
	join := flags.String("join", "", "be a client of the servers at `URLs`, as a,b")
	room := flags.String("room", "lobby", "room of the client")
	name := flags.String("name", "anonymous", "name of the client")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *join != "" {
		urls := strings.Split(*join, ",")
		for _, u := range urls {
			if !strings.HasPrefix(u, "ws://") && !strings.HasPrefix(u, "wss://") {
				return fmt.Errorf("-join: %q does not begin with ws:// or wss://", u)
			}
		}
		rand.Shuffle(len(urls), func(i, j int) { urls[i], urls[j] = urls[j], urls[i] })
		return chat(ctx, urls, *room, *name, stdin, stdout, logger)
	}
	if *beat <= 0 {
		return fmt.Errorf("-beat %v is not positive", *beat)
	}
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	defer l.Close()
	if *url == "" {
		e, err := startEmbedded(*listen, *store)
		if err != nil {
			return err
		}
		defer e.close()
		*url = e.url()
		logger.Printf("NATS is at %s", *url)
	}
	broker, err := connectNATS(ctx, *url, *beat, logger)
	if err != nil {
		return err
	}
	defer broker.Close()
	return newServer(broker, logger).run(ctx, l, *drain)
}

// chat prints what is said in the room, and says what it reads, until that ends.
func chat(ctx context.Context, urls []string, room, name string, r io.Reader, w io.Writer, logger *log.Logger) error {
	k := newClient(urls, room, name, func(e event) { show(w, e) })
	go func() {
		defer k.finish()
		for lines := bufio.NewScanner(r); lines.Scan(); {
			if lines.Text() != "" && k.say(ctx, lines.Text()) != nil {
				return
			}
		}
	}()
	return k.run(ctx, conn.RedialPolicy{
		FirstWait: time.Second, // there are other servers
		Waiting: func(wait time.Duration, why error) {
			logger.Printf("dialling again in %v: %v", wait.Round(time.Millisecond), why)
		},
	})
}

// show prints an event. What others have written may have control characters in it, which
// are not for the terminal.
func show(w io.Writer, e event) {
	switch {
	case e.ID != "":
		fmt.Fprintf(w, "%6d  %s: %s\n", e.Seq, e.From, printable(e.Text))
	case e.Signal != "":
		fmt.Fprintf(w, "        %s: (%s)\n", e.From, printable(e.Signal))
	case len(e.Present) > 0:
		fmt.Fprintf(w, "        here: %s\n", strings.Join(e.Present, ", "))
	}
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '\ufffd'
		}
		return r
	}, s)
}
