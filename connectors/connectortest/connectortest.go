// Package connectortest is the contract of a connector, as tests.
//
// Hello. You are writing a connector for a new kind of directory, and this is
// the tour. A connector has five methods ([engine.Connector]); their comments
// are the contract, and every sentence in them has a test here. When all of
// them pass, the engine's laws hold on your directory too: it removes only
// what it added, it ends what it began, and it never takes half a listing for
// a whole one.
//
// # Getting there
//
// Build a world: a simulator, a server in a temporary folder, a test tenant.
// Then the whole test of your connector is a function and one line:
//
//	func TestConformance(t *testing.T) {
//		connectortest.Run(t, open, connectortest.Crowd, connectortest.Put)
//	}
//
//	func open(t *testing.T) connectortest.World {
//		server := start(t)
//		return connectortest.World{Connector: New(...), Group: ..., People: ...}
//	}
//
// Every test opens a world of its own, and tests run in parallel: worlds must
// not see each other. connectors/memory is the shortest harness to copy.
//
// # What a world lacks
//
// The fields of [World] that are functions reach behind the connector: they
// let somebody else change a group, delete an account, or cut a listing short.
// A nil or empty field is something that your world lacks, and the tests that
// need it are not registered; the log of Run names them. Nothing is ever
// skipped. What your world must not lose again is written into the call of
// Run: it fails when a required [Feature] is missing.
//
// # The order to work in
//
// Resolve and GroupByNameAndID come first: identity fails closed. Then
// AddRemove and TwiceIsOnce: whether a call made the difference decides who
// owns a membership, and some directories answer the same either way, so look
// before you write. OthersStay and StandingStays catch a connector that reads
// a group, edits the list and writes it back: it undoes what somebody else did
// in between. EveryPage, HalfAListing and LaterRequestFails catch the ones
// that stop at the first page. LostAnswer catches guesses. StaleRef catches
// those who trust a name where there is an id. The rest are quirks that some
// directory really has. The powers to end memberships and sessions come last:
// AddUntilPresent catches the one mistake that costs somebody standing access.
// Of the power to describe people, DeletedManager and DescribeErrors matter
// most: a manager who is left out is an approval that nobody was asked for.
//
// The suite is tested itself: connectors/memory/liars_test.go holds a liar for
// every test, and by way of [Judge] each must be caught. When you find a new
// way to lie, add it there.
package connectortest

import (
	"slices"
	"testing"
)

// Run holds the connector of a world to the contract, one subtest per clause.
// It calls open once to see what the world has, and once more for each test.
// It fails when the world lacks a required feature.
func Run(t *testing.T, open func(t *testing.T) World, require ...Feature) {
	t.Helper()
	has := open(t).Features()
	for _, f := range require {
		if !slices.Contains(has, f) {
			t.Errorf("the world lacks %q, which is required", f)
		}
	}
	for _, test := range tests() {
		if missing := lacking(has, test.needs); len(missing) > 0 {
			t.Logf("%s is left out: the world lacks %q", test.name, missing)
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			if missing := lacking(w.Features(), test.needs); len(missing) > 0 {
				t.Fatalf("the first world had %q and this one has not", missing)
			}
			test.run(newCheck(t, w))
		})
	}
}

func lacking(has, needs []Feature) []Feature {
	var missing []Feature
	for _, f := range needs {
		if !slices.Contains(has, f) {
			missing = append(missing, f)
		}
	}
	return missing
}

// clause is one test of the suite.
type clause struct {
	name  string
	run   func(*check)
	needs []Feature
}

