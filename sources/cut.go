package sources

import "bytes"

// piece is a run of whole entries from a YAML list.
type piece struct {
	text []byte
	line int // lines before it in the file
}

// pieceSize keeps the number of pieces, and the cost of each, small.
const pieceSize = 32 << 10

// cut divides a grant file of the usual form into pieces that are YAML lists
// by themselves, each of at least size bytes:
//
//	grants:
//	  - ...
//	  - ...
//
// It reports false for any other form. It looks at indentation only. A cut
// inside a quoted text or a bracket leaves a piece that does not parse, and the
// caller then reads the whole; a cut elsewhere is at the list's own level,
// because block text and mappings are indented deeper than their dash.
func cut(data []byte, size int) (pieces []piece, ok bool) {
	if len(data) < 2*size {
		return nil, false
	}
	body, line, ok := skipHeader(data)
	if !ok {
		return nil, false
	}
	indent, start, startLine := -1, 0, line
	for at := 0; at < len(body); line++ {
		text := body[at:]
		end := bytes.IndexByte(text, '\n') + 1
		if end == 0 {
			end = len(text)
		}
		in, kind := look(text[:end])
		switch {
		case kind == blank:
		case indent < 0 && kind == dash:
			indent = in
		case indent < 0, in < indent:
			return nil, false
		case kind == dash && in == indent && at-start >= size:
			pieces = append(pieces, piece{body[start:at], startLine})
			start, startLine = at, line
		}
		at += end
	}
	return append(pieces, piece{body[start:], startLine}), indent >= 0
}

// skipHeader drops everything up to the line "grants:".
func skipHeader(data []byte) (body []byte, line int, ok bool) {
	for len(data) > 0 {
		text, rest, _ := bytes.Cut(data, []byte("\n"))
		line++
		if bytes.Equal(bytes.TrimRight(text, " \r"), []byte("grants:")) {
			return rest, line, true
		}
		if _, kind := look(text); kind != blank {
			return nil, 0, false
		}
		data = rest
	}
	return nil, 0, false
}

type lineKind int

const (
	blank lineKind = iota // nothing, or a comment
	dash                  // begins an item
	other
)

// look tells the indentation of a line and what it begins with.
func look(text []byte) (indent int, kind lineKind) {
	rest := bytes.TrimLeft(text, " ")
	indent = len(text) - len(rest)
	rest = bytes.TrimRight(rest, "\r\n")
	switch {
	case len(rest) == 0, rest[0] == '#':
		return indent, blank
	case rest[0] == '-' && (len(rest) == 1 || rest[1] == ' '):
		return indent, dash
	}
	return indent, other
}
