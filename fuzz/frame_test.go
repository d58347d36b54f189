package fuzz

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/parleyws/websocket/frame"
	utf8stream "github.com/parleyws/websocket/internal/utf8"
)

// What parses is written again as the same bytes; a prefix asks for more; what
// follows the header does not matter; and all of it as the slow model says.
func FuzzHeader(f *testing.F) {
	for _, seed := range []string{
		"\x81\x05Hello",
		"\x81\x85\x37\xFA\x21\x3D\x7F\x9F\x4D\x51\x58",
		"\x82\x7E\x01\x00", "\x82\x7E\x00\x7D", "\x82\xFE\x00\x03\x01\x02\x03\x04",
		"\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00", "\x82\x7F\x00\x00\x00\x00\x00\x00\xFF\xFF",
		"\x82\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x00\x01\x02\x03\x04",
		"\xFF\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\x02\x03\x04",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		p = p[:min(len(p), 2*frame.MaxHeaderSize)]
		for i := range len(p) + 1 {
			h, n, err := frame.ParseHeader(p[:i])
			if want := slowHeader(p[:i]); verdictOf(n, err) != want {
				t.Fatalf("ParseHeader(% x) = %v, %d, %v; want %s", p[:i], h, n, err, want)
			}
			if n == 0 {
				continue
			}
			if got := h.Append(nil); !bytes.Equal(got, p[:n]) || h.Size() != n {
				t.Fatalf("% x is written again as % x, size %d", p[:n], got, h.Size())
			}
			if again, m, _ := frame.ParseHeader(p); again != h || m != n {
				t.Fatalf("% x: %v, %d; with more behind: %v, %d", p[:i], h, n, again, m)
			}
		}
	})
}

func verdictOf(n int, err error) string {
	switch {
	case err != nil:
		return "refused"
	case n == 0:
		return "more"
	default:
		return "parsed"
	}
}

// slowHeader reads the bits of p from left to right.
func slowHeader(p []byte) string {
	if len(p) < 2 {
		return "more"
	}
	var bits strings.Builder
	for _, b := range p {
		fmt.Fprintf(&bits, "%08b", b)
	}
	rest := bits.String()
	take := func(n int) string {
		n = min(n, len(rest))
		taken := rest[:n]
		rest = rest[n:]
		return taken
	}
	take(8) // FIN, RSV, opcode
	key := 0
	if take(1) == "1" {
		key = 32
	}
	want, length := 0, ""
	switch take(7) {
	case "1111110":
		want, length = 16, take(16)
		if len(length) == 16 && length < "0000000001111110" {
			return "refused"
		}
	case "1111111":
		want, length = 64, take(64)
		if strings.HasPrefix(length, "1") || strings.HasPrefix(length, strings.Repeat("0", 48)) {
			return "refused"
		}
	}
	if len(length) < want || len(take(key)) < key {
		return "more"
	}
	return "parsed"
}

// Any sequence of headers: the verdict is that of a model, and an error leaves
// no trace.
func FuzzValidator(f *testing.F) {
	f.Add(true, false, []byte("\x81\x85\x01\x80\x89\x80\x80\x80"))
	f.Add(false, false, []byte("\x01\x00\x81\x00\x80\x00\x80\x00"))
	f.Add(true, true, []byte("\xC1\x80\xC0\x80\x41\x80\x89\x80\x00\x80\x80\x80"))
	f.Add(false, true, []byte("\x89\x7E\x09\x00\x88\x7D\x83\x00\x8B\x00\xA1\x00\x91\x00"))
	f.Fuzz(func(t *testing.T, server, allowRsv1 bool, p []byte) {
		v := frame.Validator{AllowRsv1: allowRsv1}
		if server {
			v.Role = frame.Server
		}
		open := false
		for ; len(p) >= 2; p = p[2:] {
			h := frame.Header{
				Fin:    p[0]&0x80 != 0,
				Rsv1:   p[0]&0x40 != 0,
				Rsv2:   p[0]&0x20 != 0,
				Rsv3:   p[0]&0x10 != 0,
				Opcode: frame.Opcode(p[0] & 0x0F),
				Masked: p[1]&0x80 != 0,
				Length: int64(p[1] & 0x7F),
			}
			before := v
			err := v.Next(h)
			if want := mayCome(h, server, allowRsv1, open); (err == nil) != want {
				t.Fatalf("%v, server %v, RSV1 %v, in a message %v: %v, want ok %v", h, server, allowRsv1, open, err, want)
			}
			switch {
			case err != nil && v != before:
				t.Fatalf("%v: the error has changed the state", h)
			case err == nil && h.Opcode < frame.Close:
				open = !h.Fin
			}
			if v.InMessage() != open {
				t.Fatalf("after %v: in a message: %v", h, v.InMessage())
			}
		}
	})
}

// mayCome is RFC 6455, sections 5.1 to 5.5, as one table: which frames are legal
// outside and inside of a message.
func mayCome(h frame.Header, server, allowRsv1, open bool) bool {
	legal := map[frame.Opcode]bool{
		frame.Continuation: open && !h.Rsv1,
		frame.Text:         !open && (!h.Rsv1 || allowRsv1),
		frame.Binary:       !open && (!h.Rsv1 || allowRsv1),
		frame.Close:        h.Fin && !h.Rsv1 && h.Length < 126,
		frame.Ping:         h.Fin && !h.Rsv1 && h.Length < 126,
		frame.Pong:         h.Fin && !h.Rsv1 && h.Length < 126,
	}
	return legal[h.Opcode] && h.Masked == server && !h.Rsv2 && !h.Rsv3
}

