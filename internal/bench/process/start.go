//go:build linux

package process

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/parleyws/websocket/internal/bench/peers"
)

// A Server is a server process that was started.
type Server struct {
	Addr netip.AddrPort

	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	log bytes.Buffer
}

// Start starts a server on a core of its own, or on any if core is negative.
func Start(peer string, t *peers.Task, core int) (*Server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &Server{cmd: exec.Command(self, arguments(peer, t)...)}
	s.cmd.Stderr = &s.log
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.out = bufio.NewReader(out)
	if err := pinned(core, s.cmd.Start); err != nil {
		return nil, err
	}
	line, err := s.out.ReadString('\n')
	if err == nil {
		s.Addr, err = netip.ParseAddrPort(line[:len(line)-1])
	}
	if err != nil {
		s.Stop()
		return nil, fmt.Errorf("the server does not say where it listens: %w\n%s", err, &s.log)
	}
	return s, nil
}

// Usage asks the server what it has used.
func (s *Server) Usage() (Usage, error) { return s.ask("usage") }

// Settled asks the same after the server has given back what memory it can.
func (s *Server) Settled() (Usage, error) { return s.ask("settle") }

// Profile has the server write a CPU profile to a file until Profiled is called.
func (s *Server) Profile(file string) error {
	_, err := s.ask("profile " + file)
	return err
}

// Profiled ends the profile.
func (s *Server) Profiled() error {
	_, err := s.ask("profiled")
	return err
}

func (s *Server) ask(what string) (u Usage, err error) {
	if _, err := fmt.Fprintln(s.in, what); err != nil {
		return u, fmt.Errorf("the server is gone: %w", err)
	}
	line, err := s.out.ReadBytes('\n')
	if err != nil {
		return u, fmt.Errorf("the server is gone: %w", err)
	}
	return u, json.Unmarshal(line, &u)
}

// Stop ends the server and returns what it has complained about.
func (s *Server) Stop() string {
	s.in.Close()
	s.cmd.Process.Kill()
	s.cmd.Wait() // that it was killed is no news
	return s.log.String()
}

// pinned runs f with the calling thread on a core. A process that f starts stays
// there, and Go sees a machine of one core in it.
func pinned(core int, f func() error) error {
	if core < 0 {
		return f()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return err
	}
	if err := Pin(core); err != nil {
		return err
	}
	defer unix.SchedSetaffinity(0, &before)
	return f()
}

// Pin binds the calling thread to a core.
func Pin(core int) error {
	var set unix.CPUSet
	set.Set(core)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("cannot pin to core %d: %w", core, err)
	}
	return nil
}

// Cores returns the cores that this process may run on.
func Cores() (list []int) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil
	}
	for i := range 1024 {
		if set.IsSet(i) {
			list = append(list, i)
		}
	}
	return list
}
