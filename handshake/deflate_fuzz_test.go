package handshake

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// offerParam is a parameter of an offer as Extension.String writes it: the slow,
// readable form of deflateParams.set.
var offerParam = regexp.MustCompile(`^(?:(?:server|client)_no_context_takeover` +
	`|(?:server|client)_max_window_bits=(?:[89]|1[0-5])|client_max_window_bits)$`)

// isValidOffer is the reference for scanOffer.
func isValidOffer(ext Extension) bool {
	seen := make(map[string]bool)
	for _, p := range ext.Params {
		text := Extension{Name: p.Name}.String()
		if p.Value != "" {
			text += "=" + p.Value
		}
		if seen[p.Name] || !offerParam.MatchString(text) {
			return false
		}
		seen[p.Name] = true
	}
	return ext.Name == deflateName
}

// firstValidOffer returns the offer that a server answers, nil if there is none.
func firstValidOffer(header []string) *Extension {
	exts, err := ParseExtensions(header)
	for i := range exts {
		if err == nil && isValidOffer(exts[i]) {
			return &exts[i]
		}
	}
	return nil
}

func (e Extension) hasParam(name string) bool {
	for _, p := range e.Params {
		if p.Name == name {
			return true
		}
	}
	return false
}

// configFrom makes a valid configuration of any bits.
func configFrom(seed uint16) *DeflateConfig {
	bits := [...]int{0, 8, 9, 10, 11, 12, 13, 14, 15}
	return &DeflateConfig{
		ServerContextTakeover: seed&1 != 0,
		ClientContextTakeover: seed&2 != 0,
		ServerMaxWindowBits:   bits[int(seed>>2&0x3f)%len(bits)],
		ClientMaxWindowBits:   bits[int(seed>>8)%len(bits)],
	}
}

// requireWithin checks that no more was agreed than the configuration allows.
func requireWithin(t *testing.T, c *DeflateConfig, d *Deflate) {
	t.Helper()
	require.True(t, c.ServerContextTakeover || d.ServerNoContextTakeover)
	require.True(t, c.ClientContextTakeover || d.ClientNoContextTakeover)
	require.GreaterOrEqual(t, d.ServerMaxWindowBits, 8)
	require.LessOrEqual(t, d.ServerMaxWindowBits, bitsOrMax(c.ServerMaxWindowBits))
	require.GreaterOrEqual(t, d.ClientMaxWindowBits, 8)
	require.LessOrEqual(t, d.ClientMaxWindowBits, 15)
}

// FuzzDeflateNegotiation: two of us always agree; any header as an offer or as a
// response is judged as the reference does, and what is agreed keeps to the
// configuration.
func FuzzDeflateNegotiation(f *testing.F) {
	for _, header := range []string{
		"permessage-deflate; client_max_window_bits",
		`foo; a=",", permessage-deflate; server_max_window_bits="10"; client_max_window_bits=9`,
		"permessage-deflate; server_no_context_takeover; client_no_context_takeover; x, permessage-deflate",
		"permessage-deflate; server_no_context_takeover; server_max_window_bits=8",
		"permessage-deflate; server_max_window_bits=08,permessage-deflate;client_max_window_bits=16",
		"permessage-deflate;;",
	} {
		f.Add(header, uint16(0x0a2b), uint16(0))
		f.Add(header, uint16(0x0503), uint16(0x0fff))
	}
	f.Fuzz(func(t *testing.T, header string, a, b uint16) {
		config, other := configFrom(a), configFrom(b)
		ofServer, ofClient, err := negotiateBoth(config, other)
		require.NoError(t, err)
		require.Equal(t, ofServer, ofClient)
		require.Equal(t, thriftier(config, other), ofServer)

		fuzzOffer(t, config, []string{header})
		d, fault := judgeExtensions([]string{header}, config)
		require.False(t, d != nil && fault != "")
		if d != nil {
			requireWithin(t, config, d)
			require.LessOrEqual(t, d.ClientMaxWindowBits, bitsOrMax(config.ClientMaxWindowBits))
			require.NotNil(t, firstValidOffer([]string{header}), "a response has no more than an offer may")
		}
	})
}

func fuzzOffer(t *testing.T, config *DeflateConfig, header []string) {
	t.Helper()
	if checkExtensions(header) != nil {
		config.negotiate(header) // never asked, and harmless
		return
	}
	offer := firstValidOffer(header)
	answer, ok := config.negotiate(header)
	require.Equal(t, offer != nil, ok)
	if !ok {
		return
	}
	requireWithin(t, config, answer.agreed())
	text := string(answer.append(nil))
	response := mustParse(t, text)
	for _, name := range []string{"server_no_context_takeover", "server_max_window_bits"} {
		require.True(t, response.hasParam(name) || !offer.hasParam(name), "asked for %s: %s", name, text)
	}
	require.True(t, offer.hasParam("client_max_window_bits") || !response.hasParam("client_max_window_bits"), text)
	client := clientOf(*offer)
	if offer.hasParam("client_max_window_bits") {
		d, fault := client.judge(response)
		require.Empty(t, fault, "whoever made the offer can take the answer")
		require.Equal(t, answer.agreed(), d)
	}
}

// clientOf returns the configuration of a client that would make the offer.
func clientOf(offer Extension) *DeflateConfig {
	c := &DeflateConfig{
		ServerContextTakeover: !offer.hasParam("server_no_context_takeover"),
		ClientContextTakeover: !offer.hasParam("client_no_context_takeover"),
	}
	for _, p := range offer.Params {
		switch p.Name {
		case "server_max_window_bits":
			c.ServerMaxWindowBits = parseWindowBits(p.Value)
		case "client_max_window_bits":
			c.ClientMaxWindowBits = parseWindowBits(p.Value)
		}
	}
	return c
}
