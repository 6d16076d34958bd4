// Package storetest is the contract of an [engine.Ledger], as tests that every
// ledger passes: the store on each of its databases, and those that tests make
// for themselves.
package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// World is a ledger under test. Powers that it lacks are nil, and what needs
// them is left out.
type World struct {
	Ledger engine.Ledger
	// Release lets a recorded hold through.
	Release func(ctx context.Context, r engine.Release) error
	// Events returns the audit log, oldest first.
	Events func(ctx context.Context) ([]engine.Event, error)
	// Lessor keeps the leases that fences are about; LessorAgain is that of
	// another process.
	Lessor      Lessor
	LessorAgain func(t *testing.T) Lessor
	// Again opens the same ledger a second time, as another process would.
	Again func(t *testing.T) engine.Ledger
}

// Start is the time at which the tests begin, in whole microseconds: what every
// ledger keeps.
func Start() time.Time { return time.Date(2026, 11, 24, 9, 0, 0, 123456000, time.UTC) }

// Options compare what a ledger returns: an empty list and none are the same,
// and what is unexported in a change or an objection does not outlive a run.
func Options() cmp.Options {
	return cmp.Options{
		cmpopts.EquateEmpty(),
		cmpopts.IgnoreUnexported(engine.Change{}, engine.Objection{}),
	}
}

// Run holds the ledgers that open makes, one for each test, to the contract.
func Run(t *testing.T, open func(t *testing.T) World) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, w World)
	}{
		{"UnknownGroupIsEmpty", unknownGroupIsEmpty},
		{"PutReplaces", putReplaces},
		{"DeleteOne", deleteOne},
		{"SortedByMember", sortedByMember},
		{"GroupsApart", groupsApart},
		{"GroupsNamedLast", groupsNamedLast},
		{"AddedSince", addedSince},
		{"LastReading", lastReading},
		{"FirstNoticeStands", firstNoticeStands},
		{"NewestIsGreatest", newestIsGreatest},
		{"EmptyBatch", emptyBatch},
		{"AllOrNothing", allOrNothing},
		{"ReleasedOnce", releasedOnce},
		{"ReleaseExpires", releaseExpires},
		{"NoSuchRelease", noSuchRelease},
		{"HoldsOfTheirRun", holdsOfTheirRun},
		{"PartsReleased", partsReleased},
		{"LeaseOneAtATime", leaseOneAtATime},
		{"LeaseGoesOn", leaseGoesOn},
		{"LeaseGivenBack", leaseGivenBack},
		{"LeaseRace", leaseRace},
		{"FencedOff", fencedOff},
		{"EventsInOrder", eventsInOrder},
		{"AnyText", anyText},
		{"KnownReplaces", knownReplaces},
		{"ListingHoldsUntilUnlisted", listingHoldsUntilUnlisted},
		{"CallerKeepsItsBatch", callerKeepsItsBatch},
		{"Concurrent", concurrent},
		{"SecondHandleSees", secondHandleSees},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, open(t))
		})
	}
}

func group(n int) engine.Group {
	return engine.Group{Directory: "corp", ID: engine.GroupID(fmt.Sprintf("group-%d", n))}
}

func owned(g engine.Group, member engine.MemberID) engine.Owned {
	now := Start()
	return engine.Owned{
		Group: g, GroupName: "prod-db", Person: "ada@example.org", State: engine.Added,
		Member: engine.Member{ID: member, Login: "ada", Ref: "uid=ada,dc=example,dc=org"},
		Anchors: []engine.Anchor{
			{Grant: "g1", Until: now.Add(time.Hour)},
			{Grant: "g2", Until: now.Add(2*time.Hour + time.Nanosecond)}, // an end comes back as it was
		},
		Since: now, Confirmed: now.Add(time.Second), Due: now.Add(time.Hour), Gone: now.Add(2 * time.Hour), Wrote: now.Add(3 * time.Hour),
		Expires: now.Add(4 * time.Hour), Asked: now.Add(5 * time.Hour),
	}
}

func record(t *testing.T, l engine.Ledger, b engine.Batch) {
	t.Helper()
	if err := l.Record(t.Context(), b); err != nil {
		t.Fatalf("record: %v", err)
	}
}

func page(t *testing.T, l engine.Ledger, g engine.Group) engine.Page {
	t.Helper()
	p, err := l.Page(t.Context(), g)
	if err != nil {
		t.Fatalf("page %v: %v", g, err)
	}
	return p
}

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got, Options()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
