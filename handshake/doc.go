// Package handshake is the opening handshake of a WebSocket connection: HTTP/1.1, or
// HTTP/2, goes in, an upgraded byte stream and what was agreed about it come out. It
// is section 4 of RFC 6455, and RFC 8441, and knows nothing of frames.
//
// # Usage
//
// There are three ways in, and all give an [Upgraded]:
//
//   - [Upgrade] answers a request inside a net/http handler,
//   - [Accept] answers a request on a bare [net.Conn], with no net/http server,
//   - [Connect] dials a URL and asks for the upgrade.
//
// The zero value of [ServerConfig] and [ClientConfig], and nil, are safe: same
// origin only, redirects not followed, everything bounded in bytes and in time.
//
// # Compression
//
// With a [DeflateConfig] both sides negotiate permessage-deflate (RFC 7692); what
// came of it is in Upgraded.Deflate. To compress and decompress is the business of
// whoever speaks the frames, and so it is off by default.
//
// # Proxies and Unix sockets
//
// Connect goes through the proxy that the environment names (HTTP_PROXY for ws,
// HTTPS_PROXY for wss, NO_PROXY), as programs that use net/http do, or the one that
// ClientConfig.Proxy chooses: http and https proxies by CONNECT, socks5 by SOCKS 5,
// with user and password if their URL has them. Error.Proxy tells a proxy that
// refused from a server that did. With ClientConfig.NetDial set no proxy is asked
// unless Proxy is set too. [UnixDial] makes a NetDial that leads to a Unix socket.
//
// A name with several addresses is tried at one after the other, those of IPv6 and
// IPv4 in a race (RFC 6555): that is what [net.Dialer] does. A program that wants
// other delays gives the method DialContext of its own Dialer as NetDial.
//
// # HTTP/2
//
// Over HTTP/2 a connection is one stream of many (RFC 8441), and Upgraded.Conn a
// [*Stream]. A client asks for that with ClientConfig.HTTP2, where one [HTTP2] is
// shared by many dials. A server takes it in [Upgrade] as soon as net/http announces
// it, which it does for programs that import package handshake/http2. The one
// difference for a server: the connection ends when the HTTP handler returns, see
// [Stream.Wait].
//
// # Concurrency
//
// All functions may be called from any goroutine at once, and a configuration
// may be shared by them as long as nobody writes to it.
//
// # Cancellation
//
// Connect obeys its context at every stage: resolving, connecting, being let through
// by a proxy, TLS, sending the request, waiting for the response. After it has returned, the context has
// no further effect. The server functions are bounded by ServerConfig.Timeout.
//
// # Errors
//
// Every failure is an [*Error]. On a server it says how the request was
// answered, on a client what the server said; causes such as
// [context.Canceled] are found with [errors.Is].
//
// # Limits
//
// What the peer sends is bounded in bytes, in the number of header fields and
// in time, and takes linear time to read. Bytes that follow the handshake in
// the same segment are never lost: they are in Upgraded.Buffered.
//
// On the way through net/http it is the [http.Server] that reads the request, and
// its MaxHeaderBytes and ReadHeaderTimeout are the bounds. The latter has no
// default: a server that faces the world sets it.
//
// # In a browser
//
// With GOOS=js, Connect has the browser open a WebSocket of its own, and
// Upgraded.Conn is a stream that stands for it: whoever speaks frames over it, as
// package conn does, speaks to the server. Header, TLS, Jar, CheckRedirect and user
// information in the URL are then errors that match [errors.ErrUnsupported], as a
// browser lets no script decide about them. Deflate and the bounds in bytes are not
// looked at: a browser has its own. Upgraded.Header is nil, and so is Deflate. If the
// handshake fails, the Error tells no reason, for the browser tells none. With a
// NetDial, Connect works over the network that this returns, as on other systems.
//
// # Limitations
//
// The one extension that is negotiated is permessage-deflate, see
// [DeflateConfig]; others that are offered to a server are declined. A host name
// outside ASCII must be given in its xn-- form.
package handshake
