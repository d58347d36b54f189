package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// kind is the type of a Socket.IO packet, as the digit that it begins with.
type kind byte

const (
	kindConnect      kind = '0'
	kindDisconnect   kind = '1'
	kindEvent        kind = '2'
	kindAck          kind = '3'
	kindConnectError kind = '4'
	kindBinaryEvent  kind = '5'
	kindBinaryAck    kind = '6'
)

const (
	maxAttachments = 10      // of an event, as many as socket.io takes
	maxEvent       = 4 << 20 // bytes of an event and its attachments
	maxDepth       = 64      // of the JSON in an event
	maxNamespace   = 128     // bytes of a namespace's name
)

// Packet is one packet of Socket.IO, protocol version 5: some text, and after it the
// attachments, each a binary message of its own.
type Packet struct {
	Kind      kind
	Namespace string          // with the slash
	ID        int64           // of an event whose sender waits for an ack, and of the ack; -1: none
	Data      json.RawMessage // of connect and connect error
	Args      Args            // of events, whose name is the first, and acks
}

// Args are what an event or an ack carries: JSON, in which binary values are
// placeholders that count the attachments.
type Args struct {
	JSON        []json.RawMessage
	Attachments [][]byte
}

// NewArgs makes arguments of Go values. A []byte becomes an attachment; anything else
// is encoded as JSON. A single Args stands for itself.
func NewArgs(values ...any) (Args, error) {
	if len(values) == 1 {
		if a, ok := values[0].(Args); ok {
			return a, nil
		}
	}
	var a Args
	for _, v := range values {
		if b, ok := v.([]byte); ok {
			v = placeholder{true, len(a.Attachments)}
			a.Attachments = append(a.Attachments, b)
		}
		raw, err := json.Marshal(v)
		if err != nil {
			return Args{}, err
		}
		a.JSON = append(a.JSON, raw)
	}
	return a, nil
}

// Decode puts the arguments into what dst points to, the first into the first, and so
// on. A *[]byte takes an attachment. There must be an argument for each.
func (a Args) Decode(dst ...any) error {
	if len(a.JSON) < len(dst) {
		return fmt.Errorf("socket.io: %d arguments where %d are needed", len(a.JSON), len(dst))
	}
	for i, d := range dst {
		b, isBytes := d.(*[]byte)
		if !isBytes {
			if err := json.Unmarshal(a.JSON[i], d); err != nil {
				return fmt.Errorf("socket.io: argument %d: %w", i, err)
			}
			continue
		}
		var p placeholder
		if err := json.Unmarshal(a.JSON[i], &p); err != nil || !p.Is || p.Num < 0 || p.Num >= len(a.Attachments) {
			return fmt.Errorf("socket.io: argument %d is not binary", i)
		}
		*b = a.Attachments[p.Num]
	}
	return nil
}

// placeholder stands for an attachment.
type placeholder struct {
	Is  bool `json:"_placeholder"`
	Num int  `json:"num"`
}

// encode is p as messages of Engine.IO.
func (p Packet) encode() []packet {
	k := p.Kind
	if len(p.Args.Attachments) > 0 {
		k += kindBinaryEvent - kindEvent
	}
	text := []byte{byte(k)}
	if len(p.Args.Attachments) > 0 {
		text = strconv.AppendInt(text, int64(len(p.Args.Attachments)), 10)
		text = append(text, '-')
	}
	if p.Namespace != "/" {
		text = append(append(text, p.Namespace...), ',')
	}
	if p.ID >= 0 {
		text = strconv.AppendInt(text, p.ID, 10)
	}
	text = append(text, p.Data...)
	if p.Kind == kindEvent || p.Kind == kindAck {
		text = append(append(append(text, '['), join(p.Args.JSON)...), ']')
	}
	all := []packet{{typ: packetMessage, data: text}}
	for _, a := range p.Args.Attachments {
		all = append(all, packet{typ: packetMessage, data: a, binary: true})
	}
	return all
}

func join(args []json.RawMessage) []byte {
	parts := make([][]byte, len(args))
	for i, a := range args {
		parts[i] = a
	}
	return bytes.Join(parts, []byte{','})
}

// decoder puts packets together from the messages of one session. Its zero value is
// ready. After an error it is of no use any more.
type decoder struct {
	waiting Packet // for missing attachments
	missing int
	size    int
}

var (
	errTooLarge   = errors.New("socket.io: an event and its attachments are too large")
	errUnexpected = errors.New("socket.io: binary where text is due, or the other way round")
)

// next takes a message, and returns a packet if it is complete. It keeps nothing of
// the bytes of data.
func (d *decoder) next(data []byte, binary bool) (p Packet, complete bool, err error) {
	if binary != (d.missing > 0) {
		return Packet{}, false, errUnexpected
	}
	if d.size += len(data); d.size > maxEvent {
		return Packet{}, false, errTooLarge
	}
	if binary {
		d.waiting.Args.Attachments = append(d.waiting.Args.Attachments, bytes.Clone(data))
		d.missing--
	} else if d.waiting, d.missing, err = parseHead(string(data)); err != nil {
		return Packet{}, false, err
	}
	if d.missing > 0 {
		return Packet{}, false, nil
	}
	p = d.waiting
	*d = decoder{}
	return p, true, nil
}

