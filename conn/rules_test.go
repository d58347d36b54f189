package conn

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/internal/vectors"
	"github.com/parleyws/websocket/internal/wstest"
)

// The rules of which all there is to say is what bytes may arrive. That the
// vectors are the same whatever the way and the split is another test.

func TestRule17Lengths(t *testing.T)             { requireRule(t, 17) }
func TestRule18Masks(t *testing.T)               { requireRule(t, 18) }
func TestRule19ReservedBits(t *testing.T)        { requireRule(t, 19) }
func TestRule20Sequence(t *testing.T)            { requireRule(t, 20) }
func TestRule21ControlFrames(t *testing.T)       { requireRule(t, 21) }
func TestRule22Limits(t *testing.T)              { requireRule(t, 22) }
func TestRule23ManyFragments(t *testing.T)       { requireRule(t, 23) }
func TestRule25Pongs(t *testing.T)               { requireRule(t, 25) }
func TestRule26CloseFrames(t *testing.T)         { requireRule(t, 26) }
func TestRule27DataAfterAClose(t *testing.T)     { requireRule(t, 27) }
func TestRule29CodeOfTheConnection(t *testing.T) { requireRule(t, 29) }
func TestRule30Text(t *testing.T)                { requireRule(t, 30) }

// requireRule runs the vectors of one rule through a connection.
func requireRule(t *testing.T, rule int) {
	some := false
	for _, v := range vectors.Load(t, "*") {
		if v.Rule != rule {
			continue
		}
		some = true
		t.Run(v.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				nc, other := wstest.Pipe()
				c := New(upgraded(nc, v.Role), calm(configOf(v)))
				judge(t, v, ways[0], c, perform(t, v, ways[0], c, other, []int{len(v.Wire)}))
			})
		})
	}
	require.True(t, some, "there is no vector for rule %d", rule)
}
