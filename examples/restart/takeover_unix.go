//go:build unix

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// This file is how one process takes over from another. The successor inherits three
// descriptors: the listening socket, a pipe on which it says that it is ready, and one
// whose end tells it to begin. The last comes also if the predecessor dies.

var restartSignals = []os.Signal{syscall.SIGHUP}

// inherits, in the environment, says that the descriptors are there.
const inherits = "PARLEY_RESTART"

const (
	socketFD = 3 + iota // behind standard input, output and error
	readyFD
	beginFD
)

// startTime is how long a successor may take to be ready.
const startTime = 20 * time.Second

// takeOver returns the listener of the predecessor, once that has let go of everything
// else. It returns nil if there is none.
func takeOver() (net.Listener, error) {
	if os.Getenv(inherits) == "" {
		return nil, nil
	}
	socket := os.NewFile(socketFD, "socket")
	ready := os.NewFile(readyFD, "ready")
	begin := os.NewFile(beginFD, "begin")
	if socket == nil || ready == nil || begin == nil {
		return nil, errors.New(inherits + " is set, but there are no descriptors; unset it")
	}
	defer begin.Close()
	l, err := net.FileListener(socket)
	if err = errors.Join(err, socket.Close()); err != nil {
		return nil, err
	}
	if _, err := ready.Write([]byte("!")); err != nil {
		return nil, err
	}
	ready.Close()
	_, err = io.Copy(io.Discard, begin)
	return l, err
}

// successor is a process that is ready to take over.
type successor struct {
	process *os.Process
	wait    *os.File // closing it lets the process begin
}

// begin lets the successor begin, if there is one.
func (s *successor) begin() {
	if s != nil {
		s.wait.Close()
		s.process.Release()
	}
}

// startSuccessor starts this program anew, and waits until it is ready to take over l.
func startSuccessor(l net.Listener) (*successor, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var files files
	defer files.close()
	socket := files.add(descriptor(l))
	isReady, ready := files.pipe()
	begin, wait := files.pipe()
	if files.err != nil {
		return nil, files.err
	}
	cmd := exec.Command(program, os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), inherits+"=1")
	cmd.ExtraFiles = []*os.File{socket, ready, begin}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ready.Close() // so that the end of the process is the end of the pipe
	isReady.SetReadDeadline(time.Now().Add(startTime))
	if _, err := io.ReadFull(isReady, make([]byte, 1)); err != nil {
		cmd.Process.Kill()
		return nil, fmt.Errorf("the new process is not ready: %w", errors.Join(err, cmd.Wait()))
	}
	files.keep(wait)
	return &successor{cmd.Process, wait}, nil
}

// descriptor returns a copy of a listener's descriptor for another process.
//
// TCPListener.File would do, were it not that os/exec puts such a file into blocking mode,
// and the listener with it, for the mode is the socket's: Accept would then block a thread
// in the kernel, and closing the listener would wait for that.
func descriptor(l net.Listener) (*os.File, error) {
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("a %T cannot be handed over", l)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fd int
	var failed error
	err = raw.Control(func(s uintptr) {
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
		if fd, failed = syscall.Dup(int(s)); failed == nil {
			syscall.CloseOnExec(fd)
		}
	})
	if err = errors.Join(err, os.NewSyscallError("dup", failed)); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "listener"), nil
}

// files are open files, to be closed together.
type files struct {
	open []*os.File
	err  error // the first that there was in opening them
}

func (f *files) add(file *os.File, err error) *os.File {
	if err != nil {
		f.err = errors.Join(f.err, err)
		return nil
	}
	f.open = append(f.open, file)
	return file
}

func (f *files) pipe() (r, w *os.File) {
	r, w, err := os.Pipe()
	return f.add(r, err), f.add(w, err)
}

// keep takes a file out, so that it is not closed.
func (f *files) keep(file *os.File) {
	for i := range f.open {
		if f.open[i] == file {
			f.open[i] = nil // closing that does nothing
		}
	}
}

func (f *files) close() {
	for _, file := range f.open {
		file.Close()
	}
}
