package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// options is the command line of the client and of the server.
type options struct {
	dial dialFlags
	url  string

	listen string
	echo   bool

	binary, commands, raw bool
	execute               string // -x
	hasExecute            bool
	count                 int
	wait                  time.Duration // negative: for ever
	timeout               time.Duration
	ping                  time.Duration

	rawOutput, nul, quiet bool
	verbose               int
}

// parseOptions reads a command line. What is wrong with it is a *usageError;
// flag.ErrHelp if help was asked for, and given.
func parseOptions(args []string, stderr io.Writer) (*options, error) {
	o := &options{}
	f := newFlagSet("wscat", "wscat [flags] URL\n       wscat [flags] -listen ADDR\n       wscat bench [flags] URL", stderr)
	o.dial.register(f)
	f.StringVar(&o.listen, "listen", "", "be a server on `host:port`; -s, -o, -cert and -key say what it accepts")
	f.BoolVar(&o.echo, "echo", false, "with -listen: send every message back to who sent it")
	f.BoolVar(&o.binary, "binary", false, "lines of input are hex, and sent as binary messages")
	f.BoolVar(&o.commands, "commands", false, "lines that begin with a slash are commands even if input is no terminal")
	f.BoolVar(&o.raw, "raw", false, "no line is a command")
	f.Func("x", "send `text` in place of standard input, and print one answer, or -n", func(s string) error {
		o.execute, o.hasExecute = s, true
		return nil
	})
	f.IntVar(&o.count, "n", 0, "stop after so many messages have come; fewer are a failure")
	f.DurationVar(&o.wait, "wait", time.Second, "how long to go on once input has ended; negative, or without it when -n or -x is given: until the server closes")
	f.DurationVar(&o.timeout, "timeout", 0, "how long all may take (default no limit)")
	f.DurationVar(&o.ping, "ping", 0, "send a ping every so often, and print how long the answer took")
	f.BoolVar(&o.rawOutput, "raw-output", false, "print the bytes of messages as they came, on a terminal too")
	f.BoolVar(&o.nul, "0", false, "end every message that is printed with a NUL, not a text with a newline")
	f.BoolVar(&o.quiet, "q", false, "say nothing but errors on standard error")
	f.BoolFunc("v", "show handshake headers, and a line for every frame", func(string) error { o.verbose = max(o.verbose, 1); return nil })
	f.BoolFunc("vv", "show the bytes of frames and their masking keys too", func(string) error { o.verbose = 2; return nil })
	rest, err := parseAnywhere(f, args)
	if err != nil {
		return nil, err
	}
	if o.hasExecute && o.count == 0 {
		o.count = 1
	}
	if o.count > 0 && !isSet(f, "wait") {
		o.wait = -1
	}
	return o, o.check(rest)
}

// check takes the arguments that are no flags, and looks for what does not go
// together.
func (o *options) check(rest []string) error {
	switch {
	case o.listen != "" && len(rest) > 0:
		return usagef("with -listen there is no URL, but there is %q", rest[0])
	case o.listen == "" && len(rest) != 1:
		return usagef("one URL is wanted, and there are %d; see wscat -help", len(rest))
	case o.listen == "" && o.echo:
		return usagef("-echo is for -listen")
	case o.listen != "" && o.hasExecute:
		return usagef("-x is for the client")
	case o.listen != "" && o.ping != 0:
		return usagef("-ping is for the client; with -listen there is /ping")
	case o.ping < 0:
		return usagef("-ping is a time between two pings, not %v", o.ping)
	case o.count < 0:
		return usagef("-n is a number of messages, not %d", o.count)
	case o.raw && o.commands:
		return usagef("-raw and -commands are opposites")
	}
	if o.listen == "" {
		o.url = withScheme(rest[0])
	}
	return nil
}

// withScheme lets people leave out ws://.
func withScheme(url string) string {
	switch {
	case strings.Contains(url, "://"):
		return url
	case strings.HasPrefix(url, ":"):
		return "ws://127.0.0.1" + url
	default:
		return "ws://" + url
	}
}

func newFlagSet(name, synopsis string, stderr io.Writer) *flag.FlagSet {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(io.Discard) // errors are printed once, by run
	f.Usage = func() {
		fmt.Fprintf(stderr, "usage: %s\n\n", synopsis)
		f.SetOutput(stderr)
		f.PrintDefaults()
		f.SetOutput(io.Discard)
	}
	return f
}

// parseAnywhere parses flags before and after the other arguments, which it
// returns. After "--" there are no more flags.
func parseAnywhere(f *flag.FlagSet, args []string) (rest []string, err error) {
	usage := f.Usage
	f.Usage = func() {} // not for every mistake, it would hide what is wrong
	for {
		if err := f.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				usage()
				return nil, err
			}
			return nil, usagef("%v; see wscat -help", err)
		}
		done := len(args) - f.NArg()
		if f.NArg() == 0 || done > 0 && args[done-1] == "--" {
			return append(rest, f.Args()...), nil
		}
		rest, args = append(rest, f.Arg(0)), f.Args()[1:]
	}
}

func isSet(f *flag.FlagSet, name string) (set bool) {
	f.Visit(func(g *flag.Flag) { set = set || g.Name == name })
	return set
}

// headerFlag is -H 'Name: value', which may be given many times.
type headerFlag struct{ http.Header }

func (h *headerFlag) String() string { return "" }

func (h *headerFlag) Set(s string) error {
	name, value, ok := strings.Cut(s, ":")
	if !ok {
		return fmt.Errorf("want 'Name: value'")
	}
	if h.Header == nil {
		h.Header = http.Header{}
	}
	h.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	return nil
}

// listFlag is -s a,b, which may be given many times.
type listFlag []string

func (l *listFlag) String() string { return "" }

func (l *listFlag) Set(s string) error {
	for name := range strings.SplitSeq(s, ",") {
		*l = append(*l, strings.TrimSpace(name))
	}
	return nil
}
