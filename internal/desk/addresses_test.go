package desk_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
)

// alias reads the configuration again, in which an address is now an alias.
func (b *bench) alias(old, known string) {
	b.rules.Canonical = func(p engine.Person) engine.Person {
		if p == mail(old) {
			return mail(known)
		}
		return p
	}
	b.rules.Addresses = func(p engine.Person) []engine.Person {
		if p == mail(old) || p == mail(known) {
			return []engine.Person{mail(known), mail(old)}
		}
		return []engine.Person{p}
	}
	b.desk.Use(b.rules)
}

// Whoever is known by another address since sees what they hold under the old
// one, and gives it back; what is on record stays as it is.
func TestAliasKeepsWhatIsHeld(t *testing.T) {
	b := set(t)
	b.corp.also[mail("ada.second")] = mail("ada")
	b.rules.Resources[0].Policy.Extend = &access.Extend{Times: 1, Max: time.Hour}
	r := b.ask("ada.second", desk.Wish{Resource: "free"})
	b.alias("ada.second", "ada")
	if views, _, err := b.desk.Mine(t.Context(), as("ada")); err != nil || len(views) != 1 || !views[0].May.End {
		t.Errorf("mine: %d, %v; want 1 that can be given back", len(views), err)
	}
	if views, _, err := b.desk.Requests(t.Context(), as("ada"), access.Query{}); err != nil || len(views) != 1 {
		t.Errorf("requests: %d, %v; want 1", len(views), err)
	}
	if x, err := b.desk.Request(t.Context(), as("ada"), r.ID); err != nil || x.Person != r.Person {
		t.Errorf("it is for %q, %v; want %s", x.Person, err, r.Person)
	}
	if _, err := b.desk.Extend(t.Context(), as("ada"), r.ID, time.Hour, "", 0); err != nil {
		t.Errorf("ada extends what she holds: %v", err)
	}
	got, err := b.desk.End(t.Context(), as("ada"), r.ID, "", 0)
	if err != nil {
		t.Fatalf("ada gives back what she holds: %v", err)
	}
	if got.Person != r.Person || got.By != r.By || got.Grant.End.By.Person != mail("ada") {
		t.Errorf("for %s by %s, ended by %s; want what was on record, and ada", got.Person, got.By, got.Grant.End.By)
	}
}

// What excludes another resource does so whichever address it was asked under.
func TestAliasHoldsNothingTwice(t *testing.T) {
	b := set(t)
	b.corp.AddPerson(mail("ada.second"), "ada2")
	b.rules.Resources[1].Policy.NotWith = []string{"staging"}
	b.rules.Resources[2].Policy.NotWith = []string{"secret"}
	old := b.ask("ada.second", desk.Wish{Resource: "staging"})
	b.alias("ada.second", "ada")
	if r, err := b.desk.Ask(t.Context(), as("ada"), desk.Wish{Resource: "secret"}); access.KindOf(err) != access.Conflict {
		t.Errorf("secret beside what was asked for under the old address: %s, %v", r.Status, err)
	}
	b.rules.Resources[1].Policy.NotWith = nil // the other way around
	b.ask("ada", desk.Wish{Resource: "secret"})
	if r, err := b.desk.Decide(t.Context(), as("bob"), old.ID, desk.Word{Approve: true}); access.KindOf(err) != access.Conflict {
		t.Errorf("staging beside secret: %s, %v", r.Status, err)
	}
}

// Nobody decides under their address of now on what they asked for under an old
// one.
func TestAliasDecidesNotOnTheirOwn(t *testing.T) {
	b := set(t)
	b.corp.AddPerson(mail("bob.second"), "bob2")
	r := b.ask("bob.second", desk.Wish{Resource: "staging"})
	b.alias("bob.second", "bob")
	if r, err := b.desk.Decide(t.Context(), as("bob"), r.ID, desk.Word{Approve: true}); access.KindOf(err) != access.Forbidden {
		t.Errorf("bob approved what he asked for: %s, %v", r.Status, err)
	}
}

