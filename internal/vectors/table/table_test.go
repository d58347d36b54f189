package main

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/vectors"
)

// hello is a vector that passes.
func hello() vectors.Vector {
	return vectors.Vector{
		Name: "hello", RFC: "RFC 6455, section 5.7", Role: frame.Client,
		Wire:     []byte("\x81\x05Hello\x89\x01?\x88\x02\x03\xe8"),
		Messages: []vectors.Message{{Type: frame.Text, Data: []byte("Hello")}},
		Pongs:    [][]byte{[]byte("?")},
		End:      vectors.Closed, Code: frame.StatusNormalClosure,
	}
}

// What a vector asks for is looked at: with any of it changed it fails.
func TestRunJudges(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(v *vectors.Vector)
		want   string
	}{
		"passes":          {func(v *vectors.Vector) {}, ""},
		"open":            {func(v *vectors.Vector) { v.Wire, v.End = v.Wire[:10], vectors.Open }, ""},
		"no message":      {func(v *vectors.Vector) { v.Messages = nil }, "1 messages were delivered, want 0"},
		"another type":    {func(v *vectors.Vector) { v.Messages[0].Type = frame.Binary }, "message 1 is not the one"},
		"another text":    {func(v *vectors.Vector) { v.Messages[0].Data = []byte("hello") }, "message 1 is not the one"},
		"no pong":         {func(v *vectors.Vector) { v.Pongs = nil }, "2 frames were sent, want 1"},
		"another pong":    {func(v *vectors.Vector) { v.Pongs[0] = []byte("!") }, "frame 1 is no PONG"},
		"another code":    {func(v *vectors.Vector) { v.Code = frame.StatusGoingAway }, "the last frame is CLOSE with code 1000, want CLOSE with 1001"},
		"another reason":  {func(v *vectors.Vector) { v.Reason = "bye" }, "want close 1000"},
		"fails":           {func(v *vectors.Vector) { v.End, v.Code = vectors.Failed, frame.StatusProtocolError }, "want fail 1002"},
		"stays open":      {func(v *vectors.Vector) { v.End = vectors.Open }, "want open"},
		"one more pong":   {func(v *vectors.Vector) { v.Pongs = append(v.Pongs, nil) }, "2 frames were sent, want 3"},
		"another limit":   {func(v *vectors.Vector) { v.Max = 4 }, "0 messages were delivered, want 1"},
		"the same limit":  {func(v *vectors.Vector) { v.Max = 5 }, ""},
		"another reader":  {func(v *vectors.Vector) { v.Role = frame.Server }, "0 messages were delivered, want 1"},
		"Close is missed": {func(v *vectors.Vector) { v.Wire = v.Wire[:10] }, "1 frames were sent, want 2"},
	} {
		t.Run(name, func(t *testing.T) {
			v := hello()
			tt.change(&v)
			err := run(v)
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestJudgeEndWantsTheRightError(t *testing.T) {
	v := vectors.Vector{End: vectors.Failed, Code: frame.StatusProtocolError}
	require.Error(t, judgeEnd(v, nil))
	require.Error(t, judgeEnd(v, errors.New("broken")))
	require.Error(t, judgeEnd(v, &conn.CloseError{Code: v.Code}), "the peer's Close frame is not our failure")
}

func TestTable(t *testing.T) {
	passed, failed, server := hello(), hello(), hello()
	passed.RFC = "RFC 6455, section 10.4"
	server.Role = frame.Server
	var out strings.Builder
	writeTable(&out, []result{{passed, nil}, {failed, errors.New("broken")}, {failed, nil}, {server, nil}})
	table, skips, _ := strings.Cut(out.String(), "\n\n")
	require.Equal(t, `| RFC 6455, section | | cases | read by clients | by servers | skipped |
| --- | --- | ---: | ---: | ---: | ---: |
| 5.7 | Examples | 3 | **1 of 2** passed | 1 passed | 0 |
| 10.4 | Implementation-Specific Limits | 1 | 1 passed | 0 passed | 0 |
| all |  | 4 | **2 of 3** passed | 1 passed | 0 |`, table)
	for _, s := range skipped {
		require.Contains(t, skips, "- "+s.sections+": "+s.reason)
	}
}

func TestSectionsAreInTheirOrder(t *testing.T) {
	sections := []string{"10.4", "5.10", "x", "5.5.1", "5.9", "5.5", "8.1"}
	slices.SortFunc(sections, compareSections)
	require.Equal(t, []string{"5.5", "5.5.1", "5.9", "5.10", "8.1", "10.4", "x"}, sections)
}

func TestEverySectionHasATitle(t *testing.T) {
	var results []result
	for _, v := range vectors.Load(t, "*") {
		results = append(results, result{vector: v})
	}
	for _, r := range rows(results) {
		require.NotEmpty(t, titles[r.section], "section %s has no title, add what the RFC calls it to titles", r.section)
	}
}
