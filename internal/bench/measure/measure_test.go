package measure

import (
	"math"
	"testing"
	"time"
)

func TestSamples(t *testing.T) {
	for _, tt := range []struct {
		name           string
		s              Samples
		median, spread float64
		text           string
	}{
		{"none", nil, 0, 0, "–"},
		{"one", Samples{3}, 3, 0, "3.00 ±0%"},
		{"two", Samples{1, 3}, 2, 0.25, "2.00 ±25%"},
		{"any order", Samples{50, 10, 40, 20, 30}, 30, 1.0 / 3, "30.0 ±33%"},
		{"an outlier", Samples{100, 101, 102, 103, 9000}, 102, 1.0 / 102, "102 ±1%"},
		{"zeros", Samples{0, 0}, 0, 0, "0 ±0%"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if m := tt.s.Median(); m != tt.median {
				t.Errorf("Median() = %v, want %v", m, tt.median)
			}
			if s := tt.s.Spread(); math.Abs(s-tt.spread) > 1e-9 {
				t.Errorf("Spread() = %v, want %v", s, tt.spread)
			}
			if s := tt.s.Format(); s != tt.text {
				t.Errorf("Format() = %q, want %q", s, tt.text)
			}
		})
	}
}

func TestOverComparesWithinRounds(t *testing.T) {
	got := Samples{2, 40, 6}.Over(Samples{1, 20, 3, 9})
	if len(got) != 3 || got.Median() != 2 || got.Spread() != 0 {
		t.Errorf("Over = %v, want three times 2", got)
	}
	if got := (Samples{1, 2}).Over(Samples{0, 1}); len(got) != 1 || got[0] != 2 {
		t.Errorf("Over with a zero = %v, want only 2", got)
	}
}

func TestNumber(t *testing.T) {
	for f, want := range map[float64]string{0: "0", 0.1234: "0.12", 1.234: "1.23", 12.34: "12.3", 123.4: "123", 1234.5: "1234"} {
		if got := Number(f); got != want {
			t.Errorf("Number(%v) = %q, want %q", f, got, want)
		}
	}
}

func TestCPUCountsWorkAndNotWaiting(t *testing.T) {
	from := CPU()
	for x := 1.0; CPU()-from < 5*time.Millisecond; x++ {
		_ = math.Sqrt(x)
	}
	worked := CPU() - from
	if worked < 5*time.Millisecond {
		t.Errorf("CPU() counted %v", worked)
	}
}
