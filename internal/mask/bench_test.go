package mask

import (
	"fmt"
	"testing"
)

// Every loop of this build, beside a copy, which is the limit.
func BenchmarkXOR(b *testing.B) {
	for _, size := range []int{16, 64, 125, 1 << 10, 16 << 10} {
		p, q := random(size), make([]byte, size)
		b.Run(fmt.Sprintf("copy/%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				copy(q, p)
			}
		})
		for _, loop := range loops {
			b.Run(fmt.Sprintf("%s/%d", loop.name, size), func(b *testing.B) {
				b.SetBytes(int64(size))
				for b.Loop() {
					loop.xor(p, p, keys[1])
				}
			})
		}
	}
}
