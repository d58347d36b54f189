//go:build !purego

package cpu

// AVX2 reports whether the processor has AVX2, and the system keeps its wide
// registers.
var AVX2 = hasAVX2()

// Bits of what CPUID and XGETBV return.
const (
	osxsave = 1 << 27 // leaf 1, ECX: XGETBV may be used
	avx     = 1 << 28 // leaf 1, ECX
	avx2    = 1 << 5  // leaf 7, EBX
	ymm     = 3 << 1  // XCR0: the system saves the XMM and YMM registers
)

func hasAVX2() bool {
	if max, _, _, _ := cpuid(0, 0); max < 7 {
		return false
	}
	_, _, ecx, _ := cpuid(1, 0)
	if ecx&osxsave == 0 || ecx&avx == 0 || xgetbv()&ymm != ymm {
		return false
	}
	_, ebx, _, _ := cpuid(7, 0)
	return ebx&avx2 != 0
}

func cpuid(leaf, sub uint32) (eax, ebx, ecx, edx uint32)

// xgetbv returns the low half of XCR0.
func xgetbv() uint32
