package desk_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
	"github.com/daypass-dev/daypass/internal/desk/desktest"
	"github.com/daypass-dev/daypass/internal/expr"
	"github.com/daypass-dev/daypass/internal/report"
)

// times is how often a text was logged.
func times(log *desktest.Log, text string) int { return strings.Count(log.String(), text) }

// lead makes the members of corp/approvers those who decide about staging, and
// corp/admins the administrators, and returns what is logged.
func (b *bench) lead(t *testing.T) *desktest.Log {
	t.Helper()
	x, err := expr.New()
	if err != nil {
		t.Fatal(err)
	}
	b.rules.Expressions = x
	for i := range b.rules.Resources {
		if p := b.rules.Resources[i].Policy; p.Auto != "" {
			p.Auto = "true"
		}
	}
	b.staging().Steps[0].Approvers = access.Who{Groups: []engine.GroupRef{in("approvers")}}
	b.rules.Deciding = map[engine.GroupRef][]string{in("approvers"): {"policies.staging.steps[0].approvers"}}
	b.desk.Use(b.rules)
	return b.room.Log
}

func (b *bench) staging() *access.Policy { return b.rules.Resources[2].Policy }

func (b *bench) delete(t *testing.T, group string) {
	t.Helper()
	g, err := b.corp.Group(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	b.corp.DeleteGroup(g.ID)
}

const goneLine = "a group that decides is not there"

// Who decides by a group that was deleted is told so, and by which; nothing is
// decided, and the log says it once however often somebody comes.
func TestAGroupThatIsNotThereIsNoOutage(t *testing.T) {
	b := set(t)
	log := b.lead(t)
	r := b.ask("ada", desk.Wish{Resource: "staging"})
	b.delete(t, "approvers")
	b.pass(time.Minute)
	for range 5 {
		_, err := b.desk.Decide(t.Context(), as("bob"), r.ID, desk.Word{Approve: true})
		if access.KindOf(err) != access.Broken || strings.Contains(err.Error(), "try again") || !strings.Contains(err.Error(), "administrator has to mend") {
			t.Fatalf("bob is told %v", err)
		}
		b.pass(time.Minute)
	}
	if n := times(log, goneLine); n != 1 || times(log, "group=corp/approvers") != 1 || times(log, "policies.staging.steps[0].approvers") != 1 {
		t.Errorf("it was logged %d times:\n%s", n, log)
	}
	if times(log, "doubtful answer") > 0 {
		t.Error("it is logged as a doubt")
	}
	// To whoever may not see the request, the group is not named.
	if _, err := b.desk.Request(t.Context(), as("eve"), r.ID); access.KindOf(err) != access.Broken || strings.Contains(err.Error(), "approvers") {
		t.Errorf("eve is told %v", err)
	}
	// The policy of a new request can be mended; and whoever is named by address decides.
	b.staging().Steps[0].Approvers.People = []engine.Person{mail("bob")}
	b.desk.Use(b.rules)
	second := b.ask("carol", desk.Wish{Resource: "staging"})
	if got, err := b.desk.Decide(t.Context(), as("bob"), second.ID, desk.Word{Approve: true}); err != nil || got.Status != access.Approved {
		t.Errorf("bob, who is named himself: %s, %v", got.Status, err)
	}
}

// A directory that is silent is an outage, also beside a group that is not there:
// to try again may help.
func TestSilenceBesideAGroupThatIsNotThere(t *testing.T) {
	b := set(t)
	b.lead(t)
	other := memory.New("other")
	other.AddPerson(mail("bob"), "bob")
	other.AddGroup("approvers")
	b.rules.Directories["other"] = other
	b.staging().Steps[0].Approvers.Groups = append(b.staging().Steps[0].Approvers.Groups, engine.GroupRef{Directory: "other", Name: "approvers"})
	b.desk.Use(b.rules)
	r := b.ask("ada", desk.Wish{Resource: "staging"})
	b.delete(t, "approvers")
	other.Down(engine.Unavailable)
	if _, err := b.desk.Decide(t.Context(), as("bob"), r.ID, desk.Word{Approve: true}); access.KindOf(err) != access.Doubt {
		t.Errorf("bob is told %v", err)
	}
}

// Nobody is given access without an approval because the group of those who need
// one was deleted.
func TestAGroupThatIsNotThereIsNoNo(t *testing.T) {
	b := set(t)
	b.lead(t)
	contractors := b.corp.AddGroup("contractors")
	b.corp.Put(contractors, b.ids["ada"])
	b.staging().Auto = `!person.memberOf("corp/contractors")`
	b.desk.Use(b.rules)
	b.delete(t, "contractors")
	if r := b.ask("ada", desk.Wish{Resource: "staging"}); r.Status != access.Asked {
		t.Errorf("with somebody to approve, it is %s", r.Status)
	}
	b.staging().Steps = nil
	_, err := b.desk.Ask(t.Context(), as("eve"), desk.Wish{Resource: "staging"})
	if access.KindOf(err) != access.Broken || !strings.Contains(err.Error(), "corp/contractors") {
		t.Errorf("with nobody to approve, eve is told %v", err)
	}
	if e, err := b.desk.Explain(t.Context(), as("eve"), mail("eve"), "staging"); err != nil || e.Auto.Yes || !strings.Contains(e.Auto.Why, "administrator has to mend") {
		t.Errorf("%+v, %v", e.Auto, err)
	}
}

// Roles by a group that is not there are not given, and it is said why.
func TestARoleByAGroupThatIsNotThere(t *testing.T) {
	b := set(t)
	b.lead(t)
	b.rules.Administrators = access.Who{Groups: []engine.GroupRef{in("admins")}}
	b.desk.Use(b.rules)
	_, err := b.desk.AllTokens(t.Context(), as("eve"))
	if access.KindOf(err) != access.Broken || strings.Contains(err.Error(), "corp/admins") {
		t.Errorf("eve is told %v", err)
	}
	if me := b.desk.Me(t.Context(), as("eve")); me.Roles.Administrator || !me.Roles.Broken() {
		t.Errorf("%+v", me.Roles)
	}
	b.corp.Down(engine.Unavailable)
	b.pass(time.Minute)
	if me := b.desk.Me(t.Context(), as("eve")); me.Roles.Broken() || me.Roles.Doubt == nil {
		t.Errorf("while the directory is silent: %+v", me.Roles)
	}
}

// The groups that decide are looked for by one request each, and nothing is
// listed. Silence takes nothing back of what was known.
func TestCheckGroups(t *testing.T) {
	b := set(t)
	log := b.lead(t)
	b.rules.Deciding[in("misspelt")] = []string{"roles.auditors"}
	b.desk.Use(b.rules)
	check := func(want ...string) {
		t.Helper()
		var got []string
		for g := range b.desk.CheckGroups(t.Context()) {
			got = append(got, g.Name)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%q are not there; want %q", got, want)
		}
	}
	lists, finds := b.corp.Calls(memory.CallMembers), b.corp.Calls(memory.CallGroup)
	check("misspelt")
	if l, f := b.corp.Calls(memory.CallMembers)-lists, b.corp.Calls(memory.CallGroup)-finds; l != 0 || f != 2 {
		t.Errorf("%d listings and %d lookups", l, f)
	}
	b.corp.Down(engine.Unavailable)
	finds = b.corp.Calls(memory.CallGroup)
	check("misspelt")
	if f := b.corp.Calls(memory.CallGroup) - finds; f != 1 {
		t.Errorf("a directory that does not answer is asked %d times, want once", f)
	}
	b.corp.Mend()
	b.corp.AddGroup("misspelt")
	b.delete(t, "approvers")
	check("approvers")
	check("approvers")
	if gone, back := times(log, goneLine), times(log, "there again"); gone != 2 || back != 1 {
		t.Errorf("%d lines that one is not there, %d that one is again; want 2 and 1", gone, back)
	}
	delete(b.rules.Deciding, in("approvers"))
	b.desk.Use(b.rules)
	check()
}

// A wish that cannot come true makes no directory work.
func TestAWrongWishAsksNoDirectory(t *testing.T) {
	b := set(t)
	b.lead(t)
	b.staging().Ask = access.Who{Groups: []engine.GroupRef{in("approvers")}}
	b.staging().Reason = access.Text{Required: true, Pattern: "CHG-[0-9]+"}
	b.desk.Use(b.rules)
	good := desk.Wish{Resource: "staging", Reason: "CHG-1"}
	b.ask("carol", good)
	before := b.corp.Calls(memory.AnyCall)
	for _, x := range []struct {
		wish desk.Wish
		kind access.Kind
	}{
		{desk.Wish{Resource: "staging"}, access.Invalid},
		{desk.Wish{Resource: "staging", Reason: "please"}, access.Invalid},
		{desk.Wish{Resource: "staging", Reason: "CHG-1", For: 1000 * time.Hour}, access.Invalid},
		{desk.Wish{Resource: "staging", Reason: "CHG-1", Answers: map[string]string{"x": "y"}}, access.Invalid},
		{desk.Wish{Resource: "staging", Reason: "CHG-1", Person: "nobody"}, access.Invalid},
		{good, access.Conflict}, // it waits already
	} {
		if _, err := b.desk.Ask(t.Context(), as("carol"), x.wish); access.KindOf(err) != x.kind {
			t.Errorf("%+v: %v; want %s", x.wish, err, x.kind)
		}
	}
	if n := b.corp.Calls(memory.AnyCall) - before; n != 0 {
		t.Errorf("%d calls to the directory", n)
	}
	// Whether somebody else asked is told to those only who may ask.
	if _, err := b.desk.Ask(t.Context(), as("eve"), desk.Wish{Resource: "staging", Reason: "CHG-1", Person: mail("carol")}); access.KindOf(err) != access.Forbidden {
		t.Errorf("eve is told %v", err)
	}
}

// What is said to a request that nothing waits for, or in words that cannot be
// read, makes no directory work.
func TestAWrongWordAsksNoDirectory(t *testing.T) {
	b := set(t)
	b.lead(t)
	waits := b.ask("ada", desk.Wish{Resource: "staging"})
	given := b.ask("ada", desk.Wish{Resource: "free"})
	urgent := b.ask("eve", desk.Wish{Resource: "free", BreakGlass: true, Reason: "fire"})
	for _, r := range []access.Request{waits, given, urgent} { // who may see them is known
		_, _ = b.desk.Request(t.Context(), as("bob"), r.ID)
	}
	before := b.corp.Calls(memory.AnyCall)
	for name, x := range map[string]struct {
		do   func() error
		kind access.Kind
	}{
		"a comment that turns around": {func() error {
			_, err := b.desk.Decide(t.Context(), as("bob"), waits.ID, desk.Word{Approve: true, Comment: "\u202e"})
			return err
		}, access.Invalid},
		"nothing waits": {func() error {
			_, err := b.desk.Decide(t.Context(), as("carol"), given.ID, desk.Word{Approve: true})
			return err
		}, access.Conflict},
		"what cannot be extended": {func() error {
			_, err := b.desk.Extend(t.Context(), as("ada"), given.ID, time.Hour, "more", 0)
			return err
		}, access.Forbidden},
		"no emergency": {func() error {
			_, err := b.desk.Review(t.Context(), as("carol"), given.ID, true, "fine", 0)
			return err
		}, access.Conflict},
		"a review that turns around": {func() error {
			_, err := b.desk.Review(t.Context(), as("bob"), urgent.ID, true, "\u202e", 0)
			return err
		}, access.Invalid},
	} {
		if err := x.do(); access.KindOf(err) != x.kind {
			t.Errorf("%s: %v; want %s", name, err, x.kind)
		}
	}
	if n := b.corp.Calls(memory.AnyCall) - before; n != 0 {
		t.Errorf("%d calls to the directory", n)
	}
}

// Owners who look at a resource again and again see the same look at it for a
// moment.
func TestOwnersShareALook(t *testing.T) {
	b := set(t)
	var mu sync.Mutex
	looks := 0
	b.rules.Inspect = func(ctx context.Context, refs []engine.GroupRef) (*report.Compliance, error) {
		mu.Lock()
		defer mu.Unlock()
		looks++
		return &report.Compliance{}, ctx.Err()
	}
	b.desk.Use(b.rules)
	see := func() {
		t.Helper()
		var wait sync.WaitGroup
		for range 20 {
			wait.Go(func() {
				if _, err := b.desk.Members(t.Context(), as("carol"), "staging"); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
	}
	see()
	if looks != 1 {
		t.Errorf("%d looks for twenty owners at once; want one", looks)
	}
	b.pass(time.Minute)
	see()
	if looks != 2 {
		t.Errorf("%d looks after a minute; want two", looks)
	}
}
