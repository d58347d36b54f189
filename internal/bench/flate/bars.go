package main

import (
	"fmt"
	"slices"

	"github.com/parleyws/websocket/internal/bench/measure"
)

// A bar is a promise, and whether this run keeps it.
type bar struct {
	Says  string `json:"says"`
	Found string `json:"found"`
	Holds bool   `json:"holds"`
}

// A rival is an engine that we are to be faster than.
type rival struct {
	name  string
	times float64
}

func bars(results []result, memory []memory) (list []bar) {
	for _, inflate := range []bool{false, true} {
		for _, takeover := range []bool{false, true} {
			for _, size := range sizesOf(results) {
				g := group{size, takeover, inflate}
				if b, ok := g.smallestBar(results); ok {
					list = append(list, b)
				}
				for _, rv := range []rival{{std1, 1.5}, {klauspost1, 1}} {
					if b, ok := g.bar(results, rv); ok {
						list = append(list, b)
					}
				}
			}
		}
	}
	return append(list, memoryBars(memory)...)
}

func sizesOf(results []result) (sizes []int) {
	for _, r := range results {
		sizes = append(sizes, r.Size)
	}
	slices.Sort(sizes)
	return slices.Compact(sizes)
}

// A group is the cells of all kinds of text. A promise holds for their sum.
type group struct {
	size     int
	takeover bool
	inflate  bool
}

// sum is one engine in all cells of a group: as if it did the texts one after the
// other.
type sum struct {
	speed         measure.Samples // a sample a round
	bytes, packed int
}

func (g group) of(results []result, engine string) (s sum, ok bool) {
	var seconds []float64
	for _, r := range results {
		if r.Engine != engine || r.Size != g.size || r.Takeover != g.takeover || r.Inflate != g.inflate {
			continue
		}
		s.bytes += r.Bytes
		s.packed += r.Packed
		for round, speed := range r.Speed {
			if round == len(seconds) {
				seconds = append(seconds, 0)
			}
			seconds[round] += float64(r.Bytes) / 1e6 / speed
		}
	}
	for _, t := range seconds {
		s.speed = append(s.speed, float64(s.bytes)/1e6/t)
	}
	return s, s.bytes > 0
}

func (g group) bar(results []result, rv rival) (b bar, ok bool) {
	us, ok1 := g.of(results, oursFastest)
	them, ok2 := g.of(results, rv.name)
	if !ok1 || !ok2 {
		return b, false
	}
	faster := us.speed.Over(them.speed)
	b.Says = fmt.Sprintf("%s: at least %.1f × %s", g, rv.times, rv.name)
	b.Found = fmt.Sprintf("%s ×", faster.Format())
	b.Holds = faster.Median() >= rv.times
	if !g.inflate {
		ratio, theirs := float64(us.bytes)/float64(us.packed), float64(them.bytes)/float64(them.packed)
		b.Says += ", not larger"
		b.Found += fmt.Sprintf(", ratio %.3f to %.3f", ratio, theirs)
		b.Holds = b.Holds && ratio >= theirs
	}
	return b, true
}

// smallestBar is for the level that is to be about as small as compress/flate at
// level 6.
func (g group) smallestBar(results []result) (b bar, ok bool) {
	us, ok1 := g.of(results, oursSmallest)
	them, ok2 := g.of(results, std6)
	if !ok1 || !ok2 || g.inflate {
		return b, false
	}
	larger := float64(us.packed)/float64(them.packed) - 1
	b.Says = fmt.Sprintf("%s: %s at most 3%% larger than %s", g, oursSmallest, std6)
	return bar{b.Says, fmt.Sprintf("%+.1f%%", 100*larger), larger <= 0.03}, true
}

func (g group) String() string {
	what, takeover := "compress", "no takeover"
	if g.inflate {
		what = "inflate"
	}
	if g.takeover {
		takeover = "takeover"
	}
	return fmt.Sprintf("%s %s, %s", what, sizeName(g.size), takeover)
}

// memoryBars says what connections may hold: with takeover at 12 bits, and
// without, where some bytes are what the measuring is off by.
func memoryBars(list []memory) (bars []bar) {
	for _, m := range list {
		if m.Engine == ours12 {
			both := m.Compress + m.Decompress
			bars = append(bars,
				bar{"takeover at 12 bits: under 16 KiB a connection", measure.Number(both/1024) + " KiB", both < 16<<10},
				bar{"no takeover: nothing a connection", measure.Number(m.Without) + " bytes", m.Without < 16})
		}
	}
	return bars
}
