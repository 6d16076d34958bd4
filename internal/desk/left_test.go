package desk_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
)

// TestLeaverIsKeptOut: whoever certainly has no account that can be used comes in
// no more; where that is not certain, they do.
func TestLeaverIsKeptOut(t *testing.T) {
	const deleted, disabled = "no account in any directory", "disabled"
	gone := func(b *bench, n string) { b.corp.Delete(b.ids[n]) }
	for name, x := range map[string]struct {
		who    string
		change func(b *bench, lab *memory.Directory)
		want   string // empty: they may come
	}{
		"good":                                   {"ada", func(*bench, *memory.Directory) {}, ""},
		"deleted":                                {"ada", func(b *bench, _ *memory.Directory) { gone(b, "ada") }, deleted},
		"never there":                            {"nobody", func(*bench, *memory.Directory) {}, deleted},
		"disabled":                               {"ada", func(b *bench, _ *memory.Directory) { b.corp.Disable(b.ids["ada"]) }, disabled},
		"good elsewhere":                         {"ada", func(b *bench, lab *memory.Directory) { gone(b, "ada"); lab.AddPerson(mail("ada"), "ada") }, ""},
		"disabled here, good elsewhere":          {"ada", func(b *bench, lab *memory.Directory) { b.corp.Disable(b.ids["ada"]); lab.AddPerson(mail("ada"), "ada") }, ""},
		"disabled elsewhere":                     {"ada", func(b *bench, lab *memory.Directory) { gone(b, "ada"); lab.Disable(lab.AddPerson(mail("ada"), "ada")) }, disabled},
		"silent":                                 {"ada", func(b *bench, _ *memory.Directory) { b.corp.Down(engine.Unavailable) }, ""},
		"deleted here, silent elsewhere":         {"ada", func(b *bench, lab *memory.Directory) { gone(b, "ada"); lab.Down(engine.Unavailable) }, ""},
		"disabled here, silent elsewhere":        {"ada", func(b *bench, lab *memory.Directory) { b.corp.Disable(b.ids["ada"]); lab.Down(engine.Throttled) }, ""},
		"the other address":                      {"ada", func(b *bench, _ *memory.Directory) { gone(b, "ada"); b.alias("bob", "ada") }, ""},
		"disabled, good under the other address": {"ada", func(b *bench, _ *memory.Directory) { b.corp.Disable(b.ids["ada"]); b.alias("bob", "ada") }, disabled},
		"an administrator, by address":           {"root", func(b *bench, _ *memory.Directory) { gone(b, "root") }, ""},
		"an auditor, by address":                 {"dan", func(b *bench, _ *memory.Directory) { gone(b, "dan") }, deleted},
		"an administrator who is disabled":       {"root", func(b *bench, _ *memory.Directory) { b.corp.Disable(b.ids["root"]) }, disabled},
		"an administrator, by a group": {"root", func(b *bench, _ *memory.Directory) {
			gone(b, "root")
			b.rules.Administrators = access.Who{Groups: []engine.GroupRef{in("approvers")}}
		}, deleted},
		"without a directory, nobody knows": {"ada", func(b *bench, _ *memory.Directory) { b.rules.Directories = nil }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := set(t)
			lab := memory.New("lab")
			b.rules.Directories["lab"] = lab
			x.change(b, lab)
			b.desk.Use(b.rules)
			err := b.desk.Left(t.Context(), mail(x.who))
			if x.want == "" && err != nil || x.want != "" && (access.KindOf(err) != access.Forbidden || !strings.Contains(err.Error(), x.want)) {
				t.Errorf("%v, want %q", err, x.want)
			}
		})
	}
}

