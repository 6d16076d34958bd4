package ldaptest

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Load seeds entries from LDIF (RFC 2849), parents first. Change records and
// values by URL are refused. Operational attributes that the server computes are left out, but
// entryUUID, nsUniqueId and objectGUID are kept. Members may come after their
// groups.
func (s *Server) Load(ldif io.Reader) error {
	r := bufio.NewReader(ldif)
	var rec record
	line := 0
	for {
		text, err := r.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("ldaptest: read ldif: %w", err)
		}
		line++
		if done := rec.take(strings.TrimRight(text, "\r\n"), line); done || err != nil {
			if fail := s.loadRecord(&rec); fail != nil {
				return fail
			}
		}
		if err != nil {
			return nil
		}
	}
}

// record is the logical lines of one entry.
type record struct {
	lines   []string
	start   int
	comment bool
}

// take adds a physical line and reports whether the record has ended.
func (r *record) take(text string, line int) (done bool) {
	switch {
	case text == "":
		r.comment = false
		return len(r.lines) > 0
	case text[0] == ' ':
		if n := len(r.lines); n > 0 && !r.comment {
			r.lines[n-1] += text[1:]
		}
	case text[0] == '#':
		r.comment = true
	default:
		if len(r.lines) == 0 {
			r.start = line
		}
		r.lines, r.comment = append(r.lines, text), false
	}
	return false
}

func (s *Server) loadRecord(rec *record) error {
	lines, start := rec.lines, rec.start
	rec.lines = nil
	if len(lines) > 0 && strings.HasPrefix(lines[0], "version:") {
		lines = lines[1:]
	}
	if len(lines) == 0 {
		return nil
	}
	dn, attrs, err := parseRecord(lines)
	if err != nil {
		return fmt.Errorf("ldaptest: ldif record at line %d: %w", start, err)
	}
	if norm, err := normalDN(dn); err == nil && norm == s.tree.suffix {
		return nil // it is there
	}
	if r := s.add(dn, attrs, true); !r.ok() {
		return fmt.Errorf("ldaptest: ldif record at line %d: %s: %w", start, dn, r)
	}
	return nil
}

func parseRecord(lines []string) (dn string, attrs []Change, err error) {
	at := make(map[string]int)
	for i, l := range lines {
		name, v, err := parseLDIF(l)
		switch {
		case err != nil:
			return "", nil, err
		case i == 0 && !strings.EqualFold(name, "dn"):
			return "", nil, fmt.Errorf("want dn: first, got %q", name)
		case i == 0:
			dn = v
			continue
		case strings.EqualFold(name, "changetype"):
			return "", nil, errors.New("change records are not supported")
		}
		key := strings.ToLower(name)
		n, ok := at[key]
		if !ok {
			n = len(attrs)
			at[key] = n
			attrs = append(attrs, Change{Attr: name})
		}
		attrs[n].Values = append(attrs[n].Values, v)
	}
	return dn, attrs, nil
}

func parseLDIF(l string) (name, v string, err error) {
	name, v, ok := strings.Cut(l, ":")
	switch {
	case !ok || name == "":
		return "", "", fmt.Errorf("want name: value, got %q", l)
	case strings.HasPrefix(v, "<"):
		return "", "", fmt.Errorf("%s: values by URL are not supported", name)
	case strings.HasPrefix(v, ":"):
		b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(v[1:]))
		if err != nil {
			return "", "", fmt.Errorf("%s: %w", name, err)
		}
		return name, string(b), nil
	}
	return name, strings.TrimLeft(v, " "), nil
}
