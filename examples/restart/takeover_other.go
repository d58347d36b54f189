//go:build !unix

package main

import (
	"errors"
	"net"
	"os"
)

// Where processes inherit no descriptors, there is no signal to restart.

var restartSignals []os.Signal

func takeOver() (net.Listener, error) { return nil, nil }

type successor struct{}

func (*successor) begin() {}

func startSuccessor(net.Listener) (*successor, error) {
	return nil, errors.New("this system cannot hand a socket to another process")
}
