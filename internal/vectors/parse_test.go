package vectors

import (
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
)

// files is a testdata directory.
func files(texts ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i, text := range texts {
		fsys[fmt.Sprintf("testdata/%c.txt", 'a'+i)] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func TestParseAllKeys(t *testing.T) {
	got, err := load(files(`# a file

name: everything at once
rfc: RFC 6455, section 5.4
rule: 20
role: both
max: 100
expect: close 1001 "so \"long\""
message: text "a"  # with a comment
message: binary 00*3
pong: "p"
pong: ""
comment: one
comment: two
# the bytes
81 01 "a"   # TEXT

82 03 00*3
89 01 "p" 89 00
88 0b 03 e9 "so \"long\""

name: another
rfc: RFC 7692, section 6
role: client
expect: open
81 00
`), "*")
	require.NoError(t, err)
	require.Len(t, got, 3)

	v := got[0]
	require.Len(t, v.Wire, 26)
	v.Wire = nil
	want := Vector{
		Name: "everything at once", RFC: "RFC 6455, section 5.4", Rule: 20, Comment: "one\ntwo",
		Source: "testdata/a.txt:3", Role: frame.Client, Max: 100,
		Messages: []Message{{frame.Text, []byte("a")}, {frame.Binary, []byte{0, 0, 0}}},
		Pongs:    [][]byte{[]byte("p"), {}},
		End:      Closed, Code: frame.StatusGoingAway, Reason: `so "long"`,
	}
	require.Equal(t, want, v)
	require.Equal(t, "everything at once/client", v.String())

	v = got[1]
	require.Len(t, v.Wire, 26+5*4)
	v.Wire, want.Role = nil, frame.Server
	require.Equal(t, want, v)
	require.Equal(t, "everything at once/server", v.String())

	require.Equal(t, Vector{
		Name: "another", RFC: "RFC 7692, section 6", Source: "testdata/a.txt:22",
		Role: frame.Client, Wire: []byte{0x81, 0x00}, End: Open,
	}, got[2])
}

func TestParseEnds(t *testing.T) {
	for _, tt := range []struct {
		expect string
		end    End
		code   frame.StatusCode
		failAt int
	}{
		{"open", Open, 0, 0},
		{"incomplete", Incomplete, 0, 0},
		{"close 1005", Closed, frame.StatusNoStatusReceived, 0},
		{"close 4999", Closed, 4999, 0},
		{"fail 1002", Failed, frame.StatusProtocolError, 3},
		{"fail 1007", Failed, frame.StatusInvalidPayload, 3},
		{"fail 1009", Failed, frame.StatusMessageTooBig, 3},
	} {
		got, err := load(files("name: x\nrfc: RFC 6455, section 5\nrole: client\nexpect: "+tt.expect+"\n81 01 61"), "a")
		require.NoError(t, err, tt.expect)
		require.Equal(t, tt.end, got[0].End, tt.expect)
		require.Equal(t, tt.code, got[0].Code, tt.expect)
		require.Equal(t, tt.failAt, got[0].FailAt, tt.expect)
	}
}

func TestParseTheMark(t *testing.T) {
	got, err := load(files("name: x\nrfc: RFC 6455, section 5\nrole: both\nexpect: fail 1002\n83 01 !\n 61"), "a")
	require.NoError(t, err)
	require.Equal(t, 2, got[0].FailAt)
	require.Equal(t, 6, got[1].FailAt, "behind the masking key")
}

// TestLoadErrors has what stands in place of a line of a vector that is good.
func TestLoadErrors(t *testing.T) {
	lines := []string{"name: x", "rfc: RFC 6455, section 5.2", "role: client", "expect: open", "81 00"}
	const name, rfc, role, expect, wire = 0, 1, 2, 3, 4
	for _, tt := range []struct {
		line      int
		text      string
		wantError string
	}{
		{name, "81 00", `a.txt:1: a vector begins with its name, not with "81 00"`},
		{name, "name:", `a.txt:1: "name:" has no value`},
		{name, "name: x\nname: y", `a.txt:1: vector "x": there is no "rfc"`},
		{rfc, "", `a.txt:1: vector "x": there is no "rfc"`},
		{rfc, "rfc: section 5.2", `a.txt:2: "section 5.2" is not a citation like "RFC 6455, section 5.2"`},
		{rfc, "rfc: RFC 6455, section 5.2 and others", `is not a citation`},
		{role, "", `there is no "role"`},
		{role, "role: peer", `"peer" is not a role, which is client, server or both`},
		{role, "role: client\nrole: server", `a.txt:4: "role" is there twice`},
		{role, "role: client\nroles: server", `a.txt:4: unknown key "roles"`},
		{role, "role: client\nrule: 0", `"0" is not a number from 1 to 38`},
		{role, "role: client\nrule: 39", `"39" is not a number`},
		{role, "role: client\nmax: none", `"none" is not a number`},
		{role, "role: client\nmax: -1", `"-1" is not a number`},
		{expect, "", `there is no "expect"`},
		{expect, "expect: success", `"success" is no outcome`},
		{expect, "expect: open 1000", `is no outcome`},
		{expect, "expect: incomplete 1006", `is no outcome`},
		{expect, "expect: close", `is no outcome`},
		{expect, "expect: fail", `is no outcome`},
		{expect, "expect: close now", `"now" is not a status code`},
		{expect, "expect: close 65536", `"65536" is not a status code`},
		{expect, "expect: close 1006", `the peer cannot close with 1006`},
		{expect, "expect: close 1000 bye", `does not begin with text in double quotes`},
		{expect, `expect: close 1000 "bye" bye`, `" bye" after the reason`},
		{expect, "expect: fail -1", `"-1" is not a status code`},
		{expect, "expect: fail 1000", `bytes cannot make an endpoint fail with 1000`},
		{expect, "expect: open\nmessage: ping 00", `"ping 00" is not a message`},
		{expect, "expect: open\nmessage: text abc", `"abc" is not hex`},
		{expect, "expect: open\nmessage: text \"a\" !", `a ! in a payload`},
		{expect, "expect: open\npong: 0", `"0" is not hex`},
		{wire, "", `there are no bytes`},
		{wire, "# 81 00", `there are no bytes`},
		{wire, "81 0", `a.txt:1: vector "x": "0" is not hex`},
		{wire, "81 ! 00", `a ! where nothing fails`},
		{expect, "expect: fail 1002\n!", `a ! before the first byte`},
		{wire, "81 00\nmax: 3", `a.txt:6: "max: 3" after the bytes`},
		{wire, "81 00\nname: x\nrfc: RFC 6455, section 5\nrole: client\nexpect: open\n81 00", `a.txt:6: the name "x" is that of the vector at testdata/a.txt:1`},
		{role, "role: both\n81 80", `after the bytes`},
	} {
		text := ""
		for i, line := range lines {
			if i == tt.line {
				line = tt.text
			}
			text += line + "\n"
		}
		_, err := load(files(text), "*")
		require.ErrorContains(t, err, tt.wantError, text)
	}
}

func TestLoadErrorsOfFiles(t *testing.T) {
	const good = "name: x\nrfc: RFC 6455, section 5\nrole: both\nexpect: open\n81 00\n"
	_, err := load(files(good), "b*")
	require.EqualError(t, err, `vectors: no file in testdata matches "b*", name one that is there without its .txt`)
	_, err = load(files(good), "[")
	require.ErrorContains(t, err, "syntax error in pattern")
	_, err = load(files(good, good), "*")
	require.EqualError(t, err, `testdata/b.txt:1: the name "x" is that of the vector at testdata/a.txt:1, choose another`)
	_, err = load(files("# nothing\n"), "*")
	require.EqualError(t, err, `testdata/a.txt: no vector in this file, remove it`)
	_, err = load(files("name: x\nrfc: RFC 6455, section 5\nrole: both\nexpect: open\n81 80 00 00 00 00\n"), "*")
	require.ErrorContains(t, err, "masked already")
}

// fatal is a TB whose failure is a panic.
type fatal struct{}

func (fatal) Helper()                           {}
func (fatal) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func TestLoadIsFatal(t *testing.T) {
	require.PanicsWithValue(t,
		`vectors: no file in testdata matches "no such file", name one that is there without its .txt`,
		func() { Load(fatal{}, "no such file") })
}

func TestLoadByPattern(t *testing.T) {
	all := Load(t, "*")
	require.GreaterOrEqual(t, len(all), 150)
	some := Load(t, "close")
	require.NotEmpty(t, some)
	require.Less(t, len(some), len(all))
	for _, v := range some {
		require.Contains(t, v.Source, "testdata/close.txt:")
	}
}

func TestEndString(t *testing.T) {
	require.Equal(t, "open incomplete close fail", fmt.Sprint(Open, " ", Incomplete, " ", Closed, " ", Failed))
	require.Panics(t, func() { _ = End(4).String() })
}
