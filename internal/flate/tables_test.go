package flate

import "testing"

// Each symbol begins where the one before it ends, up to the largest length
// and the largest distance; RFC 1951, section 3.2.5.
func TestBasesAreContiguous(t *testing.T) {
	next := uint16(minMatch)
	for i, base := range lengthBase[:len(lengthBase)-1] {
		if base != next {
			t.Errorf("length symbol %d begins at %d, want %d", lengthStart+i, base, next)
		}
		next = base + 1<<lengthExtra[i]
	}
	if next != maxMatch+1 || lengthBase[len(lengthBase)-1] != maxMatch {
		t.Errorf("lengths end before %d, want %d", next, maxMatch+1)
	}
	next = 1
	for i, base := range distBase {
		if base != next {
			t.Errorf("distance symbol %d begins at %d, want %d", i, base, next)
		}
		next = base + 1<<distExtra[i]
	}
	if next != 1<<maxWindowBits+1 {
		t.Errorf("distances end before %d, want %d", next, 1<<maxWindowBits+1)
	}
}

func TestCodeLenOrderIsAPermutation(t *testing.T) {
	var seen [numCodeLen]bool
	for _, symbol := range codeLenOrder {
		if seen[symbol] {
			t.Errorf("symbol %d comes twice", symbol)
		}
		seen[symbol] = true
	}
}
