package flate

import (
	"errors"
	"strconv"
)

// ErrShortDst is returned by [Decompressor.Inflate] when there is at least one
// more byte of output than dst has room for. Nothing is lost: call again with
// room, and with what is left of src.
var ErrShortDst = errors.New("flate: more output than room in dst: call Inflate again with more room")

// A CorruptError says that the input is not DEFLATE data that the negotiated
// window and the history allow.
type CorruptError struct {
	// Offset counts the input bytes taken since the last Reset when the fault
	// was found. The fault itself may lie a few bytes before.
	Offset int64

	// Reason says what was found and what was expected.
	Reason string
}

func (e *CorruptError) Error() string {
	return "flate: corrupt data near input byte " + strconv.FormatInt(e.Offset, 10) + ": " + e.Reason
}
