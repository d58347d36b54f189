package handshake

import (
	"bytes"
	"io"
	"strings"
	"unsafe"
)

// field is a header field, as received, its value trimmed.
type field struct {
	name, value string
}

// head takes the head of an HTTP/1.1 message apart, line by line as it arrives.
// It is the strict grammar of RFC 9112: lines end in CR LF, and nothing stands
// between a name and its colon. It copies nothing: its strings are views of the
// buffer.
type head struct {
	start      string             // request line or status line
	checkStart func(string) error // called as soon as that is complete
	fields     []field
	maxFields  int
	unfold     bool // whether folded lines are taken, as a client has to

	pos   int // where the line begins that is not complete yet
	seen  int // pos <= seen; no LF in buf[pos:seen]
	last  int // where the line of the last field begins
	lines int // how many there were behind the start
}

// headError says why a head was refused. Its status is what a server answers.
type headError struct {
	status int
	reason string
}

func (e *headError) Error() string { return e.reason }

func malformed(reason string) error { return &headError{400, reason} }

var errControl = malformed("a control character in the header")

// parse goes on in buf, which begins with the bytes of the call before. n is the
// length of the head with its blank line, 0 as long as that is missing.
func (h *head) parse(buf []byte) (n int, err error) {
	for {
		i := bytes.IndexByte(buf[h.seen:], '\n')
		if i < 0 {
			part := buf[h.seen:]
			h.seen = len(buf)
			return 0, checkPart(part)
		}
		from, to := h.pos, h.seen+i
		h.pos, h.seen = to+1, to+1
		if from == to || buf[to-1] != '\r' {
			return 0, malformed("a line ends in LF without CR")
		}
		line := buf[from : to-1]
		if len(line) == 0 && h.start != "" {
			return h.pos, nil
		}
		if h.unfold && len(h.fields) > 0 && isSpace(line[0]) {
			line = h.join(buf[:from+len(line)], from)
		} else {
			h.last = from
		}
		if err := h.line(view(line)); err != nil {
			return 0, err
		}
	}
}

// checkPart refuses what is no HTTP before a line end comes, or never comes: a
// TLS hello, for one.
func checkPart(part []byte) error {
	for _, c := range part {
		if isControl(c) && c != '\r' {
			return errControl
		}
	}
	return nil
}

// join makes one line of the last field and of the line at from, which ends buf
// and goes on with it. RFC 9112, section 5.2: "A user agent that receives an
// obs-fold in a response message that is not within a "message/http" container
// MUST replace each received obs-fold with one or more SP octets prior to
// interpreting the field value."
func (h *head) join(buf []byte, from int) []byte {
	copy(buf[from-2:], "  ") // CR LF
	for i := from; i < len(buf) && isSpace(buf[i]); i++ {
		buf[i] = ' '
	}
	for i := from - 1; isSpace(buf[i]); i-- { // a colon ends it
		buf[i] = ' '
	}
	h.fields = h.fields[:len(h.fields)-1]
	return buf[h.last:]
}

func (h *head) line(line string) error {
	if !isFieldValue(line) {
		return errControl
	}
	if h.start == "" {
		h.start = line
		return h.checkStart(line)
	}
	if h.lines++; h.lines > h.maxFields {
		return &headError{431, "too many header fields"}
	}
	n := tokenLen(line)
	if n == 0 || n == len(line) || line[n] != ':' {
		return notField(line)
	}
	h.fields = append(h.fields, field{line[:n], trimSpace(line[n+1:])})
	return nil
}

// notField says why a line is no header field.
func notField(line string) error {
	if !strings.Contains(line, ":") {
		return malformed("a header line without a colon")
	}
	return malformed("a header field whose name is not a token, or a folded line")
}

// view returns the bytes of b as a string without a copy. The string is good
// only as long as nobody writes to b: whatever outlives the buffer is cloned.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// headReader reads the heads of messages from a stream, within bounds.
type headReader struct {
	src   io.Reader
	buf   []byte // received, not consumed; it grows as bytes arrive
	limit int    // how many bytes the heads still to come may have
	head  head
}

// read reads one head and returns its length. The head's strings are views of
// buf, which is not written to below its length afterwards.
func (r *headReader) read() (n int, err error) {
	h := &r.head
	h.start, h.fields, h.pos, h.seen, h.lines = "", h.fields[:0], 0, 0, 0
	for {
		n, err := h.parse(r.buf)
		if err != nil || n > 0 {
			return n, err
		}
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
}

// fill reads at least one byte more.
func (r *headReader) fill() error {
	have := len(r.buf)
	if have >= r.limit {
		return &headError{431, "the header is too large"}
	}
	if have == cap(r.buf) {
		r.buf = append(make([]byte, 0, max(2*have, 4<<10)), r.buf...)
	}
	for range maxEmptyReads {
		n, err := r.src.Read(r.buf[have:min(cap(r.buf), r.limit)])
		r.buf = r.buf[:have+n]
		if n > 0 {
			return nil // an error that matters comes again
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// maxEmptyReads is how many reads in a row may return nothing at all, which
// io.Reader allows.
const maxEmptyReads = 100

// next consumes the n bytes of a head.
func (r *headReader) next(n int) {
	r.buf = r.buf[n:]
	r.limit -= n
}

// rest returns a copy of what follows the n bytes of the head, nil if nothing
// does.
func (r *headReader) rest(n int) []byte { return append([]byte(nil), r.buf[n:]...) }
