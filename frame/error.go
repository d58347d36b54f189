package frame

// Error is an offence against RFC 6455 that the bytes of a frame show.
type Error struct {
	// Code is the status code to close the connection with: 1002 for a broken
	// rule of framing, 1007 for text that is not UTF-8.
	Code StatusCode

	// Section is where RFC 6455 states the rule, as in "5.2".
	Section string

	// Reason says what was found and what is expected. It is meant for logs;
	// it holds no bytes of the peer.
	Reason string
}

// Error returns the reason and the section, as in "frame: a control frame is
// fragmented, it must have FIN set (RFC 6455, section 5.5)".
func (e *Error) Error() string {
	s := "frame: " + e.Reason
	if e.Section != "" {
		s += " (RFC 6455, section " + e.Section + ")"
	}
	return s
}

// Is reports whether target is an *Error with the same Code, and the same
// Section and Reason where target has one. So
//
//	errors.Is(err, &frame.Error{Code: frame.StatusProtocolError})
//
// asks for the code alone.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code &&
		(t.Section == "" || t.Section == e.Section) &&
		(t.Reason == "" || t.Reason == e.Reason)
}

// violation is the error for a broken rule of framing. RFC 6455, section
// 7.4.1: "1002 indicates that an endpoint is terminating the connection due to
// a protocol error."
func violation(section, reason string) error {
	return &Error{Code: StatusProtocolError, Section: section, Reason: reason}
}
