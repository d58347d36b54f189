package conn

import (
	"fmt"
	"io"
	"time"
)

// vain counts reads, or writes, that moved no byte and failed for no reason of
// ours: they returned nothing at all, or timed out though no deadline had passed.
// Both may happen, a timeout as the echo of a kick for an earlier wait, and are
// to be tried again. A stream that does nothing else would keep us busy for
// ever: a net.Conn whose deadlines cannot be cleared, say, or TLS in disguise,
// which after one write that timed out has all others fail with that timeout.
type vain struct {
	n     int
	since time.Time
}

// maxVain is how often it is tried in a second. A stream that takes its time
// between one timeout and the next does no harm.
const maxVain = 100

// more reports whether to try, or to try again.
func (v *vain) more() bool {
	v.n++
	if v.n == 2 || v.n > maxVain && time.Since(v.since) >= time.Second {
		v.n, v.since = 2, time.Now()
	}
	return v.n <= maxVain
}

var errVain = fmt.Errorf("conn: the stream was tried %d times in a second and neither moved a byte nor failed, "+
	"or timed out though its deadline was cleared; a net.Conn must do better: %w", maxVain, io.ErrNoProgress)
