package frame

// Role is a side of the connection. Wherever it is asked for, it is that of
// this endpoint, not of the peer.
type Role uint8

const (
	Client Role = iota // the side that dialled: masks what it sends
	Server             // the side that accepted: never masks
)

// String returns "client" or "server".
func (r Role) String() string {
	if r == Client {
		return "client"
	}
	return "server"
}

// Validator judges the frame headers that arrive from the peer, in their order,
// by the rules of RFC 6455, sections 5.1 to 5.6. The zero value is that of a
// client without extensions. Set the fields before the first call of Next.
//
// It does not limit the length of data frames, nor look at payloads.
type Validator struct {
	// Role is the role of this endpoint: a server takes masked frames only, a
	// client only those that are not.
	Role Role

	// AllowRsv1 says that permessage-deflate was agreed on, so that the first
	// frame of a message may have RSV1 set. RFC 7692, section 6.
	AllowRsv1 bool

	open bool // a message has begun and its last fragment is yet to come
}

// Next takes the header of the next frame. The error is an [*Error] if the
// frame may not come in this place. v is then as before, and the connection is
// to be failed with the error's code. Next does not allocate unless it fails.
func (v *Validator) Next(h Header) error {
	if err := v.check(&h); err != nil {
		return err
	}
	if h.Opcode.IsData() {
		v.open = !h.Fin
	}
	return nil
}

// InMessage reports whether a message has begun whose last fragment is yet to
// come. Control frames make no difference.
func (v *Validator) InMessage() bool { return v.open }

func (v *Validator) check(h *Header) error {
	if h.Masked != (v.Role == Server) {
		return errMask(v.Role)
	}
	if h.Rsv1 || h.Rsv2 || h.Rsv3 {
		if err := v.checkRsv(h); err != nil {
			return err
		}
	}
	switch h.Opcode {
	case Text, Binary:
		// RFC 6455, section 5.4: "The fragments of one message MUST NOT be
		// interleaved between the fragments of another message".
		if v.open {
			return violation("5.4", "a "+h.Opcode.String()+" frame begins a message inside another, the rest of that one must come first")
		}
	case Continuation:
		if !v.open {
			return violation("5.4", "a CONTINUATION frame continues no message, one must have begun with TEXT or BINARY")
		}
	case Close, Ping, Pong:
		return checkControl(h)
	default:
		// RFC 6455, section 5.2: "If an unknown opcode is received, the
		// receiving endpoint MUST _Fail the WebSocket Connection_."
		return violation("5.2", "the opcode is "+h.Opcode.String()+", no extension defines it")
	}
	return nil
}

// RFC 6455, section 5.1: "The server MUST close the connection upon receiving a
// frame that is not masked." and "A client MUST close a connection if it
// detects a masked frame."
func errMask(role Role) error {
	if role == Server {
		return violation("5.1", "a frame from the client is not masked, every one must be")
	}
	return violation("5.1", "a frame from the server is masked, none may be")
}

// RFC 6455, section 5.2, of the RSV bits: "MUST be 0 unless an extension is
// negotiated that defines meanings for non-zero values."
func (v *Validator) checkRsv(h *Header) error {
	switch {
	case h.Rsv2 || h.Rsv3:
		return violation("5.2", "RSV2 or RSV3 is set, no extension defines them")
	case !v.AllowRsv1:
		return violation("5.2", "RSV1 is set, but no extension was agreed on that defines it")
	case h.Opcode != Text && h.Opcode != Binary:
		// RFC 7692, section 6: an endpoint "MUST NOT set the 'Per-Message
		// Compressed' bit of control frames and non-first fragments of a data
		// message".
		return violation("5.2", "RSV1 is set on a "+h.Opcode.String()+" frame, only the first frame of a message may have it")
	default:
		return nil
	}
}

// RFC 6455, section 5.5: "All control frames MUST have a payload length of 125
// bytes or less and MUST NOT be fragmented."
func checkControl(h *Header) error {
	if h.Length > MaxControlPayload {
		return errControlLength()
	}
	if !h.Fin {
		return violation("5.5", "a control frame is fragmented, it must have FIN set")
	}
	return nil
}

func errControlLength() error {
	return violation("5.5", "the payload of a control frame is longer than 125 bytes, which is the most it may have")
}
