package main

import "time"

// limits bound what clients can take. With all of them reached, the history of the
// rooms takes some Rooms × History × 4 × Text bytes, and what waits for members that
// do not read Members × backlog.
type limits struct {
	Members int           // connections at a time
	Rooms   int           // rooms with somebody in them, and rooms that are kept for their history
	History int           // messages that a room keeps for those who come later
	Listed  int           // names in one presence
	Name    int           // characters of a name, of a member or a room
	Text    int           // characters of a message
	Burst   int           // messages that a member may send at once
	Every   time.Duration // and then one in so much time; the rest is read later
	Join    time.Duration // how long a client may take to join
}

var defaults = limits{
	Members: 5000,
	Rooms:   200,
	History: 50,
	Listed:  100,
	Name:    24,
	Text:    1000,
	Burst:   20,
	Every:   200 * time.Millisecond,
	Join:    10 * time.Second,
}

const (
	// maxMessage is the most bytes of a request. JSON may take 6 for a character, or
	// 12 for one beyond the 16 bits of JavaScript.
	maxMessage = 16 << 10

	// backlog is how many bytes may wait for a member. The largest welcome fits.
	backlog = 256 << 10

	// maxDeparted is of how many members that have left a room it is known what they
	// said last.
	maxDeparted = 256
)
