package frame

import "encoding/binary"

// ParseHeader parses the header at the front of p, and returns it and its size
// n in bytes. The payload, if any, starts at p[n]; what follows the header does
// not matter. p is only read.
//
// When n is 0 and err is nil, p is the beginning of a header that is still
// incomplete: call again with more bytes of the same stream. MaxHeaderSize
// bytes are always enough.
//
// The error is an [*Error] for a length that RFC 6455, section 5.2, does not
// allow. It is returned as soon as the bytes show it, even if the header is
// still incomplete. All other rules are those of [Validator].
func ParseHeader(p []byte) (h Header, n int, err error) {
	if len(p) < 2 {
		return Header{}, 0, nil
	}
	b0, b1 := p[0], p[1]
	n = 2
	length := int64(b1 & lengthBits)
	switch length {
	case length16:
		if length, err = parseLength16(p[n:]); length < 0 {
			return Header{}, 0, err
		}
		n += 2
	case length64:
		if length, err = parseLength64(p[n:]); length < 0 {
			return Header{}, 0, err
		}
		n += 8
	}
	if b1&maskBit != 0 {
		if len(p) < n+len(h.Key) {
			return Header{}, 0, nil
		}
		h.Key = Key(p[n:])
		h.Masked = true
		n += len(h.Key)
	}
	h.Length = length
	h.Opcode = Opcode(b0 & opcodeBits)
	h.Fin = b0&finBit != 0
	h.Rsv1 = b0&rsv1Bit != 0
	h.Rsv2 = b0&rsv2Bit != 0
	h.Rsv3 = b0&rsv3Bit != 0
	return h, n, nil
}

// parseLength16 parses a 16-bit length. It is -1 if p is too short or there is
// an error.
func parseLength16(p []byte) (int64, error) {
	if len(p) < 2 {
		return -1, nil
	}
	length := int64(binary.BigEndian.Uint16(p))
	if length < length16 {
		return -1, errNotMinimal("16", "7")
	}
	return length, nil
}

// parseLength64 parses a 64-bit length. It is -1 if p is too short or there is
// an error.
func parseLength64(p []byte) (int64, error) {
	// RFC 6455, section 5.2: "If 127, the following 8 bytes interpreted as a
	// 64-bit unsigned integer (the most significant bit MUST be 0) are the
	// payload length." The first byte tells, before any conversion.
	if len(p) > 0 && p[0]&0x80 != 0 {
		return -1, violation("5.2", "the top bit of a 64-bit length is set, it must be 0")
	}
	// What fits 16 bits has six zero bytes in front.
	if len(p) >= 6 && [6]byte(p) == [6]byte{} {
		return -1, errNotMinimal("64", "16")
	}
	if len(p) < 8 {
		return -1, nil
	}
	return int64(binary.BigEndian.Uint64(p)), nil
}

// RFC 6455, section 5.2: "Note that in all cases, the minimal number of bytes
// MUST be used to encode the length, for example, the length of a 124-byte-long
// string can't be encoded as the sequence 126, 0, 124."
func errNotMinimal(used, enough string) error {
	return violation("5.2", "a length is encoded in "+used+" bits where "+enough+" are enough, it must be minimal")
}
