package desk

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

const bob engine.Person = "bob@example.org"

// someSilent is a desk with directories a and b, which answer nothing, and y and z,
// which do.
func someSilent() (*Desk, map[engine.Directory]*hanging) {
	all := make(map[engine.Directory]*hanging)
	rules := &Rules{Directories: make(map[engine.Directory]engine.Connector)}
	for _, name := range []engine.Directory{"a", "b", "y", "z"} {
		all[name] = &hanging{Directory: memory.New(name), well: name > "b"}
		rules.Directories[name] = all[name]
	}
	d := New(Config{Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	d.Use(rules)
	return d, all
}

// TestSilentDirectoriesSilenceNoOther: a good account in another one is found, and
// who knows nobody is not said to be silent.
func TestSilentDirectoriesSilenceNoOther(t *testing.T) {
	c := Caller{Actor: access.Actor{Person: bob}}
	group := func(name engine.Directory) engine.GroupRef { return engine.GroupRef{Directory: name, Name: "g"} }
	for what, ask := range map[string]func(context.Context, *Desk) error{
		"present": func(ctx context.Context, d *Desk) error { return d.present(d.people.inquire(ctx), bob, "your account") },
		"usable": func(ctx context.Context, d *Desk) error {
			return d.usable(d.people.inquire(ctx), c, &Resource{Resource: access.Resource{Groups: []engine.GroupRef{group("y")}}})
		},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, all := someSilent()
				began := time.Now()
				err := ask(t.Context(), d)
				if took := time.Since(began); access.KindOf(err) != access.Doubt || !strings.Contains(err.Error(), "; a and b do not answer") || took > answer+patience {
					t.Errorf("nobody knows them: after %s, %v", took, err)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				all["z"].AddPerson(bob, "bob")
				began = time.Now()
				err = ask(t.Context(), d)
				if took := time.Since(began); err != nil || took > patience {
					t.Errorf("z knows them: after %s, %v", took, err)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				all["a"].well, all["b"].well = true, true
				for _, x := range all {
					x.asked = 0
				}
				all["a"].AddPerson(bob, "bob")
				err = d.present(t.Context(), bob, "your account")
				synctest.Wait()
				if err != nil || all["b"].asked+all["y"].asked+all["z"].asked > 0 {
					t.Errorf("a knows them, and others are asked, too: %v", err)
				}
			})
		})
	}
}

// TestWhatAnyDirectoryMayTell: whoever is in a group, or has an account, is found in
// one directory while others hang; each is asked, and none but those is accused.
func TestWhatAnyDirectoryMayTell(t *testing.T) {
	var groups []engine.GroupRef
	for _, name := range []engine.Directory{"a", "b", "z"} {
		groups = append(groups, engine.GroupRef{Directory: name, Name: "g"})
	}
	res := func(g engine.GroupRef, owners ...engine.GroupRef) Resource {
		return Resource{Resource: access.Resource{Name: string(g.Directory), Groups: []engine.GroupRef{g}, Owners: access.Who{Groups: owners}}}
	}
	c := Caller{Actor: access.Actor{Person: bob}}
	for what, asks := range map[string]func(context.Context, *Desk) error{
		"roles": func(ctx context.Context, d *Desk) error { return d.oversees(ctx, c, "z", "see it") },
		"same": func(ctx context.Context, d *Desk) error {
			a := d.same(d.people.inquire(ctx), "bob2@example.org", bob, groups, d.people.moment())
			return errors.Join(a.Err, map[bool]error{false: errors.New("no")}[a.Yes])
		},
		"held": func(ctx context.Context, d *Desk) error {
			ctx = d.people.inquire(ctx)
			in := d.inAny(ctx, asked{resource: &Resource{}, person: bob, since: d.people.since(ctx, true)}, groups)
			return in[groups[2]].Err
		},
		"barred": func(ctx context.Context, d *Desk) error {
			z := res(groups[2])
			why, err := d.barred(d.people.inquire(ctx), bob, &z)
			return errors.Join(err, map[bool]error{false: errors.New(why)}[why == ""])
		},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, all := someSilent()
				rules := *d.rules.Load()
				z := all["z"]
				id := z.AddPerson(bob, "bob")
				z.Put(z.AddGroup("g"), id)
				rules.Canonical = func(p engine.Person) engine.Person { return p }
				rules.Resources = []Resource{res(groups[2], groups[0])}
				rules.Administrators, rules.Auditors = access.Who{Groups: groups[1:2]}, access.Who{Groups: groups[2:]}
				d.Use(&rules)
				err := asks(t.Context(), d)
				synctest.Wait()
				if slices.Contains(silentIn(err), "z") || what != "same" && err != nil {
					t.Errorf("it is told: %v", err)
				}
				if z.asked == 0 {
					t.Error("z is not asked")
				}
				time.Sleep(time.Minute)
			})
		})
	}
}

// TestNobodyIsAccusedUnasked: a directory that answered, and had nothing to answer
// since, is asked again however long others took; and one that is not asked any more
// is not silent.
func TestNobodyIsAccusedUnasked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, all := someSilent()
		all["z"].AddPerson(bob, "bob")
		ctx := d.people.inquire(t.Context())
		ask := func(name engine.Directory) error { return d.fully(ctx)(name, bob) }
		if err := ask("z"); err != nil {
			t.Fatal(err)
		}
		if err := ask("a"); !slices.Equal(silentIn(err), []engine.Directory{"a"}) {
			t.Errorf("of a: %v", err)
		}
		time.Sleep(time.Second)
		if _, err := d.people.account(ctx, "z", "eve@example.org", d.people.since(ctx, true)); engine.KindOf(err) != engine.NotFound {
			t.Errorf("z answered nobody since, for nobody asked: %v", err)
		}
		time.Sleep(inquiring)
		synctest.Wait()
		if err := ask("y"); !errors.Is(err, errLate) || silentIn(err) != nil || all["y"].asked > 0 {
			t.Errorf("of y, which is not asked any more: %v", err)
		}
		if err := ask("a"); !slices.Equal(silentIn(err), []engine.Directory{"a"}) {
			t.Errorf("of a, still: %v", err)
		}
	})
}

// TestAQuestionBreaksOffForWhoAsks: and not for everybody.
func TestAQuestionBreaksOffForWhoAsks(t *testing.T) {
	breaks := func() (none bool) { panic("broken") }
	for what, ask := range map[string]func(){
		"side by side": func() { sideBySide([]func() bool{breaks}, func(bool) bool { return true }) },
		"together":     func() { together([]int{1}, func(int) bool { return breaks() }) },
	} {
		func() {
			defer func() {
				if v, _ := recover().(string); !strings.Contains(v, "broken") {
					t.Errorf("%s: %v", what, v)
				}
			}()
			ask()
		}()
	}
}
