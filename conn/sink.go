package conn

import "github.com/parleyws/websocket/internal/bufpool"

// sink is where a message is collected: in a slice, or in a buffer of the pool.
type sink struct {
	b      []byte
	start  int             // where the message begins in b
	pooled *bufpool.Buffer // b is its memory, if not nil
}

func (s *sink) add(p []byte) {
	if len(p) > cap(s.b)-len(s.b) {
		s.grow(max(len(s.b)+len(p), 2*(len(s.b)-s.start)))
	}
	s.b = append(s.b, p...)
}

// room returns free memory behind s.b for some of the n bytes to come. The peer
// may have announced more than it will ever send, so memory grows with what has
// arrived: to four times that at most.
func (s *sink) room(n int64) []byte {
	if len(s.b) == cap(s.b) {
		more := max(readSize, 3*(len(s.b)-s.start))
		s.grow(len(s.b) + int(min(n, int64(more))))
	}
	return s.b[len(s.b):cap(s.b)]
}

func (s *sink) grow(n int) {
	if s.pooled == nil {
		s.b = append(make([]byte, 0, n), s.b...)
		return
	}
	s.pooled.B = s.b
	s.pooled = s.pooled.Grow(n)
	s.b = s.pooled.B
}
