package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parleyws/websocket/internal/bench/measure"
)

// TestCommand runs everything, on little text. Whatever an engine compresses is
// inflated by another one on the way, and the other way round.
func TestCommand(t *testing.T) {
	file := filepath.Join(t.TempDir(), "flate.json")
	var out bytes.Buffer
	err := command(strings.Fields("-rounds 1 -cpu 1us -volume 8192 -sizes 256,4096 -streams 4 -json "+file), &out, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range engines() {
		if !strings.Contains(out.String(), e.name) {
			t.Errorf("%s is not in the table:\n%s", e.name, out.String())
		}
	}
	for _, text := range []string{"Compressing, with context takeover", "Inflating, each message by itself", "bars hold", "chinese", "4 KiB"} {
		if !strings.Contains(out.String(), text) {
			t.Errorf("%q is not in the table:\n%s", text, out.String())
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Speeds) != 8*(15+6) || len(r.Memory) != len(engines()) || len(r.Bars) != 22 {
		t.Errorf("%d speeds, %d memories, %d bars in the file", len(r.Speeds), len(r.Memory), len(r.Bars))
	}
	for _, s := range r.Speeds {
		if s.Speed.Median() <= 0 || s.Packed <= 0 || s.Engine == "" || s.Corpus == "" {
			t.Errorf("%+v", s)
		}
	}
}

func TestFlagsThatMeanNothing(t *testing.T) {
	for _, args := range []string{"-sizes x", "-sizes 0", "-sizes 9999999", "-takeover maybe", "-engines (", "-nonsense"} {
		if err := command(strings.Fields(args), io.Discard, io.Discard); err == nil {
			t.Errorf("%s: no error", args)
		}
	}
}

func TestMemory(t *testing.T) {
	for _, m := range memories(engines(), 8) {
		switch m.Engine {
		case oursFastest:
			if m.Compress < 24<<10 || m.Decompress < 24<<10 || m.Compress > 256<<10 || m.Decompress > 64<<10 {
				t.Errorf("%+v: a window is 32 KiB", m)
			}
		case std1:
			if m.Compress < 600<<10 || m.Decompress < 24<<10 {
				t.Errorf("%+v: compress/flate is known to have more", m)
			}
		}
	}
}

// TestBars has speeds and sizes of ours and of compress/flate, and what they
// mean.
func TestBars(t *testing.T) {
	c := cell{Corpus: "chat", Size: 256}
	for _, tt := range []struct {
		name                   string
		ours, theirs           measure.Samples
		packedOurs, packedStd1 int
		holds                  bool
	}{
		{"faster and smaller", measure.Samples{151}, measure.Samples{100}, 49, 50, true},
		{"faster and as small", measure.Samples{151}, measure.Samples{100}, 50, 50, true},
		{"faster and larger", measure.Samples{151}, measure.Samples{100}, 51, 50, false},
		{"not faster enough", measure.Samples{149}, measure.Samples{100}, 49, 50, false},
		{"the median counts", measure.Samples{151, 10, 151}, measure.Samples{100, 100, 100}, 50, 50, true},
		{"rounds are compared", measure.Samples{151, 15.1, 1510}, measure.Samples{100, 10, 1000}, 50, 50, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list := bars([]result{
				{cell: c, Engine: oursFastest, Speed: tt.ours, Bytes: 100, Packed: tt.packedOurs},
				{cell: c, Engine: std1, Speed: tt.theirs, Bytes: 100, Packed: tt.packedStd1},
			}, nil)
			if len(list) != 1 || list[0].Holds != tt.holds {
				t.Errorf("%+v, want holds: %t", list, tt.holds)
			}
		})
	}
}

func TestBarsSumOverTheKindsOfText(t *testing.T) {
	of := func(corpus, engine string, speed float64, packed int) result {
		return result{cell: cell{Corpus: corpus, Size: 256}, Engine: engine, Speed: measure.Samples{speed}, Bytes: 1e6, Packed: packed}
	}
	list := bars([]result{
		of("chat", oursFastest, 200, 10), of("chat", klauspost1, 100, 11),
		of("ticks", oursFastest, 50, 10), of("ticks", klauspost1, 60, 10),
	}, nil)
	// 1/200 + 1/50 = 0.0250 s to 1/100 + 1/60 = 0.0267 s.
	if len(list) != 1 || !list[0].Holds || !strings.HasPrefix(list[0].Found, "1.07") {
		t.Errorf("%+v", list)
	}
}
