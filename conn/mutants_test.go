package conn

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
)

// These are tests of single conditions that vectors look at from afar only:
// see internal/mutate.

// A header is no piece of a message: there is an event only with bytes of the
// payload, or at the end of a message.
func TestInboundHeaderAloneIsNoEvent(t *testing.T) {
	for name, tt := range map[string]struct {
		wire string
		n    int
		want event
	}{
		"a header":                     {"\x81\x05", 2, event{}},
		"a header and a byte":          {"\x81\x05H", 3, event{op: frame.Text, data: []byte("H")}},
		"an empty message":             {"\x81\x00", 2, event{op: frame.Text, data: []byte{}, end: true}},
		"an empty fragment, not last":  {"\x01\x00", 2, event{}},
		"a frame that is a message":    {"\x82\x01H", 3, event{op: frame.Binary, data: []byte("H"), end: true}},
		"a fragment, and what follows": {"\x01\x01H\x80\x01e", 3, event{op: frame.Text, data: []byte("H")}},
	} {
		t.Run(name, func(t *testing.T) {
			in := inbound{limit: math.MaxInt64}
			n, ev, err := in.next([]byte(tt.wire))
			require.NoError(t, err)
			require.Equal(t, tt.n, n)
			require.Equal(t, tt.want, ev)
		})
	}
}

// Between two messages is neither inside a frame nor between two fragments.
func TestInboundBetweenMessages(t *testing.T) {
	for name, tt := range map[string]struct {
		wire string
		want bool
	}{
		"at the start":                      {"", true},
		"behind a header":                   {"\x81\x02", false},
		"inside the last frame":             {"\x81\x02H", false},
		"behind a message":                  {"\x81\x02He", true},
		"inside a fragment":                 {"\x01\x02H", false},
		"between two fragments":             {"\x01\x02He", false},
		"behind a ping between fragments":   {"\x01\x02He\x89\x00", false},
		"inside the last fragment":          {"\x01\x02He\x80\x02l", false},
		"behind the last fragment":          {"\x01\x02He\x80\x01l", true},
		"behind a last fragment, empty one": {"\x01\x02He\x80\x00", true},
	} {
		t.Run(name, func(t *testing.T) {
			in := inbound{limit: math.MaxInt64}
			for wire := []byte(tt.wire); len(wire) > 0; {
				n, _, err := in.next(wire)
				require.NoError(t, err)
				require.NotZero(t, n)
				wire = wire[n:]
			}
			require.Equal(t, tt.want, in.between())
		})
	}
}
