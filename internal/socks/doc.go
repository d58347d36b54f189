// Package socks is the client's side of SOCKS version 5 (RFC 1928), as far as it
// takes to have a proxy open a TCP connection, and of its authentication by user
// name and password (RFC 1929). It is bytes in, bytes out, and reads nothing by
// itself: a [Client] says what to send and how many bytes to read next, and never
// asks for one that is not the proxy's.
package socks
