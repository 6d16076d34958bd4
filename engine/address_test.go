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
// in Unicode: no shape, case or order of a letter that normalisation, or folding
// of case, changes. Every character is tried by itself, and beside each that may
// join with it.
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
		if err == nil && !norm.NFKC.IsNormalString(string(p)) {
			t.Errorf("%+q became %+q", s, p)
		}
	}
	folds := func(r rune) {
		p, err := engine.ParsePerson("a" + string(r) + "b@example.org")
		for f := unicode.SimpleFold(r); err == nil && f != r; f = unicode.SimpleFold(f) {
			if q, err := engine.ParsePerson("a" + string(f) + "b@example.org"); err == nil && q != p {
				t.Errorf("%U and %U, which differ in case, are %q and %q", r, f, p, q)
			}
		}
	}
	for r := rune(utf8.RuneSelf); r <= unicode.MaxRune; r++ {
		if utf8.ValidRune(r) {
			taken(string(r))
			taken(norm.NFD.String(string(r)))
			folds(r)
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
	for in, want := range map[string]engine.Person{
		"Zoë@example.org": "zoë@example.org", "김@example.org": "김@example.org", "đặng@example.org": "đặng@example.org",
		"Žofie@example.org": "žofie@example.org", "ИВАН@example.org": "иван@example.org", "ΝΊΚΗ@example.org": "νίκη@example.org", "Müller@XN--BCHER-KVA.example": "müller@xn--bcher-kva.example",
	} {
		if p, err := engine.ParsePerson(in); err != nil || p != want {
			t.Errorf("%q: got %q, %v", in, p, err)
		}
		if _, err := engine.ParsePerson(norm.NFD.String(in)); err == nil && !norm.NFD.IsNormalString(in) {
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

// TestParsePersonSaysTheOtherSpelling: what is taken by mail systems for an address
// that is written otherwise is refused, with the way to write it. Letters of other
// alphabets are taken.
func TestParsePersonSaysTheOtherSpelling(t *testing.T) {
	t.Parallel()
	for in, hint := range map[string]string{
		"ada@example.org.":        "a dot too many",
		"ada@example..org":        "a dot too many",
		`"ada"@example.org`:       "leave them out",
		"ａｄａ@example.org":         "write a plain letter",
		"ada@ｅxample.org":         "xn--",
		"ada@example。org":         "xn--",
		"ada@bücher.example":      "xn--",
		"γιωργος@example.org":     "write a plain letter",
		"\u00b5@example.org":      "write a plain letter",
		"o\u2019neil@example.org": "write a plain letter",
	} {
		if p, err := engine.ParsePerson(in); err == nil || !strings.Contains(err.Error(), hint) {
			t.Errorf("%q became %q, %v; want %q", in, p, err, hint)
		}
	}
	for alphabet, letters := range map[string]string{
		"Latin": "äöüßéèêñçøåæœþðłńśźżčřžýěůőűğşıțșāēīūķļņ", "Greek": "αβγδεζηθικλμνξοπρστυφχψωάέήίόύώ", "Cyrillic": "абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґ",
		"Hebrew": "אבגדהוזחטיכךלמםנןסעפףצץקרשת", "Arabic": "ابتثجحخدذرزسشصضطظعغفقكلمنهوي", "Japanese": "あいうえおアイウエオがガ山田", "Korean": "김이박최", "Chinese": "王李张劉",
	} {
		for _, r := range letters {
			if _, err := engine.ParsePerson("a" + string(r) + "b@example.org"); err != nil && r != 'ı' { // some take it for an i
				t.Errorf("%s: %v", alphabet, err)
			}
		}
	}
}
