package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

const (
	maxName      = 40    // bytes
	maxText      = 4_000 // bytes
	rollPatience = 3 * time.Second
)

// chat is what the program does with Socket.IO: talk in rooms. These are its events,
// with => for the ack:
//
//	join name room      => {people}      and "joined" {name} to the others
//	say text            => true          and "said" {name, text}
//	picture bytes       => true          and "picture" name bytes
//	roll                => [{name, ms}]  the server asks everyone in the room "here?"
//
// There is a second namespace, /echo, whose event "echo" is acknowledged with what it
// carries.
type chat struct {
	log  *log.Logger
	room Namespace

	mu     sync.Mutex
	people map[*Socket]person // who has joined
}

type person struct{ name, room string }

func newChat(log *log.Logger) map[string]*Namespace {
	c := &chat{log: log, people: make(map[*Socket]person)}
	c.room.Connect, c.room.Disconnect = c.connect, c.disconnect
	return map[string]*Namespace{
		"/":     &c.room,
		"/echo": {Check: checkEcho, Connect: connectEcho},
	}
}

func (c *chat) connect(s *Socket) {
	s.On("join", func(args Args, reply Reply) { reply(orError(c.join(s, args))) })
	s.On("say", func(args Args, reply Reply) { reply(orError(c.say(s, args))) })
	s.On("picture", func(args Args, reply Reply) { reply(orError(c.picture(s, args))) })
	var calling atomic.Bool
	s.On("roll", func(_ Args, reply Reply) {
		p, ok := c.who(s)
		if !ok {
			reply(orError(nil, errNotJoined))
			return
		}
		if !calling.CompareAndSwap(false, true) {
			reply(orError(nil, errCalling))
			return
		}
		go func() { // s has to answer, too
			defer calling.Store(false)
			reply(c.roll(p.room))
		}()
	})
}

// orError is what an ack says.
func orError(v any, err error) any {
	if err != nil {
		return map[string]string{"error": err.Error()}
	}
	return v
}

var (
	errNotJoined = errors.New("join a room first")
	errCalling   = errors.New("the roll is being called")
	errBadName   = errors.New("a name and a room have from 1 to 40 bytes")
	errBadText   = errors.New("a text has from 1 to 4000 bytes")
)

func (c *chat) join(s *Socket, args Args) (any, error) {
	var p person
	if err := args.Decode(&p.name, &p.room); err != nil || !fits(p.name, maxName) || !fits(p.room, maxName) {
		return nil, errBadName
	}
	c.part(s)
	if err := c.room.Rooms.Join(s, p.room); err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.people[s] = p
	c.mu.Unlock()
	c.log.Printf("%s joins %s", p.name, p.room)
	c.room.Rooms.Broadcast(s, p.room, "joined", map[string]string{"name": p.name})
	return map[string]any{"people": c.in(p.room)}, nil
}

// part takes s out of the room that it is in, if any.
func (c *chat) part(s *Socket) {
	p, ok := c.who(s)
	if !ok {
		return
	}
	c.mu.Lock()
	delete(c.people, s)
	c.mu.Unlock()
	c.room.Rooms.Leave(s, p.room)
	c.room.Rooms.Broadcast(s, p.room, "left", map[string]string{"name": p.name})
}

func (c *chat) disconnect(s *Socket, reason string) {
	if p, ok := c.who(s); ok {
		c.log.Printf("%s leaves %s: %s", p.name, p.room, reason)
	}
	c.part(s)
}

func (c *chat) say(s *Socket, args Args) (any, error) {
	p, ok := c.who(s)
	if !ok {
		return nil, errNotJoined
	}
	var text string
	if err := args.Decode(&text); err != nil || !fits(text, maxText) {
		return nil, errBadText
	}
	c.room.Rooms.Broadcast(s, p.room, "said", map[string]string{"name": p.name, "text": text})
	return true, nil
}

func (c *chat) picture(s *Socket, args Args) (any, error) {
	p, ok := c.who(s)
	if !ok {
		return nil, errNotJoined
	}
	var data []byte
	if err := args.Decode(&data); err != nil {
		return nil, err
	}
	c.room.Rooms.Broadcast(s, p.room, "picture", p.name, data)
	return true, nil
}

// present is a line of the roll.
type present struct {
	Name string  `json:"name"`
	MS   float64 `json:"ms"` // it took to answer; -1: did not
}

// roll asks everyone in a room whether they are there.
func (c *chat) roll(room string) []present {
	ctx, cancel := context.WithTimeout(context.Background(), rollPatience)
	defer cancel()
	sockets := c.room.Rooms.In(room)
	answers := make([]present, len(sockets))
	var wait sync.WaitGroup
	for i, s := range sockets {
		p, _ := c.who(s)
		wait.Go(func() {
			start := time.Now()
			_, err := s.Ask(ctx, "here?")
			answers[i] = present{p.name, float64(time.Since(start).Microseconds()) / 1000}
			if err != nil {
				answers[i].MS = -1
			}
		})
	}
	wait.Wait()
	slices.SortFunc(answers, func(a, b present) int { return strings.Compare(a.Name, b.Name) })
	return answers
}

func (c *chat) who(s *Socket) (person, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.people[s]
	return p, ok
}

// in are the names of those in a room, in order.
func (c *chat) in(room string) []string {
	var names []string
	for _, s := range c.room.Rooms.In(room) {
		if p, ok := c.who(s); ok {
			names = append(names, p.name)
		}
	}
	slices.Sort(names)
	return names
}

func fits(s string, most int) bool {
	return s != "" && len(s) <= most && utf8.ValidString(s)
}

// checkEcho shows how to keep somebody out.
func checkEcho(auth json.RawMessage) error {
	var a struct{ Token string }
	if len(auth) > 0 && json.Unmarshal(auth, &a) == nil && a.Token == "wrong" {
		return errors.New("this token is not known")
	}
	return nil
}

func connectEcho(s *Socket) {
	s.On("echo", func(args Args, reply Reply) { reply(args) })
}
