package memory_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
)

// fails wants the listing of a group to fail, or not to.
func (s small) fails(what string, g engine.GroupID, want bool) {
	s.t.Helper()
	_, err := s.Members(s.t.Context(), g)
	if got := err != nil; got != want {
		s.t.Errorf("%s: got error %v, want an error: %t", what, err, want)
	}
}

func TestFaultStrikesTheNthCallThatFits(t *testing.T) {
	t.Parallel()
	s := newSmall(t)
	other := s.AddGroup("other")
	s.Fail(memory.Fault{Call: memory.CallMembers, Group: s.group, Nth: 2, Kind: engine.Denied})
	s.fails("the first call", s.group, false)
	s.fails("another group", other, false)
	s.account("bob@example.org") // another call
	s.fails("the second call", s.group, true)
	s.fails("the third call", s.group, false)
}

func TestFaultByGroupFitsLookupsByName(t *testing.T) {
	t.Parallel()
	s := newSmall(t)
	s.Fail(memory.Fault{Group: s.group, Kind: engine.Denied})
	_, err := s.Group(t.Context(), "prod-db")
	if got := engine.KindOf(err); got != engine.Denied {
		t.Errorf("Group by name: got kind %s, want %s", got, engine.Denied)
	}
}

func TestFaultOfEveryCallLastsUntilMend(t *testing.T) {
	t.Parallel()
	s := newSmall(t)
	s.Fail(memory.Fault{Call: memory.CallMembers, Kind: engine.Throttled, RetryAfter: time.Minute})
	for range 3 {
		_, err := s.Members(t.Context(), s.group)
		var e *engine.Error
		if !errors.As(err, &e) || e.Kind != engine.Throttled || e.RetryAfter != time.Minute {
			t.Errorf("Members: got error %v, want throttled with a minute to wait", err)
		}
	}
	s.Mend()
	s.fails("after Mend", s.group, false)
}

func TestTwoFaultsCountTheSameCall(t *testing.T) {
	t.Parallel()
	s := newSmall(t)
	s.Fail(memory.Fault{Nth: 1, Kind: engine.Denied})
	s.Fail(memory.Fault{Nth: 2, Kind: engine.Denied})
	s.fails("the first call", s.group, true)
	s.fails("the second call", s.group, true)
	s.fails("the third call", s.group, false)
}

func TestDownFailsEverything(t *testing.T) {
	t.Parallel()
	s := newSmall(t)
	s.Down(engine.Unavailable)
	ctx := t.Context()
	_, found := s.Group(ctx, "prod-db")
	_, resolved := s.Resolve(ctx, "ada@example.org")
	_, all := s.ResolveAll(ctx, nil)
	_, listed := s.Members(ctx, s.group)
	_, added := s.Add(ctx, s.group, s.ada)
	_, removed := s.Remove(ctx, s.group, s.ada)
	_, told := s.Time(ctx)
	for what, err := range map[string]error{
		"Group": found, "Resolve": resolved, "ResolveAll": all, "Members": listed, "Add": added, "Remove": removed, "Time": told,
	} {
		if got := engine.KindOf(err); got != engine.Unavailable {
			t.Errorf("%s while down: got kind %s (%v), want %s", what, got, err, engine.Unavailable)
		}
	}
	if got := s.Probe(ctx); len(got) != 1 || got[0].OK {
		t.Errorf("Probe while down: got %+v, want one finding that is not OK", got)
	}
	if got := s.Writes(); len(got) != 0 {
		t.Errorf("writes while down: got %+v, want none", got)
	}
}

func TestListingOfGroupsEndsInItsError(t *testing.T) {
	t.Parallel()
	s := newSmall(t)
	s.AddGroup("other")
	s.Fail(memory.Fault{Call: memory.CallGroups, Nth: 1, Kind: engine.Unavailable})
	var names []string
	var last error
	for g, err := range s.Groups(t.Context()) {
		if last = err; err == nil {
			names = append(names, g.Name)
		}
	}
	if len(names) != 1 || engine.KindOf(last) != engine.Unavailable {
		t.Errorf("Groups: got %q and then error %v, want one and an error of kind unavailable", names, last)
	}
}

func TestStallAfterTheChange(t *testing.T) {
	t.Parallel()
	s := newSmall(t)
	s.Fail(memory.Fault{Call: memory.CallAdd, Nth: 1, Stall: true, After: true})
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := s.Add(ctx, s.group, s.ada); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stalled Add: got error %v, want %v", err, context.DeadlineExceeded)
	}
	if !s.Has(s.group, s.ada.ID) {
		t.Errorf("after a stall behind the change: got no member, want one")
	}
}
