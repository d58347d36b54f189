package main

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"github.com/parleyws/websocket/internal/bench/corpus"
	"github.com/parleyws/websocket/internal/bench/measure"
)

// A cell is a kind and size of messages, with or without context takeover: what
// all engines do in turn.
type cell struct {
	Corpus   string `json:"corpus"`
	Size     int    `json:"size"`
	Takeover bool   `json:"takeover"`

	messages [][]byte
	packed   [][]byte // what decompressors get
}

// A result is how one engine did one cell in one direction.
type result struct {
	cell
	Engine  string          `json:"engine"`
	Inflate bool            `json:"inflate"`
	Speed   measure.Samples `json:"megabytes_per_second"`
	Bytes   int             `json:"bytes"`
	Packed  int             `json:"packed_bytes"`
}

// ratio is how many times smaller the text has become.
func (r result) ratio() float64 { return float64(r.Bytes) / float64(r.Packed) }

func (o *options) cells() (cells []cell) {
	for _, takeover := range o.takeover {
		for _, size := range o.sizes {
			for _, k := range corpus.Kinds() {
				c := cell{Corpus: k.Name, Size: size, Takeover: takeover, messages: k.Messages(o.volume/size, size)}
				c.packed = c.pack(standard(std6, 6))
				cells = append(cells, c)
			}
		}
	}
	return cells
}

// pack compresses all messages with e.
func (c *cell) pack(e engine) (packed [][]byte) {
	compress := c.compressor(e)
	for _, m := range c.messages {
		packed = append(packed, compress(nil, m))
	}
	return packed
}

// compressor returns what compresses a series of messages, nil if e does not.
func (c *cell) compressor(e engine) func(dst, src []byte) []byte {
	switch {
	case !c.Takeover:
		return e.compress
	case e.newCompressor != nil:
		return e.newCompressor()
	}
	return nil
}

func (c *cell) decompressor(e engine) func(dst, src []byte) error {
	switch {
	case !c.Takeover:
		return e.decompress
	case e.newDecompressor != nil:
		return e.newDecompressor()
	}
	return nil
}

// run measures all cells, in rounds.
func (o *options) run(chosen []engine, progress io.Writer) (results []result, err error) {
	cells := o.cells()
	for i := range cells {
		for _, e := range chosen {
			rs, err := cells[i].try(e)
			if err != nil {
				return nil, fmt.Errorf("%s, %s of %d bytes: %w", e.name, cells[i].Corpus, cells[i].Size, err)
			}
			results = append(results, rs...)
		}
	}
	byName := map[string]engine{}
	for _, e := range chosen {
		byName[e.name] = e
	}
	for round := range o.rounds {
		for i := range results {
			r := &results[i]
			fmt.Fprintf(progress, "\rround %d of %d, %3d%% ", round+1, o.rounds, 100*i/len(results))
			r.Speed = append(r.Speed, r.measure(byName[r.Engine], o.cpu))
		}
	}
	fmt.Fprint(progress, "\r                          \r")
	return results, nil
}

// try does the cell once with e, to see that it is done right, and returns a
// result for each direction that e does.
func (c *cell) try(e engine) (results []result, err error) {
	r := result{cell: *c, Engine: e.name}
	r.Bytes = c.Size * len(c.messages)
	if c.compressor(e) != nil {
		packed := c.pack(e)
		if err := c.check(standard(std1, 1), packed); err != nil {
			return nil, fmt.Errorf("what it has compressed: %w", err)
		}
		r.Packed = total(packed)
		results = append(results, r)
	}
	if c.decompressor(e) != nil && e.bits == 15 {
		if err := c.check(e, c.packed); err != nil {
			return nil, err
		}
		r.Inflate, r.Packed = true, total(c.packed)
		results = append(results, r)
	}
	return results, nil
}

// check inflates packed with e and compares.
func (c *cell) check(e engine, packed [][]byte) error {
	decompress := c.decompressor(e)
	dst := make([]byte, c.Size)
	for i, m := range c.messages {
		if err := decompress(dst, packed[i]); err != nil {
			return fmt.Errorf("message %d: %w", i, err)
		}
		if !bytes.Equal(dst, m) {
			return fmt.Errorf("message %d is not what it was", i)
		}
	}
	return nil
}

// measure does the cell over and over for at least some CPU time, and returns
// megabytes per second. The state of a new connection is made off the clock.
func (r *result) measure(e engine, enough time.Duration) float64 {
	var spent time.Duration
	passes := 0
	for ; spent < enough; passes++ {
		pass := r.deflating(e)
		if r.Inflate {
			pass = r.inflating(e)
		}
		from := measure.CPU()
		pass()
		spent += measure.CPU() - from
	}
	return float64(passes*r.Bytes) / 1e6 / spent.Seconds()
}

func (r *result) deflating(e engine) (pass func()) {
	compress := r.compressor(e)
	dst := make([]byte, 0, r.Size+r.Size/8+64)
	return func() {
		for _, m := range r.messages {
			dst = compress(dst[:0], m)
		}
	}
}

func (r *result) inflating(e engine) (pass func()) {
	decompress := r.decompressor(e)
	dst := make([]byte, r.Size)
	return func() {
		for _, m := range r.packed {
			must(decompress(dst, m))
		}
	}
}

func total(list [][]byte) (n int) {
	for _, p := range list {
		n += len(p)
	}
	return n
}
