package desk

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// TestEverybodyIsKnownByOneAddress: whoever a request names, anywhere, is compared
// by the address that they are known by, and what is on record stays.
func TestEverybodyIsKnownByOneAddress(t *testing.T) {
	const before, now engine.Person = "before@example.org", "now@example.org"
	rules := &Rules{Canonical: func(p engine.Person) engine.Person {
		if p == before {
			return now
		}
		return p
	}}
	who := func() access.Who { return access.Who{People: []engine.Person{before}} }
	by := access.Actor{Person: before, Maker: before}
	steps := func() []access.Step {
		return []access.Step{{Approvers: who(), Escalate: &access.Escalate{To: who()}}}
	}
	r := access.Request{
		Person: before, By: by, Course: access.Course{Steps: steps()},
		Policy: access.Policy{
			Ask: who(), Steps: steps(), BreakGlass: &access.BreakGlass{Ask: who(), Review: access.Review{By: who()}}, Extend: &access.Extend{Steps: steps()},
		},
		Extensions: []access.Extension{{By: by, Course: access.Course{Steps: steps()}}},
	}
	text := func(r access.Request) string {
		out, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	asBefore := text(r)
	known := rules.known(r)
	if got := text(known); strings.Contains(got, string(before)) || strings.Count(got, string(now)) != strings.Count(asBefore, string(before)) {
		t.Errorf("somebody is not known by their address: %s", got)
	}
	if text(r) != asBefore || text(recorded(r, known, nil)) != asBefore {
		t.Errorf("what is on record changed: %s, %s", text(r), text(recorded(r, known, nil)))
	}
}
