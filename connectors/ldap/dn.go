package ldap

import (
	"bytes"
	"encoding/hex"
	"sort"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"
)

// dnKey returns a form of a DN that is equal for DNs that every server finds
// equal: case and the spaces around separators do not count, nor does the way
// of escaping. Two forms that differ may still be equal for a server; so a key
// that is not known leads to a question, never to "somebody else".
func dnKey(dn string) string {
	if plainDN(dn) {
		return strings.ToLower(dn)
	}
	return parsedKey(dn)
}

// appendDNKey is dnKey for the many: it appends to dst and allocates nothing
// for a plain DN.
func appendDNKey(dst, dn []byte) []byte {
	if !plainDN(dn) {
		return append(dst, parsedKey(string(dn))...)
	}
	for _, c := range dn {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// plainDN reports whether lower-casing is all that dn needs: ASCII without
// escapes, multi-valued RDNs, hex values, OIDs as types, or spaces that do not
// count.
func plainDN[T string | []byte](dn T) bool {
	prev, inValue := byte(','), false
	for i := 0; i < len(dn); i++ {
		c := dn[i]
		switch {
		case c < ' ', c > '~', c == '\\', c == '"', c == '+', c == '<', c == '>', c == ';', c == '#':
			return false
		case c == ' ':
			if !inValue || prev == ' ' || prev == '=' {
				return false
			}
		case c == '=':
			if inValue || prev == ',' {
				return false
			}
			inValue = true
		case c == ',':
			if !inValue || prev == ' ' {
				return false
			}
			inValue = false
		case prev == ',' && '0' <= c && c <= '9':
			return false // an OID
		}
		prev = c
	}
	return inValue && prev != ' '
}

// typeName folds an attribute type, and the other names of those that RFC 4514
// section 3 lists.
func typeName(t string) string {
	switch t = strings.ToLower(strings.TrimPrefix(strings.ToLower(t), "oid.")); t {
	case "2.5.4.3", "commonname":
		return "cn"
	case "2.5.4.7", "localityname":
		return "l"
	case "2.5.4.8", "stateorprovincename":
		return "st"
	case "2.5.4.10", "organizationname":
		return "o"
	case "2.5.4.11", "organizationalunitname":
		return "ou"
	case "2.5.4.6", "countryname":
		return "c"
	case "0.9.2342.19200300.100.1.25", "domaincomponent":
		return "dc"
	case "0.9.2342.19200300.100.1.1", "userid":
		return "uid"
	}
	return t
}

func parsedKey(dn string) string {
	d, err := goldap.ParseDN(dn)
	if err != nil {
		return "\x00" + strings.ToLower(strings.TrimSpace(dn)) // no DN; equal to itself only
	}
	rdns := make([]string, len(d.RDNs))
	for i, rdn := range d.RDNs {
		parts := make([]string, len(rdn.Attributes))
		for j, a := range rdn.Attributes {
			parts[j] = typeName(a.Type) + "=" + goldap.EscapeDN(foldValue(a.Value))
		}
		sort.Strings(parts)
		rdns[i] = strings.Join(parts, "+")
	}
	return strings.Join(rdns, ",")
}

// foldValue prepares a value as caseIgnoreMatch does, as far as the standard
// library goes: lower case, one space for many, none outside.
func foldValue(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return r == ' ' }), " ")
}

func validDN(dn string) bool {
	d, err := goldap.ParseDN(dn)
	return err == nil && len(d.RDNs) > 0
}

func validFilter(f string) bool {
	_, err := goldap.CompileFilter(f)
	return err == nil
}

func validName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.;") == ""
}

// splitUID divides a value of uniqueMember into its DN and the optional bit
// string behind it: dn#'0101'B (RFC 4517 section 3.3.21).
func splitUID(v []byte) (dn, uid []byte) {
	if len(v) < 4 || !bytes.HasSuffix(v, []byte("'B")) {
		return v, nil
	}
	i := bytes.LastIndex(v, []byte("#'"))
	if i < 0 || len(bytes.Trim(v[i+2:len(v)-2], "01")) > 0 {
		return v, nil
	}
	return v[:i], v[i:]
}

// splitExtended takes apart what Active Directory answers to the extended DN
// control: <GUID=...>;<SID=...>;CN=... The id is empty when there is none.
// MS-ADTS section 3.1.1.3.4.1.5.
func splitExtended(v []byte) (id string, dn []byte) {
	for len(v) > 0 && v[0] == '<' {
		end := bytes.Index(v, []byte(">;"))
		if end < 0 {
			break
		}
		if hexID, found := bytes.CutPrefix(v[1:end], []byte("GUID=")); found {
			id = extendedGUID(string(hexID))
		}
		v = v[end+2:]
	}
	return id, v
}

func extendedGUID(s string) string {
	if len(s) == 36 { // as a string, when the control's flag is 1
		return strings.ToLower(s)
	}
	raw, err := hex.DecodeString(s)
	if err != nil {
		return ""
	}
	return guidString(raw)
}
