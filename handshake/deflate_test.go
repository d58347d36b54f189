package handshake

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// takeover is a configuration that leaves everything to the other side.
var takeover = DeflateConfig{ServerContextTakeover: true, ClientContextTakeover: true}

// takeoverWith is the same with windows.
func takeoverWith(server, client int) DeflateConfig {
	c := takeover
	c.ServerMaxWindowBits, c.ClientMaxWindowBits = server, client
	return c
}

func TestRule31ServerAnswersTheFirstValidOffer(t *testing.T) {
	const declined = "declined"
	for _, tt := range []struct {
		offers string // the lines of the header
		want   string // the parameters of the answer by a server that does not mind
	}{
		// RFC 7692, section 7.1.3.
		{"permessage-deflate", ""},
		{"permessage-deflate; client_max_window_bits; server_max_window_bits=10", "; server_max_window_bits=10"},
		{
			"permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate; client_max_window_bits",
			"; server_max_window_bits=10",
		},
		// Section 5.1: elements of other names, and several of the same.
		{"permessage-foo", declined},
		{"permessage-foo; x=10", declined},
		{"permessage-foo; use_y, permessage-foo", declined},
		{"permessage-foo, permessage-deflate, permessage-bar", ""},

		// Every parameter.
		{"permessage-deflate; server_no_context_takeover", "; server_no_context_takeover"},
		{"permessage-deflate; client_no_context_takeover", "; client_no_context_takeover"},
		{"permessage-deflate; server_max_window_bits=8", "; server_max_window_bits=8"},
		{"permessage-deflate; server_max_window_bits=15", "; server_max_window_bits=15"},
		{"permessage-deflate; client_max_window_bits", ""},
		{"permessage-deflate; client_max_window_bits=15", ""},
		{"permessage-deflate; client_max_window_bits=14", "; client_max_window_bits=14"},
		{"permessage-deflate; client_max_window_bits=8", "; client_max_window_bits=8"},
		{
			"permessage-deflate; client_max_window_bits=9; server_max_window_bits=10; client_no_context_takeover; server_no_context_takeover",
			"; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=9",
		},

		// Spelling.
		{`permessage-deflate; server_max_window_bits="10"`, "; server_max_window_bits=10"},
		{`permessage-deflate ;server_max_window_bits = 10`, "; server_max_window_bits=10"},
		{",, permessage-deflate ,\t,", ""},
		{"foo; a=\", permessage-deflate; server_max_window_bits=9, \"", declined},
		{"foo; a=\", \\\"\", permessage-deflate", ""},
		{"Permessage-Deflate", declined},
		{"permessage-deflate-x", declined},
		{"permessage_deflate", declined},
		{"x-webkit-deflate-frame", declined},
		{"", declined},
		{" , ", declined},

		// An offer that is not valid is declined, and the next one is looked at.
		{"permessage-deflate; server_max_window_bits", declined},
		{"permessage-deflate; server_max_window_bits=16, permessage-deflate; server_max_window_bits=9", "; server_max_window_bits=9"},
		{"permessage-deflate; unknown, permessage-deflate; unknown=1", declined},
		{"permessage-deflate; unknown\npermessage-deflate", ""},
		{"permessage-deflate; server_no_context_takeover=1, foo, permessage-deflate; client_no_context_takeover", "; client_no_context_takeover"},
		{"permessage-deflate; client_max_window_bits; client_max_window_bits\n\npermessage-deflate; client_max_window_bits=9", "; client_max_window_bits=9"},
		{"permessage-deflate; server_max_window_bits=9; server_max_window_bits=9,permessage-deflate;server_no_context_takeover", "; server_no_context_takeover"},
		{"permessage-deflate; mux, foo; client_no_context_takeover, permessage-deflate", ""},
	} {
		answer, ok := takeover.negotiate(strings.Split(tt.offers, "\n"))
		if tt.want == declined {
			require.False(t, ok, tt.offers)
			require.Zero(t, answer, tt.offers)
			continue
		}
		require.True(t, ok, tt.offers)
		require.Equal(t, deflateName+tt.want, string(answer.append(nil)), tt.offers)
	}
	_, ok := takeover.negotiate(nil)
	require.False(t, ok)
}

