// Command restart is a WebSocket server that is replaced while it runs, and loses
// nothing:
//
//	go run ./examples/restart -addr 127.0.0.1:8080 -file messages.jsonl
//	kill -HUP $PID        # the first number of each line it logs
//
// and a client that sends it the lines of its standard input:
//
//	go run ./examples/restart -send ws://127.0.0.1:8080/ -name alice
//
// Messages are numbered, and acknowledged once they are in the file. The client keeps
// what is not acknowledged, stays connected with conn.Redial, and sends again; the
// server drops what it has stored before. On SIGHUP the server starts the program anew,
// which may be another version by then, hands it the listening socket and the file, and
// closes its connections with 1001. Connections that come meanwhile wait in the socket,
// which is never closed. That works on Unix systems; on others there is no SIGHUP.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/parleyws/websocket/conn"
)

func main() {
	logger := log.New(os.Stderr, fmt.Sprintf("%d ", os.Getpid()), log.Ltime)
	if err := run(os.Args[1:], os.Stdin, logger); err != nil && err != flag.ErrHelp {
		logger.Fatal(err)
	}
}

func run(args []string, stdin io.Reader, logger *log.Logger) error {
	flags := flag.NewFlagSet("restart", flag.ContinueOnError)
	flags.SetOutput(logger.Writer())
	addr := flags.String("addr", "127.0.0.1:8080", "`host:port` to listen on")
	file := flags.String("file", "messages.jsonl", "`file` to store messages in")
	send := flags.String("send", "", "be a client of the server at `URL`")
	name := flags.String("name", "anonymous", "name of the client, under which it has numbered its messages")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *send == "" {
		return serve(*addr, *file, logger)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	return sendLines(ctx, *send, *name, stdin, logger)
}

// sendLines sends what it reads, a message a line, and ends when all are stored.
func sendLines(ctx context.Context, url, name string, r io.Reader, logger *log.Logger) error {
	box := newOutbox(name)
	go func() {
		defer box.finish()
		for lines := bufio.NewScanner(r); lines.Scan(); {
			if box.add(ctx, lines.Text()) != nil {
				return
			}
		}
	}()
	return box.run(ctx, url, &conn.RedialPolicy{
		Waiting: func(wait time.Duration, why error) {
			logger.Printf("dialling again in %v: %v", wait.Round(time.Millisecond), why)
		},
	})
}
