// Command wscat is a WebSocket client for the terminal and for scripts, with a
// server to talk to and a benchmark:
//
//	go run ./examples/wscat ws://127.0.0.1:8080/ws             # type lines; /help says what else
//	go run ./examples/wscat -v -x hello ws://127.0.0.1:8080/ws # send one message, print the answer, show the frames
//	go run ./examples/wscat -listen 127.0.0.1:9000             # what clients say, and what you say to all of them
//	go run ./examples/wscat bench -c 50 -d 5s ws://127.0.0.1:8080/ws
//
// Messages go to standard output and everything else to standard error, so that
// it can stand in a pipe:
//
//	seq 3 | wscat -n 3 ws://127.0.0.1:8080/ws | sort -r
//
// On a terminal, what could be mistaken for an order to it is escaped, and binary
// messages are shown as a hex dump. Elsewhere bytes are passed on as they came.
//
// # Lines
//
// A line of standard input is a text message, or with -binary the hex of a binary
// one. On a terminal, lines that begin with a slash are commands. In a pipe they
// are not, unless -commands is given: data is not to choose which file is sent.
// -raw switches them off everywhere.
//
//	/text LINE             send LINE, even if it begins with a slash
//	/hex 00 ff             send a binary message
//	/file PATH             send a file as a binary message
//	/ping                  measure the round trip
//	/close [CODE [REASON]] close, with 1000 unless told otherwise
//
// # Exit status
//
//	0    the connection ended normally: 1000, 1001, or a Close frame without a code, whoever sent it
//	1    it ended otherwise, or before -n messages had come; in bench: there were errors
//	2    the command line, or a line of a script, cannot be used
//	3    the server answered, and refused the handshake
//	4    there was no server to answer: name, network, proxy, TLS
//	5    the time of -timeout, or of -connect-timeout, was over
//	130  interrupted; the server, which has no other end, then exits with 0
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second interrupt ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the program. It returns the exit status. When ctx ends, connections are
// closed with 1001. It does not wait for a Read of stdin that is under way.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var err error
	s := newScreen(stdout, stderr)
	if len(args) > 0 && args[0] == "bench" {
		err = benchMain(ctx, args[1:], s)
	} else {
		err = catMain(ctx, args, stdin, s)
	}
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	s.complain(err)
	return exitStatus(err)
}

// catMain is the client and the server.
func catMain(ctx context.Context, args []string, stdin io.Reader, s *screen) error {
	o, err := parseOptions(args, s.err)
	if err != nil {
		return err
	}
	s.configure(o)
	if o.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, o.timeout, errTimeout)
		defer cancel()
	}
	in := newInput(stdin, o)
	if o.listen != "" {
		return listen(ctx, o, in, s)
	}
	return talk(ctx, o, in, s)
}
