package peers

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// What the servers do is tested where the load is.

func TestEveryPeerHasANameOfItsOwnAndSaysHowItIsUsed(t *testing.T) {
	var names []string
	for _, p := range All() {
		names = append(names, p.Name)
		if p.How == "" || p.serve == nil {
			t.Errorf("%s: something is missing", p.Name)
		}
		if p.Raw != (p.Module == "") || p.Name == Limit && !p.Raw {
			t.Errorf("%s: does it speak WebSocket?", p.Name)
		}
	}
	slices.Sort(names)
	if len(slices.Compact(names)) != len(All()) {
		t.Errorf("two peers have the same name: %q", names)
	}
}

func TestRoom(t *testing.T) {
	task := &Task{Broadcast: true}
	r := newRoom[int](task)
	for _, c := range []int{1, 2, 3} {
		r.join(c)
	}
	r.leave(2)
	r.leave(4)
	var got []int
	r.each(func(c int) { got = append(got, c) })
	if !slices.Equal(got, []int{1, 3}) || task.Members.Load() != 2 {
		t.Errorf("members %v, %d", got, task.Members.Load())
	}
	task = new(Task)
	if r = newRoom[int](task); r.members != nil || task.Members.Load() != 0 {
		t.Error("a new room is not empty")
	}
	if r.join(1); task.Members.Load() != 0 {
		t.Error("somebody has joined where nothing is broadcast")
	}
}

func TestReadInto(t *testing.T) {
	text := strings.Repeat("0123456789", 1000)
	for name, in := range map[string]io.Reader{
		"whole":          strings.NewReader(text),
		"byte by byte":   iotest.OneByteReader(strings.NewReader(text)),
		"EOF with bytes": iotest.DataErrReader(strings.NewReader(text)),
	} {
		got, err := readInto(nil, in)
		if err != nil || string(got) != text {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	p := make([]byte, 0, len(text)+1)
	if n := testing.AllocsPerRun(10, func() { readInto(p, bytes.NewReader([]byte(text))) }); n > 2 { // the reader and its bytes
		t.Errorf("%v allocations though there is room", n)
	}
	if _, err := readInto(nil, iotest.ErrReader(io.ErrUnexpectedEOF)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v", err)
	}
}
