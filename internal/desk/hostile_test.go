package desk_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
)

// An approver whose account was disabled a moment ago decides nothing.
func TestDisabledApproverDecidesNothing(t *testing.T) {
	b := set(t)
	r := b.ask("ada", desk.Wish{Resource: "staging"})
	_, _ = b.desk.Request(t.Context(), as("bob"), r.ID) // bob looks at it
	b.corp.Disable(b.ids["bob"])
	b.pass(time.Second)
	if got, err := b.desk.Decide(t.Context(), as("bob"), r.ID, desk.Word{Approve: true}); err == nil {
		t.Errorf("the disabled bob approved: %s", got.Status)
	}
}

// While a directory is silent nobody is given access at once: their account may be
// disabled there.
func TestSilenceGivesNothingAtOnce(t *testing.T) {
	b := set(t)
	b.corp.Disable(b.ids["ada"])
	b.corp.Down(engine.Unavailable)
	for _, glass := range []bool{true, false} {
		if r, err := b.desk.Ask(t.Context(), as("ada"), desk.Wish{Resource: "free", BreakGlass: glass, Reason: "fire"}); err == nil {
			t.Errorf("emergency %v: %s on what is not known", glass, r.Status)
		}
		b.pass(2 * time.Hour)
	}
}

// A disabled administrator makes no token, and reads no log.
func TestDisabledAdministratorDoesNothing(t *testing.T) {
	b := set(t)
	b.corp.Disable(b.ids["root"])
	if _, _, err := b.desk.NewToken(t.Context(), as("root"), "x", "ci", []desk.Scope{desk.Read, desk.Request}, 300*24*time.Hour); err == nil {
		t.Error("the disabled administrator made a token")
	}
	if _, _, err := b.desk.Audit(t.Context(), as("root"), desk.AuditQuery{}); err == nil {
		t.Error("the disabled administrator reads the audit log")
	}
}

// A directory that takes its time is not asked again for every row of a page.
func TestSlowDirectoryIsAskedOnceForAPage(t *testing.T) {
	b := set(t)
	b.rules.Resources[2].Policy.Steps[0].Approvers = access.Who{Groups: []engine.GroupRef{in("approvers")}}
	for _, n := range []string{"ada", "eve", "root", "dan", "carol", "bob"} {
		b.ask(n, desk.Wish{Resource: "staging"})
	}
	b.pass(time.Hour)
	b.corp.resolve = func(context.Context) error { // it does not answer within its ten seconds
		b.pass(10 * time.Second)
		return &engine.Error{Op: "resolve", Kind: engine.Unavailable, Err: errors.New("no answer")}
	}
	began := b.clock()
	if _, _, err := b.desk.Requests(t.Context(), as("dan"), access.Query{}); err != nil {
		t.Fatal(err)
	}
	if took := b.clock().Sub(began); took > 20*time.Second {
		t.Errorf("a page of 6 requests took %s", took)
	}
}

// Whoever asks while a directory is silent does not hold up the end of access.
func TestNoWishHoldsUpAnEnd(t *testing.T) {
	b := set(t)
	r := b.ask("ada", desk.Wish{Resource: "free"})
	b.rules.Resources[2].Policy.Ask = access.Who{Groups: []engine.GroupRef{in("approvers")}}
	b.desk.Use(b.rules)
	_, _ = b.desk.Resource(t.Context(), as("ada"), "staging") // ada's account is known
	inside, release := make(chan bool, 9), make(chan bool)
	b.corp.resolve = func(context.Context) error { inside <- true; <-release; return nil }
	go func() { _, _ = b.desk.Ask(t.Context(), as("ada"), desk.Wish{Resource: "staging"}) }()
	<-inside
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	done := make(chan error, 1)
	go func() { _, err := b.desk.End(ctx, as("root"), r.ID, "compromised", 0); done <- err }()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("end: %v", err)
		}
	case <-time.After(time.Second):
		t.Error("the administrator's end waits for ada's wish, beyond its own deadline")
	}
	close(release)
}

// What is hidden is not named to whoever knows a template, or asks for somebody else.
func TestHiddenIsNotNamed(t *testing.T) {
	b := set(t)
	b.rules.Resources[1].Hidden = true
	b.rules.Resources[1].Policy.Ask = who("eve")
	b.rules.Resources[0].Policy.NotWith = []string{"secret"}
	b.ask("eve", desk.Wish{Resource: "secret"})
	for _, w := range []desk.Wish{{Template: "t"}, {Template: "t", Resource: "free"}, {Resource: "free", Person: mail("eve")}} {
		if _, err := b.desk.Ask(t.Context(), as("bob"), w); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("bob hears: %v", err)
		}
	}
}

