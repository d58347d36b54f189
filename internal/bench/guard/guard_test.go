//go:build linux && amd64 && !purego

package main

import (
	"io"
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestMain lets the test program operate, as guard does.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == command {
		os.Exit(operate(os.Args[2], os.Args[3]))
	}
	os.Exit(m.Run())
}

func TestEveryOperationWorksAndHasABound(t *testing.T) {
	bounds, err := parseBounds(boundsText)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range operations() {
		o.run(3)
		if _, ok := bounds[o.name]; !ok {
			t.Errorf("%s has no bound", o.name)
		}
		delete(bounds, o.name)
	}
	if len(bounds) > 0 {
		t.Errorf("there are bounds of %q, which are no operations", slices.Collect(maps.Keys(bounds)))
	}
}

// What differs is not the operation's, and has to be small beside the room that the
// bounds leave.
func TestCountsAreTheSameEachTime(t *testing.T) {
	if reason := cannot(); reason != "" {
		t.Skip(reason)
	}
	pure := operation{name: "utf8-ascii-1k", times: 60_000}
	var before counts
	for i := range 2 {
		r, err := count(pure)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 && (math.Abs(r.instructions/before.instructions-1) > 0.05) {
			t.Errorf("%+v, and before %+v", r.counts, before)
		}
		if r.instructions < 50 || r.allocations > 0.01 || r.calls != 0 {
			t.Errorf("%+v", r)
		}
		before = r.counts
	}
}

func TestWhatCannotBeCountedIsAnError(t *testing.T) {
	if reason := cannot(); reason != "" {
		t.Skip(reason)
	}
	if r, err := count(operation{name: "nothing", times: 1}); err == nil || !strings.Contains(err.Error(), `cannot do "nothing"`) {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestWhatIsTooMuchIsReported(t *testing.T) {
	bounds := map[string]counts{"a": {100, 1, 2}}
	for name, tt := range map[string]struct {
		is   result
		want string // the error
	}{
		"at the bound":      {result{"a", counts{100, 1, 2}}, ""},
		"less":              {result{"a", counts{1, 0, 0}}, ""},
		"more instructions": {result{"a", counts{101, 1, 2}}, "a takes 101 instructions, 100 are allowed"},
		"more allocations":  {result{"a", counts{100, 1.5, 2}}, "a takes 1.5 allocations, 1 are allowed"},
		"more system calls": {result{"a", counts{100, 1, 3}}, "a takes 3 system calls, 2 are allowed"},
		"no bound":          {result{"b", counts{}}, "b has no bound in bounds.txt"},
	} {
		t.Run(name, func(t *testing.T) {
			err := compare([]result{tt.is}, bounds, io.Discard)
			if got := errorText(err); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestABoundThatGuardsNothingIsReported(t *testing.T) {
	bounds := map[string]counts{"a": {100, 2.1, 7.1}}
	for is, stale := range map[counts]bool{{90, 2, 7}: false, {60, 2, 7}: true, {90, 1, 7}: true, {90, 2, 4}: true} {
		var out strings.Builder
		if err := compare([]result{{"a", is}}, bounds, &out); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(out.String(), "a takes much less"); got != stale {
			t.Errorf("%+v: %s", is, out.String())
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestBoundsAreReadAsTheyAreWritten(t *testing.T) {
	measured := []result{{"a", counts{1234.4, 0, 0}}, {"b", counts{7, 2.001, 6.98}}}
	bounds, err := parseBounds(formatBounds(measured))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]counts{"a": {1390, 0.1, 0.1}, "b": {8, 2.1, 7.2}}
	if !maps.Equal(bounds, want) {
		t.Errorf("%v, want %v", bounds, want)
	}
	for _, text := range []string{"a 1 2", "a 1 2 x", "a 1 2 3\na 1 2 3"} {
		if _, err := parseBounds(text); err == nil {
			t.Errorf("%q is taken for bounds", text)
		}
	}
}

func TestWhatValgrindPrints(t *testing.T) {
	log := "==7== Cachegrind\nSYSCALL[7,1](0) sys_read ( 3, 0xc00, 64 )[sync] --> Success(0x40)\n" +
		"SYSCALL[7,1](202) sys_futex ( 0x5, 128, 0 ) --> [async] ... \nSYSCALL[7,2](1) sys_write ( 4, 0xc00, 64 ) --> [async] ... \n" +
		"SYSCALL[7,2](1) ... [async] --> Success(0x40)\n==7== I   refs:      1,234,567\n"
	got, err := parse("allocations: 89\n", log)
	if want := (counts{1234567, 89, 2}); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	for _, pieces := range [][2]string{{"", log}, {"allocations: 89\n", "nothing"}} {
		if got, err := parse(pieces[0], pieces[1]); err == nil {
			t.Errorf("%+v is read in %q", got, pieces)
		}
	}
}

func TestFlagsThatMeanNothing(t *testing.T) {
	for _, args := range []string{"-only (", "-nonsense"} {
		if err := guard(strings.Fields(args), io.Discard); err == nil {
			t.Errorf("%s: no error", args)
		}
	}
	if list, err := countAll(regexp.MustCompile("^nothing$")); len(list) != 0 || err != nil {
		t.Errorf("%v, %v", list, err)
	}
}
