package config

import (
	"maps"
	"slices"
	"testing"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/expr"
)

// Every group that has a say is found, wherever it is named, and nothing else.
func TestDeciding(t *testing.T) {
	t.Parallel()
	c := written(t, `
roles: {administrators: {people: [a@example.org], groups: [corp/admins]}, auditors: {groups: [corp/audit]}}
groups: {corp/settings: {foreign: ignore}}
resources:
  db: {groups: [corp/db], policy: prod, owners: {groups: [corp/owners]}}
policies:
  prod:
    ask: {groups: [corp/staff], when: 'requester.memberOf("corp/guests")'}
    max: 4h
    auto: 'person.memberOf("corp/oncall")'
    steps:
      - name: one
        approvers: {groups: [corp/leads], when: 'approver.memberOf("corp/chiefs")'}
        skip: '!person.memberOf("corp/contractors")'
        within: 1h
        then: escalate
        escalate: {to: {groups: [corp/bosses]}}
    breakGlass: {ask: {groups: [corp/oncall]}, max: 1h, review: {by: {groups: [corp/security]}, within: 2d}}
    extend:
      max: 1h
      auto: 'person.memberOf("corp/stars")'
      steps: [{name: more, approvers: {groups: [corp/leads]}}]
`)
	x, err := expr.New()
	if err != nil {
		t.Fatal(err)
	}
	p := "policies.prod."
	want := map[string][]string{
		"admins": {"roles.administrators"}, "audit": {"roles.auditors"}, "owners": {"resources.db.owners"},
		"staff": {p + "ask"}, "guests": {p + "ask.when"}, "oncall": {p + "auto", p + "breakGlass.ask"},
		"leads": {p + "steps[0].approvers", p + "extend.steps[0].approvers"}, "chiefs": {p + "steps[0].approvers.when"},
		"contractors": {p + "steps[0].skip"}, "bosses": {p + "steps[0].escalate.to"}, "security": {p + "breakGlass.review.by"},
		"stars": {p + "extend.auto"},
	}
	got := c.Deciding(x)
	if len(got) != len(want) {
		t.Errorf("there are %v", slices.Collect(maps.Keys(got)))
	}
	for name, where := range want {
		if g := (engine.GroupRef{Directory: "corp", Name: name}); !slices.Equal(got[g], where) {
			t.Errorf("%s is named at %q; want %q", g, got[g], where)
		}
	}
}
