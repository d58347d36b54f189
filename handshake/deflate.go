package handshake

import (
	"cmp"
	"fmt"
)

// Deflate is what both sides agreed about permessage-deflate (RFC 7692, section
// 7): messages may be compressed, each direction on its own terms. It is plain
// data, comparable, and the same on both sides.
type Deflate struct {
	// ServerNoContextTakeover: the server starts every message afresh, so that
	// the client need not remember what came before it. Otherwise messages may
	// refer to earlier ones.
	ServerNoContextTakeover bool

	// ClientNoContextTakeover is the same for what the client sends.
	ClientNoContextTakeover bool

	// ServerMaxWindowBits is the base-2 logarithm of the window, in bytes, that
	// the server compresses with: 8 to 15, never 0. The client needs no larger
	// one to decompress.
	ServerMaxWindowBits int

	// ClientMaxWindowBits is the same for what the client sends.
	ClientMaxWindowBits int
}

// DeflateConfig has one side negotiate permessage-deflate and says what it wants
// of it. The zero value is what most programs want: compression without context
// takeover, so that an idle connection holds no window, and with the largest
// window. With a nil *DeflateConfig nothing is negotiated: a client offers
// nothing and a server declines.
//
// The fields speak of the two directions and mean the same on both sides: what
// the server sends, which the client decompresses, and what the client sends.
// Each side knows how to do all that RFC 7692 has, so that a configuration only
// says how much memory may be spent on it. Where the sides differ the thriftier
// one has its way.
//
// What an attacker can slip in beside a secret, in the same message or with
// context takeover in the same direction, betrays the secret by the length of the
// ciphertext, TLS or not (RFC 7692, section 8). Do not compress such messages.
type DeflateConfig struct {
	// ServerContextTakeover lets the server's messages refer to earlier ones. Both
	// sides then keep a window for as long as the connection is open, and small
	// messages that resemble each other become much smaller.
	//
	// If false, a server announces that it will not (server_no_context_takeover),
	// and a client asks for that, and fails on a response that does not agree.
	ServerContextTakeover bool

	// ClientContextTakeover is the same for what the client sends. If false, a
	// client announces that it will not (client_no_context_takeover), and a server
	// asks for that, and clients obey.
	ClientContextTakeover bool

	// ServerMaxWindowBits bounds the window of what the server sends: 8 to 15,
	// the base-2 logarithm of its size in bytes. 0: 15. Other values are errors,
	// of Connect, and on a server of every request (status 500).
	//
	// A server agrees to no more than this and the client's offer. A client asks
	// for it if it is below 15, and fails on a response that does not agree; some
	// servers cannot, and decline or fail.
	ServerMaxWindowBits int

	// ClientMaxWindowBits is the same bound for what the client sends.
	//
	// A client compresses with no more than this, and lets the server ask for
	// less. A server asks for it if it is below 15, but can do so only if the
	// client's offer has client_max_window_bits, as that of Chromium has. Other
	// clients go on with 15 bits, without context takeover even where
	// ClientContextTakeover would allow it: the larger window is then needed for
	// no longer than a message takes.
	ClientMaxWindowBits int
}

// check reports values that are out of bounds. c may be nil.
func (c *DeflateConfig) check() error {
	if c == nil {
		return nil
	}
	for _, field := range [...]struct {
		name string
		bits int
	}{
		{"ServerMaxWindowBits", c.ServerMaxWindowBits},
		{"ClientMaxWindowBits", c.ClientMaxWindowBits},
	} {
		if b := field.bits; b != 0 && (b < minWindowBits || b > maxWindowBits) {
			return fmt.Errorf("DeflateConfig.%s is %d; it must be within 8 and 15, or 0 for 15", field.name, b)
		}
	}
	return nil
}

// negotiate answers the first offer that is valid; ok is false if there is none.
// The header must be well formed.
//
// RFC 7692, section 5: "An element preceding another element has higher
// preference. It is recommended that a server accepts PMCEs with higher
// preference if the server supports them."
func (c *DeflateConfig) negotiate(header []string) (answer deflateParams, ok bool) {
	for _, line := range header {
		s := extensionScanner{line}
		for name, _ := s.next(); name != ""; name, _ = s.next() {
			offer, valid := scanOffer(&s)
			if valid && name == deflateName {
				return c.answer(offer), true
			}
		}
	}
	return deflateParams{}, false
}

