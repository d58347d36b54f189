package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// opened is a store that has been loaded, of a file with that text.
func opened(t *testing.T, text string) (s *store, name string) {
	name = filepath.Join(t.TempDir(), "messages")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	s, err := openStore(name)
	require.NoError(t, err)
	t.Cleanup(func() { s.close() })
	require.NoError(t, s.load())
	return s, name
}

func requireFile(t *testing.T, name, want string) {
	t.Helper()
	got, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, want, string(got))
}

// Each message once, those of a client in order, whatever comes.
func TestStore(t *testing.T) {
	s, name := opened(t, "")
	for _, tt := range []struct {
		client string
		id     int
		want   error
	}{
		{"a", 1, nil}, {"a", 2, nil}, {"b", 1, nil}, {"a", 2, nil}, {"a", 1, nil},
		{"a", 4, errGap}, {"c", 2, errGap}, {"a", 3, nil}, {"b", 2, nil},
	} {
		require.Equal(t, tt.want, s.add(message{tt.client, tt.id, "<x>\n"}), "%v", tt)
	}
	const want = `{"client":"a","id":1,"text":"\u003cx\u003e\n"}
{"client":"a","id":2,"text":"\u003cx\u003e\n"}
{"client":"b","id":1,"text":"\u003cx\u003e\n"}
{"client":"a","id":3,"text":"\u003cx\u003e\n"}
{"client":"b","id":2,"text":"\u003cx\u003e\n"}
`
	requireFile(t, name, want)

	require.NoError(t, s.close())
	require.NoError(t, s.close())
	require.Equal(t, errStoreClosed, s.add(message{"a", 4, "x"}), "it is another's now")

	next, err := openStore(name)
	require.NoError(t, err)
	defer next.close()
	require.NoError(t, next.load())
	require.NoError(t, next.add(message{"a", 3, "again"}), "the next process knows what is stored")
	require.Equal(t, errGap, next.add(message{"b", 4, "x"}))
	requireFile(t, name, want)
}

// A process that was killed may have left a part of a line.
func TestStoreCutsOffATornLine(t *testing.T) {
	const whole = `{"client":"a","id":1,"text":"x"}` + "\n"
	for n := range len(whole) {
		s, name := opened(t, whole+whole[:n])
		requireFile(t, name, whole)
		require.NoError(t, s.add(message{"a", 2, "y"}))
		requireFile(t, name, whole+`{"client":"a","id":2,"text":"y"}`+"\n")
	}
}

// A file of something else is left as it is.
func TestStoreOfSomethingElse(t *testing.T) {
	name := filepath.Join(t.TempDir(), "diary")
	const text = "Dear diary,\ntoday I"
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	s, err := openStore(name)
	require.NoError(t, err)
	defer s.close()
	require.ErrorContains(t, s.load(), "diary, after 0 bytes")
	requireFile(t, name, text)
}
