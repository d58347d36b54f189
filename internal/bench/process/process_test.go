//go:build linux

package process

import (
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parleyws/websocket/internal/bench/peers"
)

// TestMain lets the test program be a server.
func TestMain(m *testing.M) {
	if IsServer(os.Args) {
		Main()
	}
	os.Exit(m.Run())
}

func TestAServerServesAndTellsWhatItHasUsed(t *testing.T) {
	for _, core := range append(Cores()[:1], -1) {
		s, err := Start(peers.Limit, new(peers.Task), core)
		if err != nil {
			t.Fatal(err)
		}
		before, err := s.Usage()
		if err != nil {
			t.Fatal(err)
		}
		echo(t, s, 1000)
		after, err := s.Settled()
		if err != nil {
			t.Fatal(err)
		}
		if after.CPU <= before.CPU || after.Heap == 0 || after.Stacks == 0 || after.RSS == 0 {
			t.Errorf("before 1000 messages %+v, after them %+v", before, after)
		}
		if complaint := s.Stop(); complaint != "" {
			t.Errorf("the server says %q", complaint)
		}
		if _, err := s.Usage(); err == nil {
			t.Error("a server that was stopped answers")
		}
	}
}

func echo(t *testing.T, s *Server, times int) {
	t.Helper()
	nc, err := net.Dial("tcp", s.Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	for range times {
		p := []byte("hello")
		if _, err := nc.Write(p); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(nc, p); err != nil || string(p) != "hello" {
			t.Fatalf("%q, %v", p, err)
		}
	}
}

func TestAProfile(t *testing.T) {
	s, err := Start(peers.Limit, new(peers.Task), -1)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	file := filepath.Join(t.TempDir(), "profile")
	if err := s.Profile(file); err != nil {
		t.Fatal(err)
	}
	echo(t, s, 10)
	if err := s.Profiled(); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(file); err != nil || len(b) == 0 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

func TestAServerThatCannotStartSaysWhy(t *testing.T) {
	s, err := Start("nobody", new(peers.Task), -1)
	if err == nil {
		s.Stop()
		t.Fatal("it has started")
	}
	if !strings.Contains(err.Error(), `no server "nobody"`) {
		t.Errorf("error %v", err)
	}
	if _, err := Start(peers.Limit, new(peers.Task), 1023); err == nil {
		t.Error("it runs on a core that there is not")
	}
}

func TestTheConversation(t *testing.T) {
	var task peers.Task
	task.Members.Store(7)
	var out strings.Builder
	if err := answer(&task, strings.NewReader("usage\nsettle\n"), &out); err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(strings.NewReader(out.String()))
	for range 2 {
		var u Usage
		if err := d.Decode(&u); err != nil || u.Members != 7 || u.Heap == 0 {
			t.Errorf("%+v, %v", u, err)
		}
	}
	if err := answer(&task, strings.NewReader("profile /nowhere/at/all\n"), &out); err == nil {
		t.Error("a profile was written to nowhere")
	}
}