// A token that was made under an old address is its person's still: seen, and
// revoked.
func TestAliasKeepsTokens(t *testing.T) {
	b := set(t)
	k, _, err := b.desk.NewToken(t.Context(), as("eve"), "x", "", []desk.Scope{desk.Read}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	b.alias("eve", "ada")
	if err := b.desk.RevokeToken(t.Context(), as("bob"), k.ID); access.KindOf(err) != access.NotFound {
		t.Errorf("bob revokes it: %v", err)
	}
	if err := b.desk.RevokeToken(t.Context(), as("ada"), k.ID); err != nil {
		t.Errorf("ada revokes it: %v", err)
	}
	if ts, err := b.desk.Tokens(t.Context(), as("ada")); err != nil || len(ts) != 1 || ts[0].Revoked.IsZero() {
		t.Errorf("tokens: %+v, %v; want the one, revoked", ts, err)
	}
}

// An approver whom a request names by what is an alias since decides on it, and
// reviews it. What was frozen stays as it was.
func TestAliasKeepsApprovers(t *testing.T) {
	b := set(t)
	b.corp.AddPerson(mail("rob"), "rob")
	asked, glass := b.ask("ada", desk.Wish{Resource: "staging"}), b.ask("ada", desk.Wish{Resource: "free", BreakGlass: true, Reason: "it burns"})
	b.alias("bob", "rob")
	if in, err := b.desk.Inbox(t.Context(), as("rob")); err != nil || len(in.Waiting) != 2 {
		t.Errorf("%d wait for rob, %v; want 2", len(in.Waiting), err)
	}
	got, err := b.desk.Decide(t.Context(), as("rob"), asked.ID, desk.Word{Approve: true})
	if err != nil || got.Status != access.Approved {
		t.Fatalf("rob approves: %s, %v", got.Status, err)
	}
	if p := got.Policy.Steps[0].Approvers.People; p[0] != mail("bob") || got.Course.Steps[0].Approvers.People[0] != mail("bob") {
		t.Errorf("the frozen policy names %s now", p)
	}
	if _, err := b.desk.Review(t.Context(), as("rob"), glass.ID, true, "it did", 0); err != nil {
		t.Errorf("rob reviews: %v", err)
	}
}

// What nobody approves is given to one of those who ask at one instant, under any
// of their addresses.
func TestGivenToOneAtOnce(t *testing.T) {
	b := set(t)
	b.corp.also[mail("ada.second")] = mail("ada")
	b.alias("ada.second", "ada")
	errs := make([]error, 20)
	var wait sync.WaitGroup
	for i := range errs {
		wait.Go(func() { _, errs[i] = b.desk.Ask(t.Context(), as("ada"), desk.Wish{Resource: "free"}) })
	}
	wait.Wait()
	given := 0
	for _, err := range errs {
		if err == nil {
			given++
		} else if access.KindOf(err) != access.Conflict {
			t.Errorf("got %v, want a conflict", err)
		}
	}
	if given != 1 {
		t.Errorf("given %d times, want once", given)
	}
}

// The audit log is searched under all addresses of a person, in its order, each
// event once and a page at a time; and for a machine by its name.
func TestAuditKnowsAllAddresses(t *testing.T) {
	b := set(t)
	b.machine()
	b.corp.also[mail("ada.second")] = mail("ada")
	var want []string
	for i := range 6 {
		n := []string{"ada", "ada.second"}[i%2]
		r := b.ask(n, desk.Wish{Resource: "free", For: time.Second})
		want = append([]string{r.ID, r.ID, r.ID}, want...) // asked, skipped, granted
		b.pass(time.Minute)
	}
	if _, err := b.desk.Ask(t.Context(), byToken("ada.second"), desk.Wish{Resource: "staging", Person: mail("eve")}); err != nil {
		t.Fatal(err)
	}
	b.alias("ada.second", "ada")
	for _, n := range []string{"ada", "ada.second"} {
		var got []string
		q := desk.AuditQuery{Person: mail(n), Limit: 4}
		for {
			events, next, err := b.desk.Audit(t.Context(), as("dan"), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				if e.Person != mail("eve") {
					got = append(got, e.Request)
				}
			}
			if q.Before = next; next == 0 {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("of %s it tells %v, want %v", n, got, want)
		}
	}
	for text, n := range map[string]int{"machine ci": 1, " machine  ci ": 1, "machine none": 0} {
		p, err := desk.ParseSought(text)
		if err != nil {
			t.Fatal(err)
		}
		if events, _, err := b.desk.Audit(t.Context(), as("dan"), desk.AuditQuery{Person: p}); err != nil || len(events) != n {
			t.Errorf("of %q it tells %v, %v", text, events, err)
		}
	}
	for _, text := range []string{"", "machine", "machine ", "ci"} {
		if p, err := desk.ParseSought(text); err == nil {
			t.Errorf("%q is %q", text, p)
		}
	}
}