func TestRule32ServerAgreesWithinItsConfig(t *testing.T) {
	for _, tt := range []struct {
		name, offer string
		config      DeflateConfig
		want        string
		agreed      Deflate
	}{
		{
			"the zero value wants no context kept", "", DeflateConfig{},
			"; server_no_context_takeover; client_no_context_takeover", Deflate{true, true, 15, 15},
		},
		{
			"a browser", "; client_max_window_bits", DeflateConfig{},
			"; server_no_context_takeover; client_no_context_takeover", Deflate{true, true, 15, 15},
		},
		{
			"section 7.1.1.1: the server may do so unasked", "", DeflateConfig{ClientContextTakeover: true},
			"; server_no_context_takeover", Deflate{true, false, 15, 15},
		},
		{
			"section 7.1.1.2", "", DeflateConfig{ServerContextTakeover: true},
			"; client_no_context_takeover", Deflate{false, true, 15, 15},
		},
		{
			"the client's wish is as good as ours", "; server_no_context_takeover; client_no_context_takeover", takeover,
			"; server_no_context_takeover; client_no_context_takeover", Deflate{true, true, 15, 15},
		},
		{
			"section 7.1.2.1: a smaller value", "; server_max_window_bits=12", takeoverWith(9, 0),
			"; server_max_window_bits=9", Deflate{false, false, 9, 15},
		},
		{
			"the same value", "; server_max_window_bits=9", takeoverWith(12, 0),
			"; server_max_window_bits=9", Deflate{false, false, 9, 15},
		},
		{
			"section 7.1.2.1: unasked", "", takeoverWith(12, 0),
			"; server_max_window_bits=12", Deflate{false, false, 12, 15},
		},
		{
			"15 in so many words", "; server_max_window_bits=15", takeoverWith(15, 15),
			"; server_max_window_bits=15", Deflate{false, false, 15, 15},
		},
		{
			"section 7.1.2.2: the client can be told", "; client_max_window_bits", takeoverWith(0, 10),
			"; client_max_window_bits=10", Deflate{false, false, 15, 10},
		},
		{
			"the hint is larger", "; client_max_window_bits=12", takeoverWith(0, 10),
			"; client_max_window_bits=10", Deflate{false, false, 15, 10},
		},
		{
			"the hint is smaller", "; client_max_window_bits=9", takeoverWith(0, 10),
			"; client_max_window_bits=9", Deflate{false, false, 15, 9},
		},
		{
			"a client that cannot be told keeps no context", "", takeoverWith(0, 10),
			"; client_no_context_takeover", Deflate{false, true, 15, 15},
		},
		{
			"nor if it says that itself", "; client_no_context_takeover", takeoverWith(0, 14),
			"; client_no_context_takeover", Deflate{false, true, 15, 15},
		},
		{
			"all there is", "; client_max_window_bits", DeflateConfig{ServerMaxWindowBits: 8, ClientMaxWindowBits: 8},
			"; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8; client_max_window_bits=8",
			Deflate{true, true, 8, 8},
		},
	} {
		answer, ok := tt.config.negotiate([]string{deflateName + tt.offer})
		require.True(t, ok, tt.name)
		require.Equal(t, deflateName+tt.want, string(answer.append(nil)), tt.name)
		require.Equal(t, &tt.agreed, answer.agreed(), tt.name)
	}
}

func TestDeflateOffer(t *testing.T) {
	for _, tt := range []struct {
		config DeflateConfig
		want   string
	}{
		{DeflateConfig{}, "; server_no_context_takeover; client_no_context_takeover; client_max_window_bits"},
		{takeover, "; client_max_window_bits"},
		{DeflateConfig{ServerContextTakeover: true}, "; client_no_context_takeover; client_max_window_bits"},
		{DeflateConfig{ClientContextTakeover: true}, "; server_no_context_takeover; client_max_window_bits"},
		{takeoverWith(15, 15), "; client_max_window_bits"},
		{takeoverWith(10, 0), "; server_max_window_bits=10; client_max_window_bits"}, // section 7.1.3
		{takeoverWith(14, 8), "; server_max_window_bits=14; client_max_window_bits=8"},
	} {
		require.Equal(t, deflateName+tt.want, string(tt.config.offer().append(nil)))
	}
}

