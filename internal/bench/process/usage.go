//go:build linux

package process

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/parleyws/websocket/internal/bench/measure"
)

// Usage is what a server has used so far, or holds now.
type Usage struct {
	CPU     time.Duration `json:"cpu"`     // user and system, all threads
	Allocs  uint64        `json:"allocs"`  // of heap objects, since the start
	Heap    uint64        `json:"heap"`    // bytes of live and not yet collected objects
	Stacks  uint64        `json:"stacks"`  // bytes of goroutine stacks
	RSS     uint64        `json:"rss"`     // bytes
	Members int64         `json:"members"` // connections that a broadcast reaches
}

// usage measures this process. The CPU time comes first, for what follows costs
// some.
func usage(members int64) Usage {
	u := Usage{CPU: measure.CPU(), Members: members}
	s := []metrics.Sample{
		{Name: "/gc/heap/allocs:objects"}, {Name: "/gc/heap/tiny/allocs:objects"},
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"},
	}
	metrics.Read(s)
	u.Allocs = s[0].Value.Uint64() + s[1].Value.Uint64()
	u.Heap, u.Stacks = s[2].Value.Uint64(), s[3].Value.Uint64()
	u.RSS = field("/proc/self/status", "VmRSS: %d") << 10
	return u
}

// field returns a number of a file of lines, or 0 if there is none: a container
// may hide it.
func field(file, format string) (n uint64) {
	text, _ := os.ReadFile(file)
	for line := range bytes.Lines(text) {
		if k, _ := fmt.Sscanf(string(line), format, &n); k == 1 {
			return n
		}
	}
	return 0
}

// settle gives back all memory that is only cached.
func settle() {
	for range 3 { // a sync.Pool keeps what it has for two collections
		runtime.GC()
	}
	debug.FreeOSMemory()
}
