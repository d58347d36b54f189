package mask

// xor has no faster form yet on any processor.
func xor(dst, src []byte, key [4]byte) { xorGeneric(dst, src, key) }
