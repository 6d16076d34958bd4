package engine_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/daypass-dev/daypass/engine"
)

// TestParsePersonTakesOneSpelling: an address that is taken has no other spelling
// in Unicode. Every character is tried by itself, beside each that may join with
// it, and in the order that normalisation would change.
func TestParsePersonTakesOneSpelling(t *testing.T) {
	t.Parallel()
	var joining []rune // characters that may join with the one before
	for r := rune(utf8.RuneSelf); r <= unicode.MaxRune; r++ {
		if p := norm.NFC.PropertiesString(string(r)); utf8.ValidRune(r) && (!p.BoundaryBefore() || p.CCC() > 0) {
			joining = append(joining, r)
		}
	}
	taken := func(s string) {
		p, err := engine.ParsePerson("a" + s + "b@example.org")
		if err == nil && !norm.NFC.IsNormalString(string(p)) {
			t.Errorf("%+q became %+q", s, p)
		}
	}
	for r := rune(utf8.RuneSelf); r <= unicode.MaxRune; r++ {
		if utf8.ValidRune(r) {
			taken(string(r))
			taken(norm.NFD.String(string(r)))
		}
	}
	if len(joining) < 500 {
		t.Fatalf("only %d characters join with others", len(joining))
	}
	for _, r := range joining { // whatever they join with, they are refused
		if p, err := engine.ParsePerson("a" + string(r) + "b@example.org"); err == nil {
			t.Errorf("%U became %+q", r, p)
		}
	}
	for in, want := range map[string]engine.Person{"Zoë@example.org": "zoë@example.org", "김@example.org": "김@example.org", "đặng@example.org": "đặng@example.org"} {
		if p, err := engine.ParsePerson(in); err != nil || p != want {
			t.Errorf("%q: got %q, %v", in, p, err)
		}
		if _, err := engine.ParsePerson(norm.NFD.String(in)); err == nil {
			t.Errorf("%+q was taken too", norm.NFD.String(in))
		}
	}
}

// TestParsePersonIsBounded: an address is no longer than a mailbox can be, and a
// longer one is not repeated.
func TestParsePersonIsBounded(t *testing.T) {
	t.Parallel()
	address := func(n int) string { return strings.Repeat("x", n-len("@example.org")) + "@example.org" }
	if p, err := engine.ParsePerson(address(254)); err != nil || len(p) != 254 {
		t.Errorf("254 octets: %d, %v", len(p), err)
	}
	for _, in := range []string{address(255), address(5000), strings.Repeat("é", 125) + "@example.org"} {
		if p, err := engine.ParsePerson(in); err == nil || len(err.Error()) > 200 {
			t.Errorf("%d octets became %.20s, %v", len(in), p, err)
		}
	}
}
