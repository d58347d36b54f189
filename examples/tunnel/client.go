package main

import (
	"context"
	"errors"
	"log"
	"net"
	"time"

	"github.com/parleyws/websocket/conn"
)

// client leads from TCP to WebSocket.
type client struct {
	limits
	log *log.Logger
	url string
}

// serve has a tunnel for every connection to l, until ctx ends.
func (k *client) serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	defer k.wait()
	for {
		tcp, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				tcp.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // too many open files, say
			k.log.Print(err)
			pause(ctx, 100*time.Millisecond)
		case !k.enter():
			k.log.Printf("%v: too many tunnels", tcp.RemoteAddr())
			tcp.Close()
		default:
			go func() {
				defer k.leave()
				if err := k.carry(ctx, tcp.(*net.TCPConn)); err != nil {
					k.log.Printf("%v: %v", tcp.RemoteAddr(), err)
				}
			}()
		}
	}
}

// carry is one tunnel.
func (k *client) carry(ctx context.Context, tcp plain) error {
	c, err := conn.Dial(ctx, k.url, &conn.DialOptions{
		Subprotocols: []string{halfClose},
		Timeout:      2 * dialTimeout, // the server dials meanwhile
		Config:       config,
	})
	if err != nil {
		reset(tcp)
		tcp.Close()
		return err
	}
	return relay(ctx, c, tcp, k.idle)
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
