package desk

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
)

// town is a directory with a group that ada is in, asked through people.
func town(t *testing.T) (*memory.Directory, *people, func(fresh bool) (bool, error)) {
	t.Helper()
	corp := memory.New("corp")
	ada := corp.AddPerson("ada@example.org", "ada")
	corp.Put(corp.AddGroup("leads"), ada)
	p := newPeople(time.Now, func(engine.GroupRef, error) {})
	p.use(&Rules{Directories: map[engine.Directory]engine.Connector{"corp": corp}})
	return corp, p, func(fresh bool) (bool, error) {
		a := p.in(t.Context(), "ada@example.org", engine.GroupRef{Directory: "corp", Name: "leads"}, p.since(fresh))
		return a.Yes, a.Err
	}
}

// What decides is asked anew each time; what is only shown, every half minute.
func TestAnswersAreFreshForDecisions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		corp, _, in := town(t)
		leads, err := corp.Group(t.Context(), "leads")
		if err != nil {
			t.Fatal(err)
		}
		if yes, err := in(false); !yes || err != nil {
			t.Fatalf("%v, %v; want her in", yes, err)
		}
		corp.Take(leads.ID, corp.AddPerson("eve@example.org", "eve"))
		ada, err := corp.Resolve(t.Context(), "ada@example.org")
		if err != nil {
			t.Fatal(err)
		}
		corp.Take(leads.ID, ada.ID)
		if yes, _ := in(false); !yes {
			t.Error("what is shown was asked anew within the half minute")
		}
		if yes, err := in(true); yes || err != nil {
			t.Errorf("a decision: %v, %v; want her out", yes, err)
		}
		if yes, _ := in(false); yes {
			t.Error("what a decision found out is not shown")
		}
		corp.Put(leads.ID, ada.ID)
		time.Sleep(shown + time.Second)
		if yes, _ := in(false); !yes {
			t.Error("after half a minute it is not asked anew")
		}
	})
}

// A failure is no answer, and not kept for long.
func TestSilenceIsNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		corp, _, in := town(t)
		corp.Down(engine.Unavailable)
		for _, fresh := range []bool{false, true} {
			if yes, err := in(fresh); yes || engine.KindOf(err) != engine.Unavailable {
				t.Errorf("fresh %v: %v, %v; want what is not known", fresh, yes, err)
			}
		}
		corp.Mend()
		time.Sleep(answer + time.Second)
		if yes, err := in(false); !yes || err != nil {
			t.Errorf("%v, %v; want her in, a while after it is mended", yes, err)
		}
	})
}

// Whoever is not there, or may not log in, is certainly not in.
func TestNoAccountIsACertainNo(t *testing.T) {
	corp, p, in := town(t)
	ada, err := corp.Resolve(t.Context(), "ada@example.org")
	if err != nil {
		t.Fatal(err)
	}
	corp.Disable(ada.ID)
	if yes, err := in(true); yes || err != nil {
		t.Errorf("disabled: %v, %v; want a certain no", yes, err)
	}
	if a := p.in(t.Context(), "nobody@example.org", engine.GroupRef{Directory: "corp", Name: "leads"}, p.moment()); a.Yes || a.Err != nil {
		t.Errorf("nobody: %+v; want a certain no", a)
	}
	if a := p.in(t.Context(), "ada@example.org", engine.GroupRef{Directory: "gone", Name: "leads"}, p.moment()); a.Yes || a.Err == nil {
		t.Errorf("a directory that left the configuration: %+v; want what is not known", a)
	}
}

// Many who want to see the same ask once.
func TestOneAnswerForMany(t *testing.T) {
	corp, p, _ := town(t)
	before := corp.Calls(memory.CallMembers)
	var wait sync.WaitGroup
	errs := make([]error, 50)
	for i := range errs {
		wait.Go(func() {
			_, errs[i] = p.membersOf(t.Context(), engine.GroupRef{Directory: "corp", Name: "leads"}, whenever)
		})
	}
	wait.Wait()
	if n := corp.Calls(memory.CallMembers) - before; n != 1 || errors.Join(errs...) != nil {
		t.Errorf("%d listings, %v; want one", n, errors.Join(errs...))
	}
}

// Two addresses with one account are one human, also when another directory is
// silent; without such an account, silence is not a no.
func TestOneHumanBehindTwoAddresses(t *testing.T) {
	corp, p, _ := town(t)
	other := memory.New("other")
	p.use(&Rules{Directories: map[engine.Directory]engine.Connector{"corp": corp, "other": other}})
	corp.AddPerson("ada-admin@example.org", "ada2")
	ds := []engine.Directory{"corp", "other"}
	if a := p.same(t.Context(), "ada@example.org", "ada-admin@example.org", ds, p.moment()); a.Yes || a.Err != nil {
		t.Errorf("two accounts: %+v; want a certain no", a)
	}
	other.Down(engine.Unavailable)
	if a := p.same(t.Context(), "ada@example.org", "ada-admin@example.org", ds, p.moment()); a.Yes || a.Err == nil {
		t.Errorf("one is silent: %+v; want what is not known", a)
	}
	if a := p.same(t.Context(), "ada@example.org", "ada@example.org", ds, p.moment()); !a.Yes {
		t.Errorf("herself: %+v; want yes", a)
	}
}
