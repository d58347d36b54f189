package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/parleyws/websocket/frame"
)

// titles are what RFC 6455 calls its sections.
var titles = map[string]string{
	"5.1":   "Overview: who masks",
	"5.2":   "Base Framing Protocol",
	"5.3":   "Client-to-Server Masking",
	"5.4":   "Fragmentation",
	"5.5":   "Control Frames",
	"5.5.1": "Close",
	"5.5.2": "Ping",
	"5.5.3": "Pong",
	"5.6":   "Data Frames",
	"5.7":   "Examples",
	"5.8":   "Extensibility",
	"6.1":   "Sending Data",
	"6.2":   "Receiving Data",
	"7.1.1": "Close the WebSocket Connection",
	"7.1.2": "Start the WebSocket Closing Handshake",
	"7.1.3": "The WebSocket Closing Handshake is Started",
	"7.1.4": "The WebSocket Connection is Closed",
	"7.1.5": "The WebSocket Connection Close Code",
	"7.1.6": "The WebSocket Connection Close Reason",
	"7.1.7": "Fail the WebSocket Connection",
	"7.2":   "Abnormal Closures",
	"7.2.1": "Client-Initiated Closure",
	"7.2.2": "Server-Initiated Closure",
	"7.3":   "Normal Closure of Connections",
	"7.4":   "Status Codes",
	"7.4.1": "Defined Status Codes",
	"7.4.2": "Reserved Status Code Ranges",
	"8.1":   "Handling Errors in UTF-8-Encoded Data",
	"10.3":  "Attacks On Infrastructure (Masking)",
	"10.4":  "Implementation-Specific Limits",
	"10.7":  "Handling of Invalid Data",
}

// skipped are the sections of which no vector can be made, and why.
var skipped = []struct{ sections, reason string }{
	{"4.1 to 4.4, 10.2", "HTTP, not frames: `handshake/rules_server_test.go` and `handshake/rules_client_test.go`"},
	{"7.1.1, 7.1.7", "the order in which TCP ends, and time limits, are in `conn/closing_test.go` and `conn/end_test.go`"},
	{"RFC 8441", "`handshake/rules_h2_test.go`; the same vectors are read over HTTP/2 in `conn/h2_test.go`"},
	{"9, RFC 7692", "these connections have agreed on no extension, and that none is accepted then is under 5.2 and 5.8; " +
		"compression is in `conn/compression_rules_test.go`, and its negotiation in `handshake/deflate_test.go`"},
}

// row is a section of the table.
type row struct {
	section       string
	roles, passed [2]int // by role of the endpoint
}

// rows counts, in the order of the RFC.
func rows(results []result) (table []row) {
	bySection := map[string]*row{}
	for _, r := range results {
		section := strings.TrimPrefix(r.vector.RFC, "RFC 6455, section ")
		if bySection[section] == nil {
			bySection[section] = &row{section: section}
		}
		bySection[section].count(r)
	}
	for _, r := range bySection {
		table = append(table, *r)
	}
	slices.SortFunc(table, func(a, b row) int { return compareSections(a.section, b.section) })
	return table
}

func (r *row) count(one result) {
	r.roles[one.vector.Role]++
	if one.err == nil {
		r.passed[one.vector.Role]++
	}
}

// compareSections puts 5.10 behind 5.9, and what is no number last.
func compareSections(a, b string) int {
	return slices.CompareFunc(strings.Split(a, "."), strings.Split(b, "."), func(x, y string) int {
		m, errX := strconv.Atoi(x)
		n, errY := strconv.Atoi(y)
		if errX != nil || errY != nil {
			return cmp.Compare(x, y)
		}
		return cmp.Compare(m, n)
	})
}

// writeTable writes the table, and below it what is not in it.
func writeTable(w io.Writer, results []result) {
	fmt.Fprintln(w, "| RFC 6455, section | | cases | read by clients | by servers | skipped |")
	fmt.Fprintln(w, "| --- | --- | ---: | ---: | ---: | ---: |")
	total := row{section: "all"}
	for _, r := range rows(results) {
		r.write(w, titles[r.section])
		for role := range r.roles {
			total.roles[role] += r.roles[role]
			total.passed[role] += r.passed[role]
		}
	}
	total.write(w, "")
	fmt.Fprintln(w, "\nWhat bytes from a peer cannot show is not in the table:")
	fmt.Fprintln(w)
	for _, s := range skipped {
		fmt.Fprintf(w, "- %s: %s.\n", s.sections, s.reason)
	}
}

// write writes a line. All vectors are run, so none is skipped.
func (r row) write(w io.Writer, title string) {
	fmt.Fprintf(w, "| %s | %s | %d | %s | %s | 0 |\n", r.section, title, r.roles[0]+r.roles[1],
		r.score(frame.Client), r.score(frame.Server))
}

// score says how many passed.
func (r row) score(role frame.Role) string {
	if r.passed[role] == r.roles[role] {
		return fmt.Sprintf("%d passed", r.passed[role])
	}
	return fmt.Sprintf("**%d of %d** passed", r.passed[role], r.roles[role])
}
