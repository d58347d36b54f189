//go:build (darwin || dragonfly || freebsd || netbsd || openbsd) && !parley_noraw

package poll

import (
	"os"
	"sync"
	"syscall"
	"time"
)

// Available says that there is a poller.
const Available = true

// A Poller is a kqueue. Run waits in the system call, on a thread of its own.
type Poller struct {
	fd     int
	wakeup wakeup
	events [batch]syscall.Kevent_t
	out    [batch]Event

	mu     sync.Mutex
	tokens map[int]Token // of descriptors; the kernel's own field has another type on each system
}

// New returns a poller without descriptors.
func New() (*Poller, error) {
	fd, err := syscall.Kqueue()
	if err != nil {
		return nil, os.NewSyscallError("kqueue", err)
	}
	syscall.CloseOnExec(fd)
	p := &Poller{fd: fd, tokens: make(map[int]Token)}
	if err := syscall.Pipe(p.wakeup[:]); err != nil {
		syscall.Close(fd)
		return nil, os.NewSyscallError("pipe", err)
	}
	for _, end := range p.wakeup {
		syscall.CloseOnExec(end)
		syscall.SetNonblock(end, true)
	}
	if err := p.change(p.wakeup[0], syscall.EV_ADD|syscall.EV_CLEAR, syscall.EVFILT_READ); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// change makes changes to the filters of fd.
func (p *Poller) change(fd, flags int, filters ...int) error {
	var changes [2]syscall.Kevent_t
	for i, filter := range filters {
		syscall.SetKevent(&changes[i], fd, filter, flags)
	}
	_, err := syscall.Kevent(p.fd, changes[:len(filters)], nil, nil)
	return os.NewSyscallError("kevent", err)
}

// Add has the poller tell of fd, until it is removed or closed: an event comes soon
// in any case.
func (p *Poller) Add(fd int, t Token) error {
	return p.add(fd, t, syscall.EVFILT_READ, syscall.EVFILT_WRITE)
}

// AddWritable is Add for a descriptor that is written to only: what there is to read is
// no event.
func (p *Poller) AddWritable(fd int, t Token) error { return p.add(fd, t, syscall.EVFILT_WRITE) }

func (p *Poller) add(fd int, t Token, filters ...int) error {
	p.mu.Lock()
	p.tokens[fd] = t
	p.mu.Unlock()
	return p.change(fd, syscall.EV_ADD|syscall.EV_CLEAR, filters...)
}

// Remove has it tell no more. A descriptor that is closed, and of which there is no
// duplicate, need not be removed.
func (p *Poller) Remove(fd int) {
	// One by one, for the kernel stops at a filter that there is not.
	p.change(fd, syscall.EV_DELETE, syscall.EVFILT_READ)
	p.change(fd, syscall.EV_DELETE, syscall.EVFILT_WRITE)
}

// Run calls f with events, again and again, as f says. f is called with none when it
// was woken, when the time has come that it returned, and at once after Again.
func (p *Poller) Run(f Func) error {
	next, then := f(nil)
	for then != Stop {
		n, err := syscall.Kevent(p.fd, nil, p.events[:], patience(next, then))
		if err != nil && err != syscall.EINTR {
			return os.NewSyscallError("kevent", err)
		}
		next, then = f(p.out[:p.translate(max(n, 0))])
	}
	return nil
}

// patience is how long Run may wait; nil: for ever.
func patience(next time.Time, then Then) *syscall.Timespec {
	switch {
	case then == Again:
		return new(syscall.Timespec)
	case next.IsZero():
		return nil
	}
	wait := syscall.NsecToTimespec(max(time.Until(next), 0).Nanoseconds())
	return &wait
}

// translate makes events of the kernel's, and says how many.
func (p *Poller) translate(n int) (out int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.events[:n] {
		ev := &p.events[i]
		fd := int(ev.Ident)
		if fd == p.wakeup[0] {
			p.wakeup.drain()
			continue
		}
		end := ev.Flags&syscall.EV_EOF != 0
		p.out[out] = Event{
			Token:    p.tokens[fd],
			Readable: ev.Filter == syscall.EVFILT_READ || end,
			Writable: ev.Filter == syscall.EVFILT_WRITE || end,
			End:      end,
		}
		out++
	}
	return out
}

// Close frees the poller. Run must have returned.
func (p *Poller) Close() {
	syscall.Close(p.fd)
	p.wakeup.close()
}
