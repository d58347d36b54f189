// Package poll tells which of many sockets are ready, with epoll or kqueue, so
// that a goroutine can see to thousands of them. Where there is neither, New fails
// and Available is false.
//
// Events are edges: one says that something has happened since the last, and it is
// for the receiver to read, or write, until there is no more.
package poll

import "time"

// A Token is what a descriptor was added with.
type Token struct{ Slot, Generation uint32 }

// An Event says what has happened to a descriptor.
type Event struct {
	Token    Token
	Readable bool // there is something to read, be it the end or an error
	Writable bool // there is room to write again, or an error
	End      bool // reading will come to an end: a short read is not the last
}

// batch is how many events are taken at once.
const batch = 256

// A Func is called with events. It returns what to do then, and the time at which it
// wants to be called at the latest; zero: that does not matter.
type Func func(events []Event) (next time.Time, then Then)

// Then is what Run does next.
type Then uint8

const (
	Wait  Then = iota // for events
	Again             // look for events, do not wait
	Stop
)
