package vectors

import "github.com/parleyws/websocket/frame"

// Fragment returns v with its data frames cut into fragments. All that v expects
// is as before, for RFC 6455, section 5.4, leaves it to the sender where to cut;
// only FailAt has moved with its byte. Before each fragment cut is told how many
// bytes of the frame are left, and returns how many of them, at least one, are
// its payload.
//
// Frames that are empty, not whole, or refused for their headers stay as they
// are, and so does what follows one of the latter two.
func (v Vector) Fragment(cut func(left int) int) Vector {
	f := &fragmenter{old: v.Wire, oldMark: v.FailAt}
	rules := frame.Validator{Role: v.Role}
	var size int64 // of the message
	for {
		h, n, err := frame.ParseHeader(f.old[f.done:])
		if n == 0 || err != nil || rules.Next(h) != nil || h.Length > int64(len(f.old)-f.done-n) {
			break
		}
		if h.Opcode.IsControl() || h.Length == 0 {
			f.keep(n + int(h.Length))
			continue
		}
		if h.Opcode != frame.Continuation {
			size = 0
		}
		if size += h.Length; v.Max > 0 && size > v.Max {
			break
		}
		f.cut(h, n, cut)
	}
	f.keep(len(f.old) - f.done)
	v.Wire, v.FailAt = f.new, f.newMark
	return v
}

// fragmenter copies a wire, some of it in fragments.
type fragmenter struct {
	old, new         []byte
	done             int // bytes of old that are in new
	oldMark, newMark int // the same byte in both, 0 for none
}

// keep copies n bytes as they are.
func (f *fragmenter) keep(n int) {
	if f.done < f.oldMark && f.oldMark <= f.done+n {
		f.newMark = len(f.new) + f.oldMark - f.done
	}
	f.new = append(f.new, f.old[f.done:f.done+n]...)
	f.done += n
}

// cut copies a frame with the header h, which has n bytes. The keys are turned,
// so that the payload has the same bytes under the mask as before.
func (f *fragmenter) cut(h frame.Header, n int, cut func(left int) int) {
	f.done += n // the header itself is replaced
	key := h.Key
	for at, left := 0, int(h.Length); left > 0; {
		size := cut(left)
		left -= size
		piece := h
		piece.Length, piece.Fin, piece.Key = int64(size), h.Fin && left == 0, turned(key, at)
		f.new = piece.Append(f.new)
		f.keep(size)
		h.Opcode = frame.Continuation
		at += size
	}
}

// turned returns the key for a payload that begins n bytes later.
func turned(key frame.Key, n int) (t frame.Key) {
	for i := range t {
		t[i] = key[(i+n)%len(key)]
	}
	return t
}
