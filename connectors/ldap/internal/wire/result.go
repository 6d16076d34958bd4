package wire

import (
	"errors"
	"strings"

	ldap "github.com/go-ldap/ldap/v3"
)

// result is an LDAPResult (RFC 4511 section 4.1.9) with the answer's controls.
type result struct {
	code      int
	matched   string
	message   string
	referrals []string
	controls  []Control
}

// refusal returns nil on success and a *ldap.Error otherwise.
func (r result) refusal() error {
	if r.code == 0 {
		return nil
	}
	message := strings.TrimSpace(strings.ReplaceAll(r.message, "\x00", ""))
	if message == "" {
		message = "no further word"
	}
	if len(r.referrals) > 0 {
		message += "; it refers to " + strings.Join(r.referrals, " ")
	}
	return &ldap.Error{ResultCode: uint16(r.code), MatchedDN: r.matched, Err: errors.New(message)}
}

func parseResult(m message) (result, error) {
	var r result
	code, b, err := want(m.body, tagEnum)
	if err != nil {
		return r, err
	}
	if r.code, err = number(code); err != nil {
		return r, err
	}
	if r.code < 0 || r.code > 0xffff {
		return r, errors.New("ldap message with an impossible result code")
	}
	matched, b, err := want(b, tagOctets)
	if err != nil {
		return r, err
	}
	text, b, err := want(b, tagOctets)
	if err != nil {
		return r, err
	}
	r.matched, r.message = string(matched), string(text)
	if r.referrals, err = parseReferrals(b); err != nil {
		return r, err
	}
	r.controls, err = parseControls(m.rest)
	return r, err
}

// parseReferrals looks through what may follow a result: a referral [3], and
// the fields of bind and extended answers, which are passed over.
func parseReferrals(b []byte) ([]string, error) {
	var uris []string
	for len(b) > 0 {
		tag, content, rest, err := next(b)
		if err != nil {
			return nil, err
		}
		for tag == 0xa3 && len(content) > 0 {
			var uri []byte
			if uri, content, err = want(content, tagOctets); err != nil {
				return nil, err
			}
			uris = append(uris, string(uri))
		}
		b = rest
	}
	return uris, nil
}

func appendControls(dst []byte, controls []Control) []byte {
	if len(controls) == 0 {
		return dst
	}
	var list []byte
	for _, c := range controls {
		one := appendString(nil, tagOctets, c.OID)
		if c.Critical {
			one = appendBool(one, true)
		}
		if c.Value != nil {
			one = appendTLV(one, tagOctets, c.Value)
		}
		list = appendTLV(list, tagSequence, one)
	}
	return appendTLV(dst, 0xa0, list)
}

func parseControls(b []byte) ([]Control, error) {
	if len(b) == 0 {
		return nil, nil
	}
	list, _, err := want(b, 0xa0)
	var all []Control
	for err == nil && len(list) > 0 {
		var one []byte
		if one, list, err = want(list, tagSequence); err != nil {
			break
		}
		var c Control
		if c, err = parseControl(one); err == nil {
			all = append(all, c)
		}
	}
	return all, err
}

func parseControl(b []byte) (Control, error) {
	oid, b, err := want(b, tagOctets)
	c := Control{OID: string(oid)}
	for err == nil && len(b) > 0 {
		var tag byte
		var content []byte
		if tag, content, b, err = next(b); err != nil {
			break
		}
		switch tag {
		case tagBool:
			c.Critical = len(content) == 1 && content[0] != 0
		case tagOctets:
			c.Value = append([]byte{}, content...)
		}
	}
	return c, err
}

// PagedOID names the control of RFC 2696.
const PagedOID = "1.2.840.113556.1.4.319"

// Paged asks for a page of size entries that follows cookie.
func Paged(size int, cookie []byte) Control {
	v := appendTLV(appendInt(nil, tagInteger, size), tagOctets, cookie)
	return Control{OID: PagedOID, Critical: true, Value: appendTLV(nil, tagSequence, v)}
}

// Cookie finds the mark of the next page among the controls of an answer: it is
// empty after the last one. It reports false when the answer has no mark.
func Cookie(controls []Control) ([]byte, bool) {
	for _, c := range controls {
		if c.OID != PagedOID {
			continue
		}
		seq, _, err := want(c.Value, tagSequence)
		if err != nil {
			return nil, false
		}
		if _, seq, err = want(seq, tagInteger); err != nil {
			return nil, false
		}
		cookie, _, err := want(seq, tagOctets)
		return cookie, err == nil
	}
	return nil, false
}

// Asserting makes a request take place only where filter holds for its entry
// (RFC 4528); code 122 answers otherwise.
func Asserting(filter string) (Control, error) {
	p, err := ldap.CompileFilter(filter)
	if err != nil {
		return Control{}, err
	}
	return Control{OID: AssertionOID, Critical: true, Value: p.Bytes()}, nil
}

// AssertionOID names the control of RFC 4528.
const AssertionOID = "1.3.6.1.1.12"
