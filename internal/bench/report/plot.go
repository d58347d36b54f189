package report

import (
	"fmt"
	"html"
	"io"
	"math"

	"github.com/parleyws/websocket/internal/bench/measure"
	"github.com/parleyws/websocket/internal/bench/peers"
)

// Sizes of the plot, in pixels.
const (
	plotLeft   = 330 // where the axis begins
	plotWidth  = 620 // of the axis
	plotRight  = 30
	plotRow    = 26
	plotLegend = 24 // a row of it
	dot        = 5
)

// colours are for the peers but the limit, in their order. The first are ours,
// and stand out.
var colours = []string{"#d4351c", "#f47738", "#1d70b8", "#00703c", "#4c2c92", "#b58df0", "#505a5f", "#28a197", "#b1a300"}

// Plot writes an SVG: a row for each workload, and in it a dot for each peer, at
// its CPU time over that of the limit, on a logarithmic axis.
func (r *Report) Plot(out io.Writer) {
	p := plot{Report: r, out: out}
	for _, w := range r.Workloads {
		if w.Unit != Connection {
			p.rows = append(p.rows, w)
		}
	}
	for _, peer := range r.Peers {
		if peer.Name != peers.Limit {
			p.dots = append(p.dots, peer.Name)
		}
	}
	p.scale()
	p.draw()
}

type plot struct {
	*Report
	out    io.Writer
	rows   []Workload
	dots   []string // names of peers
	lo, hi float64  // logarithms of the ends of the axis
}

// scale finds the ends of the axis, powers of two that all dots lie between.
func (p *plot) scale() {
	p.lo, p.hi = -1, 1
	for _, w := range p.rows {
		for _, name := range p.dots {
			if s := p.Ratio(w.Name, name); len(s) > 0 && s.Median() > 0 {
				at := math.Log2(s.Median())
				p.lo, p.hi = min(p.lo, math.Floor(at)), max(p.hi, math.Ceil(at))
			}
		}
	}
}

func (p *plot) x(ratio float64) float64 {
	return plotLeft + (math.Log2(ratio)-p.lo)/(p.hi-p.lo)*plotWidth
}

// legendColumns is how many names fit side by side.
const legendColumns = 5

func (p *plot) top() int { return 60 + (len(p.dots)+legendColumns-1)/legendColumns*plotLegend }

func (p *plot) draw() {
	width, bottom := plotLeft+plotWidth+plotRight, p.top()+len(p.rows)*plotRow
	p.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif" font-size="13">`,
		width, bottom+40, width, bottom+40)
	p.printf(`<rect width="100%%" height="100%%" fill="#ffffff"/>`)
	p.text(12, 24, "start", "#0b0c0c", "CPU time of the server, divided by that of a raw TCP echo in Go (less is better)")
	for i, name := range p.dots {
		x, y := 20+i%legendColumns*190, 48+i/legendColumns*plotLegend
		p.dot(float64(x), y, i)
		p.text(float64(x+12), y+5, "start", "#0b0c0c", name)
	}
	p.axis(bottom)
	for i, w := range p.rows {
		p.row(p.top()+i*plotRow+plotRow/2, w)
	}
	p.printf(`</svg>`)
}

// axis draws a line at each power of two; that of the limit is a strong one.
func (p *plot) axis(bottom int) {
	for e := p.lo; e <= p.hi; e++ {
		ratio, colour := math.Exp2(e), "#dddddd"
		if e == 0 {
			colour = "#0b0c0c"
		}
		x := p.x(ratio)
		p.printf(`<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="%s"/>`, x, p.top(), x, bottom, colour)
		p.text(x, bottom+18, "middle", "#0b0c0c", fmt.Sprintf("%g", ratio))
	}
}

// row draws a workload: ours last, on top of the others.
func (p *plot) row(y int, w Workload) {
	p.text(plotLeft-14, y+5, "end", "#0b0c0c", w.Says)
	p.printf(`<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="#eeeeee"/>`, plotLeft, y, plotLeft+plotWidth, y)
	for i := len(p.dots) - 1; i >= 0; i-- {
		if s := p.Ratio(w.Name, p.dots[i]); len(s) > 0 && s.Median() > 0 {
			p.printf(`<g><title>%s: %s</title>`, html.EscapeString(p.dots[i]), measure.Number(s.Median()))
			p.dot(p.x(s.Median()), y, i)
			p.printf(`</g>`)
		}
	}
}

func (p *plot) dot(x float64, y, i int) {
	p.printf(`<circle cx="%.1f" cy="%d" r="%d" fill="%s" fill-opacity="0.85"/>`, x, y, dot, colours[i%len(colours)])
}

func (p *plot) text(x float64, y int, anchor, colour, s string) {
	p.printf(`<text x="%.1f" y="%d" text-anchor="%s" fill="%s">%s</text>`, x, y, anchor, colour, html.EscapeString(s))
}

func (p *plot) printf(format string, args ...any) { fmt.Fprintf(p.out, format+"\n", args...) }
