package policytest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/expr"
	"github.com/daypass-dev/daypass/internal/policytest"
)

// policies are one resource, which ken decides on for everybody, and one machine.
func policies(t *testing.T) policytest.Policies {
	t.Helper()
	x, err := expr.New()
	if err != nil {
		t.Fatal(err)
	}
	group := engine.GroupRef{Directory: "corp", Name: "staff"}
	p := access.Policy{
		Name: "single", Ask: access.Who{Groups: []engine.GroupRef{group}, Machines: []string{"ci"}}, For: access.Anyone,
		Max: 8 * time.Hour, Default: time.Hour, Ahead: 24 * time.Hour, Pending: 24 * time.Hour,
		Steps: []access.Step{{Name: "lead", Approvers: access.Who{People: []engine.Person{"ken@example.org"}}, Quorum: 1}},
	}
	return policytest.Policies{
		Of: func(name string) (access.Policy, access.Resource, bool) {
			return p, access.Resource{Name: "db", Groups: []engine.GroupRef{{Directory: "corp", Name: "db"}}}, name == "db"
		},
		Machine:     func(name string) (engine.Person, bool) { return "ci@example.org", name == "ci" },
		Expressions: x,
	}
}

// A file that cannot be read is refused, with the line and what is wrong.
func TestRefusesFiles(t *testing.T) {
	for text, want := range map[string]string{
		"":                                   "there are no tests in it",
		"tests: []":                          "there are no tests in it",
		"given: {now: 2026-11-23T09:00:00Z}": "there are no tests in it",
		"tests:\n- persn: ada@example.org\n  ends: asked":              `line 2: there is no key "persn"`,
		"tests:\n- ends: asked\n  then: [{aprove: ken@example.org}]":   `line 3: there is no key "aprove"`,
		"tests:\n- ends: asked\n- person: ada@example.org":             "line 3: the test expects nothing: give it ends or refused",
		"tests:\n- {ends: asked}\n\n- {resource: db, until: tomorrow}": "line 4: the test expects nothing",
		"tests:\n- {resource: db, ends: active}":                       `line 2: no request ends "active": it is asked, approved`,
		"tests: nothing":                                               "line 1",
		"tests:\n- [":                                                  "line 3",
	} {
		if _, err := policytest.Read([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
}

// A test that does not go as it says fails where it is written, and says what
// came instead.
func TestTellsWhatIsOtherwise(t *testing.T) {
	const staff = "given: {groups: {corp/staff: [ada@example.org, eve@example.org]}}\ntests:\n"
	for text, want := range map[string]string{
		"resource: db, person: ada@example.org, then: [{approve: ken@example.org}], ends: approved": "",
		"resource: db, machine: ci, ends: asked, step: lead":                                        "",
		"resource: db, person: dan@example.org, refused: may not":                                   "",

		"resource: nowhere, person: ada@example.org, ends: asked":             `there is no resource "nowhere" that can be asked for`,
		"resource: db, machine: cd, ends: asked":                              `there is no machine "cd"`,
		"resource: db, person: ada, ends: asked":                              "is not a work address",
		"resource: db, person: ada@example.org, for: 9h, ends: asked":         "it is refused: ",
		"resource: db, person: ada@example.org, for: long, ends: asked":       `"long"`,
		"resource: db, person: ada@example.org, refused: may not":             `it is not refused; expected "may not"`,
		"resource: db, person: ada@example.org, for: 9h, refused: may not":    "it is refused for another reason: ",
		"resource: db, person: ada@example.org, ends: approved":               "it is asked at the end; expected approved",
		"resource: db, person: ada@example.org, ends: asked, step: boss":      `the step that waits at the end is "lead"; expected "boss"`,
		"resource: db, person: ada@example.org, given: {now: x}, ends: asked": `"x"`,

		"resource: db, person: ada@example.org, then: [{after: 1h}, {approve: eve@example.org}], ends: approved":                                         "then, number 2: it is refused: ",
		"resource: db, person: ada@example.org, then: [{approve: ken@example.org, refused: twice}], ends: asked":                                         `then, number 1: it is not refused; expected "twice"`,
		"resource: db, person: ada@example.org, then: [{after: 25h}], ends: asked":                                                                       "it is lapsed at the end; expected asked",
		"resource: db, person: ada@example.org, then: [{approve: ken@example.org}], ends: approved, until: 2026-11-23T11:00:00Z":                         "the access ends at 2026-11-23T10:00:00Z; expected 2026-11-23T11:00:00Z",
		"resource: db, person: ada@example.org, given: {silent: [corp]}, ends: asked":                                                                    "it is refused: ",
		"resource: db, person: ada@example.org, given: {same: [[ada@example.org, ken@example.org]]}, then: [{approve: ken@example.org}], ends: approved": "then, number 1: it is refused: ",
	} {
		f, err := policytest.Read([]byte(staff + "- {name: first, resource: db, person: ada@example.org, ends: asked}\n- {name: this, " + text + "}"))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		switch got := policytest.Run(f, policies(t)); {
		case want == "" && len(got) > 0:
			t.Errorf("%s: fails: %+v", text, got)
		case want != "" && (len(got) != 1 || got[0].Line != 4 || got[0].Name != "this" || !strings.Contains(got[0].What, want)):
			t.Errorf("%s: %+v; want it at line 4: %s", text, got, want)
		}
	}
}

// A test without a name goes by what it asks.
func TestNamesATest(t *testing.T) {
	f, err := policytest.Read([]byte("tests: [{resource: db, person: eve@example.org, ends: asked}]"))
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(policytest.Run(f, policies(t))); !strings.Contains(got, "eve@example.org asks for db") {
		t.Error(got)
	}
}
