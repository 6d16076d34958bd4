package desk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
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
	p := newPeople(time.Now, slog.New(slog.DiscardHandler), func(engine.GroupRef, error) {})
	p.use(&Rules{Directories: map[engine.Directory]engine.Connector{"corp": corp}})
	return corp, p, func(fresh bool) (bool, error) {
		a := p.in(t.Context(), "ada@example.org", engine.GroupRef{Directory: "corp", Name: "leads"}, p.since(t.Context(), fresh))
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

// slow is a directory that has read a group before it answers, when it is let.
type slow struct {
	*memory.Directory
	answer chan struct{}
}

func (s *slow) Members(ctx context.Context, g engine.GroupID) ([]engine.Member, error) {
	ms, err := s.Directory.Members(ctx, g)
	<-s.answer
	return ms, err
}

var leads = engine.GroupRef{Directory: "corp", Name: "leads"}

// out takes ada out of the group.
func out(t *testing.T, corp *memory.Directory) {
	t.Helper()
	g, err := corp.Group(t.Context(), "leads")
	if err != nil {
		t.Fatal(err)
	}
	ada, err := corp.Resolve(t.Context(), "ada@example.org")
	if err != nil {
		t.Fatal(err)
	}
	corp.Take(g.ID, ada.ID)
}

// A decision does not hold by a listing that began before it was asked for,
// however young; all that wait for the next one share it.
func TestADecisionWaitsForAListingOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		corp, p, _ := town(t)
		s := &slow{corp, make(chan struct{})}
		p.use(&Rules{Directories: map[engine.Directory]engine.Connector{"corp": s}})
		before := corp.Calls(memory.CallMembers)
		var wait sync.WaitGroup
		wait.Go(func() { // somebody looks: the group was read, and the answer is under way
			if a := p.in(t.Context(), "ada@example.org", leads, whenever); !a.Yes {
				t.Errorf("%+v; want her in, as the group was read", a)
			}
		})
		synctest.Wait()
		out(t, corp)
		for range 20 {
			wait.Go(func() {
				if a := p.in(t.Context(), "ada@example.org", leads, p.moment()); a.Yes || a.Err != nil {
					t.Errorf("a decision after she was taken out: %+v", a)
				}
			})
		}
		synctest.Wait()
		close(s.answer)
		wait.Wait()
		if n := corp.Calls(memory.CallMembers) - before; n != 2 {
			t.Errorf("%d listings; want the first, and one for all decisions", n)
		}
	})
}

// One decision may ask for a group several times, and has it listed once; the
// next one has it listed anew.
func TestOneDecisionListsAGroupOnce(t *testing.T) {
	corp, p, in := town(t)
	before := corp.Calls(memory.CallMembers)
	since := p.moment()
	for range 3 {
		p.in(t.Context(), "ada@example.org", leads, since)
	}
	if n := corp.Calls(memory.CallMembers) - before; n != 1 {
		t.Errorf("%d listings; want one", n)
	}
	out(t, corp)
	if yes, err := in(true); yes || err != nil {
		t.Errorf("%v, %v; want her out", yes, err)
	}
}

// However many decide, however often, a group is listed once in a second or so.
func TestNobodyHammersADirectory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		corp, p, _ := town(t)
		before, begin, decisions := corp.Calls(memory.CallMembers), time.Now(), 0
		for decisions < 1000 && time.Since(begin) < 30*time.Second {
			if a := p.in(t.Context(), "ada@example.org", leads, p.moment()); !a.Yes {
				t.Fatalf("%+v; want her in", a)
			}
			decisions++
		}
		if n := corp.Calls(memory.CallMembers) - before; n > listingsAtOnce+31 || n != decisions {
			t.Errorf("%d listings for %d decisions in half a minute", n, decisions)
		}
	})
}

// What a directory of before still answers is nothing to those who come after
// the configuration was read again.
func TestAnAnswerOfBeforeGoesNowhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		corp, p, in := town(t)
		told := 0
		p.told = func(engine.GroupRef, error) { told++ }
		s := &slow{corp, make(chan struct{})}
		p.use(&Rules{Directories: map[engine.Directory]engine.Connector{"corp": s}})
		var wait sync.WaitGroup
		wait.Go(func() { _, _ = in(false) })
		synctest.Wait()
		other := memory.New("corp")
		other.AddPerson("ada@example.org", "ada")
		other.AddGroup("leads")
		p.use(&Rules{Directories: map[engine.Directory]engine.Connector{"corp": other}})
		close(s.answer)
		wait.Wait()
		if told != 0 {
			t.Error("what the directory of before said of the group counts")
		}
		if yes, err := in(false); yes || err != nil {
			t.Errorf("%v, %v; want the answer of the new directory", yes, err)
		}
	})
}

// A directory that breaks off leaves nobody waiting, and takes nothing down with
// it: it did not answer, and the log says why.
func TestAPanicIsNoAnswer(t *testing.T) {
	_, p, _ := town(t)
	var log bytes.Buffer
	p.log = slog.New(slog.NewTextHandler(&log, nil))
	k := p.known.Load()
	m := map[string]*kept[int]{}
	q := question[int]{good: time.Minute, within: time.Second, ask: func(context.Context) (int, error) { panic("ouch") }}
	for range 2 {
		if _, err := ask(t.Context(), p, k, m, "x", q); !errors.Is(err, errCutShort) {
			t.Errorf("%v; want that it was cut short", err)
		}
	}
	if n := strings.Count(log.String(), "panic=ouch"); n != 1 || !strings.Contains(log.String(), "TestAPanicIsNoAnswer") {
		t.Errorf("it is logged %d times, want once with the stack:\n%s", n, log.String())
	}
	if _, err := soon(t.Context(), p.log, func(context.Context) (int, error) { panic("late") }); !errors.Is(err, errCutShort) {
		t.Errorf("beside the rest: %v; want that it was cut short", err)
	}
}

