package main

import "context"

// Broker is what the servers of a cluster have in common: it keeps the messages of each
// room in an order, tells every server of them, and knows who is present where. The
// rest of the program knows no more of NATS than this; memory.go shows how little an
// implementation has to do, nats.go one that spans machines. With Redis it would be a
// stream for each room (XADD, XRANGE, XREAD) and channels (PUBLISH).
//
// All methods may be called from any goroutine.
type Broker interface {
	// Log names the numbering of the messages. When it changes, because all messages
	// were deleted and counting has begun again, numbers from before mean nothing.
	Log() string

	// Publish adds a message to a room, and returns its number once it is as safe as
	// the broker can make it: only then may the client be told. A message whose id was
	// published to the room not long ago is not added again; its number is returned.
	// After an error nobody knows whether it was added, and it is to be sent again.
	Publish(ctx context.Context, room, id string, data []byte) (seq uint64, err error)

	// Signal tells those who listen now something that nobody will miss: at most once,
	// and not in order with the messages.
	Signal(room string, data []byte) error

	// History returns the messages of a room that are numbered higher than after, in
	// order, up to limit of them. Fewer than limit are all there are.
	History(ctx context.Context, room string, after uint64, limit int) ([]Stored, error)

	// Subscribe has l told of a room, until the Subscription is closed. Before its After
	// there is History, from there on l is told: together all messages, each once.
	Subscribe(ctx context.Context, room string, l Listener) (Subscription, error)

	// Healthy says whether the broker can be reached, as far as is known.
	Healthy() bool

	// Close ends it, when all subscriptions are closed.
	Close()
}

// Stored is a message of a room. Numbers grow from each to the next; between two messages
// of a room some may be missing, for the rooms may share them.
type Stored struct {
	Seq  uint64
	Data []byte
}

// Listener is told what happens in a room. Its methods must not wait, nor call the
// Broker. Message is called for one after the other, in order, each once; the others may
// be called at the same time.
type Listener interface {
	Message(Stored)
	Signal(data []byte)
	Present(names []string) // all, on all servers, sorted
}

// Subscription is a server's part in a room.
type Subscription interface {
	// After is the number after which the Listener is told of every message.
	After() uint64

	// Announce says who is in the room on this server, in place of what was said before.
	// Where a server does not end well, the others find out after a while.
	Announce(names []string)

	// Close ends it; nobody is there any more.
	Close()
}
