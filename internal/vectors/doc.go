// Package vectors holds RFC 6455 as data: what a peer may send, byte by byte,
// and what must come of it. The text files in testdata are meant to be read.
//
// # A file
//
// A file is a list of vectors. Lines that begin with # and empty lines may
// stand anywhere. A vector is header lines of the form "key: value", the first
// of them its name, followed by the bytes that the peer sends:
//
//	name: a ping inside a fragmented message
//	rfc: RFC 6455, section 5.4
//	rule: 20
//	role: both
//	expect: open
//	message: text "Hello"
//	pong: "?"
//	comment: Control frames may come between any two fragments.
//	01 03 "Hel"   # TEXT without FIN
//	89 01 "?"     # PING
//	80 02 "lo"    # CONTINUATION with FIN
//
// # Keys
//
//   - name: a few words; no two vectors have the same.
//   - rfc: where the rule is stated, in the form above.
//   - rule: the number of the rule among those that implementations get wrong.
//     Optional.
//   - role: the endpoint that reads the bytes, client or server. With both, the
//     bytes are written as a server sends them, without masks, and there are two
//     vectors: one for a client, and one for a server, for which the loader
//     masks the frames.
//   - max: the limit of the message size in bytes. Optional; without it there is
//     none.
//   - expect: the state in which the bytes leave the connection, see below.
//   - message: a message that is delivered, text or binary, and its bytes. One
//     line for each, in their order.
//   - pong: the payload of a pong that the endpoint sends. One line for each.
//   - comment: why. Optional, any number of lines.
//
// # What to expect
//
//   - open: the connection is open, between two messages.
//   - incomplete: the bytes end inside a message. Should the stream end here,
//     that is an abnormal closure, 1006.
//   - close CODE "REASON": the peer has closed the connection. The endpoint
//     answers with a Close frame that echoes the code, and reads nothing more.
//     Without a reason it is the empty one. With the code 1005 the peer gave
//     none, and the answer has none either.
//   - fail CODE: the endpoint fails the connection. It sends a Close frame with
//     that code and delivers nothing more.
//
// # Bytes
//
// Bytes are hex, two digits each, or text in double quotes with the escapes of
// Go, with white space and # comments in between. A repeat count may follow a
// word of hex, a quoted text or a group in parentheses:
//
//	82 7e 01 00 00*256       # BINARY, 256 zeros
//	01 00 (00 01 "é"*3)*1000
//
// In a vector that fails, an exclamation mark says from where on the endpoint
// has no excuse: with the bytes before it read, it must have failed. It may know
// earlier if the rule is broken earlier. Without the mark, that is at the end.
//
//	81 05 61 ff ! 61 61 61   # the fourth byte is not UTF-8
//
// # Errors
//
// A mistake in a file is fatal, wherever it is: an unknown or repeated key, a
// missing one, a name that was used before, a pattern that matches no file. A
// test that believes to have read a vector has read it.
package vectors
