package desk_test

import (
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
	"github.com/daypass-dev/daypass/internal/expr"
)

func (b *bench) explain(n, resource string) desk.Explanation {
	b.t.Helper()
	x, err := b.desk.Explain(b.t.Context(), as("dan"), mail(n), resource)
	if err != nil {
		b.t.Fatal(err)
	}
	return x
}

// Nothing comes of what somebody asks for who has no account, so an explanation
// does not say that they may.
func TestExplanationKnowsWhoHasNoAccount(t *testing.T) {
	b := set(t)
	elsewhere := memory.New("elsewhere")
	elsewhere.AddPerson(mail("guest"), "guest")
	b.rules.Directories["elsewhere"] = elsewhere
	b.desk.Use(b.rules)
	b.corp.Disable(b.ids["eve"])
	for name, why := range map[string]string{
		"nobody": "nobody of that address has an account", "guest": "no account in any directory of free", "eve": "is disabled", "ada": "",
	} {
		x := b.explain(name, "free")
		for what, p := range map[string]desk.Possible{"may": x.May, "in an emergency": x.BreakGlass} {
			if p.Yes != (why == "") || !strings.Contains(p.Why, why) {
				t.Errorf("%s %s: %+v, want %q", name, what, p, why)
			}
		}
		if _, err := b.desk.Ask(t.Context(), as(name), desk.Wish{Resource: "free"}); (err == nil) != x.May.Yes {
			t.Errorf("%s asks: %v", name, err)
		}
	}
	b.pass(time.Minute)
	elsewhere.Fail(memory.Fault{Call: memory.CallResolve, Kind: engine.Unavailable})
	if x := b.explain("nobody", "free"); !strings.Contains(x.Doubt, "could not tell whether nobody@example.org has an account") {
		t.Errorf("a silent directory: %+v, %q", x.May, x.Doubt)
	}
}

// A step by the manager of somebody who has none on record waits for nobody.
func TestExplanationKnowsWhoHasNoManager(t *testing.T) {
	b := set(t)
	x, err := expr.New()
	if err != nil {
		t.Fatal(err)
	}
	b.rules.Expressions, b.rules.Profiles = x, "corp"
	p := b.staging()
	p.Steps[0].Approvers = access.Who{Manager: true}
	p.Steps = append(p.Steps, access.Step{Name: "two", Quorum: 1, Approvers: who("bob"), Escalate: &access.Escalate{To: access.Who{Manager: true}}})
	p.Steps = append(p.Steps, access.Step{Name: "three", Quorum: 1, Approvers: who("bob")})
	b.desk.Use(b.rules)
	b.corp.SetProfile(b.ids["ada"], engine.Profile{Manager: mail("bob")})
	is := func(name, note string) {
		t.Helper()
		x := b.explain(name, "staging")
		for i, s := range x.Steps {
			if want := note != "" && i < 2; (s.Note != "") != want || !strings.Contains(s.Note, note) && want {
				t.Errorf("%s, step %s: %q, want %q", name, s.Name, s.Note, note)
			}
		}
	}
	is("ada", "")
	is("eve", "no manager of eve@example.org is on record")
	is("nobody", "the directory that describes people has no account of nobody@example.org")
	b.pass(time.Minute)
	b.corp.Fail(memory.Fault{Call: memory.CallDescribe, Kind: engine.Unavailable})
	is("ada", "could not be found out")
	if x := b.explain("ada", "staging"); !strings.Contains(x.Doubt, "could not tell what it holds on ada@example.org") {
		t.Errorf("a profile that is not told: %q", x.Doubt)
	}
	p.Steps[0].Skip = "true"
	if x := b.explain("ada", "staging"); x.Steps[0].Note != "" {
		t.Errorf("a step that is not needed: %q", x.Steps[0].Note)
	}
}

// Whoever reads about somebody else is not told what they themselves may do.
func TestExplanationSpeaksOfThePerson(t *testing.T) {
	b := set(t)
	b.rules.Resources[1].Policy.Ask = who("eve")
	b.desk.Use(b.rules)
	atTerminal := desk.Caller{Actor: access.Actor{Person: mail("ada"), Via: access.CLI}}
	for name, x := range map[string]struct {
		reads desk.Caller
		want  string
	}{
		"an auditor": {as("dan"), "does not name ada@example.org"}, "the terminal": {atTerminal, "does not name ada@example.org"}, "ada": {as("ada"), "does not name you"},
	} {
		got, err := b.desk.Explain(t.Context(), x.reads, mail("ada"), "secret")
		if err != nil || got.May.Yes || !strings.Contains(got.May.Why, x.want) {
			t.Errorf("%s reads %+v, %v; want %q", name, got.May, err, x.want)
		}
	}
	b.rules.Resources[1].Policy.Ask = access.Who{Groups: []engine.GroupRef{in("approvers")}}
	b.desk.Use(b.rules)
	b.corp.Fail(memory.Fault{Call: memory.CallMembers, Kind: engine.Unavailable})
	if got := b.explain("ada", "secret"); !strings.Contains(got.May.Why, "whether ada@example.org may") {
		t.Errorf("of a silent directory an auditor reads %+v", got.May)
	}
}
