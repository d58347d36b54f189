package flate

import "strconv"

// A Level says how hard a [Compressor] looks for repetitions.
type Level int8

const (
	// Default stands for the level that most programs want: [Fastest].
	Default Level = 0

	// Fastest looks at one earlier place for each string, and takes what it
	// finds. It is made to cost less than the network time that it saves.
	Fastest Level = 1

	// Balanced looks at a few places, and whether waiting one byte pays.
	Balanced Level = 2

	// Smallest looks at many places. It is for messages that are compressed
	// once and sent to many, and for slow links.
	Smallest Level = 3
)

const numLevels = 4

// String returns the name of the level.
func (l Level) String() string {
	switch l {
	case Default:
		return "default"
	case Fastest:
		return "fastest"
	case Balanced:
		return "balanced"
	case Smallest:
		return "smallest"
	}
	return "Level(" + strconv.Itoa(int(l)) + ")"
}

// tuning is what a level means to the search for matches.
type tuning struct {
	chain int // places looked at for one string; 0: the table's only one
	good  int // a match of this length shortens the search for a better one
	lazy  int // a match of this length is taken without a look at the next byte
	nice  int // a match of this length ends the search
}

// tuning returns what l means.
func (l Level) tuning() tuning {
	switch l {
	case Balanced:
		return tuning{chain: 8, good: 8, lazy: 16, nice: 64}
	case Smallest:
		return tuning{chain: 128, good: 8, lazy: 32, nice: 258}
	}
	return tuning{}
}
