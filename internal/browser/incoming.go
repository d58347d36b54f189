package browser

import "github.com/parleyws/websocket/frame"

// incoming are the messages that have come and were not read, as the frames of a
// server. The zero value is empty.
type incoming struct {
	frames  []framed
	taken   int // bytes of the first that were read, header and all
	waiting int // what they weigh
}

// framed is a message, or a Close frame, as one frame.
type framed struct {
	head []byte
	data Data
}

// overhead is what an empty message weighs.
const overhead = 128

func (f *framed) weight() int { return overhead + f.data.Len() }

func (in *incoming) push(op frame.Opcode, d Data) {
	h := frame.Header{Opcode: op, Fin: true, Length: int64(d.Len())}
	f := framed{h.Append(nil), d}
	in.frames = append(in.frames, f)
	in.waiting += f.weight()
}

// read copies what there is into p, as far as it fits.
func (in *incoming) read(p []byte) (n int) {
	for n < len(p) && len(in.frames) > 0 {
		f := &in.frames[0]
		if in.taken < len(f.head) {
			m := copy(p[n:], f.head[in.taken:])
			in.taken += m
			n += m
		}
		if from := in.taken - len(f.head); from >= 0 {
			m := f.data.CopyTo(p[n:], from)
			in.taken += m
			n += m
			if from+m == f.data.Len() {
				in.pop()
			}
		}
	}
	return n
}

// pop drops the first frame, which has been read.
func (in *incoming) pop() {
	in.waiting -= in.frames[0].weight()
	in.frames[0] = framed{}
	in.frames, in.taken = in.frames[1:], 0
	if len(in.frames) == 0 {
		in.frames = nil
	}
}

// inMemory is Data in Go's own memory.
type inMemory []byte

func (d inMemory) Len() int                        { return len(d) }
func (d inMemory) CopyTo(dst []byte, from int) int { return copy(dst, d[from:]) }
