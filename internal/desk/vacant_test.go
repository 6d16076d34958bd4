package desk_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
)

const noApprovers = "the group approvers is not in the directory corp"

// vacate makes corp/approvers, which is not there, decide about staging, and bob
// about secret, and returns what ada asks for of each.
func (b *bench) vacate() (staging, secret access.Request) {
	b.t.Helper()
	b.lead(b.t)
	p := b.rules.Resources[1].Policy
	p.Auto, p.Steps = "", []access.Step{{Name: "one", Approvers: who("bob"), Quorum: 1}}
	b.desk.Use(b.rules)
	staging = b.ask("ada", desk.Wish{Resource: "staging"})
	b.pass(time.Second)
	secret = b.ask("ada", desk.Wish{Resource: "secret"})
	b.delete(b.t, "approvers")
	b.pass(time.Minute)
	return staging, secret
}

// inbox returns the ids of what is in somebody's inbox, those that wait in vain
// with a mark.
func (b *bench) inbox(name string) []string {
	b.t.Helper()
	in, err := b.desk.Inbox(b.t.Context(), as(name))
	if err != nil || in.Doubt != nil {
		b.t.Errorf("inbox of %s: %v, doubt %v", name, err, in.Doubt)
	}
	ids := []string{}
	for _, v := range in.Waiting {
		if v.Stuck {
			if v.May.Decide || v.Problem != "nobody can approve it: "+noApprovers {
				b.t.Errorf("%s reads %q, and may decide: %t", name, v.Problem, v.May.Decide)
			}
			ids = append(ids, "in vain: "+v.ID)
		} else {
			ids = append(ids, v.ID)
		}
	}
	return ids
}

// A group that decides is not there: that is said of what needs it, to those who
// may see it, and makes nothing else doubtful to anybody.
func TestAGroupThatIsNotThereConcernsItsOwnOnly(t *testing.T) {
	b := set(t)
	staging, secret := b.vacate()
	inVain := "in vain: " + staging.ID
	for name, want := range map[string][]string{
		"bob": {secret.ID}, "eve": {}, "ada": {}, "carol": {inVain}, "dan": {inVain}, "root": {inVain},
	} {
		if got := b.inbox(name); !slices.Equal(got, want) {
			t.Errorf("%s finds %q, want %q", name, got, want)
		}
	}
	marked := func(where string, views []desk.View, err error) {
		t.Helper()
		if err != nil || len(views) != 2 {
			t.Fatalf("%s: %d, %v", where, len(views), err)
		}
		for _, v := range views {
			if want := v.ID == staging.ID; v.Stuck != want || strings.Contains(v.Problem, noApprovers) != want {
				t.Errorf("%s of %s: %t, %q", where, v.Resource, v.Stuck, v.Problem)
			}
		}
	}
	views, _, err := b.desk.Requests(t.Context(), as("dan"), access.Query{})
	marked("a list", views, err)
	views, _, err = b.desk.Mine(t.Context(), as("ada"))
	marked("mine", views, err)

	b.corp.Put(b.corp.AddGroup("approvers"), b.ids["bob"])
	b.pass(time.Minute)
	if got := b.inbox("bob"); !slices.Equal(got, []string{staging.ID, secret.ID}) {
		t.Errorf("once it is there again bob finds %q", got)
	}
	if x := b.look("ada", staging.ID); x.Problem != "" || x.Stuck {
		t.Errorf("once it is there again ada reads %q", x.Problem)
	}
}

// The page of a request looks for the groups itself, and whoever asked reads why it
// waits in vain.
func TestAPageFindsTheGroupThatIsNotThere(t *testing.T) {
	b := set(t)
	staging, secret := b.vacate()
	b.desk = desk.New(b.room.Config())
	b.desk.Use(b.rules)
	if x := b.look("ada", staging.ID); !x.Stuck || x.Problem != "nobody can approve it: "+noApprovers {
		t.Errorf("ada reads %q", x.Problem)
	}
	if x := b.look("ada", secret.ID); x.Stuck || x.Problem != "" {
		t.Errorf("of secret she reads %q", x.Problem)
	}
}

