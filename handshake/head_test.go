package handshake

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func anything(string) error { return nil }

func TestHeadIsTheSameWhateverTheSplit(t *testing.T) {
	text := "GET / HTTP/1.1\r\nA: 1\r\nB:\r\nC: \t x y\t \r\nA: 2\r\n\r\n"
	want := []field{{"A", "1"}, {"B", ""}, {"C", "x y"}, {"A", "2"}}
	for i := range len(text) + 1 {
		for j := i; j <= len(text); j++ {
			h := head{checkStart: anything, maxFields: 4}
			for _, end := range []int{i, j} {
				n, err := h.parse([]byte(text[:end]))
				require.NoError(t, err)
				require.Equal(t, end == len(text), n > 0, "cut at %d and %d", i, j)
				if n > 0 {
					break
				}
			}
			if j < len(text) {
				n, err := h.parse([]byte(text + "more\r\n\r\n"))
				require.NoError(t, err)
				require.Equal(t, len(text), n)
			}
			require.Equal(t, "GET / HTTP/1.1", h.start)
			require.Equal(t, want, h.fields)
		}
	}
}

// Every strict prefix asks for more; nothing is accepted early.
func TestHeadPrefixes(t *testing.T) {
	text := aRequest("X: \xff\x80")
	for i := range text {
		h := head{checkStart: checkRequestLine, maxFields: 10}
		n, err := h.parse([]byte(text[:i]))
		require.NoError(t, err)
		require.Zero(t, n)
	}
}

func TestHeadErrors(t *testing.T) {
	stop := errors.New("stop")
	for _, tt := range []struct{ text, fault string }{
		{"bad\r\n", "stop"},
		{"\r\n", "stop"},
		{"ok\n", "LF without CR"},
		{"ok\r\nA: 1\n\r\n", "LF without CR"},
		{"ok\r\n\n", "LF without CR"},
		{"ok\r\nA: 1\r\r\n", "control character"},
		{"ok\r\nA: \x01\r\n", "control character"},
		{"ok\r\nA: \x7f\r\n", "control character"},
		{"ok\r\nA: \x00", "control character"},
		{"ok\x00", "control character"},
		{"ok\x00\r\n", "control character"},
		{"o\rk\r\n", "control character"},
		{"ok\r\nA: 1\r\nA: 2\r\nA\x00\r\n", "control character"}, // whatever else is wrong, and whatever the split
		{"ok\r\nA\r\n", "without a colon"},
		{"ok\r\n A: 1\r\n", "folded"},
		{"ok\r\nA: 1\r\n\t2: 3\r\n", "folded"},
		{"ok\r\nA : 1\r\n", "not a token"},
		{"ok\r\n: 1\r\n", "not a token"},
		{"ok\r\nA\xff: 1\r\n", "not a token"},
		{"ok\r\nA: 1\r\nA: 2\r\nA: 3\r\n", "too many header fields"},
	} {
		h := head{maxFields: 2, checkStart: func(line string) error {
			if line == "ok" {
				return nil
			}
			return stop
		}}
		_, err := h.parse([]byte(tt.text))
		require.ErrorContains(t, err, tt.fault, "%q", tt.text)
	}
}

// RFC 9112, section 5.2. Whatever the split: the lines are joined in one buffer.
func TestHeadUnfolds(t *testing.T) {
	text := "ok\r\nA: 1 \t\r\n\t\t2\r\n 3\r\nB:\r\n \r\n x:y\r\nC: 4\r\n\r\n"
	for i := range len(text) {
		h := head{checkStart: anything, maxFields: 7, unfold: true}
		buf := []byte(text)
		n, err := h.parse(buf[:i])
		require.NoError(t, err)
		require.Zero(t, n)
		n, err = h.parse(buf)
		require.NoError(t, err)
		require.Equal(t, len(text), n)
		require.Len(t, h.fields, 3)
		require.Equal(t, "1      2   3", h.fields[0].value, "spaces only")
		require.Equal(t, field{"B", "x:y"}, h.fields[1])
		require.Equal(t, field{"C", "4"}, h.fields[2])
	}
	for _, tt := range []struct{ text, fault string }{
		{"ok\r\n A: 1\r\n", "folded"}, // nothing to go on with
		{"ok\r\nA: 1\r\n \x01\r\n", "control character"},
		{"ok\r\nA: 1\r\n a\rb\r\n", "control character"},
		{"ok\r\nA: 1\r\n 2\n", "LF without CR"},
		{"ok\r\nA: 1" + strings.Repeat("\r\n 2", 7) + "\r\n", "too many"}, // or it would not be linear time
	} {
		h := head{checkStart: anything, maxFields: 7, unfold: true}
		_, err := h.parse([]byte(tt.text))
		require.ErrorContains(t, err, tt.fault, "%q", tt.text)
	}
}

