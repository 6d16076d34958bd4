package desk_test

import (
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
)

// byToken is a machine that comes by a token that somebody made.
func byToken(maker string) desk.Caller {
	return desk.Caller{
		Actor:  access.Actor{Person: mail("ci"), Machine: "ci", Maker: mail(maker), Via: access.API},
		Scopes: []desk.Scope{desk.Read, desk.Request}, Token: "t" + maker,
	}
}

// machine lets the machine ci ask for everything.
func (b *bench) machine() {
	b.corp.AddPerson(mail("ci"), "ci")
	for i := range b.rules.Resources {
		b.rules.Resources[i].Policy.Ask.Machines = []string{"ci"}
	}
	b.desk.Use(b.rules)
}

// TestMakerOfATokenDecidesNothing: an approver who makes a machine's token, and
// asks by it, approves none of it: under no address, and by no other account.
func TestMakerOfATokenDecidesNothing(t *testing.T) {
	b := set(t)
	b.machine()
	b.rules.Resources[2].Policy.Steps[0].Approvers = who("bob", "bob.second", "bob.third", "carol")
	b.corp.also[mail("bob.third")] = mail("bob") // which no alias connects
	b.corp.AddPerson(mail("bob.second"), "bob2")
	b.desk.Use(b.rules)
	r, err := b.desk.Ask(t.Context(), byToken("bob.second"), desk.Wish{Resource: "staging", Person: mail("ada")})
	if err != nil {
		t.Fatal(err)
	}
	b.alias("bob.second", "bob")
	for _, n := range []string{"bob", "bob.third"} {
		if x, err := b.desk.Request(t.Context(), as(n), r.ID); err != nil || x.May.Decide {
			t.Errorf("%s may decide: %t, %v", n, x.May.Decide, err)
		}
		if in, err := b.desk.Inbox(t.Context(), as(n)); err != nil || len(in.Waiting) > 0 {
			t.Errorf("%d wait for %s, %v", len(in.Waiting), n, err)
		}
		if _, err := b.desk.Decide(t.Context(), as(n), r.ID, desk.Word{Approve: true}); access.KindOf(err) != access.Forbidden {
			t.Errorf("%s approves what they asked for: %v", n, err)
		}
	}
	got, err := b.desk.Decide(t.Context(), as("carol"), r.ID, desk.Word{Approve: true})
	if err != nil || got.By != r.By || got.By.Maker != mail("bob.second") {
		t.Errorf("carol approves: %+v, %v; want what is on record", got.By, err)
	}
	events, _, err := b.desk.Audit(t.Context(), as("dan"), desk.AuditQuery{Person: mail("bob.second"), Request: r.ID})
	if err != nil || len(events) != 1 || events[0].By != "machine ci (token made by bob.second@example.org)" {
		t.Errorf("the audit log tells %v, %v", events, err)
	}
	if events, _, err := b.desk.Audit(t.Context(), as("dan"), desk.AuditQuery{Person: "machine ci"}); err != nil || len(events) != 1 {
		t.Errorf("of the machine the audit log tells %v, %v", events, err)
	}
}

// TestMachineIsOneByWhicheverToken: it sees and goes on with what it asked for,
// and its keys are its own.
func TestMachineIsOneByWhicheverToken(t *testing.T) {
	b := set(t)
	b.machine()
	b.rules.Resources[0].Policy.Extend = &access.Extend{Times: 1, Max: time.Hour}
	w := desk.Wish{Resource: "free", Person: mail("eve"), Key: "deploy-7"}
	r, err := b.desk.Ask(t.Context(), byToken("root"), w)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := b.desk.Ask(t.Context(), byToken("dan"), w); err != nil || again.ID != r.ID || again.By.Maker != mail("root") {
		t.Errorf("by another token the same key made %s of %s, %v; want %s", again.ID, again.By, err, r.ID)
	}
	if views, _, err := b.desk.Requests(t.Context(), byToken("dan"), access.Query{}); err != nil || len(views) != 1 {
		t.Errorf("it sees %d, %v", len(views), err)
	}
	if _, err := b.desk.Extend(t.Context(), byToken("dan"), r.ID, time.Hour, "", 0); err != nil {
		t.Errorf("it extends it: %v", err)
	}
	if _, err := b.desk.End(t.Context(), byToken("dan"), r.ID, "it is done", 0); err != nil {
		t.Errorf("it gives it back: %v", err)
	}
}

// TestMakerOfATokenIsNoOther: what is given to others is not given to who made the
// token of the machine that asks, under no address.
func TestMakerOfATokenIsNoOther(t *testing.T) {
	b := set(t)
	b.corp.also[mail("root.second")] = mail("root")
	b.machine()
	b.rules.Resources[0].Policy.For = access.Others
	b.desk.Use(b.rules)
	for _, n := range []string{"root", "root.second"} {
		if r, err := b.desk.Ask(t.Context(), byToken("root"), desk.Wish{Resource: "free", Person: mail(n)}); access.KindOf(err) != access.Forbidden {
			t.Errorf("root gives themselves access as %s: %s, %v", n, r.Status, err)
		}
	}
	if _, err := b.desk.Ask(t.Context(), byToken("root"), desk.Wish{Resource: "free", Person: mail("eve")}); err != nil {
		t.Errorf("for eve: %v", err)
	}
}

// TestTokenOfALeaver: a machine gets nothing by the token of who left, or may have,
// and all by another's; an administrator whom the configuration names needs no
// account.
func TestTokenOfALeaver(t *testing.T) {
	for name, x := range map[string]struct {
		change func(b *bench, lab *memory.Directory)
		want   access.Kind
	}{
		"good":     {func(*bench, *memory.Directory) {}, ""},
		"disabled": {func(b *bench, _ *memory.Directory) { b.corp.Disable(b.ids["eve"]) }, access.Forbidden},
		"deleted":  {func(b *bench, _ *memory.Directory) { b.corp.Delete(b.ids["eve"]) }, access.Forbidden},
		"deleted, an administrator": {func(b *bench, _ *memory.Directory) {
			b.corp.Delete(b.ids["eve"])
			b.rules.Administrators = who("eve")
		}, ""},
		"deleted, silent elsewhere": {func(b *bench, lab *memory.Directory) { b.corp.Delete(b.ids["eve"]); lab.Down(engine.Unavailable) }, access.Doubt},
	} {
		t.Run(name, func(t *testing.T) {
			b := set(t)
			b.machine()
			lab := memory.New("lab")
			b.rules.Directories["lab"] = lab
			b.rules.Resources[0].Policy.Extend = &access.Extend{Times: 1, Max: time.Hour}
			b.desk.Use(b.rules)
			r, err := b.desk.Ask(t.Context(), byToken("root"), desk.Wish{Resource: "free", Person: mail("ada")})
			if err != nil {
				t.Fatal(err)
			}
			x.change(b, lab)
			b.desk.Use(b.rules)
			if _, err := b.desk.Ask(t.Context(), byToken("eve"), desk.Wish{Resource: "free", Person: mail("bob")}); access.KindOf(err) != x.want {
				t.Errorf("it asks: %v, want %q", err, x.want)
			}
			if _, err := b.desk.Extend(t.Context(), byToken("eve"), r.ID, time.Hour, "", 0); access.KindOf(err) != x.want {
				t.Errorf("it extends: %v, want %q", err, x.want)
			}
			if _, err := b.desk.End(t.Context(), byToken("eve"), r.ID, "it is done", 0); err != nil {
				t.Errorf("it gives back: %v", err)
			}
		})
	}
}
