package vectors

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/parleyws/websocket/frame"
)

// setExpect reads one of: open, incomplete, close CODE "REASON", fail CODE.
func (d *draft) setExpect(value string) error {
	word, rest, more := strings.Cut(value, " ")
	switch {
	case word == "open" && !more:
		d.End = Open
		return nil
	case word == "incomplete" && !more:
		d.End = Incomplete
		return nil
	case word == "close" && more:
		d.End = Closed
		return d.setClose(rest)
	case word == "fail" && more:
		d.End = Failed
		return d.setFail(rest)
	}
	return fmt.Errorf("%q is no outcome, which is open, incomplete, close CODE \"REASON\" or fail CODE", value)
}

func (d *draft) setClose(value string) (err error) {
	code, reason, hasReason := strings.Cut(value, " ")
	if d.Code, err = parseCode(code); err != nil {
		return err
	}
	if !d.Code.Valid() && d.Code != frame.StatusNoStatusReceived {
		return fmt.Errorf("the peer cannot close with %d, for that code the endpoint fails with 1002", d.Code)
	}
	if !hasReason {
		return nil
	}
	reason, rest, err := cutQuoted(reason)
	if err == nil && rest != "" {
		err = fmt.Errorf("%q after the reason", rest)
	}
	d.Reason = reason
	return err
}

func (d *draft) setFail(value string) (err error) {
	if d.Code, err = parseCode(value); err != nil {
		return err
	}
	switch d.Code {
	case frame.StatusProtocolError, frame.StatusInvalidPayload, frame.StatusMessageTooBig:
		return nil
	}
	return fmt.Errorf("bytes cannot make an endpoint fail with %d, but with 1002, 1007 or 1009", d.Code)
}

func parseCode(s string) (frame.StatusCode, error) {
	code, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is not a status code", s)
	}
	return frame.StatusCode(code), nil
}
