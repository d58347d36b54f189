package flate

import "fmt"

// A script writes DEFLATE data bit by bit, also such as no compressor does.
type script struct {
	bytes []byte
	nb    int
}

// bits adds the n lowest bits of v, the lowest first: how numbers are sent.
func (s *script) bits(v, n int) *script {
	for i := range n {
		if s.nb%8 == 0 {
			s.bytes = append(s.bytes, 0)
		}
		s.bytes[s.nb/8] |= byte(v>>i&1) << (s.nb % 8)
		s.nb++
	}
	return s
}

// code adds the n lowest bits of v, the highest first: how codes are sent.
func (s *script) code(v, n int) *script {
	for n--; n >= 0; n-- {
		s.bits(v>>n, 1)
	}
	return s
}

// align fills the last byte.
func (s *script) align() *script { return s.bits(0, -s.nb&7) }

// block begins a block of this type.
func (s *script) block(kind int) *script { return s.bits(0, 1).bits(kind, 2) }

// stored adds a whole stored block.
func (s *script) stored(text []byte) *script {
	s.block(blockStored).align().bits(len(text), 16).bits(^len(text), 16)
	for _, b := range text {
		s.bits(int(b), 8)
	}
	return s
}

// fixedSymbol adds a literal/length symbol of the fixed code.
func (s *script) fixedSymbol(symbol int) *script {
	switch {
	case symbol < 144:
		return s.code(0x30+symbol, 8)
	case symbol < 256:
		return s.code(0x190+symbol-144, 9)
	case symbol < 280:
		return s.code(symbol-256, 7)
	default:
		return s.code(0xc0+symbol-280, 8)
	}
}

// fixedMatch adds a match in the fixed codes.
func (s *script) fixedMatch(length, dist int) *script {
	symbol := len(lengthBase) - 1
	for int(lengthBase[symbol]) > length {
		symbol--
	}
	s.fixedSymbol(lengthStart+symbol).bits(length-int(lengthBase[symbol]), int(lengthExtra[symbol]))
	symbol = len(distBase) - 1
	for int(distBase[symbol]) > dist {
		symbol--
	}
	return s.code(symbol, 5).bits(dist-int(distBase[symbol]), int(distExtra[symbol]))
}

// dynamic begins a dynamic block with codes of these lengths, each sent as it
// is: the code length code has sixteen codes of four bits, for 0 to 15.
func (s *script) dynamic(lit, dist []int) *script {
	s.block(blockDynamic).bits(len(lit)-lengthStart, 5).bits(len(dist)-1, 5).bits(numCodeLen-4, 4)
	for _, symbol := range codeLenOrder {
		if symbol < 16 {
			s.bits(4, 3)
		} else {
			s.bits(0, 3)
		}
	}
	for _, n := range lit {
		s.code(n, 4)
	}
	for _, n := range dist {
		s.code(n, 4)
	}
	return s
}

// lengths returns a list of n lengths of codes, of which these are not 0.
func lengths(n int, of map[int]int) []int {
	list := make([]int, n)
	for symbol, length := range of {
		list[symbol] = length
	}
	return list
}

func (s *script) String() string { return fmt.Sprintf("% x", s.bytes) }
