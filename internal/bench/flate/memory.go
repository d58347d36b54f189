package main

import (
	"runtime"

	"github.com/parleyws/websocket/internal/bench/corpus"
)

// memory is how many bytes of heap one idle connection holds, after some
// messages, measured over many.
type memory struct {
	Engine     string  `json:"engine"`
	Compress   float64 `json:"compress"`             // with takeover
	Decompress float64 `json:"decompress,omitempty"` // with takeover; 0: not measured
	Without    float64 `json:"without_takeover"`     // both directions
}

func memories(chosen []engine, streams int) (list []memory) {
	const size = 1 << 10
	messages := corpus.Chat().Messages(40, size) // more than a window
	c := cell{Takeover: true, messages: messages}
	for _, e := range chosen {
		m := memory{Engine: e.name}
		if e.newCompressor != nil {
			m.Compress = perStream(streams, func() any { return useCompressor(e.newCompressor(), messages) })
		}
		if e.newDecompressor != nil {
			packed := c.pack(e)
			m.Decompress = perStream(streams, func() any { return useDecompressor(e.newDecompressor(), packed, size) })
		}
		m.Without = perStream(streams, func() any { useAlone(e, messages); return nil })
		list = append(list, m)
	}
	return list
}

func useCompressor(compress func(dst, src []byte) []byte, messages [][]byte) any {
	var dst []byte
	for _, m := range messages {
		dst = compress(dst[:0], m)
	}
	return compress
}

func useDecompressor(decompress func(dst, src []byte) error, packed [][]byte, size int) any {
	dst := make([]byte, size)
	for _, p := range packed {
		must(decompress(dst, p))
	}
	return decompress
}

func useAlone(e engine, messages [][]byte) {
	dst := make([]byte, 0, 4<<10)
	for _, m := range messages {
		p := e.compress(dst, m)
		if e.decompress != nil {
			must(e.decompress(make([]byte, len(m)), p))
		}
	}
}

// perStream returns the heap that one of n lasting results of open holds.
func perStream(n int, open func() any) float64 {
	before := heap()
	kept := make([]any, 0, n)
	for range n {
		kept = append(kept, open())
	}
	after := heap()
	runtime.KeepAlive(kept)
	slots := float64(cap(kept)) * 16 // the measuring itself
	return max(0, float64(after)-float64(before)-slots) / float64(n)
}

// heap returns the bytes that are in use, without those that wait in pools.
func heap() uint64 {
	var m runtime.MemStats
	for range 3 { // a sync.Pool keeps what it has for two collections
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
