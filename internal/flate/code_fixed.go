package flate

// fixedWords are those of a fixed block, by the symbols of tokens; RFC 1951,
// section 3.2.6.
var fixedWords = makeFixedWords()

func makeFixedWords() (words [tokenSymbols]codeword) {
	for sym := range uint16(numLitLen) {
		word, size := fixedLiteral(sym)
		words[sym] = makeCodeword(word, size, litLenExtra[sym])
	}
	for sym := range uint16(numDist) {
		words[distStart+sym] = makeCodeword(sym, 5, distExtra[sym])
	}
	return words
}

// fixedLiteral is the table of the RFC.
func fixedLiteral(sym uint16) (word uint16, size uint8) {
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
