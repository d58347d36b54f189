package flate

// fixed holds the codes of a fixed block; RFC 1951, section 3.2.6.
var fixed = makeFixed()

type fixedBlock struct{ lits, dists code }

func makeFixed() *fixedBlock {
	f := new(fixedBlock)
	for sym := range f.lits.words {
		word, n := fixedLiteral(uint16(sym))
		f.lits.words[sym], f.lits.lens[sym] = makeCodeword(word, n), n
	}
	for sym := range numDist {
		f.dists.words[sym], f.dists.lens[sym] = makeCodeword(uint16(sym), 5), 5
	}
	return f
}

// fixedLiteral is the table of the RFC.
func fixedLiteral(sym uint16) (word uint16, n uint8) {
	switch {
	case sym < 144:
		return 0b00110000 + sym, 8
	case sym < 256:
		return 0b110010000 + sym - 144, 9
	case sym < 280:
		return sym - 256, 7
	default:
		return 0b11000000 + sym - 280, 8
	}
}