// parseHead parses the text of a packet, and says how many attachments follow. Events
// and acks with attachments come out as kindEvent and kindAck.
//
//	<kind>[<attachments>-][<namespace>,][<id>][<JSON>]
func parseHead(s string) (p Packet, attachments int, err error) {
	if s == "" || s[0] < byte(kindConnect) || s[0] > byte(kindBinaryAck) {
		return Packet{}, 0, errors.New("socket.io: a packet of unknown type")
	}
	p = Packet{Kind: kind(s[0]), Namespace: "/", ID: -1}
	s = s[1:]
	if p.Kind >= kindBinaryEvent {
		p.Kind -= kindBinaryEvent - kindEvent
		count, rest, found := strings.Cut(s[:min(len(s), 8)], "-")
		attachments, err = strconv.Atoi(count)
		if !found || err != nil || attachments < 1 || attachments > maxAttachments {
			return Packet{}, 0, fmt.Errorf("socket.io: a binary packet has from 1 to %d attachments", maxAttachments)
		}
		s = rest + s[min(len(s), 8):]
	}
	if p.Namespace, s, err = cutNamespace(s); err != nil {
		return Packet{}, 0, err
	}
	if p.ID, s, err = cutID(s); err != nil {
		return Packet{}, 0, err
	}
	return p, attachments, p.parseData([]byte(s), attachments)
}

// cutNamespace cuts the namespace off, which ends at a comma. The main one, "/", is
// left out.
func cutNamespace(s string) (namespace, rest string, err error) {
	if !strings.HasPrefix(s, "/") {
		return "/", s, nil
	}
	namespace, rest, _ = strings.Cut(s, ",")
	namespace, _, _ = strings.Cut(namespace, "?") // clients of version 2 send a query
	if len(namespace) > maxNamespace {
		return "", "", errors.New("socket.io: the name of a namespace is too long")
	}
	if strings.ContainsFunc(namespace, func(r rune) bool { return r < ' ' }) {
		return "", "", errors.New("socket.io: a control character in the name of a namespace")
	}
	return namespace, rest, nil
}

// cutID cuts the number off that an ack belongs to; -1 if there is none.
func cutID(s string) (id int64, rest string, err error) {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	if n == 0 {
		return -1, s, nil
	}
	if n > 15 { // JavaScript counts no further than 2^53
		return 0, "", errors.New("socket.io: the number of an event is too large")
	}
	id, err = strconv.ParseInt(s[:n], 10, 64)
	return id, s[n:], err
}

// parseData parses what comes last, which each kind has its own rules for.
func (p *Packet) parseData(data []byte, attachments int) error {
	switch p.Kind {
	case kindConnect:
		if len(data) > 0 && (data[0] != '{' || !json.Valid(data)) {
			return errors.New("socket.io: what a client connects with is no JSON object")
		}
		p.Data = data
		return nil
	case kindDisconnect:
		if len(data) > 0 {
			return errors.New("socket.io: a disconnect carries nothing")
		}
		return nil
	case kindConnectError:
		return errors.New("socket.io: a connect error is for servers to send")
	case kindAck:
		if p.ID < 0 {
			return errors.New("socket.io: an ack of nothing")
		}
	}
	if err := json.Unmarshal(data, &p.Args.JSON); err != nil || p.Args.JSON == nil {
		return errors.New("socket.io: the arguments are no JSON array")
	}
	for _, a := range p.Args.JSON {
		var v any
		if err := json.Unmarshal(a, &v); err != nil {
			return err
		}
		if err := checkValue(v, attachments, maxDepth); err != nil {
			return err
		}
	}
	if p.Kind == kindEvent {
		if len(p.Args.JSON) == 0 || json.Unmarshal(p.Args.JSON[0], new(string)) != nil || p.Args.JSON[0][0] != '"' {
			return errors.New("socket.io: an event has no name")
		}
	}
	return nil
}

// checkValue finds placeholders of attachments that there are not. Whoever got one,
// passed on by us, would end its connection.
func checkValue(v any, attachments, depth int) error {
	if depth == 0 {
		return errors.New("socket.io: JSON is nested too deeply")
	}
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if err := checkValue(e, attachments, depth-1); err != nil {
				return err
			}
		}
	case map[string]any:
		if is, _ := v["_placeholder"].(bool); is {
			num, ok := v["num"].(float64)
			if !ok || num != float64(int(num)) || num < 0 || int(num) >= attachments {
				return errors.New("socket.io: a placeholder stands for no attachment")
			}
		}
		for _, e := range v {
			if err := checkValue(e, attachments, depth-1); err != nil {
				return err
			}
		}
	}
	return nil
}
