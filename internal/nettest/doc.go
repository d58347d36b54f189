// Package nettest holds conn.NetConn against the standard suite for
// implementations of net.Conn, golang.org/x/net/nettest. It is a module of its
// own, so that the library does not depend on that suite.
package nettest
