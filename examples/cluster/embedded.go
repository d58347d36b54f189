package main

import (
	"errors"
	"net"
	"os"
	"strconv"

	natsserver "github.com/nats-io/nats-server/v2/server"
)

// embedded is a NATS server in this process: for a first try, for tests, and for all who
// can do without their messages for as long as this machine is away.
type embedded struct {
	server *natsserver.Server
	remove string // directory
}

// startEmbedded starts one at an address, port 0 for any, which keeps its messages in dir,
// or, if that is empty, until it ends.
func startEmbedded(addr, dir string) (*embedded, error) {
	host, service, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, err
	}
	e := &embedded{}
	opts := &natsserver.Options{
		Host: host, Port: int(port), NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: dir,
		// What is acknowledged is on the disk. Otherwise it would be in the kernel's
		// memory for a while, which is enough where other machines have it too.
		SyncAlways: dir != "",
	}
	if port == 0 {
		opts.Port = natsserver.RANDOM_PORT
	}
	if dir == "" {
		if e.remove, err = os.MkdirTemp("", "cluster-*"); err != nil {
			return nil, err
		}
		opts.StoreDir = e.remove
	}
	if e.server, err = natsserver.NewServer(opts); err != nil {
		return nil, errors.Join(err, os.RemoveAll(e.remove))
	}
	e.server.Start()
	if !e.server.ReadyForConnections(brokerTime) {
		e.close()
		return nil, errors.New("the embedded NATS server does not listen on " + addr)
	}
	return e, nil
}

func (e *embedded) url() string { return e.server.ClientURL() }

func (e *embedded) close() {
	e.server.Shutdown()
	e.server.WaitForShutdown()
	if e.remove != "" {
		os.RemoveAll(e.remove)
	}
}
