package interop

import (
	"fmt"
	"testing"
)

// ways are how the client is told to connect.
var ways = []struct{ name, options, transport string }{
	{"upgrade", `{}`, "websocket"},
	{"websocket", `{transports: ["websocket"]}`, "websocket"},
	{"polling", `{transports: ["polling"]}`, "polling"},
}

func TestNode(t *testing.T) {
	s := start(t, build(t), "127.0.0.1:0")
	playAll(t, s, startNode(t, s.url))
}

func TestChromium(t *testing.T) {
	s := start(t, build(t), "127.0.0.1:0")
	playAll(t, s, startChromium(t, s.url))
}

func playAll(t *testing.T, s *server, p peer) {
	for _, w := range ways {
		for _, scenario := range []struct{ name, want string }{
			{"transports", w.transport},
			{"acks", "acknowledged"},
			{"binary", "intact"},
			{"rooms", "heard"},
			{"roll", "answered"},
			{"namespaces", "told apart"},
			{"pings", "alive"},
		} {
			t.Run(w.name+"/"+scenario.name, func(t *testing.T) {
				if got := p.eval(t, fmt.Sprintf("play(%q, %s)", scenario.name, w.options)); got != scenario.want {
					t.Errorf("the client says %q, want %q", got, scenario.want)
				}
			})
		}
		t.Run(w.name+"/restart", func(t *testing.T) {
			p.eval(t, fmt.Sprintf("beforeRestart(%s)", w.options))
			s.restart()
			reason := p.eval(t, "afterRestart()")
			// A client that is between two polls finds nobody to ask.
			betweenPolls := w.transport == "polling" && reason == "transport error"
			if reason != "transport close" && !betweenPolls {
				t.Errorf("the client lost the connection by %q, want a close that it was told of", reason)
			}
		})
	}
}