// tests lists the suite in the order of the tour.
func tests() []clause {
	needs := func(fs ...Feature) []Feature { return fs }
	return []clause{
		{"World", world, nil},
		{"Resolve", resolve, nil},
		{"ResolveStranger", resolveStranger, nil},
		{"ResolveTwins", resolveTwins, needs(Twins)},
		{"ResolveDisabled", resolveDisabled, needs(Disabled)},
		{"BulkResolve", bulkResolve, needs(BulkResolver)},
		{"GroupByNameAndID", groupByNameAndID, nil},
		{"OddGroupNames", oddGroupNames, needs(OddGroups)},
		{"UnknownGroup", unknownGroup, nil},
		{"AmbiguousName", ambiguousName, needs(Ambiguous)},
		{"RenamedGroup", renamedGroup, needs(RenameGroup)},
		{"DeletedGroup", deletedGroup, needs(DeleteGroup)},
		{"ListGroups", listGroups, needs(Lister)},
		{"AddRemove", addRemove, nil},
		{"Truth", truth, needs(Has)},
		{"TwiceIsOnce", twiceIsOnce, nil},
		{"WithoutLease", withoutLease, needs(Has)},
		{"FromTheLedger", fromTheLedger, nil},
		{"UnknownAccount", unknownAccount, nil},
		{"LastMember", lastMember, nil},
		{"SortedUnique", sortedUnique, nil},
		{"OddNames", oddNames, needs(Odd)},
		{"StandingStays", standingStays, needs(Put)},
		{"OthersStay", othersStay, needs(Put, Take)},
		{"NestedGroupsStay", nestedGroupsStay, needs(Nest)},
		{"RenamedAccount", renamedAccount, needs(Rename)},
		{"StaleRef", staleRef, needs(Rename, Put)},
		{"DeletedAccount", deletedAccount, needs(Delete)},
		{"EveryPage", everyPage, needs(Crowd)},
		{"HalfAListing", halfAListing, needs(Crowd, Truncate)},
		{"LaterRequestFails", laterRequestFails, needs(Crowd, Fail)},
		{"ManyAtOnce", manyAtOnce, needs(Changer, Put)},
		{"ManyRefused", manyRefused, needs(Changer)},
		{"ErrorKinds", errorKinds, needs(Fail)},
		{"LostAnswer", lostAnswer, needs(Lose)},
		{"Cancelled", cancelled, nil},
		{"CancelledMidway", cancelledMidway, needs(Stall)},
		{"SecondPlanIsEmpty", secondPlanIsEmpty, nil},
		{"ConcurrentSame", concurrentSame, nil},
		{"ConcurrentMix", concurrentMix, nil},
		{"ConcurrentGroups", concurrentGroups, needs(MoreGroups)},
		{"UnmanageableRefused", unmanageableRefused, needs(Unmanageable)},
		{"NoWriteOnRead", noWriteOnRead, needs(Mark)},
		{"Probe", probe, needs(Prober)},
		{"Time", tells, needs(Clock)},
		{"BulkFind", bulkFind, needs(BulkFinder)},
		{"Marks", marks, needs(Marker, Put)},
		{"AddUntil", addUntil, needs(Expirer)},
		{"AddUntilPresent", addUntilPresent, needs(Expirer)},
		{"EndsByItself", endsByItself, needs(Expirer, Pass)},
		{"MovedEnd", movedEnd, needs(Expirer)},
		{"ExpireMissing", expireMissing, needs(Expirer)},
		{"ExpirePlain", expirePlain, needs(Expirer)},
		{"RemovedEnd", removedEnd, needs(Expirer)},
		{"LongestTerm", longestTerm, needs(Expirer, MaxTerm)},
		{"EndlessGroup", endless, needs(Expirer, Endless)},
		{"ConcurrentUntil", concurrentUntil, needs(Expirer)},
		{"LostEnd", lostEnd, needs(Expirer, Lose)},
		{"ExpiryErrors", expiryErrors, needs(Expirer, Fail)},
		{"ExpiryCancelled", expiryCancelled, needs(Expirer)},
		{"EndSessions", endSessions, needs(SessionEnder, Logon)},
		{"SessionsOfNobody", sessionsOfNobody, needs(SessionEnder)},
		{"SessionErrors", sessionErrors, needs(SessionEnder, Fail)},
		{"Describe", describe, needs(Describer, Profile)},
		{"DescribeNobody", describeNobody, needs(Describer)},
		{"DescribeTwins", describeTwins, needs(Describer, Twins)},
		{"DescribeDisabled", describeDisabled, needs(Describer, Disabled)},
		{"DeletedManager", deletedManager, needs(Describer, Profile, Delete)},
		{"DescribeErrors", describeErrors, needs(Describer, Profile, Fail)},
	}
}
