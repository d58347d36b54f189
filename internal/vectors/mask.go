package vectors

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/parleyws/websocket/frame"
)

// maskKey masks all frames of vectors that are for both roles. It is the one of
// the examples in RFC 6455, section 5.7.
var maskKey = frame.Key{0x37, 0xfa, 0x21, 0x3d}

// maskAll turns the frames of a server into those of a client. It knows only
// where a header ends, so that what is wrong with a frame stays wrong. The last
// frame may be cut anywhere. It returns where byte number mark has gone: a mark
// at the end of a header is then behind the key.
func maskAll(wire []byte, mark int) (masked []byte, newMark int, err error) {
	for done := 0; done < len(wire); {
		size := headerSize(wire[done:])
		header := wire[done:min(done+size, len(wire))]
		payload := wire[done+len(header):]
		payload = payload[:min(payloadLength(header), uint64(len(payload)))]
		if len(header) > 1 && header[1]&0x80 != 0 {
			return nil, 0, errors.New("a frame is masked already; write one vector for each role")
		}
		if at := mark - done; at > 0 {
			newMark = len(masked) + at
			if at >= size {
				newMark += len(maskKey)
			}
		}
		masked = appendMasked(masked, header, payload, len(header) == size)
		done += len(header) + len(payload)
	}
	return masked, newMark, nil
}

func appendMasked(dst, header, payload []byte, hasKey bool) []byte {
	start := len(dst)
	dst = append(dst, header...)
	if len(header) > 1 {
		dst[start+1] |= 0x80
	}
	if hasKey {
		dst = append(dst, maskKey[:]...)
	}
	start = len(dst)
	dst = append(dst, payload...)
	maskKey.XOR(dst[start:])
	return dst
}

// headerSize returns the size of the header with which p begins, without a key,
// at least 2.
func headerSize(p []byte) int {
	if len(p) < 2 {
		return 2
	}
	switch p[1] {
	case 126:
		return 4
	case 127:
		return 10
	default:
		return 2
	}
}

// payloadLength returns the length that a header declares, minimal or not.
func payloadLength(header []byte) uint64 {
	switch len(header) {
	case 2:
		return uint64(header[1])
	case 4:
		return uint64(binary.BigEndian.Uint16(header[2:]))
	case 10:
		return binary.BigEndian.Uint64(header[2:])
	default:
		return math.MaxUint64 // cut: nothing follows
	}
}
