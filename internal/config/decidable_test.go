package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// Steps that can never all be approved are refused, and told where it depends on
// who asks and on what is skipped.
func TestDecidable(t *testing.T) {
	t.Parallel()
	const few, own, none = "too few people for this step", "too few are left to approve", ""
	for name, row := range map[string]struct {
		ask, steps, more string
		fails, warns     string
	}{
		"the one of the second step is needed in the first": {
			"groups: [corp/staff]", "{name: a, approvers: {people: [grace@x.org, ken@x.org]}, quorum: 2}, {name: b, approvers: {people: [grace@x.org]}}", "",
			"steps[1].approvers: " + few, none,
		},
		"one counts twice": {
			"groups: [corp/staff]", "{name: a, approvers: {people: [grace@x.org, ken@x.org]}, quorum: 2}, {name: b, approvers: {people: [grace@x.org]}}", "twice: true",
			none, none,
		},
		"another takes the place of the one": {
			"groups: [corp/staff]", "{name: a, approvers: {people: [grace@x.org, ken@x.org]}}, {name: b, approvers: {people: [grace@x.org]}}", "",
			none, none,
		},
		"three in a circle have two people": {
			"groups: [corp/staff]", "{name: a, approvers: {people: [ada@x.org, ken@x.org]}}, {name: b, approvers: {people: [ken@x.org]}}, {name: c, approvers: {people: [ada@x.org]}}", "",
			"steps[2].approvers: " + few, none,
		},
		"the manager is one more": {
			"groups: [corp/staff]", "{name: a, approvers: {people: [grace@x.org, ken@x.org], manager: true}, quorum: 2}, {name: b, approvers: {people: [grace@x.org]}}", "",
			none, none,
		},
		"and no more than one": {
			"groups: [corp/staff]", "{name: a, approvers: {manager: true}}, {name: b, approvers: {manager: true}}", "",
			"steps[1].approvers: " + few, none,
		},
		"a group may have others": {
			"groups: [corp/staff]", "{name: a, approvers: {people: [grace@x.org]}}, {name: b, approvers: {people: [grace@x.org], groups: [corp/leads]}}", "",
			none, none,
		},
		"later others may decide": {
			"groups: [corp/staff]", "{name: a, approvers: {people: [grace@x.org]}}, {name: b, approvers: {people: [grace@x.org]}, within: 1h, then: escalate, escalate: {to: {people: [ken@x.org]}}}", "",
			none, none,
		},
		"a step may be skipped": {
			"groups: [corp/staff]", `{name: a, approvers: {people: [grace@x.org]}, skip: 'request.duration <= duration("30m")'}, {name: b, approvers: {people: [grace@x.org]}}`, "",
			none, "steps[1].approvers: " + few,
		},
		"the second may be skipped": {
			"groups: [corp/staff]", `{name: a, approvers: {people: [grace@x.org]}}, {name: b, approvers: {people: [grace@x.org]}, skip: 'request.duration <= duration("30m")'}`, "",
			none, "steps[1].approvers: " + few,
		},
		"an extension": {
			"groups: [corp/staff]", "{name: a, approvers: {groups: [corp/leads]}}", "extend: {max: 1h, steps: [{name: a, approvers: {people: [ada@x.org]}}, {name: b, approvers: {people: [ada@x.org]}}]}",
			"extend.steps[1].approvers: " + few, none,
		},
		"those who ask are those who decide": {
			"people: [ada@x.org]", "{name: a, approvers: {people: [ada@x.org, ken@x.org]}}, {name: b, approvers: {people: [ken@x.org]}}", "",
			"steps[1].approvers: nobody is left to decide but those who ask", none,
		},
		"a machine asks too": {
			"people: [ada@x.org], machines: [ci]", "{name: a, approvers: {people: [ada@x.org]}}", "",
			none, "policies.p.steps: " + own + " what ada@x.org may ask",
		},
		"nobody who decides can have it": {
			"anyone: true", "{name: a, approvers: {people: [ken@x.org, grace@x.org]}, quorum: 2}", "",
			none, own + " what grace@x.org, ken@x.org may ask",
		},
		"who decides may decide on their own": {
			"anyone: true", "{name: a, approvers: {people: [ken@x.org, grace@x.org]}, quorum: 2}", "selfApproval: true",
			none, none,
		},
		"one who decides can have it": {
			"anyone: true", "{name: a, approvers: {people: [ken@x.org, grace@x.org]}}, {name: b, approvers: {people: [ada@x.org]}}", "",
			none, none,
		},
		"nobody knows whether who decides may ask": {
			"groups: [corp/staff]", "{name: a, approvers: {people: [grace@x.org]}}", "",
			none, none,
		},
		"an owner decides": {
			"anyone: true", "{name: a, approvers: {owners: true}}", "",
			none, "resources.r.owners: of policy p, steps: " + own + " what grace@x.org may ask",
		},
		"an owner decides twice": {
			"groups: [corp/staff]", "{name: a, approvers: {owners: true}}, {name: b, approvers: {owners: true}}", "",
			"resources.r.owners: of policy p, steps[1].approvers: " + few, none,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			minimal, err := os.ReadFile(configs + "minimal.good.yaml")
			if err != nil {
				t.Fatal(err)
			}
			text := string(minimal) + "\npolicies:\n  p:\n    max: 1h\n    ask: {" + row.ask + "}\n    steps: [" + row.steps + "]\n    " + row.more + "\n" +
				"resources: {r: {groups: [corp/db], policy: p, owners: {people: [grace@x.org]}}}\n" +
				"machines: {ci: {person: bot@x.org, issuer: \"https://ci.example.org\", audience: daypass, claims: {repository: app}}}\n"
			file := filepath.Join(t.TempDir(), "daypass.yaml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := Load(file, noEnv)
			if (err != nil) != (row.fails != "") || err != nil && !strings.Contains(err.Error(), row.fails) {
				t.Fatalf("got %v, want %q", err, row.fails)
			}
			if err != nil {
				if strings.Contains(err.Error(), "\n") {
					t.Errorf("more than one error: %v", err)
				}
				return
			}
			got := strings.Join(c.Warnings, "\n")
			if (got != "") != (row.warns != "") || !strings.Contains(got, row.warns) || strings.Contains(got, "\n") {
				t.Errorf("warnings: got %q, want %q", got, row.warns)
			}
		})
	}
}

