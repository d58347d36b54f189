//go:build (linux || darwin || dragonfly || freebsd || netbsd || openbsd) && !parley_noraw

package poll

import "syscall"

// wakeup is a pipe, neither end of which blocks. A byte in it wakes Run.
type wakeup [2]int

// Wake has Run call what it calls, with no events perhaps. Any goroutine may.
func (p *Poller) Wake() {
	syscall.Write(p.wakeup[1], []byte{0}) // a pipe that is full wakes just as well
}

// drain reads what is in it, so that the next byte is an event again.
func (w *wakeup) drain() {
	var bin [64]byte
	for {
		if n, err := syscall.Read(w[0], bin[:]); n < len(bin) || err != nil {
			return
		}
	}
}

func (w *wakeup) close() {
	syscall.Close(w[0])
	syscall.Close(w[1])
}