// Masking is the byte loop of RFC 6455, section 5.3, in place or copied, at once
// or in two pieces.
func FuzzMask(f *testing.F) {
	f.Add(uint32(0), uint16(0), []byte(""))
	f.Add(uint32(0x37FA213D), uint16(2), []byte("Hello"))
	f.Add(uint32(1), uint16(63), bytes.Repeat([]byte("0123456789abcdef"), 9))
	f.Add(uint32(math.MaxUint32), uint16(129), bytes.Repeat([]byte{0xFF}, 259))
	f.Fuzz(func(t *testing.T, bits uint32, at uint16, p []byte) {
		key := frame.Key{byte(bits >> 24), byte(bits >> 16), byte(bits >> 8), byte(bits)}
		want := make([]byte, len(p))
		for i := range p {
			want[i] = p[i] ^ key[i%4]
		}
		turned := frame.Key{key[len(p)%4], key[(len(p)+1)%4], key[(len(p)+2)%4], key[(len(p)+3)%4]}
		cut := min(int(at), len(p))

		copied := make([]byte, len(p))
		if k := key.XORTo(copied, p[:cut]).XORTo(copied[cut:], p[cut:]); k != turned || !bytes.Equal(copied, want) {
			t.Fatalf("copied, cut at %d: %x, %x; want %x, %x", cut, copied, k, want, turned)
		}
		inPlace := bytes.Clone(p)
		if k := key.XOR(inPlace[:cut]).XOR(inPlace[cut:]); k != turned || !bytes.Equal(inPlace, want) {
			t.Fatalf("in place, cut at %d: %x, %x; want %x, %x", cut, inPlace, k, want, turned)
		}
		if key.XOR(inPlace); !bytes.Equal(inPlace, p) {
			t.Fatalf("taken away again: %x, want %x", inPlace, p)
		}
	})
}

// A payload that parses is written again as the same bytes. One that we write,
// whatever the reason, parses.
func FuzzClosePayload(f *testing.F) {
	for _, seed := range []string{
		"", "\x03", "\x03\xE8", "\x03\xE8bye", "\x03\xED", "\x03\xE8\xFF", "\x0F\xA0\xC3",
		"\x13\x87" + strings.Repeat("a", 123), "\x13\x88" + strings.Repeat("a", 124),
		"\x03\xE8" + strings.Repeat("é", 62), "\x03\xF3a\xFFb" + strings.Repeat("敏", 40),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		code, reason, err := frame.ParseClose(p)
		if err == nil {
			again, err := frame.AppendClose(nil, code, reason)
			if err != nil || !bytes.Equal(again, p) {
				t.Fatalf("%q is written again as %q, %v", p, again, err)
			}
		}
		if len(p) < 2 {
			return
		}
		code, reason = frame.StatusCode(p[0])<<8|frame.StatusCode(p[1]), string(p[2:])
		ours, err := frame.AppendClose([]byte("dst"), code, reason)
		if !code.Valid() && (code != frame.StatusNoStatusReceived || reason != "") {
			if err == nil || string(ours) != "dst" {
				t.Fatalf("%v, %q: %q, %v; want an error and nothing written", code, reason, ours, err)
			}
			return
		}
		gotCode, gotReason, parseErr := frame.ParseClose(ours[len("dst"):])
		if err != nil || parseErr != nil || gotCode != code {
			t.Fatalf("%v, %q: %v, %v, read as %v", code, reason, err, parseErr, gotCode)
		}
		if whole := string([]rune(reason)); !strings.HasPrefix(whole, gotReason) || gotReason != whole && len(gotReason) < 120 {
			t.Fatalf("%q became %q", reason, gotReason)
		}
	})
}

// The streaming validator finds what unicode/utf8 finds, at the earliest byte
// that shows it, wherever the text is cut.
func FuzzUTF8(f *testing.F) {
	for _, seed := range []string{
		"", "plain ASCII, longer than thirty-two bytes, so that blocks matter", "κόσμε", "敏捷的棕色狐狸跳过了懒狗，敏捷的棕色狐狸",
		"\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE0\x80", "\xC0", "\xF5", "\xF0\x9F\x98", "thirty-two bytes of ASCII, then \xE2\x28\xA1",
	} {
		f.Add(uint16(len(seed)/2), []byte(seed))
	}
	f.Fuzz(func(t *testing.T, at uint16, p []byte) {
		cut := min(int(at), len(p))
		var v utf8stream.Validator
		n, ok := v.Write(p[:cut])
		if ok {
			var m int
			m, ok = v.Write(p[cut:])
			n += m
		}
		if want := earliestBad(p); n != want || ok != (want == len(p)) {
			t.Fatalf("%q, cut at %d: %d, %v; want %d", p, cut, n, ok, want)
		}
		if whole := utf8.Valid(p); ok && v.Complete() != whole || utf8stream.Valid(p) != whole {
			t.Fatalf("%q: complete %v, Valid %v; unicode/utf8 says %v", p, v.Complete(), utf8stream.Valid(p), whole)
		}
	})
}

// earliestBad returns the length of the longest prefix of p that some valid text
// begins with.
func earliestBad(p []byte) int {
	good := 0
	for good < len(p) {
		r, size := utf8.DecodeRune(p[good:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		good += size
	}
	for n := good; n < len(p); n++ {
		if utf8.FullRune(p[good : n+1]) {
			return n
		}
	}
	return len(p)
}
