package frame

import (
	"encoding/binary"
	"math"
	"strconv"
)

const (
	// MaxHeaderSize is the size in bytes of the longest header: two bytes, a
	// 64-bit length and a masking key. RFC 6455, section 5.2.
	MaxHeaderSize = 14

	// MaxControlPayload is the most payload bytes that a control frame may
	// have. RFC 6455, section 5.5.
	MaxControlPayload = 125
)

// The bits of the first two bytes, RFC 6455, section 5.2.
const (
	finBit     = 0x80
	rsv1Bit    = 0x40
	rsv2Bit    = 0x20
	rsv3Bit    = 0x10
	opcodeBits = 0x0F

	maskBit    = 0x80
	lengthBits = 0x7F

	length16 = 126 // the length follows in 16 bits
	length64 = 127 // the length follows in 64 bits
)

// Header is all of a frame that precedes its payload. RFC 6455, section 5.2.
//
// It says what is on the wire, legal or not: [Validator] knows the rules.
type Header struct {
	Length           int64  // payload bytes, 0 to 1<<63 - 1
	Key              Key    // the masking key; meaningful when Masked
	Opcode           Opcode // 4 bits
	Fin              bool   // the last fragment of its message
	Rsv1, Rsv2, Rsv3 bool   // for extensions; RSV1 marks a compressed message
	Masked           bool   // the payload is masked with Key
}

// Size returns the size of the header in bytes, 2 to MaxHeaderSize.
func (h Header) Size() int {
	n := 2
	switch length := uint64(h.Length); {
	case length > math.MaxUint16:
		n += 8
	case length >= length16:
		n += 2
	}
	if h.Masked {
		n += len(h.Key)
	}
	return n
}

// Append appends the header to dst, Size bytes, and returns the extended slice.
// It allocates only if dst has no room.
//
// A negative Length and an Opcode of more than 4 bits are mistakes in the
// program, which no peer can cause: Append panics.
func (h Header) Append(dst []byte) []byte {
	if h.Length < 0 || h.Opcode > maxOpcode {
		panic("BUG: frame: no header can say " + h.String())
	}
	// RFC 6455, section 5.2: "in all cases, the minimal number of bytes MUST be
	// used to encode the length".
	b0, b1 := h.firstByte(), h.maskBit()
	switch {
	case h.Length < length16:
		dst = append(dst, b0, b1|byte(h.Length))
	case h.Length <= math.MaxUint16:
		dst = append(dst, b0, b1|length16, byte(h.Length>>8), byte(h.Length))
	default:
		dst = append(dst, b0, b1|length64)
		dst = binary.BigEndian.AppendUint64(dst, uint64(h.Length))
	}
	if h.Masked {
		dst = append(dst, h.Key[:]...)
	}
	return dst
}

func (h Header) firstByte() byte {
	b := byte(h.Opcode)
	if h.Fin {
		b |= finBit
	}
	if h.Rsv1 {
		b |= rsv1Bit
	}
	if h.Rsv2 {
		b |= rsv2Bit
	}
	if h.Rsv3 {
		b |= rsv3Bit
	}
	return b
}

func (h Header) maskBit() byte {
	if h.Masked {
		return maskBit
	}
	return 0
}

// String describes the header in one line, as in "TEXT FIN MASK len=5": the
// opcode, the bits that are set, the length in bytes. The key is left out, so
// that a transcript of two runs is the same.
func (h Header) String() string {
	s := h.Opcode.String()
	for _, bit := range []struct {
		set  bool
		name string
	}{
		{h.Fin, " FIN"}, {h.Rsv1, " RSV1"}, {h.Rsv2, " RSV2"}, {h.Rsv3, " RSV3"}, {h.Masked, " MASK"},
	} {
		if bit.set {
			s += bit.name
		}
	}
	return s + " len=" + strconv.FormatInt(h.Length, 10)
}
