package vectors

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/parleyws/websocket/frame"
)

var (
	headerLine = regexp.MustCompile(`^([a-z]+):(?:\s+(.*))?$`)
	citation   = regexp.MustCompile(`^RFC \d+, section \d+(\.\d+)*$`)
)

// lastRule is the number of the last rule in the list of rules.
const lastRule = 38

// draft is a vector as it is written.
type draft struct {
	Vector
	roles []frame.Role
	keys  map[string]bool // that were there
	bytes []string        // lines
}

// parseFile returns the vectors of one file. Errors begin with file and line.
func parseFile(file, text string) ([]Vector, error) {
	var drafts []*draft
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		source := fmt.Sprintf("%s:%d", file, number)
		if strings.HasPrefix(line, "name:") {
			drafts = append(drafts, &draft{Vector: Vector{Source: source}, keys: map[string]bool{}})
		}
		if len(drafts) == 0 {
			return nil, fmt.Errorf("%s: a vector begins with its name, not with %q", source, line)
		}
		if err := drafts[len(drafts)-1].add(line); err != nil {
			return nil, fmt.Errorf("%s: %w", source, err)
		}
	}
	if len(drafts) == 0 {
		return nil, fmt.Errorf("%s: no vector in this file, remove it", file)
	}
	return finishAll(drafts)
}

func finishAll(drafts []*draft) (all []Vector, err error) {
	for _, d := range drafts {
		vs, err := d.finish()
		if err != nil {
			return nil, fmt.Errorf("%s: vector %q: %w", d.Source, d.Name, err)
		}
		all = append(all, vs...)
	}
	return all, nil
}

// add adds one line, a header or bytes.
func (d *draft) add(line string) error {
	m := headerLine.FindStringSubmatch(line)
	if m == nil {
		d.bytes = append(d.bytes, line)
		return nil
	}
	key, value := m[1], m[2]
	if len(d.bytes) > 0 {
		return fmt.Errorf("%q after the bytes of a vector, headers come first", line)
	}
	if value == "" {
		return fmt.Errorf("%q has no value", line)
	}
	switch key {
	case "message", "pong", "comment":
	default:
		if d.keys[key] {
			return fmt.Errorf("%q is there twice", key)
		}
	}
	d.keys[key] = true
	return d.set(key, value)
}

func (d *draft) set(key, value string) error {
	switch key {
	case "name":
		d.Name = value
	case "rfc":
		return d.setRFC(value)
	case "rule":
		return setNumber(&d.Rule, value, lastRule)
	case "role":
		return d.setRole(value)
	case "max":
		var limit int
		err := setNumber(&limit, value, maxBytes)
		d.Max = int64(limit)
		return err
	case "expect":
		return d.setExpect(value)
	case "message":
		return d.addMessage(value)
	case "pong":
		b, err := parsePayload(value)
		d.Pongs = append(d.Pongs, b)
		return err
	case "comment":
		d.Comment = strings.TrimSpace(d.Comment + "\n" + value)
	default:
		return fmt.Errorf("unknown key %q, known are name, rfc, rule, role, max, expect, message, pong, comment", key)
	}
	return nil
}

func (d *draft) setRFC(value string) error {
	if !citation.MatchString(value) {
		return fmt.Errorf("%q is not a citation like %q", value, "RFC 6455, section 5.2")
	}
	d.RFC = value
	return nil
}

// setNumber sets n to a number from 1 to most.
func setNumber(n *int, value string, most int) error {
	i, err := strconv.Atoi(value)
	if err != nil || i < 1 || i > most {
		return fmt.Errorf("%q is not a number from 1 to %d", value, most)
	}
	*n = i
	return nil
}

func (d *draft) setRole(value string) error {
	switch value {
	case "client":
		d.roles = []frame.Role{frame.Client}
	case "server":
		d.roles = []frame.Role{frame.Server}
	case "both":
		d.roles = []frame.Role{frame.Client, frame.Server}
	default:
		return fmt.Errorf("%q is not a role, which is client, server or both", value)
	}
	return nil
}

func (d *draft) addMessage(value string) error {
	word, rest, _ := strings.Cut(value, " ")
	types := map[string]frame.Opcode{"text": frame.Text, "binary": frame.Binary}
	op, ok := types[word]
	if !ok {
		return fmt.Errorf("%q is not a message, which is the word text or binary and its bytes", value)
	}
	data, err := parsePayload(rest)
	d.Messages = append(d.Messages, Message{Type: op, Data: data})
	return err
}

// parsePayload returns bytes that are not nil and have no mark.
func parsePayload(s string) ([]byte, error) {
	b, mark, err := parseBytes(s)
	if err == nil && mark != noMark {
		err = errors.New("a ! in a payload; it belongs to the bytes of the vector")
	}
	return append([]byte{}, b...), err
}

// finish returns the vectors that d stands for, one for each role.
func (d *draft) finish() (vs []Vector, err error) {
	for _, key := range []string{"rfc", "role", "expect"} {
		if !d.keys[key] {
			return nil, fmt.Errorf("there is no %q", key)
		}
	}
	if len(d.bytes) == 0 {
		return nil, errors.New("there are no bytes")
	}
	wire, mark, err := parseBytes(strings.Join(d.bytes, "\n"))
	if err != nil {
		return nil, err
	}
	failAt, err := d.failAt(mark, len(wire))
	if err != nil {
		return nil, err
	}
	for _, role := range d.roles {
		v := d.Vector
		v.Role, v.Wire, v.FailAt = role, wire, failAt
		if role == frame.Server && len(d.roles) == 2 {
			if v.Wire, v.FailAt, err = maskAll(wire, failAt); err != nil {
				return nil, err
			}
		}
		vs = append(vs, v)
	}
	return vs, nil
}

// failAt returns the FailAt of a vector with so many bytes and that mark.
func (d *draft) failAt(mark, size int) (int, error) {
	switch {
	case d.End != Failed && mark != noMark:
		return 0, fmt.Errorf("a ! where nothing fails: what is expected is %q", d.End)
	case d.End != Failed:
		return 0, nil
	case mark == noMark:
		return size, nil
	case mark == 0:
		return 0, errors.New("a ! before the first byte, with which nothing can be wrong yet")
	default:
		return mark, nil
	}
}