// TestLeaverReadsAndMakesNothing: nor does whoever comes in by a session of before.
func TestLeaverReadsAndMakesNothing(t *testing.T) {
	b := set(t)
	b.corp.Delete(b.ids["dan"])
	b.corp.Delete(b.ids["ada"])
	b.corp.Delete(b.ids["root"])
	if _, _, err := b.desk.Audit(t.Context(), as("dan"), desk.AuditQuery{}); access.KindOf(err) != access.Forbidden {
		t.Errorf("the auditor who left reads: %v", err)
	}
	if _, _, err := b.desk.NewToken(t.Context(), as("ada"), "x", "", []desk.Scope{desk.Read}, time.Hour); access.KindOf(err) != access.Forbidden {
		t.Errorf("ada, who left, makes a token: %v", err)
	}
	if _, _, err := b.desk.Audit(t.Context(), as("root"), desk.AuditQuery{}); err != nil {
		t.Errorf("the administrator whom the configuration names reads: %v", err)
	}
}

// TestSilenceBringsNobodyBack: of whom all directories said that they left, that
// stands while one of them is silent, until one knows them again.
func TestSilenceBringsNobodyBack(t *testing.T) {
	b := set(t)
	lab := memory.New("lab")
	b.rules.Directories["lab"] = lab
	b.desk.Use(b.rules)
	b.corp.Delete(b.ids["ada"])
	b.corp.Disable(b.ids["eve"])
	come := func(when, who, want string) {
		t.Helper()
		if err := b.desk.Left(t.Context(), mail(who)); want == "" && err != nil || want != "" && (access.KindOf(err) != access.Forbidden || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s, %s: %v", when, who, err)
		}
	}
	all := func(when, ada, eve string) {
		t.Helper()
		b.pass(time.Minute)
		come(when, "ada", ada)
		come(when, "eve", eve)
		come(when, "bob", "")
	}
	all("all answer", "no account", "disabled")
	lab.Down(engine.Unavailable)
	all("one is silent", "no account", "disabled")
	if _, _, err := b.desk.NewToken(t.Context(), as("ada"), "x", "", []desk.Scope{desk.Read}, time.Hour); access.KindOf(err) != access.Forbidden {
		t.Errorf("ada makes a token: %v", err)
	}
	b.corp.Down(engine.Unavailable)
	b.desk.Use(b.rules)
	all("both are silent, under other rules", "no account", "disabled")
	b.corp.Mend()
	b.corp.AddPerson(mail("ada"), "ada")
	all("ada is back", "", "disabled")
	b.corp.Down(engine.Unavailable)
	all("both are silent again", "", "disabled")
}

// TestDoubtReadsNothingOfOthers: whoever reads everything by their address has an
// account for certain, or reads what is their own; but an administrator.
func TestDoubtReadsNothingOfOthers(t *testing.T) {
	b := set(t)
	b.corp.Delete(b.ids["dan"])
	b.corp.Delete(b.ids["root"])
	lab := memory.New("lab")
	lab.Down(engine.Unavailable)
	b.rules.Directories["lab"] = lab
	b.desk.Use(b.rules)
	theirs := b.ask("ada", desk.Wish{Resource: "free"})
	if err := b.desk.Left(t.Context(), mail("dan")); err != nil {
		t.Errorf("dan, who may have left, comes in: %v", err)
	}
	if _, _, err := b.desk.Audit(t.Context(), as("dan"), desk.AuditQuery{}); access.KindOf(err) != access.Doubt || !strings.Contains(err.Error(), "lab does not answer") {
		t.Errorf("dan audits: %v", err)
	}
	if _, err := b.desk.Request(t.Context(), as("dan"), theirs.ID); access.KindOf(err) != access.Doubt {
		t.Errorf("dan reads ada's request: %v", err)
	}
	if views, _, err := b.desk.Requests(t.Context(), as("dan"), access.Query{}); err != nil || len(views) > 0 {
		t.Errorf("dan lists %d, %v", len(views), err)
	}
	if b.desk.Me(t.Context(), as("dan")).Roles.Auditor {
		t.Error("dan is an auditor")
	}
	if _, _, err := b.desk.Audit(t.Context(), as("root"), desk.AuditQuery{}); err != nil {
		t.Errorf("the administrator whom the configuration names: %v", err)
	}
	b.pass(time.Minute)
	b.corp.AddPerson(mail("dan"), "dan")
	if _, _, err := b.desk.Audit(t.Context(), as("dan"), desk.AuditQuery{}); err != nil || !b.desk.Me(t.Context(), as("dan")).Roles.Auditor {
		t.Errorf("dan, with a good account: %v", err)
	}
}