func TestHeadReader(t *testing.T) {
	first, second := "one\r\nA: 1\r\n\r\n", "two\r\nB: 2\r\n\r\n"
	r := headReader{
		src:   iotest.DataErrReader(iotest.HalfReader(strings.NewReader(first + second + "rest"))),
		limit: len(first) + len(second),
		head:  head{checkStart: anything, maxFields: 1},
	}
	n, err := r.read()
	require.NoError(t, err)
	require.Equal(t, first, string(r.buf[:n]))
	r.next(n)
	n, err = r.read()
	require.NoError(t, err)
	require.Equal(t, second, string(r.buf[:n]))
	require.Equal(t, []field{{"B", "2"}}, r.head.fields)
	rest := r.rest(n)
	copy(r.buf, strings.Repeat("#", len(r.buf)))
	require.Equal(t, "rest"[:len(rest)], string(rest), "it is a copy")
}

func TestHeadReaderErrors(t *testing.T) {
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		src  io.Reader
		want error
	}{
		"end":               {strings.NewReader("one\r\n"), io.EOF},
		"failure":           {iotest.ErrReader(broken), broken},
		"failure with data": {iotest.DataErrReader(strings.NewReader("one\r\nA: 1\r\n")), io.EOF},
	} {
		r := headReader{src: tt.src, limit: 1 << 10, head: head{checkStart: anything, maxFields: 1}}
		_, err := r.read()
		require.ErrorIs(t, err, tt.want, name)
	}
}

// What comes together with an error counts first, be it one byte.
func TestHeadReaderTakesBytesThatComeWithAnError(t *testing.T) {
	const text = "one\r\nA: 1\r\n\r\n"
	for _, src := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text))} {
		r := headReader{src: iotest.DataErrReader(src), limit: 1 << 10, head: head{checkStart: anything, maxFields: 1}}
		n, err := r.read()
		require.NoError(t, err)
		require.Equal(t, len(text), n)
	}
}

// io.Reader allows a read of nothing, but not for ever.
func TestHeadReaderGivesUpAStreamOfNothing(t *testing.T) {
	r := headReader{src: nothing{}, limit: 1 << 10, head: head{checkStart: anything, maxFields: 1}}
	_, err := r.read()
	require.ErrorIs(t, err, io.ErrNoProgress)
}

type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, nil }

// The buffer grows with what has come, and not at all towards the bound.
func TestHeadReaderGrowsAsBytesArrive(t *testing.T) {
	r := headReader{src: strings.NewReader("one\r\nA: " + strings.Repeat("a", 10_000)), limit: 1 << 30,
		head: head{checkStart: anything, maxFields: 1}}
	_, err := r.read()
	require.ErrorIs(t, err, io.EOF)
	require.LessOrEqual(t, cap(r.buf), 4*10_000)

	r = headReader{src: iotest.OneByteReader(strings.NewReader("one\r\nA: " + strings.Repeat("a", 1<<20))), limit: 1 << 20,
		head: head{checkStart: anything, maxFields: 1}}
	_, err = r.read()
	require.ErrorContains(t, err, "too large", "a byte at a time, in linear time")
}

func TestRequestLine(t *testing.T) {
	method, target, major, minor, ok := cutRequestLine("GET /a?b HTTP/1.1")
	require.True(t, ok)
	require.Equal(t, []any{"GET", "/a?b", 1, 1}, []any{method, target, major, minor})
	for _, line := range []string{
		"", "GET", "GET /", "GET / ", "GET / HTTP/1", "GET / HTTP/1.", "GET / HTTP/1.10", "GET / HTTP/11", "GET / http/1.1",
		"GET / HTTP/a.1", "GET / HTTP/1.a", "GET / HTTP/1,1", "GET / HTTP/1.1 ", " GET / HTTP/1.1", "GET  HTTP/1.1",
		"GET /a /b HTTP/1.1", "G\x00T / HTTP/1.1", "G:T / HTTP/1.1", "GET\t/ HTTP/1.1",
	} {
		require.Error(t, checkRequestLine(line), line)
	}
}

func TestStatusLine(t *testing.T) {
	for line, want := range map[string]int{
		"HTTP/1.1 101 Switching Protocols": 101,
		"HTTP/1.1 101 ":                    101,
		"HTTP/1.1 101":                     101,
		"HTTP/1.0 200 OK":                  200,
		"HTTP/1.1 999 \xff obs-text":       999,
	} {
		_, _, status, ok := cutStatusLine(line)
		require.True(t, ok, line)
		require.Equal(t, want, status, line)
	}
	for _, line := range []string{
		"", "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 10", "HTTP/1.1 1010", "HTTP/1.1 +10", "HTTP/1.1 1x1", "HTTP/1.1  101", "HTTP/1.1 099",
		"HTTP/1.1 000", "HTTP 101", "ICY 200 OK", "http/1.1 101 OK", "HTTP/1.1\t101",
	} {
		require.Error(t, checkStatusLine(line), line)
	}
}
