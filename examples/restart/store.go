package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// store is a file of messages, one a line, each once and those of a client in order. One
// process at a time adds to it: the one that has loaded it, until it closes it.
type store struct {
	mu   sync.Mutex
	file *os.File       // nil: closed
	size int64          // of the whole lines
	last map[string]int // the number of each client's last message
}

var (
	errStoreClosed = errors.New("the store is another process's now")
	errGap         = errors.New("a message is missing before this one")
)

// openStore opens a file, or makes one. It does not read it yet.
func openStore(name string) (*store, error) {
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return &store{file: file, last: make(map[string]int)}, nil
}

// load finds out what is stored. A last line that is not whole is cut off: nobody was told
// that it was stored.
func (s *store) load() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for r := bufio.NewReader(s.file); ; {
		line, err := r.ReadBytes('\n')
		if err == io.EOF {
			return s.file.Truncate(s.size)
		}
		if err != nil {
			return err
		}
		var m message
		if err := json.Unmarshal(line, &m); err != nil {
			return fmt.Errorf("%s, after %d bytes: %w", s.file.Name(), s.size, err)
		}
		s.last[m.Client] = m.ID
		s.size += int64(len(line))
	}
}

// add stores a message, unless that has been done before. Whatever happens to the process
// once add has returned nil, the message is in the file.
func (s *store) add(m message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch last := s.last[m.Client]; {
	case s.file == nil:
		return errStoreClosed
	case m.ID <= last:
		return nil
	case m.ID > last+1:
		return errGap
	}
	line, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if _, err := s.file.Write(append(line, '\n')); err != nil {
		return errors.Join(err, s.file.Truncate(s.size))
	}
	s.size += int64(len(line)) + 1
	s.last[m.Client] = m.ID
	return nil
}

// close ends adding. When it has returned, another process may begin.
func (s *store) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}