func TestRule31ClientJudgesTheAnswer(t *testing.T) {
	thrifty := DeflateConfig{ServerMaxWindowBits: 10, ClientMaxWindowBits: 11}
	const agree = "; server_no_context_takeover; server_max_window_bits=10"
	for _, tt := range []struct {
		name   string
		config DeflateConfig
		answer string
		agreed Deflate
		fault  string // what it says, if the answer is refused
	}{
		{"section 7.1.3", takeover, "", Deflate{false, false, 15, 15}, ""},
		{"section 7.1.3", takeoverWith(10, 0), "; server_max_window_bits=10", Deflate{false, false, 10, 15}, ""},
		{"section 7.1.1.1: unasked", takeover, "; server_no_context_takeover", Deflate{true, false, 15, 15}, ""},
		{"section 7.1.1.2: unasked", takeover, "; client_no_context_takeover", Deflate{false, true, 15, 15}, ""},
		{"section 7.1.2.1: unasked", takeover, "; server_max_window_bits=9", Deflate{false, false, 9, 15}, ""},
		{"section 7.1.2.1: unasked and large", takeover, "; server_max_window_bits=15", Deflate{false, false, 15, 15}, ""},
		{"section 7.1.2.2: we can be told", takeover, "; client_max_window_bits=8", Deflate{false, false, 15, 8}, ""},
		{"section 7.1.2.2: no limit", takeover, "; client_max_window_bits=15", Deflate{false, false, 15, 15}, ""},
		{"smaller than asked", thrifty, "; server_no_context_takeover; server_max_window_bits=8", Deflate{true, true, 8, 11}, ""},
		{"our hints bind us, said or not", thrifty, agree, Deflate{true, true, 10, 11}, ""},
		{"said", thrifty, agree + "; client_no_context_takeover; client_max_window_bits=11", Deflate{true, true, 10, 11}, ""},
		{"told less", thrifty, agree + "; client_max_window_bits=8", Deflate{true, true, 10, 8}, ""},
		{"quoted", thrifty, `; server_no_context_takeover; server_max_window_bits="10"`, Deflate{true, true, 10, 11}, ""},

		{"section 7.1.1.1", DeflateConfig{}, "", Deflate{}, "lacks server_no_context_takeover"},
		{"section 7.1.1.1", DeflateConfig{}, "; client_no_context_takeover", Deflate{}, "lacks server_no_context_takeover"},
		{"section 7.1.2.1", takeoverWith(10, 0), "", Deflate{}, "lacks server_max_window_bits"},
		{"section 7.1.2.1", takeoverWith(14, 0), "; client_max_window_bits=9", Deflate{}, "lacks server_max_window_bits"},
		{"section 7.1.2.1", takeoverWith(10, 0), "; server_max_window_bits=11", Deflate{}, "server_max_window_bits in the response is larger"},
		{"section 7.1.2.2", takeoverWith(0, 10), "; client_max_window_bits=11", Deflate{}, "client_max_window_bits in the response is larger"},
		{"section 7.1.2.2: a value", takeover, "; client_max_window_bits", Deflate{}, `"client_max_window_bits"`},
		{"invalid", takeover, "; server_max_window_bits=16", Deflate{}, "must have a value from 8 to 15"},
		{"invalid", takeover, "; server_max_window_bits=08", Deflate{}, "must have a value from 8 to 15"},
		{"invalid", takeover, "; client_max_window_bits=7", Deflate{}, "must have a value from 8 to 15"},
		{"invalid", takeover, "; server_no_context_takeover=0", Deflate{}, "must have no value"},
		{"twice", takeover, "; client_no_context_takeover; client_no_context_takeover", Deflate{}, "is there twice"},
		{"unknown", takeover, "; mux=1", Deflate{}, `the parameter "mux" of permessage-deflate in the response is not known`},
	} {
		d, fault := tt.config.judge(mustParse(t, deflateName+tt.answer))
		if tt.fault != "" {
			require.Contains(t, fault, tt.fault, "%s %q", tt.name, tt.answer)
			require.Nil(t, d)
			continue
		}
		require.Empty(t, fault, "%s %q", tt.name, tt.answer)
		require.Equal(t, &tt.agreed, d, "%s %q", tt.name, tt.answer)
	}
}

func TestRule11OnePermessageDeflateAtMost(t *testing.T) {
	for _, tt := range []struct {
		header  string
		offered *DeflateConfig
		agreed  bool
		fault   string
	}{
		{"", &takeover, false, ""},
		{" , ", &takeover, false, ""},
		{"permessage-deflate", &takeover, true, ""},
		{", permessage-deflate,", &takeover, true, ""},
		{"permessage-deflate", nil, false, `"permessage-deflate", which was not offered`},
		{"foo", &takeover, false, `"foo", which was not offered`},
		{"Permessage-Deflate", &takeover, false, `"Permessage-Deflate", which was not offered`},
		{"permessage-deflate, foo", &takeover, false, `"foo", which was not offered`},
		{"foo\npermessage-deflate", &takeover, false, `"foo", which was not offered`},
		{"permessage-deflate, permessage-deflate", &takeover, false, "twice"},
		{"permessage-deflate\npermessage-deflate; server_no_context_takeover", &takeover, false, "twice"},
		{"permessage-deflate; x, permessage-deflate", &takeover, false, "is not known"},
		{"permessage-deflate;", &takeover, false, "malformed"},
	} {
		d, fault := judgeExtensions(strings.Split(tt.header, "\n"), tt.offered)
		require.Equal(t, tt.agreed, d != nil, tt.header)
		if tt.fault == "" {
			require.Empty(t, fault, tt.header)
		} else {
			require.Contains(t, fault, tt.fault, tt.header)
		}
	}
}
