package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestArm(t *testing.T) {
	src := []byte(`package p

const one = 1

func f(a, b int) bool {
	return a < b // why
}

func g(a bool) {
	if a {
		return
	}
}

func h() {}
`)
	mutants, err := find("p/p.go", src)
	require.NoError(t, err)
	var jobs []*job
	for i, m := range mutants {
		jobs = append(jobs, &job{mutant: m, src: src, id: i + 1})
	}
	armed, spans, err := arm(src, jobs)
	require.NoError(t, err)
	require.Equal(t, `package p

const one = 1

func f(a, b int) bool {
switch mutateMistake {
case 3:
{
	return a <= b // why

}
}

	return a < b // why
}

func g(a bool) {
switch mutateMistake {
case 4:
{
	if !(a) {
		return
	}

}
return
case 5:
{
	if (a) && false {
		return
	}

}
return
}

	if a {
		return
	}
}

func h() {}
`, string(armed))
	require.Equal(t, []span{{jobs[2], 7, 11}, {jobs[3], 19, 26}, {jobs[4], 27, 34}}, spans)

	_, _, err = arm([]byte("package"), nil)
	require.Error(t, err)
}

func TestBlame(t *testing.T) {
	a, b, known := &job{}, &job{}, &job{verdict: equivalent}
	spans := map[string][]span{"p/p.go": {{a, 1, 4}, {b, 5, 9}, {known, 10, 12}}}
	require.False(t, blame("# p\np/q.go:5:1: undefined: x\np/p.go:13:1: undefined: x\np/p.go:10:1: undefined: x\n", spans))
	require.True(t, blame("# p\np/p.go:5:1: undefined: x\np/p.go:9:7: undefined: y\n", spans))
	require.Equal(t, []verdict{"", uncompilable, equivalent}, []verdict{a.verdict, b.verdict, known.verdict})
	require.False(t, blame("p/p.go:5:1: undefined: x\n", spans), "it is known already")
}

func TestCulprit(t *testing.T) {
	for want, out := range map[string]string{
		"TestA":          "--- FAIL: TestA (0.00s)\n    --- FAIL: TestA/b (0.00s)\nFAIL\n",
		"TestC":          "panic: BUG: no\n\ngoroutine 8 [running]:\nexample.org/m/p.f(...)\n\t/p.go:3\nexample.org/m/p.TestC.func1(0x1)\n",
		"the time limit": "panic: test timed out after 1s\n\nexample.org/m/p.TestC(0x1)\n",
		"what it leaves": "FAIL: the tests have left 2 things behind; close what they opened\n",
		"a crash":        "fatal error: all goroutines are asleep - deadlock!\n",
	} {
		require.Equal(t, want, culprit(out))
	}
}
