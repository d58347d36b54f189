package handshake

import (
	"cmp"
	"strconv"
)

const (
	// deflateName is the extension's registered name. It and the names of its
	// parameters are compared exactly: RFC 6455 says where case does not matter
	// (section 2.1), and it does not say so of extensions.
	deflateName = "permessage-deflate"

	// RFC 7692, section 7.1.2: the window is of 256 to 32,768 bytes.
	minWindowBits, maxWindowBits = 8, 15
)

// deflateParams are the parameters of permessage-deflate as they stand in an offer
// or in a response (RFC 7692, section 7.1). Bits are 0 where the parameter is not
// there. client_max_window_bits without a value is 15, which is all that it says:
// that the client knows the parameter.
type deflateParams struct {
	serverNoContextTakeover, clientNoContextTakeover bool
	serverMaxWindowBits, clientMaxWindowBits         int
}

// set takes one parameter of an offer or of a response. The fault, if there is
// one, says what is the matter with the parameter; then p is as before.
func (p *deflateParams) set(param Param, inOffer bool) (fault string) {
	switch param.Name {
	case "server_no_context_takeover":
		return setFlag(&p.serverNoContextTakeover, param.Value)
	case "client_no_context_takeover":
		return setFlag(&p.clientNoContextTakeover, param.Value)
	case "server_max_window_bits":
		return setBits(&p.serverMaxWindowBits, param.Value)
	case "client_max_window_bits":
		// Section 7.1.2.2: in an offer "This parameter has no value or a decimal
		// integer value", in a response it has one.
		if inOffer && param.Value == "" {
			param.Value = "15"
		}
		return setBits(&p.clientMaxWindowBits, param.Value)
	}
	return "is not known"
}

func setFlag(flag *bool, value string) (fault string) {
	switch {
	case *flag:
		return faultTwice
	case value != "":
		return "must have no value"
	}
	*flag = true
	return ""
}

func setBits(bits *int, value string) (fault string) {
	if *bits != 0 {
		return faultTwice
	}
	if *bits = parseWindowBits(value); *bits == 0 {
		return "must have a value from 8 to 15"
	}
	return ""
}

// Section 7: "multiple extension parameters with the same name".
const faultTwice = "is there twice"

// parseWindowBits returns 0 if the value is not what section 7.1.2 asks for: "a
// decimal integer value without leading zeroes between 8 to 15, inclusive".
func parseWindowBits(value string) int {
	for bits := minWindowBits; bits <= maxWindowBits; bits++ {
		if value == strconv.Itoa(bits) {
			return bits
		}
	}
	return 0
}

// scanOffer takes all parameters of the extension whose name has just been taken
// off s.
//
// RFC 7692, section 7: "A server MUST decline an extension negotiation offer for
// this extension if any of the following conditions are met: The negotiation offer
// contains an extension parameter not defined for use in an offer. The negotiation
// offer contains an extension parameter with an invalid value. The negotiation
// offer contains multiple extension parameters with the same name."
func scanOffer(s *extensionScanner) (offer deflateParams, valid bool) {
	valid = true
	for {
		param, err := s.param()
		if err != nil || param.Name == "" {
			return offer, valid && err == nil
		}
		valid = valid && offer.set(param, true) == ""
	}
}

// append appends the element of the header field. Parameters come in the order in
// which the RFC has them.
func (p deflateParams) append(dst []byte) []byte {
	dst = append(dst, deflateName...)
	if p.serverNoContextTakeover {
		dst = append(dst, "; server_no_context_takeover"...)
	}
	if p.clientNoContextTakeover {
		dst = append(dst, "; client_no_context_takeover"...)
	}
	if p.serverMaxWindowBits != 0 {
		dst = append(dst, "; server_max_window_bits="...)
		dst = strconv.AppendInt(dst, int64(p.serverMaxWindowBits), 10)
	}
	if p.clientMaxWindowBits != 0 {
		dst = append(dst, "; client_max_window_bits"...)
		if p.clientMaxWindowBits != maxWindowBits { // no response of ours says 15
			dst = append(dst, '=')
			dst = strconv.AppendInt(dst, int64(p.clientMaxWindowBits), 10)
		}
	}
	return dst
}

// agreed returns what a response means. Section 7.1.2: absence of a parameter
// stands for "an LZ77 sliding window of up to 32,768 bytes".
func (p deflateParams) agreed() *Deflate {
	return &Deflate{
		ServerNoContextTakeover: p.serverNoContextTakeover,
		ClientNoContextTakeover: p.clientNoContextTakeover,
		ServerMaxWindowBits:     bitsOrMax(p.serverMaxWindowBits),
		ClientMaxWindowBits:     bitsOrMax(p.clientMaxWindowBits),
	}
}

func bitsOrMax(bits int) int { return cmp.Or(bits, maxWindowBits) }
