//go:build !linux || parley_noraw

package conn

import "net"

// acceptor returns what Serve accepts from: the listener itself.
func (s *Server) acceptor(l net.Listener) net.Listener { return l }