// What is only shown beside the rest is not waited for, and kept for who looks
// next.
func TestWhatIsLateIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		corp, p, _ := town(t)
		late := &slow{corp, make(chan struct{})}
		p.use(&Rules{Directories: map[engine.Directory]engine.Connector{"corp": late}})
		look := func() (roster, error) {
			return soon(t.Context(), p.log, func(ctx context.Context) (roster, error) { return p.membersOf(ctx, leads, whenever) })
		}
		for range 2 {
			began := time.Now()
			if r, err := look(); err == nil || len(r.logins) > 0 || time.Since(began) != patience {
				t.Errorf("after %s: %v, %v; want nothing after %s", time.Since(began), r, err, patience)
			}
		}
		close(late.answer)
		synctest.Wait()
		if r, err := look(); err != nil || len(r.logins) != 1 || corp.Calls(memory.CallMembers) != 1 {
			t.Errorf("then: %v, %v by %d listings; want ada by one", r, err, corp.Calls(memory.CallMembers))
		}
	})
}

// A group that takes too long to be listed is listed no more often for those who
// look than one that does not.
func TestTooLongAListingIsNotTriedAgainAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		corp, _, in := town(t)
		corp.Fail(memory.Fault{Call: memory.CallMembers, Stall: true, Kind: engine.Unavailable})
		for range 3 {
			if _, err := in(false); err == nil {
				t.Error("a listing that never came is an answer")
			}
			time.Sleep(answer)
		}
		if n := corp.Calls(memory.CallMembers); n != 1 {
			t.Errorf("%d listings in %s, want 1", n, shown)
		}
	})
}

// However many groups are to be shown, few of one directory are listed at once;
// what decides waits for none of them.
func TestFewGroupsAreListedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		corp, p, in := town(t)
		s := &slow{corp, make(chan struct{})}
		p.use(&Rules{Directories: map[engine.Directory]engine.Connector{"corp": s}})
		before := corp.Calls(memory.CallMembers)
		errs := make([]error, 10)
		var wait sync.WaitGroup
		for i := range errs {
			g := engine.GroupRef{Directory: "corp", Name: fmt.Sprint("g", i)}
			corp.AddGroup(g.Name)
			wait.Go(func() { _, errs[i] = p.membersOf(t.Context(), g, whenever) })
		}
		synctest.Wait()
		if n := corp.Calls(memory.CallMembers) - before; n != listedAtOnce {
			t.Errorf("%d are listed at once, want %d", n, listedAtOnce)
		}
		wait.Go(func() {
			if yes, err := in(true); !yes || err != nil {
				t.Errorf("a decision: %v, %v; want her in", yes, err)
			}
		})
		synctest.Wait()
		if n := corp.Calls(memory.CallMembers) - before; n != listedAtOnce+1 {
			t.Errorf("%d are listed; want that of the decision, too", n)
		}
		close(s.answer)
		wait.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
	})
}

// What nobody is shown any more is forgotten, however large the group.
func TestOldAnswersAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p, in := town(t)
		if yes, err := in(true); !yes || err != nil {
			t.Fatalf("%v, %v; want her in", yes, err)
		}
		kept := func() int {
			k := p.known.Load()
			k.mu.Lock()
			defer k.mu.Unlock()
			return len(k.members) + len(k.accounts)
		}
		if n := kept(); n != 2 {
			t.Errorf("%d answers are kept, want 2", n)
		}
		time.Sleep(shown + time.Second)
		synctest.Wait()
		if n := kept(); n != 0 {
			t.Errorf("%d answers are kept after %s", n, shown)
		}
	})
}

// No more answers are kept than a crowd's.
func TestNoMoreThanACrowdIsKept(t *testing.T) {
	_, p, _ := town(t)
	k, m := p.known.Load(), map[int]*kept[int]{}
	for i := range crowd + 1 {
		q := question[int]{good: time.Minute, within: time.Minute, ask: func(context.Context) (int, error) { return i, nil }}
		if n, err := ask(t.Context(), p, k, m, i, q); n != i || err != nil {
			t.Fatalf("%d, %v; want %d", n, err, i)
		}
	}
	if len(m) > crowd {
		t.Errorf("%d answers are kept", len(m))
	}
}

// An answer that is younger than now, by a clock that was set back, is not shown:
// it would be for as long as the clock was wrong.
func TestAnAnswerOfTheFutureIsNotShown(t *testing.T) {
	corp, p, in := town(t)
	now := time.Now()
	p.now = func() time.Time { return now.Add(time.Hour) }
	if yes, err := in(false); !yes || err != nil {
		t.Fatalf("%v, %v; want her in", yes, err)
	}
	out(t, corp)
	p.now = func() time.Time { return now }
	if yes, err := in(false); yes || err != nil {
		t.Errorf("%v, %v; want her out", yes, err)
	}
}