// answer returns what a server says to an offer: yes, and on which terms.
func (c *DeflateConfig) answer(offer deflateParams) deflateParams {
	answer := deflateParams{
		// Section 7.1.1.1: "A server accepts an extension negotiation offer that
		// includes the "server_no_context_takeover" extension parameter by including
		// the "server_no_context_takeover" extension parameter in the corresponding
		// extension negotiation response".
		serverNoContextTakeover: offer.serverNoContextTakeover || !c.ServerContextTakeover,
		clientNoContextTakeover: offer.clientNoContextTakeover || !c.ClientContextTakeover,
	}
	// Section 7.1.2.1: "A server accepts an extension negotiation offer with this
	// parameter by including the "server_max_window_bits" extension parameter in the
	// extension negotiation response to send back to the client with the same or
	// smaller value as the offer."
	wanted := bitsOrMax(c.ServerMaxWindowBits)
	if offer.serverMaxWindowBits != 0 || wanted < maxWindowBits {
		answer.serverMaxWindowBits = min(wanted, bitsOrMax(offer.serverMaxWindowBits))
	}
	// Section 7.1.2.2: "If a received extension negotiation offer doesn't have the
	// "client_max_window_bits" extension parameter, the corresponding extension
	// negotiation response to the offer MUST NOT include the
	// "client_max_window_bits" extension parameter."
	wanted = bitsOrMax(c.ClientMaxWindowBits)
	switch bits := min(wanted, offer.clientMaxWindowBits); {
	case offer.clientMaxWindowBits == 0:
		answer.clientNoContextTakeover = answer.clientNoContextTakeover || wanted < maxWindowBits
	case bits < maxWindowBits: // 15 goes without saying
		answer.clientMaxWindowBits = bits
	}
	return answer
}

// offer returns what a client asks for. It always can be told to use a smaller
// window.
func (c *DeflateConfig) offer() deflateParams {
	offer := deflateParams{
		serverNoContextTakeover: !c.ServerContextTakeover,
		clientNoContextTakeover: !c.ClientContextTakeover,
		clientMaxWindowBits:     bitsOrMax(c.ClientMaxWindowBits),
	}
	if bits := bitsOrMax(c.ServerMaxWindowBits); bits < maxWindowBits {
		offer.serverMaxWindowBits = bits
	}
	return offer
}

// judge decides whether the answer to c's offer is one that the client can take:
// what is agreed, or why not.
//
// RFC 7692, section 7: a client "MUST _Fail the WebSocket Connection_ if the peer
// server accepted an extension negotiation offer for this extension with an
// extension negotiation response" that has a parameter "not defined for use in a
// response", "with an invalid value", or twice, or if "the client does not support
// the configuration that the response represents".
func (c *DeflateConfig) judge(answer Extension) (d *Deflate, fault string) {
	var p deflateParams
	for _, param := range answer.Params {
		if fault := p.set(param, false); fault != "" {
			return nil, "the parameter " + quote(param.Name) + " of permessage-deflate in the response " + fault
		}
	}
	offer := c.offer()
	switch {
	case offer.serverNoContextTakeover && !p.serverNoContextTakeover:
		return nil, "the response lacks server_no_context_takeover, which the offer of permessage-deflate asked for; " +
			"set ServerContextTakeover to do without"
	case offer.serverMaxWindowBits != 0 && p.serverMaxWindowBits == 0:
		return nil, "the response lacks server_max_window_bits, which the offer of permessage-deflate asked for; " +
			"leave ServerMaxWindowBits 0 to do without"
	case p.serverMaxWindowBits > bitsOrMax(offer.serverMaxWindowBits):
		return nil, "server_max_window_bits in the response is larger than offered"
	case p.clientMaxWindowBits > offer.clientMaxWindowBits:
		return nil, "client_max_window_bits in the response is larger than offered"
	}
	// The offer's own limits for the client are promises, whether the server has
	// taken them up or not (sections 7.1.1.2 and 7.1.2.2).
	p.clientNoContextTakeover = p.clientNoContextTakeover || offer.clientNoContextTakeover
	p.clientMaxWindowBits = cmp.Or(p.clientMaxWindowBits, offer.clientMaxWindowBits)
	return p.agreed(), ""
}
