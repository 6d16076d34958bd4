package googletest

import "strings"

// mask is what a fields parameter selects: nil shows everything.
type mask struct {
	fields map[string]*mask
}

// field tells whether a field is shown, and what of it.
func (m *mask) field(name string) (inner *mask, shown bool) {
	if m == nil {
		return nil, true
	}
	if inner, shown = m.fields[name]; shown {
		return inner, true
	}
	inner, shown = m.fields["*"]
	return inner, shown
}

// parseMask reads "nextPageToken,members(id,email)" or "members/id". It
// reports false for what is no selection.
func parseMask(text string) (*mask, bool) {
	if text == "" || text == "*" {
		return nil, true
	}
	m, rest, ok := maskList(text)
	return m, ok && rest == ""
}

func maskList(text string) (m *mask, rest string, ok bool) {
	m = &mask{fields: make(map[string]*mask)}
	for {
		name, inner, rest, ok := maskField(text)
		if !ok {
			return nil, "", false
		}
		m.fields[name] = inner
		if !strings.HasPrefix(rest, ",") {
			return m, rest, true
		}
		text = rest[1:]
	}
}

// maskField reads one field with what is selected inside of it.
func maskField(text string) (name string, inner *mask, rest string, ok bool) {
	end := strings.IndexAny(text, ",()/")
	if end < 0 {
		end = len(text)
	}
	name, rest = text[:end], text[end:]
	switch {
	case name == "":
		return "", nil, "", false
	case strings.HasPrefix(rest, "/"):
		deeper, in, rest, ok := maskField(rest[1:])
		return name, &mask{fields: map[string]*mask{deeper: in}}, rest, ok
	case strings.HasPrefix(rest, "("):
		inner, rest, ok = maskList(rest[1:])
		if !ok || !strings.HasPrefix(rest, ")") {
			return "", nil, "", false
		}
		return name, inner, rest[1:], true
	}
	return name, nil, rest, true
}