// What is left of those who decide is told apart.
func TestWhoIsLeftToDecide(t *testing.T) {
	b := set(t)
	b.vacate()
	missing := access.Who{Groups: []engine.GroupRef{in("approvers")}}
	and := func(w access.Who) access.Who { w.Groups = missing.Groups; return w }
	for name, x := range map[string]struct {
		steps []access.Step
		stuck bool
		want  string
	}{
		"bob":              {[]access.Step{{Approvers: and(who("bob")), Quorum: 1}}, false, noApprovers + ", so only others can approve it"},
		"bob, and two":     {[]access.Step{{Approvers: and(who("bob")), Quorum: 2}}, true, "too few can approve it: " + noApprovers},
		"another group":    {[]access.Step{{Approvers: access.Who{Groups: []engine.GroupRef{in("approvers"), in("free")}}, Quorum: 1}}, false, "only others"},
		"the owner":        {[]access.Step{{Approvers: and(access.Who{Owners: true}), Quorum: 1}}, false, "only others"},
		"who escalates":    {[]access.Step{{Approvers: missing, Quorum: 1, Within: time.Hour, Escalate: &access.Escalate{To: who("bob")}}}, true, "before it is escalated"},
		"the one after it": {[]access.Step{{Approvers: who("bob"), Quorum: 1}, {Name: "two", Approvers: missing, Quorum: 1}}, false, "nobody can approve the step two: " + noApprovers},
	} {
		b.staging().Steps = x.steps
		b.desk.Use(b.rules)
		r := b.ask("eve", desk.Wish{Resource: "staging"})
		if got := b.look("eve", r.ID); got.Stuck != x.stuck || !strings.Contains(got.Problem, x.want) {
			t.Errorf("with %s left: %t, %q; want %q", name, got.Stuck, got.Problem, x.want)
		}
		if !x.stuck && slices.ContainsFunc(b.inbox("dan"), func(id string) bool { return strings.Contains(id, r.ID) }) {
			t.Errorf("with %s left, it waits for an auditor", name)
		}
		if _, err := b.desk.Withdraw(t.Context(), as("eve"), r.ID, "", 0); err != nil {
			t.Fatal(err)
		}
	}
}

// Nobody can review an emergency either.
func TestAReviewThatNobodyCanGive(t *testing.T) {
	b := set(t)
	b.vacate()
	b.rules.Resources[0].Policy.BreakGlass.Review.By = access.Who{Groups: []engine.GroupRef{in("approvers")}}
	b.desk.Use(b.rules)
	r := b.ask("eve", desk.Wish{Resource: "free", BreakGlass: true, Reason: "it burns"})
	if x := b.look("eve", r.ID); !x.Stuck || x.Problem != "nobody can review it: "+noApprovers {
		t.Errorf("eve reads %q", x.Problem)
	}
}

// Who reads what a policy says, or asks by it, is told that nobody can approve it.
func TestAPolicyThatNobodyCanApprove(t *testing.T) {
	b := set(t)
	b.vacate()
	if x := b.explain("ada", "staging"); len(x.Steps) != 1 || x.Steps[0].Note != "nobody can approve it: "+noApprovers {
		t.Errorf("an explanation: %+v", x.Steps)
	}
	if x := b.explain("ada", "secret"); x.Steps[0].Note != "" {
		t.Errorf("of what bob approves: %+v", x.Steps)
	}
	o, err := b.desk.Resource(t.Context(), as("ada"), "staging")
	if err != nil || !slices.Equal(o.Notes, []string{"nobody can approve it: " + noApprovers}) {
		t.Errorf("the form: %q, %v", o.Notes, err)
	}
	b.pass(time.Minute)
	b.corp.Fail(memory.Fault{Call: memory.CallGroup, Kind: engine.Unavailable})
	if x := b.explain("ada", "staging"); !strings.Contains(x.Doubt, "whether a group that approves is there") {
		t.Errorf("a silent directory: %q", x.Doubt)
	}
}
