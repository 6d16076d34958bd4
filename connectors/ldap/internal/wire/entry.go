package wire

import (
	"bytes"
	"fmt"
	"iter"
	"strconv"
	"strings"
)

// Entry is one answer of a search. It shares the memory of the connection's
// buffer: it is good until the visitor returns, so copy what must stay.
type Entry struct {
	DN    []byte
	attrs []attribute
}

type attribute struct {
	name   []byte
	values [][]byte
}

// Values returns the values of the attribute called name; the case of the
// name does not matter. Options such as ";binary" belong to the name.
func (e *Entry) Values(name string) [][]byte {
	for i := range e.attrs {
		if foldEqual(e.attrs[i].name, name) {
			return e.attrs[i].values
		}
	}
	return nil
}

// First returns the first value of the attribute called name, or nothing.
func (e *Entry) First(name string) string {
	if v := e.Values(name); len(v) > 0 {
		return string(v[0])
	}
	return ""
}

// Has reports whether the server sent the attribute called name, be it empty.
func (e *Entry) Has(name string) bool {
	for i := range e.attrs {
		if foldEqual(e.attrs[i].name, name) {
			return true
		}
	}
	return false
}

// Names yields the name of each attribute that the server sent, without
// options.
func (e *Entry) Names() iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range e.attrs {
			name, _, _ := strings.Cut(string(e.attrs[i].name), ";")
			if !yield(name) {
				return
			}
		}
	}
}

// Window is a part of a large attribute, as Active Directory hands it out:
// "member;range=0-1499".
type Window struct {
	Values [][]byte
	Next   int  // the first value after this window
	Last   bool // no value follows
}

// Window returns the part of the attribute called name that the server sent.
// It reports false when it sent none.
func (e *Entry) Window(name string) (Window, bool, error) {
	for i := range e.attrs {
		a := &e.attrs[i]
		base, option, found := bytes.Cut(a.name, []byte(";range="))
		if !found {
			base, option, found = bytes.Cut(a.name, []byte(";Range="))
		}
		if !found || !foldEqual(base, name) {
			continue
		}
		w, err := parseWindow(string(option), len(a.values))
		w.Values = a.values
		return w, true, err
	}
	return Window{}, false, nil
}

func parseWindow(option string, n int) (Window, error) {
	low, high, found := strings.Cut(option, "-")
	from, err := strconv.Atoi(low)
	if !found || err != nil || from < 0 {
		return Window{}, fmt.Errorf("range option %q", option)
	}
	if high == "*" {
		return Window{Next: from + n, Last: true}, nil
	}
	to, err := strconv.Atoi(high)
	if err != nil || to < from || to-from+1 != n {
		return Window{}, fmt.Errorf("range option %q on %d values", option, n)
	}
	return Window{Next: to + 1}, nil
}

// parse reads a SearchResultEntry, reusing the slices of the entry before.
func (e *Entry) parse(b []byte) error {
	var err error
	if e.DN, b, err = want(b, tagOctets); err != nil {
		return err
	}
	list, _, err := want(b, tagSequence)
	if err != nil {
		return err
	}
	e.attrs = e.attrs[:0]
	for len(list) > 0 {
		var one []byte
		if one, list, err = want(list, tagSequence); err != nil {
			return err
		}
		if err = e.parseAttribute(one); err != nil {
			return err
		}
	}
	return nil
}

func (e *Entry) parseAttribute(b []byte) error {
	if len(e.attrs) < cap(e.attrs) {
		e.attrs = e.attrs[:len(e.attrs)+1]
	} else {
		e.attrs = append(e.attrs, attribute{})
	}
	a := &e.attrs[len(e.attrs)-1]
	a.values = a.values[:0]
	name, b, err := want(b, tagOctets)
	if err != nil {
		return err
	}
	a.name = name
	set, _, err := want(b, tagSet)
	for err == nil && len(set) > 0 {
		var v []byte
		if v, set, err = want(set, tagOctets); err == nil {
			a.values = append(a.values, v)
		}
	}
	return err
}

// foldEqual compares attribute names, which are ASCII (RFC 4512 section 2.5).
func foldEqual(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i, c := range b {
		if lower(c) != lower(s[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
