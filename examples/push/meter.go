package main

import (
	"runtime"
	"time"

	"github.com/parleyws/websocket/conn"
)

// sample is what is pushed. Rates are those since the sample before.
type sample struct {
	Time       int64   `json:"t"`          // milliseconds since 1970
	Scope      string  `json:"scope"`      // "machine", or "process" where nothing is known of the machine
	CPU        float64 `json:"cpu"`        // of all cores, in percent
	OwnCPU     float64 `json:"ownCPU"`     // of this process, in percent of all cores
	Used       uint64  `json:"used"`       // bytes of memory
	Total      uint64  `json:"total"`      // bytes of memory there are
	Own        uint64  `json:"own"`        // bytes of memory of this process
	Conns      int     `json:"conns"`      // connections
	Goroutines int     `json:"goroutines"` // of this process
	Messages   float64 `json:"messages"`   // a second, to all connections together
	Bytes      float64 `json:"bytes"`      // a second
	Writes     float64 `json:"writes"`     // a second, each a system call or so
	Dropped    uint64  `json:"dropped"`    // messages, since the beginning
	Backlog    int     `json:"backlog"`    // bytes that wait for slow clients
	ConnBytes  float64 `json:"connBytes"`  // memory of this process for a connection, about
	MessageCPU float64 `json:"messageCPU"` // microseconds of this process for a message, about
}

// meter makes samples.
type meter struct {
	at    time.Time
	usage usage
	stats conn.Stats
	base  uint64 // memory of this process with no connection
}

func (m *meter) sample(now time.Time, stats conn.Stats, conns int) sample {
	u := measure()
	if m.base == 0 {
		m.base = u.own
	}
	s := sample{
		Time: now.UnixMilli(), Scope: u.scope,
		Used: u.used, Total: u.total, Own: u.own,
		Conns: conns, Goroutines: runtime.NumGoroutine(),
		Dropped: stats.Dropped, Backlog: stats.Backlog,
	}
	if seconds := now.Sub(m.at).Seconds(); !m.at.IsZero() && seconds > 0 {
		messages := grown(stats.MessagesSent, m.stats.MessagesSent)
		s.Messages = messages / seconds
		s.Bytes = grown(stats.BytesSent, m.stats.BytesSent) / seconds
		s.Writes = grown(stats.Writes, m.stats.Writes) / seconds
		own := max(0, u.ownCPU-m.usage.ownCPU)
		s.OwnCPU = percent(own, seconds*float64(runtime.NumCPU()))
		if s.CPU = s.OwnCPU; u.allCPU > 0 {
			s.CPU = percent(u.busyCPU-m.usage.busyCPU, u.allCPU-m.usage.allCPU)
		}
		if messages > 0 {
			s.MessageCPU = own * 1e6 / messages
		}
	}
	if conns > 0 && u.own > m.base {
		s.ConnBytes = float64(u.own-m.base) / float64(conns)
	}
	m.at, m.usage, m.stats = now, u, stats
	return s
}

// grown is how much a counter has grown; one that was summed up while connections ended
// may seem to shrink.
func grown(now, before uint64) float64 {
	if now < before {
		return 0
	}
	return float64(now - before)
}

func percent(part, whole float64) float64 {
	if whole <= 0 {
		return 0
	}
	return min(max(100*part/whole, 0), 100)
}
