package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/daypass-dev/daypass/engine"
)

func TestParsePerson(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]engine.Person{
		"ada@example.org": "ada@example.org", " Ada@Example.ORG\n": "ada@example.org", "a.b+c@x": "a.b+c@x", "Zoe@xn--R8JZ45G.jp": "zoe@xn--r8jz45g.jp",
	} {
		if got, err := engine.ParsePerson(in); err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", in, got, err, want)
		}
	}
	for _, in := range []string{
		"", " ", "ada", "@example.org", "ada@", "a@b@c", "ada king@example.org", "ada@exam\tple.org", "ada@example.org\u200b", "\u00a0ada\u00a0@x",
		"ada\u202e@example.org", "ada\u2067@example.org", "ada\u2028@example.org", "ada\x00@example.org", "ada\xff@example.org", "\u212aim@example.org", "ada\u00ad@example.org",
	} {
		if got, err := engine.ParsePerson(in); err == nil {
			t.Errorf("%q: got %q, want an error", in, got)
		}
	}
}

// TestParsePersonIsASCII: no letter beyond ASCII is taken, whichever it looks like
// or becomes when case is folded, in its place or another.
func TestParsePersonIsASCII(t *testing.T) {
	t.Parallel()
	for r := rune(utf8.RuneSelf); r <= unicode.MaxRune; r++ {
		for _, in := range []string{"l" + string(r) + "n@example.org", "lin@ex" + string(r) + "mple.org"} {
			if p, err := engine.ParsePerson(in); err == nil {
				t.Errorf("%q (%U) became %q", in, r, p)
			}
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
	for _, in := range []string{address(255), address(5000)} {
		if p, err := engine.ParsePerson(in); err == nil || len(err.Error()) > 200 {
			t.Errorf("%d octets became %.20s, %v", len(in), p, err)
		}
	}
}

// TestParsePersonSaysTheWayOut: what mail systems take for an address that is
// written otherwise is refused, with what is wrong and the way to write it.
func TestParsePersonSaysTheWayOut(t *testing.T) {
	t.Parallel()
	for in, hint := range map[string]string{
		"ada@example.org.":        "a dot too many",
		"ada@example..org":        "a dot too many",
		`"ada"@example.org`:       "leave them out",
		"ada@bücher.example":      "xn--",
		"zoë@example.org":         "'ë' (U+00EB)",
		"\u0430da@example.org":    "(U+0430)",
		"\u212aim@example.org":    "(U+212A)",
		"o\u2019neil@example.org": "the one that mail comes to",
	} {
		if p, err := engine.ParsePerson(in); err == nil || !strings.Contains(err.Error(), hint) {
			t.Errorf("%q became %q, %v; want %q", in, p, err, hint)
		}
	}
}

func TestParseGroupRef(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]engine.GroupRef{
		"corp/admins": {Directory: "corp", Name: "admins"}, "corp/a/b": {Directory: "corp", Name: "a/b"},
		"corp/cn=admins,ou=x": {Directory: "corp", Name: "cn=admins,ou=x"},
	} {
		got, err := engine.ParseGroupRef(in)
		if err != nil || got != want || got.String() != in {
			t.Errorf("%q: got %+v, %v, want %+v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "admins", "/admins", "corp/", "corp/ "} {
		if got, err := engine.ParseGroupRef(in); err == nil {
			t.Errorf("%q: got %+v, want an error", in, got)
		}
	}
}

// The same wish has the same ID in every run, and no two wishes share one.
func TestDeriveGrantID(t *testing.T) {
	t.Parallel()
	paris := time.FixedZone("CET", 3600)
	id := engine.DeriveGrantID("ada@example.org", "corp/admins", morning, "CHG-1")
	if again := engine.DeriveGrantID("ada@example.org", "corp/admins", morning.In(paris), "CHG-1"); again != id {
		t.Errorf("another zone makes another grant: %s, %s", id, again)
	}
	const pinned = "g9e0a4bf279812b438f12"
	if id != pinned {
		t.Errorf("got %s, want %s: grants in the ledgers of today would be withdrawn", id, pinned)
	}
	seen := map[engine.GrantID]bool{id: true}
	for _, other := range []engine.GrantID{
		engine.DeriveGrantID("eve@example.org", "corp/admins", morning, "CHG-1"),
		engine.DeriveGrantID("ada@example.org", "corp/staff", morning, "CHG-1"),
		engine.DeriveGrantID("ada@example.org", "corp/admins", morning.Add(1), "CHG-1"),
		engine.DeriveGrantID("ada@example.org", "corp/admins", time.Time{}, "CHG-1"),
		engine.DeriveGrantID("ada@example.org", "corp/admins", morning, "CHG-2"),
		engine.DeriveGrantID("ada@example.orgcorp", "/admins", morning, "CHG-1"),
	} {
		if seen[other] {
			t.Errorf("two wishes share %s", other)
		}
		seen[other] = true
	}
}

func TestErrorSaysWhatWhereAndWhen(t *testing.T) {
	t.Parallel()
	e := &engine.Error{Op: "corp: add ada to admins", Kind: engine.Throttled, RetryAfter: 30 * time.Second}
	if got, want := e.Error(), "corp: add ada to admins: throttled (retry in 30s)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	cause := errors.New("no route")
	e = &engine.Error{Op: "corp: find group x", Kind: engine.Unavailable, Err: cause}
	if got, want := e.Error(), "corp: find group x: no route"; got != want || !errors.Is(e, cause) {
		t.Errorf("got %q, want %q and its cause", got, want)
	}
}

func TestKindOf(t *testing.T) {
	t.Parallel()
	denied := &engine.Error{Op: "x", Kind: engine.Denied}
	for _, c := range []struct {
		err  error
		want engine.Kind
	}{
		{errors.New("x"), engine.Unknown},
		{fmt.Errorf("more: %w", denied), engine.Denied},
		{&engine.Error{Kind: engine.Partial, Err: denied}, engine.Partial},
		{context.Canceled, engine.Unavailable},
		{fmt.Errorf("more: %w", context.DeadlineExceeded), engine.Unavailable},
	} {
		if got := engine.KindOf(c.err); got != c.want {
			t.Errorf("%v: got %s, want %s", c.err, got, c.want)
		}
	}
}

// What is no refusal leaves the outcome open, and is settled by reading.
func TestRefusal(t *testing.T) {
	t.Parallel()
	for k, want := range map[engine.Kind]bool{
		engine.Unknown: false, engine.Unavailable: false, engine.Partial: false, "": false, "new": false,
		engine.NotFound: true, engine.Ambiguous: true, engine.Disabled: true, engine.Denied: true,
		engine.Throttled: true, engine.Rejected: true, engine.Unmanageable: true,
	} {
		if got := k.Refusal(); got != want {
			t.Errorf("%q: got %v, want %v", k, got, want)
		}
	}
}
