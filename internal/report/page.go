package report

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// style is how a piece of text stands out. Without colour it is not seen.
type style string

const (
	plainText style = ""
	bold      style = "\x1b[1m"
	dim       style = "\x1b[2m"
	red       style = "\x1b[31m"
	loud      style = "\x1b[1;31m"
	green     style = "\x1b[32m"
	yellow    style = "\x1b[33m"
)

// page is a text page being written. Write errors stay in w and are returned
// by done.
type page struct {
	w   *bufio.Writer
	opt Options
	now time.Time
}

func newPage(w io.Writer, opt Options, now time.Time) *page {
	return &page{w: bufio.NewWriterSize(w, 64<<10), opt: opt, now: now}
}

func (p *page) done() error { return p.w.Flush() }

func (p *page) blank() { p.text("\n") }

// text writes to the page; an error stays in the buffered writer.
func (p *page) text(s string) { _, _ = p.w.WriteString(s) }

func (p *page) styled(st style, s string) {
	if !p.opt.Color || st == plainText || s == "" {
		p.text(s)
		return
	}
	p.text(string(st) + s + "\x1b[0m")
}

// heading writes a title and what is said beside it.
func (p *page) heading(st style, title, aside string) {
	p.styled(st, title)
	if aside != "" {
		p.styled(dim, "  "+aside)
	}
	p.text("\n")
}

// para writes a paragraph with a lead word or symbol, wrapped under itself.
func (p *page) para(indent int, st style, lead, s string) {
	t := table{indent: indent}
	t.row(cell{lead, st}, cell{s, plainText})
	p.table(&t)
}

// cell is one field of a table.
type cell struct {
	text  string
	style style
}

// table is rows of aligned columns. The last column takes the space that is
// left and wraps under itself.
type table struct {
	indent int
	rows   [][]cell
}

func (t *table) row(cs ...cell) { t.rows = append(t.rows, cs) }

// widest is what a column but the last may take before the row breaks.
const widest = 44

func (t *table) widths() []int {
	var ws []int
	for _, r := range t.rows {
		for i, c := range r[:len(r)-1] {
			if i == len(ws) {
				ws = append(ws, 0)
			}
			if n := width(c.text); n <= widest {
				ws[i] = max(ws[i], n)
			}
		}
	}
	return ws
}

func (p *page) table(t *table) {
	ws := t.widths()
	for _, r := range t.rows {
		p.row(t.indent, ws, r)
	}
}

// row writes one row. What is too long for its column keeps its line, and the
// rest of the row goes on below.
func (p *page) row(indent int, ws []int, r []cell) {
	p.spaces(indent)
	at, last := indent, len(r)-1
	for last > 0 && r[last].text == "" {
		last--
	}
	for i, c := range r[:last] {
		p.styled(c.style, c.text)
		at += gap(ws[i])
		if n := width(c.text); n > ws[i] {
			p.text("\n")
			p.spaces(at)
		} else {
			p.spaces(gap(ws[i]) - n)
		}
	}
	if last < len(r)-1 {
		p.styled(r[last].style, r[last].text)
	} else {
		p.wrap(at, r[last])
	}
	p.text("\n")
}

func (p *page) spaces(n int) { p.text(strings.Repeat(" ", n)) }

// gap is a column with the space after it; a symbol stands close.
func gap(w int) int {
	switch w {
	case 0:
		return 0
	case 1:
		return 2
	}
	return w + 2
}

// wrap writes c from column at on, breaking between words. When little room is
// left, it goes on below at a smaller indent.
func (p *page) wrap(at int, c cell) {
	const room = 24
	limit := p.opt.width()
	if limit-at < room && width(c.text) > limit-at {
		at = min(at, 8)
		p.text("\n")
		p.spaces(at)
	}
	col := at
	for i, word := range strings.Fields(c.text) {
		n := width(word)
		switch {
		case i == 0:
		case col+1+n > limit:
			p.text("\n")
			p.spaces(at)
			col = at
		default:
			p.text(" ")
			col++
		}
		p.styled(c.style, strings.ReplaceAll(word, noBreak, " "))
		col += n
	}
}

// noBreak stands for a space at which a line must not break. Clean lets no
// such byte through.
const noBreak = "\x01"

func unbroken(s string) string { return strings.ReplaceAll(s, " ", noBreak) }

// width is the number of columns that s takes: combining marks none, the wide
// letters of East Asia two. Terminals differ beyond that.
func width(s string) int {
	if plain(s) {
		return len(s)
	}
	n := 0
	for _, r := range s {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me):
		case wide(r):
			n += 2
		default:
			n++
		}
	}
	return n
}

func wide(r rune) bool {
	return r >= 0x1100 && (r <= 0x115f || r >= 0x2e80 && r <= 0xa4cf || r >= 0xac00 && r <= 0xd7a3 ||
		r >= 0xf900 && r <= 0xfaff || r >= 0xfe30 && r <= 0xfe6f || r >= 0xff00 && r <= 0xff60 ||
		r >= 0xffe0 && r <= 0xffe6 || r >= 0x1f300 && r <= 0x1faff || r >= 0x20000 && r <= 0x3fffd)
}

// count writes a number and its noun: "1 member", "3,482 members".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return number(n) + " " + noun + "s"
}

// number writes n with commas between thousands.
func number(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
