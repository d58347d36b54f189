package frame

import (
	"bytes"
	"encoding/hex"
	"math"
	"math/big"
	"slices"
	"strings"
)

// The slow reference: the same rules once more, for reading and not for speed,
// as the oracle of the tests.

// unhex reads annotated hex: white space does not count.
func unhex(s string) []byte {
	p, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		panic(err)
	}
	return p
}

// slowParse is ParseHeader, with a verdict in place of an error. It knows what a
// length may be, and asks of the bytes so far whether they can still become one:
// what is missing may be all zeros or all ones.
func slowParse(p []byte) (h Header, n int, ok bool) {
	if len(p) < 2 {
		return Header{}, 0, true
	}
	size, least := 0, big.NewInt(0)
	most := big.NewInt(length16 - 1)
	switch p[1] % 128 {
	case length16:
		size, least, most = 2, big.NewInt(length16), big.NewInt(math.MaxUint16)
	case length64:
		size, least, most = 8, big.NewInt(math.MaxUint16+1), big.NewInt(math.MaxInt64)
	}
	length := big.NewInt(int64(p[1] % 128))
	if size > 0 {
		low, high := bytes.Repeat([]byte{0x00}, size), bytes.Repeat([]byte{0xFF}, size)
		copy(low, p[2:])
		copy(high, p[2:])
		if new(big.Int).SetBytes(high).Cmp(least) < 0 || new(big.Int).SetBytes(low).Cmp(most) > 0 {
			return Header{}, 0, false
		}
		length = length.SetBytes(low)
	}
	n = 2 + size
	if p[1] >= 128 {
		n += 4
	}
	if len(p) < n {
		return Header{}, 0, true
	}
	h = Header{
		Fin:    p[0]/128%2 == 1,
		Rsv1:   p[0]/64%2 == 1,
		Rsv2:   p[0]/32%2 == 1,
		Rsv3:   p[0]/16%2 == 1,
		Opcode: Opcode(p[0] % 16),
		Masked: p[1] >= 128,
		Length: length.Int64(),
	}
	if h.Masked {
		copy(h.Key[:], p[n-4:])
	}
	return h, n, true
}

// slowValidator is Validator: it remembers every header and looks back.
type slowValidator struct {
	role      Role
	allowRsv1 bool
	seen      []Header // the data frames
}

func (v *slowValidator) open() bool {
	return len(v.seen) > 0 && !v.seen[len(v.seen)-1].Fin
}

// next says whether h may come, and if so remembers it.
func (v *slowValidator) next(h Header) bool {
	var (
		known   = slices.Contains([]Opcode{Continuation, Text, Binary, Close, Ping, Pong}, h.Opcode)
		control = slices.Contains([]Opcode{Close, Ping, Pong}, h.Opcode)
		starts  = h.Opcode == Text || h.Opcode == Binary
	)
	for _, broken := range []bool{
		v.role == Server && !h.Masked,
		v.role == Client && h.Masked,
		!known,
		h.Rsv2,
		h.Rsv3,
		h.Rsv1 && !v.allowRsv1,
		h.Rsv1 && !starts,
		control && !h.Fin,
		control && h.Length > 125,
		starts && v.open(),
		h.Opcode == Continuation && !v.open(),
	} {
		if broken {
			return false
		}
	}
	if !control {
		v.seen = append(v.seen, h)
	}
	return true
}
