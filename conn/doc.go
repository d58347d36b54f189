// Package conn is a WebSocket connection, for both sides: messages, control
// frames, closing, time and memory. RFC 6455, sections 5.4 to 8.
//
// # Usage
//
// A server hands [Handler] a function that is called for every connection. A
// client calls [Dial]. [Accept] is for HTTP handlers that want to see to things
// themselves, and [New] for streams that were upgraded by package handshake.
//
//	http.Handle("/ws", conn.Handler(nil, func(ctx context.Context, c *conn.Conn) error {
//		for m, err := range c.Messages(ctx) {
//			if err != nil {
//				return err
//			}
//			if err := c.Write(ctx, m.Type, m.Data); err != nil {
//				return err
//			}
//		}
//		return nil
//	}))
//
// There are four ways to read: [Conn.Messages] lends messages without a copy,
// [Conn.Read] gives them away, [Conn.AppendRead] puts them into memory of the
// caller's, and [Conn.Reader] streams one that need not fit into memory. There
// are two to write: [Conn.Write], and [Conn.Writer] for a stream. [Conn.WriteBatch]
// writes several messages in one system call, [Prepared] is a message that is
// encoded once for many connections, and [Conn.TryWrite] never waits for the peer.
// A [Group] is a set of connections to broadcast to and to shut down together.
//
// [Redial] keeps a client connected: it dials again when the connection is lost, after
// waits that do no harm to a server which lost all its clients at once.
//
// # Very many connections
//
// A goroutine for each connection takes some 3.5 KiB when it waits. Where there are
// so many connections that this counts, a [Server] runs them by events: a few loops
// wait for all of them and call an [EventHandler], and a connection that waits takes
// half a KiB. All that is written, and how, is the same.
//
// # Compression
//
// Config.Compression has permessage-deflate (RFC 7692) offered, or accepted. The
// zero [Compression] is a good beginning: messages of 512 bytes and more are
// compressed, each by itself, and a connection that is idle keeps nothing for it.
// Where many small messages are alike, context takeover makes them several times
// smaller, for memory that can be chosen. [Compressed] and [Uncompressed] decide for
// one message. Incoming messages are inflated as they arrive, in every way to read,
// and Config.MaxMessage bounds what comes out.
//
// # HTTP/2
//
// With [DialOptions].HTTP2 connections are opened over HTTP/2 (RFC 8441) where the
// server knows that: all that are dialled with the same [handshake.HTTP2] share one
// TCP connection. A server takes such connections with [Handler], [Accept] and
// [Server] as it takes others, if the program imports package handshake/http2. They
// end when the HTTP handler returns. Handler and Server see to that; one that calls
// Accept and gives the connection to somebody else waits for [Conn.Done]. And so
// http.Server.Shutdown waits for them, which it does not for others: have the Shutdown
// of a [Group] or a Server called by RegisterOnShutdown.
//
// # Who may connect
//
// By default only pages of the server's own origin, and programs that are no
// browsers: see [AcceptOptions].OriginPatterns for more. A browser's script can
// send no header of its own, but cookies, the query and subprotocols; what is in
// them is looked at in [AcceptOptions].Check, or in any HTTP middleware before
// [Handler], whose context values are in the ctx that serve gets. Set
// ReadHeaderTimeout on the http.Server: until a request is read, it is net/http
// that waits.
//
// A program that needs the header of the response it got, or of requests, or that
// does without net/http, calls package handshake itself, and then [New].
//
// # Ways to a server
//
// [Dial] goes through the proxy that the environment names, as programs that use
// net/http do, or through the one that [DialOptions].Proxy chooses: http, https or
// SOCKS 5. [handshake.UnixDial] leads to a Unix socket, and DialOptions.NetDial to
// anything else that is a [net.Conn]. A ws connection through a proxy or over a Unix
// socket is read and written like any other, without a layer in between.
//
// # Concurrency
//
// All methods of [Conn] may be called from any goroutine at any time. Readers
// take turns. Writers never mix their frames, and when several write at once,
// their frames go out together in one system call.
//
// Somebody has to read, always: it is the reader who answers Pings, sees Pongs
// and finds out that the peer has gone. No goroutine does that behind the
// program's back; programs that only write call [Conn.CloseRead] for one.
//
// # Cancellation
//
// A context bounds the one call that it is given to. When it ends, the call
// returns ctx.Err() and the connection is as good as before: a cancelled read is
// taken up by the next read, wherever it was; a cancelled write has left no
// trace, or is completed in the background if it was cut midway. Only a message
// that was streamed through [Conn.Writer] and cannot be completed ends the
// connection. Contexts that are used again and again cost nothing per message.
//
// # Closing
//
// [Conn.Close] performs the closing handshake; [Conn.CloseNow] just ends the TCP
// connection. When the peer closes, its Close frame is answered at once, and
// reading returns a [*CloseError]. A server ends its half of the TCP connection
// first and then waits, a bounded time, for the client to do so too. [Conn.Done]
// tells when all that is over.
//
// # Errors
//
// What the peer said is a [*CloseError], the rule it broke a [*ProtocolError],
// the time it did not keep a [*TimeoutError]. In terms of the standard library:
//
//	the peer closed with 1000 or 1001     errors.Is(err, io.EOF)
//	TCP ended without a Close frame       errors.Is(err, io.ErrUnexpectedEOF)
//	this side called Close or CloseNow    errors.Is(err, net.ErrClosed)
//	the deadline of ctx has passed        errors.Is(err, context.DeadlineExceeded)
//	ctx was cancelled                     errors.Is(err, context.Canceled)
//
// [CloseStatus] gives the status code that an error speaks of. Once a connection
// has ended, every method returns the same error, which is also [Conn.Err]; the
// stream of a message that was cut off wraps it.
//
// # Limits
//
// A received message may have [Config].MaxMessage bytes, 1 MiB by default. A
// length that a peer announces allocates nothing: memory grows with the bytes
// that arrive, to four times of them at most. Pongs for a peer that does not read
// wait in 2 KiB, and only the latest are kept. A peer that takes nothing for
// [Config].WriteTimeout loses the connection, and one that gives no sign of life
// is found out by [Config].KeepAlive.
//
// A connection that waits on a plain TCP or Unix socket holds no buffer. Where
// sockets cannot be read without one, it holds 4 KiB, and over TLS 512 bytes,
// beside what crypto/tls needs for itself. With [Handler], or on a stream that
// [handshake.Accept] has upgraded, a connection that waits takes less than 3.5
// KiB of heap and stack together, if the function that serves it is content with
// a stack of 2 KiB, and is not called on the goroutine that has performed the
// handshake, whose stack has grown by then.
//
// # In a browser
//
// With GOOS=js, where scripts have no network, [Dial] has the browser connect, with a
// WebSocket of its own; all there is to a [Conn] works over it as elsewhere, with
// these differences.
//
//   - The browser sees to the opening handshake. DialOptions.Header, TLS, Proxy, Jar and
//     CheckRedirect, and user information in the URL, are errors that match
//     errors.ErrUnsupported. Of a handshake that fails, no reason is told. With
//     DialOptions.NetDial it is this package that connects, over a network that the
//     program brings, as on other systems.
//   - Compression is between the browser and the server: Config.Compression is not
//     looked at, and [Conn.Deflate] returns nil.
//   - There is no [Conn.Ping], which returns an error that matches
//     errors.ErrUnsupported, and no KeepAlive: Config.KeepAlive is not looked at. The
//     browser answers the server's Pings.
//   - A script may close with 1000 and 3000 to 4999 only. The server is told 1000 for
//     1001, and for another code below 3000 the one that is 3000 higher, as 4011 for
//     1011, which holds for the rules that the server broke too.
//   - [Conn.CloseNow] cannot break the connection off: the browser sends a Close
//     frame without a code, and the server sees 1005.
//   - A message goes out in one frame, once all of it is there. [Conn.Writer] collects
//     it. What is not UTF-8 in a text becomes U+FFFD.
//   - What has been written is the browser's to send. With more than 64 KiB of that,
//     writing waits, or TryWrite queues, as with a socket that is full; and
//     [Conn.Backlog] counts it.
//   - A browser goes on receiving, whether somebody reads or not, and a message of any
//     size is in its memory before MaxMessage is looked at. With more than 16 MiB of
//     messages that nobody has read, the connection ends: the server is told 4008, and
//     reading returns an error after all that had come.
//   - [Conn.LocalAddr] and [Conn.RemoteAddr] are "browser" and the URL.
//
// # Limitations
//
// A TLS connection is known by its method ConnectionState. Where a net.Conn of
// another type hides one without that method, a write that is cancelled while it
// waits for the peer breaks it, as crypto/tls cannot go on after a timeout.
//
// Over HTTP/2 a connection that waits takes a server two goroutines and some 24 KiB,
// most of it net/http's, with a [Server] too. Plain HTTP/2 (h2c) is for servers alone:
// clients use HTTP/2 over TLS only.
package conn
