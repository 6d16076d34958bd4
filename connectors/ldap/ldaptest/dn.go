package ldaptest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// normalDN returns the form of a DN under which equal DNs are equal strings
// (RFC 4517 section 4.2.15, with case-insensitive values): types and values
// in lower case, spaces collapsed, special characters as \xx. A comma in it
// always separates two RDNs.
func normalDN(s string) (string, error) {
	if plainDN(s) {
		return strings.ToLower(s), nil
	}
	dn, err := ldap.ParseDN(s)
	if err != nil {
		return "", fmt.Errorf("dn %q: %w", s, err)
	}
	rdns := make([]string, len(dn.RDNs))
	for i, rdn := range dn.RDNs {
		parts := make([]string, len(rdn.Attributes))
		for j, a := range rdn.Attributes {
			if strings.TrimSpace(a.Type) == "" {
				return "", fmt.Errorf("dn %q: no attribute type", s)
			}
			parts[j] = canonicalName(strings.TrimSpace(a.Type)) + "=" + escapeNormal(foldValue(a.Value))
		}
		slices.Sort(parts)
		rdns[i] = strings.Join(parts, "+")
	}
	return strings.Join(rdns, ","), nil
}

// plainDN reports whether lower-casing is all that normalising s needs, which
// spares most DNs the parser: 50 ns instead of 2.4 us.
func plainDN(s string) bool {
	equals, gap, start := 0, true, 0 // "=" in this RDN; nothing here yet but a space; where the RDN begins
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '=':
			if equals++; equals > 1 || gap || longName(s[start:i]) {
				return false
			}
			gap = true
		case c == ',':
			if equals != 1 || gap {
				return false
			}
			equals, gap, start = 0, true, i+1
		case c == ' ':
			if gap || equals == 0 {
				return false
			}
			gap = true
		case c < ' ' || c >= 0x7f || strings.IndexByte(`\"+#<>;`, c) >= 0:
			return false
		default:
			gap = false
		}
	}
	return equals == 1 && !gap
}

// longName reports whether an attribute type has another, canonical name.
func longName(s string) bool {
	return len(s) > 3 && canonicalName(s) != strings.ToLower(s)
}

const hexDigits = "0123456789abcdef"

func escapeNormal(s string) string {
	if !strings.ContainsFunc(s, special) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x80 && special(rune(c)) {
			b.WriteByte('\\')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func special(r rune) bool {
	return r < ' ' || r == 0x7f || r < 0x80 && strings.IndexByte(`\"+#<>;,=`, byte(r)) >= 0
}

// foldValue prepares a string for caseIgnoreMatch.
func foldValue(s string) string {
	if s = strings.ToLower(s); !strings.Contains(s, "  ") && !strings.HasPrefix(s, " ") && !strings.HasSuffix(s, " ") {
		return s
	}
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' }), " ")
}

// parentOf returns the normal form of the entry above, "" above a single RDN.
func parentOf(norm string) string {
	_, parent, _ := strings.Cut(norm, ",")
	return parent
}

// under reports whether norm is at or below base.
func under(norm, base string) bool {
	if base == "" || norm == base {
		return true
	}
	return strings.HasSuffix(norm, base) && norm[len(norm)-len(base)-1] == ','
}

// splitRDN cuts a DN, as its writer wrote it, behind its first RDN.
func splitRDN(dn string) (rdn, parent string) {
	for i := 0; i < len(dn); i++ {
		switch dn[i] {
		case '\\':
			i++
		case ',':
			return strings.TrimSpace(dn[:i]), strings.TrimSpace(dn[i+1:])
		}
	}
	return strings.TrimSpace(dn), ""
}

// rdnPair is one attribute and value of a relative name.
type rdnPair struct{ attr, value string }

func parseRDN(s string) ([]rdnPair, error) {
	dn, err := ldap.ParseDN(s)
	if err != nil {
		return nil, fmt.Errorf("rdn %q: %w", s, err)
	}
	if len(dn.RDNs) != 1 {
		return nil, errors.New("rdn " + s + ": want exactly one component")
	}
	var pairs []rdnPair
	for _, a := range dn.RDNs[0].Attributes {
		if a.Type == "" || a.Value == "" {
			return nil, errors.New("rdn " + s + ": type and value must not be empty")
		}
		pairs = append(pairs, rdnPair{a.Type, a.Value})
	}
	return pairs, nil
}
