package report

import (
	"cmp"
	"fmt"
	"html"
	"io"
	"math"
	"slices"

	"github.com/parleyws/websocket/internal/bench/measure"
	"github.com/parleyws/websocket/internal/bench/peers"
)

// Sizes of the plot, in pixels.
const (
	plotSize  = 1040 // its width
	plotLeft  = 354  // where the axis begins
	plotWidth = 400  // of the axis
	plotEdge  = plotLeft + plotWidth
	plotBar   = 13 // of ours
	margin    = 18
)

// rowHeight leaves room for the bars, and for marks in three lanes.
func (p *plot) rowHeight() int { return max(36, len(p.bars)*plotBar+10) }

// plotCap is the largest ratio an axis goes to. What lies beyond is written at
// its end, or a server that makes a system call for each of 16 messages would
// push all others together.
const plotCap = 4

const (
	ink   = "#1f2328"
	faint = "#656d76"
	grid  = "#e4e7eb"
)

// Plot writes an SVG: a row for each workload, in which ours are bars and the
// others marks, at their CPU time over that of the limit. For what the limit does
// not do there is a second axis, on which ours is 1.
func (r *Report) Plot(out io.Writer) {
	p := plot{out: out}
	for _, peer := range r.Peers {
		switch {
		case peer.Name == peers.Limit:
		case peer.Ours():
			p.bars = append(p.bars, peer.Name)
		default:
			p.marks = append(p.marks, peer.Name)
		}
	}
	limited, free := r.panels(p.bars, p.marks)
	bottom := p.height(limited, free)
	p.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="%s" font-size="13" fill="%s">`,
		plotSize, bottom, plotSize, bottom, "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif", ink)
	// The page around it may be dark.
	p.printf(`<rect x="0.5" y="0.5" width="%d" height="%d" rx="8" fill="#ffffff" stroke="#d0d7de"/>`, plotSize-1, bottom-1)
	p.legend()
	p.panel("CPU time of the server per message, a raw TCP echo in Go = 1", limited)
	if len(free) > 0 {
		p.panel(fmt.Sprintf("CPU time (memory, where idle), %s = 1", p.bars[0]), free)
	}
	p.text(margin, bottom-14, `fill="`+faint+`" font-size="11"`, fmt.Sprintf("%s, %s. %d rounds of %g s, medians.", r.Machine, r.Go, r.Rounds, r.Seconds))
	p.printf(`</svg>`)
}

// A plot is being drawn from top to bottom.
type plot struct {
	out   io.Writer
	y     int      // where the next thing comes
	bars  []string // names of peers, ours
	marks []string // and those of others
	hi    float64  // the end of the axis
}

// A row is a workload and the ratios of the peers that have done it.
type row struct {
	says   string
	ratios map[string]float64
}

// panels returns the rows of the two axes. The base of the second is the first of
// ours, without which there is none.
func (r *Report) panels(ours, others []string) (limited, free []row) {
	all := slices.Concat(ours, others)
	for _, w := range r.Workloads {
		switch {
		case w.Unit != Connection && !w.Deflated:
			limited = append(limited, r.row(w, all, peers.Limit))
		case len(ours) > 0 && r.figure(w, ours[0]).Median() > 0:
			free = append(free, r.row(w, all, ours[0]))
		}
	}
	return limited, free
}

// row divides what names have by what base has. For the limit, round by round.
func (r *Report) row(w Workload, names []string, base string) row {
	ratios := map[string]float64{}
	for _, name := range names {
		s := r.figure(w, name)
		if base != peers.Limit {
			s = s.Over(r.figure(w, base))
		}
		if s.Median() > 0 {
			ratios[name] = s.Median()
		}
	}
	return row{w.Says, ratios}
}

// legendColumns is how many names fit side by side.
const legendColumns = 5

func (p *plot) legendRows() int {
	return (len(p.bars) + len(p.marks) + legendColumns - 1) / legendColumns
}

// Heights of what is above and below the rows.
const (
	legendRow  = 24
	panelTop   = 62
	panelUnder = 26
)

func (p *plot) height(panels ...[]row) int {
	h := 2*margin + p.legendRows()*legendRow + 24
	for _, rows := range panels {
		if len(rows) > 0 {
			h += panelTop + len(rows)*p.rowHeight() + panelUnder
		}
	}
	return h
}

func (p *plot) legend() {
	at := func(i int) (x float64, y int) {
		return float64(margin + i%legendColumns*((plotSize-2*margin)/legendColumns)), margin + 14 + i/legendColumns*legendRow
	}
	for i, name := range p.bars {
		x, y := at(i)
		p.printf(`<rect x="%.1f" y="%d" width="22" height="12" rx="2" fill="%s"/>`, x, y-6, barColour(i))
		p.text(x+30, y+5, `font-weight="bold"`, name)
	}
	for i, name := range p.marks {
		x, y := at(len(p.bars) + i)
		p.mark(x+11, y, i)
		p.text(x+30, y+5, "", name)
	}
	p.y = margin + p.legendRows()*legendRow
}

// panel draws rows above an axis of their own.
func (p *plot) panel(title string, rows []row) {
	p.text(margin, p.y+32, `font-size="15" font-weight="bold"`, title)
	p.text(plotSize-margin, p.y+32, `text-anchor="end" fill="`+faint+`"`, "less is better")
	p.y += panelTop
	bottom := p.y + len(rows)*p.rowHeight()
	p.scale(rows)
	p.axis(bottom)
	middle := func(i int) int { return p.y + i*p.rowHeight() + p.rowHeight()/2 }
	for i, l := range rows {
		p.ours(middle(i), l)
	}
	x := p.x(1) // over the bars, or it could not be told which of them reach it
	p.printf(`<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="%s" stroke-width="1.5"/>`, x, p.y-4, x, bottom+4, ink)
	for i, l := range rows {
		p.others(middle(i), l)
	}
	p.y = bottom + panelUnder
}

// scale finds the end of the axis.
func (p *plot) scale(rows []row) {
	p.hi = 2
	for _, l := range rows {
		for _, ratio := range l.ratios {
			p.hi = max(p.hi, min(plotCap, math.Ceil(2*ratio)/2))
		}
	}
}

func (p *plot) x(ratio float64) float64 { return plotLeft + min(ratio, p.hi)/p.hi*plotWidth }

func (p *plot) axis(bottom int) {
	for ratio := 0.0; ratio <= p.hi; ratio += 0.5 {
		x := p.x(ratio)
		p.printf(`<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="%s"/>`, x, p.y, x, bottom, grid)
		label := `text-anchor="middle" font-size="12" fill="` + faint + `"`
		if ratio == 1 {
			label = `text-anchor="middle" font-size="12" font-weight="bold"`
		}
		for _, y := range []int{p.y - 8, bottom + 17} {
			p.text(x, y, label, fmt.Sprintf("%.1f", ratio))
		}
	}
}

// ours draws a row without the marks.
func (p *plot) ours(y int, l row) {
	p.printf(`<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="%s"/>`, margin, y+p.rowHeight()/2, plotSize-margin, y+p.rowHeight()/2, grid)
	p.text(plotLeft-48, y+5, `text-anchor="end"`, l.says)
	for i, name := range p.bars {
		if ratio, ok := l.ratios[name]; ok {
			p.bar(y, i, ratio)
		}
	}
}

// others draws the marks of a row from left to right, those that would hide
// another one above or below it. Those beyond the axis stand behind its end, with
// their values.
func (p *plot) others(y int, l row) {
	beyond := float64(plotEdge + 18)
	var taken [len(lanes)]float64
	for _, i := range p.ranked(l) {
		ratio := l.ratios[p.marks[i]]
		x, lane := p.x(ratio), 0
		if ratio > p.hi {
			x = beyond
			p.text(x+9, y+4, `font-size="11"`, short(ratio))
			beyond += 38
		} else {
			for lane < len(lanes)-1 && taken[lane] > x-12 {
				lane++
			}
			taken[lane] = x
		}
		p.printf(`<g><title>%s: %s</title>`, html.EscapeString(p.marks[i]), measure.Number(ratio))
		p.mark(x, y+lanes[lane], i)
		p.printf(`</g>`)
	}
}

// lanes are where in a row marks go, by preference.
var lanes = [...]int{0, -11, 11}

// ranked returns the marks that are in a row, the least ratio first.
func (p *plot) ranked(l row) (at []int) {
	for i, name := range p.marks {
		if l.ratios[name] > 0 {
			at = append(at, i)
		}
	}
	slices.SortStableFunc(at, func(i, j int) int { return cmp.Compare(l.ratios[p.marks[i]], l.ratios[p.marks[j]]) })
	return at
}

// short writes two or three characters: 4.6, 14, 118.
func short(ratio float64) string {
	if ratio < 10 {
		return fmt.Sprintf("%.1f", ratio)
	}
	return fmt.Sprintf("%.0f", ratio)
}

// bar draws one of ours with its value before it, where no mark comes. One that is
// cut ends in a point.
func (p *plot) bar(y, i int, ratio float64) {
	const height = float64(plotBar)
	top := float64(y) + (float64(i)-float64(len(p.bars))/2)*height
	left, right, tip := float64(plotLeft), p.x(ratio), 0.0
	if ratio > p.hi {
		tip = 8
	}
	p.printf(`<g><title>%s: %s</title><path d="M%.1f %.1fH%.1fl%.1f %.1fl%.1f %.1fH%.1fz" fill="%s"/></g>`,
		html.EscapeString(p.bars[i]), measure.Number(ratio),
		left, top+0.5, right, tip, height/2-0.5, -tip, height/2-0.5, left, barColour(i))
	p.printf(`<text x="%.1f" y="%.1f" text-anchor="end" font-size="11" font-weight="bold" fill="%s">%s</text>`,
		left-6, top+height/2+4, barColour(i), measure.Number(ratio))
}

// barColour: ours are of one colour, in shades that letters can have.
func barColour(i int) string { return []string{"#7c2d12", "#b93f0e", "#dd5f1a"}[i%3] }

// The marks differ in form and in colour, for those who do not see colours.
var (
	markColours = []string{"#0072b2", "#009e73", "#7b4fa3", "#1f2328", "#56b4e9", "#b8860b", "#cc79a7"}
	markForms   = []string{
		"M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z", // circle
		"M-4.5 -4.5h9v9h-9z",                    // square
		"M0 -5.5L5.5 4.5h-11z",                  // triangle
		"M0 -6L6 0L0 6L-6 0z",                   // diamond
		"M0 5.5L5.5 -4.5h-11z",                  // triangle upside down
		"M-1.7 -5.5h3.4v3.8h3.8v3.4h-3.8v3.8h-3.4v-3.8h-3.8v-3.4h3.8z", // plus
		"M-6 0L-3 -5.2h6L6 0L3 5.2h-6z",                                // hexagon
	}
)

func (p *plot) mark(x float64, y, i int) {
	p.printf(`<path transform="translate(%.1f %d)" d="%s" fill="%s" stroke="#ffffff" stroke-width="1.2" paint-order="stroke"/>`,
		x, y, markForms[i%len(markForms)], markColours[i%len(markColours)])
}

func (p *plot) text(x float64, y int, attributes, s string) {
	p.printf(`<text x="%.1f" y="%d" %s>%s</text>`, x, y, attributes, html.EscapeString(s))
}

func (p *plot) printf(format string, args ...any) { fmt.Fprintf(p.out, format+"\n", args...) }
