package utf8

// The automaton reads one byte at a time and has no branch for a mixture of
// scripts to mispredict. A state is the position of a 6-bit field; the row of a
// byte holds in that field the state that follows. So a step is one load and
// one shift:
//
//	state = transitions[b] >> state
//
// The field above the six bits is garbage that the next shift ignores and
// stateMask removes.
const (
	accept  = 6 * iota // between two code points: must be 0, the zero Validator
	reject             // no way back: every byte leads here again
	tail1              // one more 80..BF
	tail2              // two more
	tail3              // three more
	afterE0            // A0..BF, then one more: anything lower is overlong
	afterED            // 80..9F, then one more: anything higher is a surrogate
	afterF0            // 90..BF, then two more: anything lower is overlong
	afterF4            // 80..8F, then two more: anything higher is past U+10FFFF
	states

	stateMask = 1<<6 - 1
)

func step(state uint64, b byte) uint64 { return transitions[b] >> (state & stateMask) }

// transitions is written once, as the program starts.
var transitions = buildTransitions()

// buildTransitions spells table 3-7 of the Unicode Standard, "Well-Formed UTF-8
// Byte Sequences", which is the grammar of RFC 3629, section 4.
func buildTransitions() (rows [256]uint64) {
	for b := range rows {
		for state := uint64(0); state < states; state += 6 {
			rows[b] |= reject << state
		}
	}
	allow := func(from uint64, low, high int, to uint64) {
		for b := low; b <= high; b++ {
			rows[b] &^= stateMask << from
			rows[b] |= to << from
		}
	}
	allow(accept, 0x00, 0x7F, accept)
	allow(accept, 0xC2, 0xDF, tail1)
	allow(accept, 0xE0, 0xE0, afterE0)
	allow(accept, 0xE1, 0xEF, tail2)
	allow(accept, 0xED, 0xED, afterED)
	allow(accept, 0xF0, 0xF0, afterF0)
	allow(accept, 0xF1, 0xF3, tail3)
	allow(accept, 0xF4, 0xF4, afterF4)

	allow(tail1, 0x80, 0xBF, accept)
	allow(tail2, 0x80, 0xBF, tail1)
	allow(tail3, 0x80, 0xBF, tail2)
	allow(afterE0, 0xA0, 0xBF, tail1)
	allow(afterED, 0x80, 0x9F, tail1)
	allow(afterF0, 0x90, 0xBF, tail2)
	allow(afterF4, 0x80, 0x8F, tail2)
	return rows
}
