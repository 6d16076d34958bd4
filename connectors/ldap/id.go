package ldap

import (
	"encoding/hex"
	"fmt"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"
)

// guidString writes an objectGUID as Microsoft's tools do: the first three
// fields are stored little-endian (MS-DTYP section 2.3.4.2). It returns ""
// for anything that is not 16 bytes.
func guidString(b []byte) string {
	if len(b) != 16 {
		return ""
	}
	return fmt.Sprintf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%x-%x",
		b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8:10], b[10:])
}

// guidBytes is the inverse of guidString.
func guidBytes(s string) ([]byte, bool) {
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(b) != 16 || len(s) != 36 {
		return nil, false
	}
	b[0], b[1], b[2], b[3] = b[3], b[2], b[1], b[0]
	b[4], b[5] = b[5], b[4]
	b[6], b[7] = b[7], b[6]
	return b, true
}

func isGUID(attr string) bool { return strings.EqualFold(attr, "objectGUID") }

// idString writes the value of an id attribute.
func idString(attr string, v []byte) string {
	if isGUID(attr) {
		return guidString(v)
	}
	return string(v)
}

// idFilter finds the entry whose id attribute has the value id. It reports
// false when no value can look like that.
func idFilter(attr, id string) (string, bool) {
	if !isGUID(attr) {
		return "(" + attr + "=" + goldap.EscapeFilter(id) + ")", id != ""
	}
	raw, ok := guidBytes(id)
	if !ok {
		return "", false
	}
	var b strings.Builder
	for _, c := range raw {
		fmt.Fprintf(&b, "\\%02x", c)
	}
	return "(" + attr + "=" + b.String() + ")", true
}

// looksLikeID reports whether s has the form of an id that a server made:
// 8-4-4-4-12 hex digits, or 389's 8-8-8-8.
func looksLikeID(s string) bool {
	parts := strings.Split(s, "-")
	var form []int
	switch len(parts) {
	case 5:
		form = []int{8, 4, 4, 4, 12}
	case 4:
		form = []int{8, 8, 8, 8}
	default:
		return false
	}
	for i, p := range parts {
		if len(p) != form[i] || strings.Trim(p, "0123456789abcdefABCDEF") != "" {
			return false
		}
	}
	return true
}

// template is a filter with {person} in it.
type template struct {
	text string
	attr string // set when the filter is (attr={person})
}

func parseTemplate(s string) (template, error) {
	if !strings.Contains(s, "{person}") || !validFilter(strings.ReplaceAll(s, "{person}", "a@b")) {
		return template{}, fmt.Errorf("people.match %q is not an LDAP filter with {person} in it, such as (mail={person})", s)
	}
	t := template{text: s}
	if attr, found := strings.CutSuffix(s, "={person})"); found && strings.HasPrefix(attr, "(") && validName(attr[1:]) {
		t.attr = attr[1:]
	}
	return t, nil
}

func (t template) filter(person string) string {
	return strings.ReplaceAll(t.text, "{person}", goldap.EscapeFilter(person))
}
