package sources

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
)

// csv reads a table whose first line names the fields, in any order. An empty
// cell is a field that is not given. Comma or semicolon divides, as the first
// line shows. There are no comments.
func (r *reader) csv(ctx context.Context, data []byte) {
	c := csv.NewReader(bytes.NewReader(data))
	c.Comma = divider(data)
	c.FieldsPerRecord = -1
	c.ReuseRecord = true
	header, err := c.Read()
	if errors.Is(err, io.EOF) {
		r.fail(mark{1, 1}, "is empty; begin with a line such as person,resource,from,until,reason")
		return
	}
	if err != nil {
		r.csvSyntax(err)
		return
	}
	columns, ok := r.header(c, header)
	if !ok {
		return
	}
	for ctx.Err() == nil {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil { // what follows an open quote cannot be told apart
			r.csvSyntax(err)
			return
		}
		r.row(c, columns, row)
	}
}

// divider looks at the first line: no field's name holds either mark.
func divider(data []byte) rune {
	line, _, _ := bytes.Cut(data, []byte("\n"))
	if bytes.Contains(line, []byte(";")) && !bytes.Contains(line, []byte(",")) {
		return ';'
	}
	return ','
}

func (r *reader) csvSyntax(err error) {
	var p *csv.ParseError
	if !errors.As(err, &p) {
		r.fail(mark{}, "%v", err)
		return
	}
	if p.StartLine != p.Line {
		r.fail(mark{p.StartLine, 1}, "a quote that begins here or later in the line is not closed")
		return
	}
	r.fail(mark{p.Line, p.Column}, `a quote is not closed, or stands inside a cell; put the cell in quotes and write "" for a quote in it`)
}

func (r *reader) header(c *csv.Reader, names []string) ([]field, bool) {
	before := len(r.errs)
	columns := make([]field, len(names))
	for i, name := range names {
		f, ok := fieldOf(strings.TrimSpace(name))
		switch {
		case !ok:
			r.fail(place(c, i), "unknown column %q%s", name, nearest(strings.TrimSpace(name)))
		case slices.Contains(columns[:i], f):
			r.fail(place(c, i), "column %s is there twice", fieldNames[f])
		}
		columns[i] = f
		if !ok {
			columns[i] = -1
		}
	}
	if len(r.errs) > before {
		return nil, false
	}
	has := func(f field) bool { return slices.Contains(columns, f) }
	if !has(person) || !has(resource) && !has(group) || !has(until) && !has(lasts) {
		r.fail(mark{1, 1}, "the first line names the columns: person, resource or group, until (or from and for), and perhaps from and reason")
		return nil, false
	}
	return columns, true
}

func (r *reader) row(c *csv.Reader, columns []field, row []string) {
	e := entry{at: mark{place(c, 0).line, 1}}
	if len(row) != len(columns) {
		r.fail(e.at, "has %d cells where the first line has %d", len(row), len(columns))
		return
	}
	for i, cell := range row {
		if cell = strings.TrimSpace(cell); cell != "" {
			e.fields[columns[i]] = text{value: cell, at: place(c, i), given: true}
		}
	}
	r.grant(&e)
}

func place(c *csv.Reader, i int) mark {
	line, col := c.FieldPos(i)
	return mark{line, col}
}