// Whether steps can be staffed is what trying every choice of people says.
func TestStaffed(t *testing.T) {
	t.Parallel()
	everybody := []engine.Person{"a@x.org", "b@x.org", "c@x.org", "d@x.org"}
	rapid.Check(t, func(t *rapid.T) {
		var steps []access.Step
		for range rapid.IntRange(1, 3).Draw(t, "steps") {
			steps = append(steps, access.Step{
				Approvers: access.Who{People: rapid.SliceOfNDistinct(rapid.SampledFrom(everybody), 0, 4, rapid.ID).Draw(t, "people"), Manager: rapid.Bool().Draw(t, "manager")},
				Quorum:    rapid.IntRange(1, 3).Draw(t, "quorum"),
			})
		}
		twice := rapid.Bool().Draw(t, "twice")
		without := rapid.SampledFrom(append(everybody, "")).Draw(t, "without")
		if got, want := staffed(steps, twice, without), tried(steps, twice, []engine.Person{without}); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

// tried tries every choice of people for the first of some steps, and then for
// those after it.
func tried(steps []access.Step, twice bool, counted []engine.Person) bool {
	if len(steps) == 0 {
		return true
	}
	s := steps[0]
	people := s.Approvers.People
	if s.Approvers.Manager {
		people = append(slices.Clip(people), "the manager")
	}
	for choice := range 1 << len(people) {
		chosen := slices.Clone(counted)
		fits := true
		for i, p := range people {
			if choice>>i&1 == 1 {
				fits = fits && !slices.Contains(counted, p)
				chosen = append(chosen, p)
			}
		}
		if !fits || len(chosen)-len(counted) != s.Quorum {
			continue
		}
		if twice {
			chosen = counted
		}
		if tried(steps[1:], twice, chosen) {
			return true
		}
	}
	return false
}
