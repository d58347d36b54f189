// Package frame is the wire format of WebSocket: RFC 6455, section 5, and
// nothing else. Bytes go in and bytes come out. There is no connection, no
// lock, no clock, and on the paths that every frame takes no allocation.
//
// # Codec
//
// [ParseHeader] reads a frame header from the front of a slice, and asks for
// more bytes when the slice ends too early. [Header.Append] writes one. What
// parses is written again as the same bytes. [Key.XOR] masks and unmasks a
// payload; [NewKey] makes the key that a client owes to every frame.
// [ParseClose] and [AppendClose] do the payload of a Close frame.
//
// # Rules
//
// ParseHeader refuses only what no header may be: a length that is not minimal
// or has its top bit set. Whether a header may come from this peer and in this
// place is what [Validator] says, one call per header. Neither limits the
// length of a data frame: that is for the caller to decide, from
// [Header.Length], before any memory is spent on it.
//
// # Streams
//
// [Reader] and [Writer] carry whole frames over an io.Reader and an io.Writer.
// They are meant for proxies, tools and tests; package conn has its own way.
//
// # Errors
//
// A peer's offence is an [*Error]. It names the rule and carries the status
// code to close the connection with. Streams also return the errors of what is
// beneath them, and io.ErrUnexpectedEOF for a frame that was cut off.
//
// # Concurrency
//
// Functions and value types may be used from anywhere. A Validator, a Reader
// and a Writer each belong to one goroutine at a time.
package frame
