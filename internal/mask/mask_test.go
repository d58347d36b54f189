package mask

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// loops are all the loops of this build, each tested alike.
var loops = []struct {
	name string
	xor  func(dst, src []byte, key [4]byte)
}{
	{"chosen", XORTo},
	{"generic", func(dst, src []byte, key [4]byte) { xorGeneric(dst, src, wordOf(key)) }},
}

var keys = [][4]byte{{}, {1, 2, 3, 4}, {0xFF, 0, 0x80, 0x7F}, {0xFF, 0xFF, 0xFF, 0xFF}}

// slow is RFC 6455, section 5.3, word for word: "Octet i of the transformed data
// is the XOR of octet i of the original data with octet at index i modulo 4 of
// the masking key".
func slow(src []byte, key [4]byte) []byte {
	out := make([]byte, len(src))
	for i := range src {
		out[i] = src[i] ^ key[i%4]
	}
	return out
}

func random(n int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return p
}

// Every length around the steps of the loops, at every alignment of source and
// destination, in place and copied; the bytes on either side stay as they are.
func TestXOREqualsByteLoop(t *testing.T) {
	const margin = 8
	for _, loop := range loops {
		t.Run(loop.name, func(t *testing.T) {
			for length := range 300 {
				for offset := range margin {
					testXOR(t, loop.xor, length, offset, margin-offset, keys[(length+offset)%len(keys)])
				}
			}
		})
	}
}

func testXOR(t *testing.T, xor func(dst, src []byte, key [4]byte), length, from, to int, key [4]byte) {
	t.Helper()
	src := random(length + 16)
	dst := random(length + 17)[:length+16]
	wantDst := bytes.Clone(dst)
	copy(wantDst[to:], slow(src[from:from+length], key))
	wantSrc := bytes.Clone(src)

	xor(dst[to:to+length], src[from:from+length], key)
	if !bytes.Equal(dst, wantDst) {
		t.Fatalf("copied: length %d, from offset %d to %d, key %x:\n got %x\nwant %x", length, from, to, key, dst, wantDst)
	}
	if !bytes.Equal(src, wantSrc) {
		t.Fatalf("copied: length %d: the source has changed", length)
	}

	copy(wantSrc[from:], slow(src[from:from+length], key))
	xor(src[from:from+length], src[from:from+length], key)
	if !bytes.Equal(src, wantSrc) {
		t.Fatalf("in place: length %d, offset %d, key %x:\n got %x\nwant %x", length, from, key, src, wantSrc)
	}
}

func TestXORLong(t *testing.T) {
	for _, length := range []int{1 << 10, 1<<12 + 3, 1<<16 + 1} {
		src := random(length)
		dst := make([]byte, length)
		XORTo(dst, src, keys[1])
		if !bytes.Equal(dst, slow(src, keys[1])) {
			t.Errorf("length %d: not what the byte loop gives", length)
		}
		XOR(dst, keys[1])
		if !bytes.Equal(dst, src) {
			t.Errorf("length %d: masking twice does not give the source back", length)
		}
	}
}

func TestXORToLeavesTheRestOfDst(t *testing.T) {
	dst := []byte("0123456789")
	XORTo(dst, []byte("abc"), [4]byte{})
	if got := string(dst); got != "abc3456789" {
		t.Errorf("got %q, want only the first three bytes written", got)
	}
}

func TestXORToPanicsBeforeItWritesPastDst(t *testing.T) {
	backing := make([]byte, 8)
	defer func() {
		if got := fmt.Sprint(recover()); got != "BUG: mask: the destination is shorter than the source" {
			t.Errorf("panic: %s", got)
		}
		if !bytes.Equal(backing, make([]byte, 8)) {
			t.Errorf("written: %x", backing)
		}
	}()
	XORTo(backing[:7], make([]byte, 8), keys[1])
}

func TestNoAllocs(t *testing.T) {
	p, q := make([]byte, 1000), make([]byte, 1000)
	for name, f := range map[string]func(){
		"XOR":   func() { XOR(p, keys[1]) },
		"XORTo": func() { XORTo(p, q, keys[1]) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
