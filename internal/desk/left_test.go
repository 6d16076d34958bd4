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
		"good":                             {"ada", func(*bench, *memory.Directory) {}, ""},
		"deleted":                          {"ada", func(b *bench, _ *memory.Directory) { gone(b, "ada") }, deleted},
		"never there":                      {"nobody", func(*bench, *memory.Directory) {}, deleted},
		"disabled":                         {"ada", func(b *bench, _ *memory.Directory) { b.corp.Disable(b.ids["ada"]) }, disabled},
		"good elsewhere":                   {"ada", func(b *bench, lab *memory.Directory) { gone(b, "ada"); lab.AddPerson(mail("ada"), "ada") }, ""},
		"disabled here, good elsewhere":    {"ada", func(b *bench, lab *memory.Directory) { b.corp.Disable(b.ids["ada"]); lab.AddPerson(mail("ada"), "ada") }, ""},
		"disabled elsewhere":               {"ada", func(b *bench, lab *memory.Directory) { gone(b, "ada"); lab.Disable(lab.AddPerson(mail("ada"), "ada")) }, disabled},
		"silent":                           {"ada", func(b *bench, _ *memory.Directory) { b.corp.Down(engine.Unavailable) }, ""},
		"deleted here, silent elsewhere":   {"ada", func(b *bench, lab *memory.Directory) { gone(b, "ada"); lab.Down(engine.Unavailable) }, ""},
		"disabled here, silent elsewhere":  {"ada", func(b *bench, lab *memory.Directory) { b.corp.Disable(b.ids["ada"]); lab.Down(engine.Throttled) }, ""},
		"the other address":                {"ada", func(b *bench, _ *memory.Directory) { gone(b, "ada"); b.alias("bob", "ada") }, ""},
		"an administrator, by address":     {"root", func(b *bench, _ *memory.Directory) { gone(b, "root") }, ""},
		"an auditor, by address":           {"dan", func(b *bench, _ *memory.Directory) { gone(b, "dan") }, deleted},
		"an administrator who is disabled": {"root", func(b *bench, _ *memory.Directory) { b.corp.Disable(b.ids["root"]) }, disabled},
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
