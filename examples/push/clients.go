package main

import (
	"context"
	"io"
	"log"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parleyws/websocket/conn"
)

// dialling is how many connections are opened at the same time.
const dialling = 32

// startClients starts this program once more, to open n connections to url. It ends when
// its standard input does, that is with this process, however that ends. wait waits
// for it.
func startClients(ctx context.Context, url string, n int, stderr io.Writer) (wait func(), err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, "-watch", url, "-clients", strconv.Itoa(n))
	cmd.Stderr = stderr
	lifeline, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	cmd.Cancel = lifeline.Close // in place of killing it
	cmd.WaitDelay = 2 * shutdownTimeout
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() {
		lifeline.Close()
		cmd.Wait()
	}, nil
}

// watchFrom opens n connections, and reads what comes until ctx or the lifeline ends, or
// the last connection.
func watchFrom(ctx context.Context, url string, n int, lifeline io.Reader, logger *log.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		io.Copy(io.Discard, lifeline)
		cancel()
	}()
	var group conn.Group
	var all, dials sync.WaitGroup
	var next, failed atomic.Int64
	began := time.Now()
	for range dialling {
		dials.Go(func() {
			for next.Add(1) <= int64(n) && ctx.Err() == nil {
				c, err := conn.Dial(ctx, url, nil)
				if err != nil {
					if failed.Add(1) == 1 {
						logger.Print(err) // the others will be alike
					}
					continue
				}
				group.Add(c)
				all.Go(func() { <-c.CloseRead(context.Background()).Done() })
			}
		})
	}
	dials.Wait()
	logger.Printf("%d connections more after %v, %d have failed", group.Len(), time.Since(began).Round(time.Millisecond), failed.Load())
	stop := context.AfterFunc(ctx, func() {
		bounded, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
		defer cancel()
		group.Shutdown(bounded)
	})
	defer stop()
	all.Wait()
	return nil
}
