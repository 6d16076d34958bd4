package ldaptest

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
)

// A filter may be nested, but not so deep that walking it is a danger.
func TestNesting(t *testing.T) {
	t.Parallel()
	for depth, want := range map[int]error{50: nil, 150: errMalformed} {
		p, err := ldap.CompileFilter(strings.Repeat("(!", depth) + "(cn=x)" + strings.Repeat(")", depth))
		if err != nil {
			t.Fatal(err)
		}
		var e encoder
		all := e.begin(tagSequence)
		e.integer(tagInteger, 1)
		body := e.begin(0x63)
		e.buf = append(e.buf, p.Bytes()...)
		e.end(body)
		e.end(all)
		if _, err := parseRequest(e.buf); !errors.Is(err, want) {
			t.Errorf("depth %d: %v, want %v", depth, err, want)
		}
	}
}

// A packet cut into very many elements is refused before it is decoded.
func TestElements(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]error{1000: nil, maxElements: errMalformed} {
		var e encoder
		all := e.begin(tagSequence)
		e.integer(tagInteger, 1)
		body := e.begin(0x66)
		for range n {
			e.string(tagOctets, "")
		}
		e.end(body)
		e.end(all)
		if _, err := parseRequest(e.buf); !errors.Is(err, want) {
			t.Errorf("%d elements: %v, want %v", n, err, want)
		}
	}
}

// Integers are written as short as BER allows.
func TestIntegers(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "\x02\x01\x00", 127: "\x02\x01\x7f", 128: "\x02\x02\x00\x80", 70000: "\x02\x03\x01\x11\x70", -1: "\x02\x01\xff", -129: "\x02\x02\xff\x7f"} {
		var e encoder
		e.integer(tagInteger, n)
		if string(e.buf) != want {
			t.Errorf("%d: % x, want % x", n, e.buf, want)
		}
	}
}
