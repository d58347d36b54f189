// Package flate is DEFLATE (RFC 1951) made for messages (RFC 7692).
//
// compress/flate is made for files: a compressor of it holds 0.7 to 1.2 MB, its
// window is always 32 KiB, and a reader must be given an io.Reader that lives
// as long as the stream. Here both directions work from slice to slice, keep
// between two messages only the history that the peer may refer to, in a size
// that follows the negotiated window, and borrow everything else from a pool
// for the time between the first byte of a message and its end.
//
// # Messages
//
// A message is what a [Compressor] appends up to a flush, without the four
// bytes of [Tail]. To read one, give a [Decompressor] its bytes, then Tail,
// then call EndMessage. With context takeover the same Compressor and
// Decompressor serve the next message; without it, Reset comes between.
//
// # Limits
//
// Nothing is allocated by what a peer declares: output goes to the room that
// the caller gives, and the window grows with the bytes seen. Corrupt input
// ends in a [*CorruptError], after which only Reset helps.
//
// # Concurrency
//
// A Compressor or Decompressor is for one goroutine at a time.
package flate

// Tail is what a sync flush ends with: the lengths of an empty stored block.
// RFC 7692, section 7.2.1 removes it from the end of a message, section 7.2.2
// puts it back before the message is decompressed.
const Tail = "\x00\x00\xff\xff"