// Whoever's account is disabled makes no access last longer.
func TestDisabledExtendsNothing(t *testing.T) {
	b := set(t)
	b.rules.Resources[0].Policy.Extend = &access.Extend{Times: 1, Max: time.Hour}
	r := b.ask("ada", desk.Wish{Resource: "free", Person: mail("eve")})
	b.corp.Disable(b.ids["ada"])
	b.pass(40 * time.Minute) // no answer is kept any more
	if r, err := b.desk.Extend(t.Context(), as("ada"), r.ID, time.Hour, "", 0); err == nil {
		t.Errorf("the disabled ada extended eve's access to %s", r.Grant.Until)
	}
}

// Whoever decided once, and is no approver any more, does not see who has access.
func TestFormerApproverSeesNoHolders(t *testing.T) {
	b := set(t)
	b.rules.Resources[2].Policy.Steps[0].Approvers = access.Who{Groups: []engine.GroupRef{in("approvers")}}
	r := b.ask("ada", desk.Wish{Resource: "staging"})
	if _, err := b.desk.Decide(t.Context(), as("bob"), r.ID, desk.Word{Approve: true}); err != nil {
		t.Fatal(err)
	}
	b.corp.Take(b.groups["approvers"], b.ids["bob"])
	b.rules.Grants = func() []engine.Grant {
		e := engine.Grant{ID: "g", Person: mail("eve"), Group: in("staging"), Resource: "staging", Reason: "incident 7"}
		e.When.Until = b.clock().Add(time.Hour * 100)
		return []engine.Grant{e}
	}
	b.desk.Use(b.rules)
	b.pass(48 * time.Hour)
	x, err := b.desk.Request(t.Context(), as("bob"), r.ID)
	if err == nil && len(x.Others) > 0 {
		t.Errorf("bob sees %+v", x.Others)
	}
}

// An approver whose account was deleted everywhere, a leaver, decides nothing,
// however long their session or token lasts.
func TestDeletedApproverDecidesNothing(t *testing.T) {
	b := set(t)
	r := b.ask("ada", desk.Wish{Resource: "staging"})
	b.corp.Delete(b.ids["bob"])
	b.pass(time.Hour)
	if got, err := b.desk.Decide(t.Context(), as("bob"), r.ID, desk.Word{Approve: true}); err == nil {
		t.Errorf("bob, who left, approved: %s", got.Status)
	}
}

// What a directory says is for the log, and not for everybody who asks for an
// explanation.
func TestExplanationKeepsTheDirectorysWords(t *testing.T) {
	b := set(t)
	b.rules.Resources[0].Policy.NotWith = []string{"secret"}
	b.corp.resolve = func(context.Context) error {
		return &engine.Error{Op: "resolve", Kind: engine.Unavailable, Err: errors.New("dial 10.0.0.5:636 as cn=daypass")}
	}
	x, err := b.desk.Explain(t.Context(), as("ada"), mail("ada"), "free")
	if err == nil && strings.Contains(x.Doubt, "10.0.0.5") {
		t.Errorf("ada is told: %s", x.Doubt)
	}
}

// A page that looks for news every few seconds spends no quota that removals need.
func TestOpenPageListsNoGroupAnew(t *testing.T) {
	b := set(t)
	b.rules.Auditors = access.Who{Groups: []engine.GroupRef{in("approvers")}}
	b.desk.Use(b.rules)
	r := b.ask("ada", desk.Wish{Resource: "free"})
	look := func() {
		if _, err := b.desk.Request(t.Context(), as("carol"), r.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := b.desk.Request(t.Context(), as("bob"), r.ID); err != nil {
			t.Fatal(err)
		}
	}
	look()
	lists, asks := b.corp.Calls(memory.CallMembers), b.corp.Calls(memory.CallResolve)
	b.pass(5 * time.Second)
	look()
	if l, a := b.corp.Calls(memory.CallMembers)-lists, b.corp.Calls(memory.CallResolve)-asks; l+a > 0 {
		t.Errorf("the second look listed %d groups and looked %d people up", l, a)
	}
}
