package handshake

import (
	"errors"
	"strings"
)

// Extension is one element of a Sec-WebSocket-Extensions field: a name and its
// parameters, in order (RFC 6455, section 9.1).
type Extension struct {
	Name   string
	Params []Param
}

// Param is a parameter of an [Extension]. A parameter without a value has the
// Value "": an empty value cannot be written.
type Param struct {
	Name, Value string
}

// ParseExtensions parses the values of Sec-WebSocket-Extensions, several lines
// being one list. It takes linear time.
//
// It is lenient where leniency is safe. Empty list elements are skipped. The
// value of a quoted string is given without its quotes and escapes and may hold
// any character; that it must be a token, and that no parameter may come twice,
// is left to the extension, which declines such an offer and not the others.
func ParseExtensions(header []string) ([]Extension, error) {
	var exts []Extension
	err := scanExtensions(header, func(name string, p Param) {
		if p.Name == "" {
			exts = append(exts, Extension{Name: name})
			return
		}
		last := &exts[len(exts)-1]
		last.Params = append(last.Params, p)
	})
	if err != nil {
		return nil, err
	}
	return exts, nil
}

// checkExtensions reports what ParseExtensions would, and makes nothing.
func checkExtensions(header []string) error {
	return scanExtensions(header, func(string, Param) {})
}

// scanExtensions calls visit for every extension, with no parameter, and then
// for each of its parameters.
func scanExtensions(header []string, visit func(name string, p Param)) error {
	for _, line := range header {
		s := extensionScanner{line}
		if err := s.scan(visit); err != nil {
			return err
		}
	}
	return nil
}

// String returns e as it stands in a header field.
func (e Extension) String() string { return string(e.Append(nil)) }

// Append appends e to dst as it stands in a header field; values that are not
// tokens are quoted.
func (e Extension) Append(dst []byte) []byte {
	dst = append(dst, e.Name...)
	for _, p := range e.Params {
		dst = append(dst, "; "...)
		dst = append(dst, p.Name...)
		if p.Value != "" {
			dst = append(dst, '=')
			dst = appendValue(dst, p.Value)
		}
	}
	return dst
}

func appendValue(dst []byte, value string) []byte {
	if isToken(value) {
		return append(dst, value...)
	}
	dst = append(dst, '"')
	for i := range len(value) {
		if c := value[i]; c == '"' || c == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, value[i])
	}
	return append(dst, '"')
}

// extensionScanner takes the elements off one line. It allocates only to undo
// the escapes of a quoted string.
type extensionScanner struct {
	rest string
}

func (s *extensionScanner) scan(visit func(name string, p Param)) error {
	for {
		name, err := s.next()
		if err != nil || name == "" {
			return err
		}
		visit(name, Param{})
		for {
			p, err := s.param()
			if err != nil {
				return err
			}
			if p.Name == "" {
				break
			}
			visit(name, p)
		}
	}
}

// next returns the name of the next extension, "" at the end of the line. The
// parameters of the extension before must have been taken.
func (s *extensionScanner) next() (name string, err error) {
	for s.skipSpace(); s.eat(','); s.skipSpace() {
	}
	if s.rest == "" {
		return "", nil
	}
	if name = s.token(); name == "" {
		return "", errors.New("expected the name of an extension at " + quote(s.rest))
	}
	return name, nil
}

// param returns the next parameter, one without a name after the last.
func (s *extensionScanner) param() (p Param, err error) {
	s.skipSpace()
	if s.rest == "" || s.rest[0] == ',' {
		return Param{}, nil
	}
	if !s.eat(';') {
		return Param{}, errors.New("expected a comma or a semicolon at " + quote(s.rest))
	}
	s.skipSpace()
	if p.Name = s.token(); p.Name == "" {
		return Param{}, errors.New("expected the name of a parameter at " + quote(s.rest))
	}
	s.skipSpace()
	if !s.eat('=') {
		return p, nil
	}
	s.skipSpace()
	if p.Value = s.value(); p.Value == "" {
		return Param{}, errors.New("expected the value of a parameter at " + quote(s.rest))
	}
	return p, nil
}

// value returns a token or what a quoted string holds, "" if there is neither.
func (s *extensionScanner) value() string {
	if !strings.HasPrefix(s.rest, `"`) {
		return s.token()
	}
	text, rest, ok := cutQuoted(s.rest[1:])
	if ok {
		s.rest = rest
	}
	return text
}

func (s *extensionScanner) token() string {
	n := tokenLen(s.rest)
	token := s.rest[:n]
	s.rest = s.rest[n:]
	return token
}

func (s *extensionScanner) eat(c byte) bool {
	if s.rest == "" || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

func (s *extensionScanner) skipSpace() {
	for s.rest != "" && isSpace(s.rest[0]) {
		s.rest = s.rest[1:]
	}
}

// cutQuoted returns the text of the quoted string whose opening quote has just
// been passed, and what follows its closing quote (RFC 9110, section 5.6.4).
func cutQuoted(s string) (text, rest string, ok bool) {
	escapes, escaped := 0, false
	for i := range len(s) {
		switch c := s[i]; {
		case isControl(c):
			return "", s, false
		case escaped:
			escaped = false
		case c == '\\':
			escapes++
			escaped = true
		case c == '"':
			return unescape(s[:i], escapes), s[i+1:], true
		}
	}
	return "", s, false
}

// unescape drops the backslash of every quoted pair; there are as many as said.
func unescape(s string, escapes int) string {
	if escapes == 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) - escapes)
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
