package flate

// The alphabets of RFC 1951, section 3.2.5. Symbols 0 to 255 of the first are
// literal bytes, 256 ends a block, the rest are lengths.
const (
	endOfBlock  = 256
	lengthStart = 257

	numLitLen  = 286 // literal/length symbols that may occur
	numDist    = 30  // distance symbols that may occur
	numCodeLen = 19  // symbols of the code that describes the two others

	// What the fixed codes are made for: two symbols more in each alphabet,
	// which "will never actually occur in the compressed data".
	numFixedLitLen = 288
	numFixedDist   = 32

	maxCodeBits    = 15 // longest code of the two large alphabets
	maxCodeLenBits = 7  // longest code of the code length alphabet

	minMatch = 3
	maxMatch = 258

	minWindowBits = 8
	maxWindowBits = 15
)

// The types of a block; RFC 1951, section 3.2.3.
const (
	blockStored  = 0
	blockFixed   = 1
	blockDynamic = 2
)

// lengthBase and lengthExtra give the first length of symbol 257+i and the
// number of bits that are added to it.
var lengthBase = [numLitLen - lengthStart]uint16{
	3, 4, 5, 6, 7, 8, 9, 10,
	11, 13, 15, 17,
	19, 23, 27, 31,
	35, 43, 51, 59,
	67, 83, 99, 115,
	131, 163, 195, 227,
	258,
}

var lengthExtra = [numLitLen - lengthStart]uint8{
	0, 0, 0, 0, 0, 0, 0, 0,
	1, 1, 1, 1,
	2, 2, 2, 2,
	3, 3, 3, 3,
	4, 4, 4, 4,
	5, 5, 5, 5,
	0,
}

// distBase and distExtra are the same for the distance symbols.
var distBase = [numDist]uint16{
	1, 2, 3, 4,
	5, 7,
	9, 13,
	17, 25,
	33, 49,
	65, 97,
	129, 193,
	257, 385,
	513, 769,
	1025, 1537,
	2049, 3073,
	4097, 6145,
	8193, 12289,
	16385, 24577,
}

var distExtra = [numDist]uint8{
	0, 0, 0, 0,
	1, 1,
	2, 2,
	3, 3,
	4, 4,
	5, 5,
	6, 6,
	7, 7,
	8, 8,
	9, 9,
	10, 10,
	11, 11,
	12, 12,
	13, 13,
}

// codeLenOrder is the order in which a dynamic block gives the lengths of the
// code length code; RFC 1951, section 3.2.7.
var codeLenOrder = [numCodeLen]uint8{
	16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
}
