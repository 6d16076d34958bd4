package desk_test

import (
	"testing"

	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
)

// Whoever approved a step that still waits may deny it, and nothing of it waits
// for them; under another address of theirs neither.
func TestSecondThought(t *testing.T) {
	b := set(t)
	b.corp.also[mail("bob.second")] = mail("bob")
	b.staging().Steps = []access.Step{
		{Name: "one", Approvers: who("bob", "bob.second", "carol"), Quorum: 2},
		{Name: "two", Approvers: who("bob", "dan"), Quorum: 1},
	}
	b.desk.Use(b.rules)
	r := b.ask("ada", desk.Wish{Resource: "staging"})
	is := func(name string, approve, deny bool) {
		t.Helper()
		if may := b.look(name, r.ID).May; may.Decide != approve || may.Deny != deny {
			t.Errorf("%s may approve: %t, and deny: %t; want %t and %t", name, may.Decide, may.Deny, approve, deny)
		}
		if in, err := b.desk.Inbox(t.Context(), as(name)); err != nil || (len(in.Waiting) > 0) != approve {
			t.Errorf("%d wait for %s, %v", len(in.Waiting), name, err)
		}
	}
	decide := func(name string, approve bool, step int) (access.Request, error) {
		return b.desk.Decide(t.Context(), as(name), r.ID, desk.Word{Approve: approve, Step: step, Comment: "as agreed"})
	}
	is("bob", true, true)
	if _, err := decide("bob", true, 0); err != nil {
		t.Fatal(err)
	}
	is("bob", false, true)
	is("bob.second", false, true)
	is("carol", true, true)
	is("dan", false, false)
	if _, err := decide("bob", true, 0); access.KindOf(err) != access.Conflict {
		t.Errorf("bob approves twice: %v", err)
	}
	if _, err := decide("carol", true, 0); err != nil {
		t.Fatal(err)
	}
	is("bob", false, false) // the request went on
	if _, err := decide("bob", false, 1); access.KindOf(err) != access.Forbidden {
		t.Errorf("bob denies after the step: %v", err)
	}
	b.staging().Steps = b.staging().Steps[:1]
	b.desk.Use(b.rules)
	r = b.ask("eve", desk.Wish{Resource: "staging"})
	if _, err := decide("bob", true, 0); err != nil {
		t.Fatal(err)
	}
	got, err := decide("bob", false, 0)
	if err != nil || got.Status != access.Denied || got.Course.Approvals(0) != 1 {
		t.Errorf("bob thinks again: %s, %v", got.Status, err)
	}
	is("carol", false, false)
}
