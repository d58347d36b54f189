package vectors

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxBytes bounds what a few characters may stand for, so that a mistyped
// repeat count is an error and not a machine out of memory.
const maxBytes = 64 << 20

// noMark is the place of a mark that is not there.
const noMark = -1

// byteParser reads the notation for bytes that the package comment describes.
type byteParser struct {
	rest  string
	mark  int // where ! stood, in bytes; noMark
	depth int // of parentheses
}

// parseBytes returns the bytes that s stands for, and where it is marked.
func parseBytes(s string) (b []byte, mark int, err error) {
	p := &byteParser{rest: s, mark: noMark}
	b, err = p.list()
	if err == nil && p.rest != "" {
		err = errors.New("a ) without its (")
	}
	return b, p.mark, err
}

// list reads items up to the end or a closing parenthesis.
func (p *byteParser) list() (list []byte, err error) {
	for {
		p.skip()
		if p.rest == "" || p.rest[0] == ')' {
			return list, nil
		}
		if p.rest[0] == '!' {
			if err := p.setMark(len(list)); err != nil {
				return nil, err
			}
			continue
		}
		item, err := p.item()
		if err != nil {
			return nil, err
		}
		n, err := p.count()
		if err != nil {
			return nil, err
		}
		if n*len(item) > maxBytes-len(list) {
			return nil, fmt.Errorf("more than %d bytes, repeat less often", maxBytes)
		}
		list = append(list, bytes.Repeat(item, n)...)
	}
}

// skip skips white space and comments.
func (p *byteParser) skip() {
	for {
		p.rest = strings.TrimLeft(p.rest, " \t\n")
		if !strings.HasPrefix(p.rest, "#") {
			return
		}
		_, p.rest, _ = strings.Cut(p.rest, "\n")
	}
}

func (p *byteParser) setMark(at int) error {
	if p.mark != noMark || p.depth > 0 {
		return errors.New("a second !, or one in parentheses; there is one place at which to fail")
	}
	p.rest = p.rest[1:]
	p.mark = at
	return nil
}

// item reads a group, a quoted text, or a word of hex.
func (p *byteParser) item() ([]byte, error) {
	switch p.rest[0] {
	case '(':
		return p.group()
	case '"':
		return p.quoted()
	default:
		return p.hex()
	}
}

func (p *byteParser) group() ([]byte, error) {
	p.rest = p.rest[1:]
	p.depth++
	list, err := p.list()
	if err != nil {
		return nil, err
	}
	if p.rest == "" {
		return nil, errors.New("a ( without its )")
	}
	p.rest = p.rest[1:]
	p.depth--
	return list, nil
}

func (p *byteParser) quoted() ([]byte, error) {
	s, rest, err := cutQuoted(p.rest)
	p.rest = rest
	return []byte(s), err
}

// cutQuoted cuts the quoted text off with which s begins.
func cutQuoted(s string) (text, rest string, err error) {
	quoted, err := strconv.QuotedPrefix(s)
	if err != nil || quoted[0] != '"' {
		return "", "", fmt.Errorf("%.20q does not begin with text in double quotes as Go writes it", s)
	}
	text, err = strconv.Unquote(quoted)
	return text, s[len(quoted):], err
}

func (p *byteParser) hex() ([]byte, error) {
	n := strings.IndexAny(p.rest+" ", " \t\n#()*!\"")
	word := p.rest[:n]
	p.rest = p.rest[n:]
	b, err := hex.DecodeString(word)
	if err != nil || word == "" {
		return nil, fmt.Errorf("%q is not hex with two digits a byte", word)
	}
	return b, nil
}

// count reads a repeat count; without one it is 1.
func (p *byteParser) count() (int, error) {
	digits, ok := strings.CutPrefix(p.rest, "*")
	if !ok {
		return 1, nil
	}
	n := len(digits) - len(strings.TrimLeft(digits, "0123456789"))
	p.rest = digits[n:]
	count, err := strconv.Atoi(digits[:n])
	if err != nil || count > maxBytes {
		return 0, fmt.Errorf("%q is not a repeat count up to %d", digits[:n], maxBytes)
	}
	return count, nil
}