// TestLeftAsksOnceInAWhile: a page costs no question, and waits for no directory.
func TestLeftAsksOnceInAWhile(t *testing.T) {
	b := set(t)
	for range 10 {
		if err := b.desk.Left(t.Context(), mail("ada")); err != nil {
			t.Fatal(err)
		}
		b.pass(2 * time.Second)
	}
	if n := b.corp.Calls(memory.CallResolve); n != 1 {
		t.Errorf("it was asked %d times", n)
	}
	release := make(chan bool)
	defer close(release)
	b.corp.resolve = func(context.Context) error { <-release; return nil }
	b.pass(time.Minute)
	done := make(chan error, 1)
	go func() { done <- b.desk.Left(t.Context(), mail("ada")) }()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("a directory that hangs keeps her out: %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("it waits for a directory that hangs")
	}
}

// TestSilenceGivesNothing: who may have left makes no token and lets nothing
// through, while nobody knows; they may end access, and take back.
func TestSilenceGivesNothing(t *testing.T) {
	b := set(t)
	ours, theirs := b.ask("ada", desk.Wish{Resource: "free"}), b.ask("eve", desk.Wish{Resource: "staging"})
	k, _, err := b.desk.NewToken(t.Context(), as("eve"), "x", "", []desk.Scope{desk.Read}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	b.hold(engine.Add, engine.Starts, "free", "3 additions in corp/free, over the limit of 2")
	held, err := b.desk.Holds(t.Context(), as("root"))
	if err != nil || len(held) != 1 {
		t.Fatalf("%d are held, %v", len(held), err)
	}
	b.corp.Down(engine.Unavailable)
	for _, machine := range []string{"", "ci"} {
		if _, _, err := b.desk.NewToken(t.Context(), as("root"), "x", machine, []desk.Scope{desk.Read}, time.Hour); access.KindOf(err) != access.Doubt {
			t.Errorf("root makes a token of %q: %v", machine, err)
		}
	}
	if _, err := b.desk.Release(t.Context(), as("root"), held[0].Digest, "it is fine"); access.KindOf(err) != access.Doubt {
		t.Errorf("root lets it through: %v", err)
	}
	if _, err := b.desk.End(t.Context(), as("carol"), ours.ID, "it is over", 0); err != nil {
		t.Errorf("the owner ends access: %v", err)
	}
	if _, err := b.desk.Withdraw(t.Context(), as("eve"), theirs.ID, "", 0); err != nil {
		t.Errorf("eve withdraws: %v", err)
	}
	if err := b.desk.RevokeToken(t.Context(), as("eve"), k.ID); err != nil {
		t.Errorf("eve revokes her token: %v", err)
	}
	b.corp.Mend()
	b.pass(time.Minute)
	if _, err := b.desk.Release(t.Context(), as("root"), held[0].Digest, "it is fine"); err != nil {
		t.Errorf("once it is known: %v", err)
	}
}

// TestLeaverEndsNobodysAccess: nor does an owner whose account is disabled; what is
// their own they give back.
func TestLeaverEndsNobodysAccess(t *testing.T) {
	b := set(t)
	ours, theirs := b.ask("carol", desk.Wish{Resource: "free"}), b.ask("ada", desk.Wish{Resource: "free"})
	b.corp.Disable(b.ids["carol"])
	if _, err := b.desk.End(t.Context(), as("carol"), theirs.ID, "it is over", 0); access.KindOf(err) != access.Forbidden {
		t.Errorf("the disabled carol ends ada's access: %v", err)
	}
	if _, err := b.desk.End(t.Context(), as("carol"), ours.ID, "", 0); err != nil {
		t.Errorf("carol gives back her own: %v", err)
	}
}
