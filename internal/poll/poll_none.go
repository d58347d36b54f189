//go:build parley_noraw || (!linux && !darwin && !dragonfly && !freebsd && !netbsd && !openbsd)

package poll

import "errors"

// Available says that there is a poller.
const Available = false

// A Poller cannot be had here.
type Poller struct{}

// New fails.
func New() (*Poller, error) { return nil, errors.New("poll: there is neither epoll nor kqueue here") }

// Add panics, as do the other methods.
func (*Poller) Add(int, Token) error { panic("BUG: no poller here") }

func (*Poller) AddWritable(int, Token) error { panic("BUG: no poller here") }

func (*Poller) Remove(int)     { panic("BUG: no poller here") }
func (*Poller) Wake()          { panic("BUG: no poller here") }
func (*Poller) Run(Func) error { panic("BUG: no poller here") }
func (*Poller) Close()         { panic("BUG: no poller here") }
