package connectortest

import (
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// World is a directory under test, and what a harness can do to it behind the
// connector's back. The fields of the first block are needed; any other may be
// nil or empty, and then the tests that need it are not run.
type World struct {
	Connector engine.Connector
	Directory engine.Directory // the name that the connector was built with; every error begins with it
	Group     engine.GroupID   // empty, and free to change
	GroupName string
	People    []engine.Person // with one usable account each; at least four
	Stranger  engine.Person   // without an account

	Twins        engine.Person    // with two accounts
	Disabled     engine.Person    // with one account, which is disabled
	Odd          []engine.Person  // whose names hold commas, quotes, plus signs, spaces, umlauts, parentheses, backslashes, asterisks
	OddGroups    []string         // names of groups that are as odd
	MoreGroups   []engine.GroupID // further groups, empty and free to change
	Ambiguous    string           // a name that several groups have
	Unmanageable string           // the name of a group that must not be changed
	Secrets      []string         // what no error may hold
	NoGroup      engine.GroupID   // a well-formed id without a group; a UUID by default
	NoAccount    engine.MemberID  // a well-formed id without an account; a UUID by default
	Sizes        []int            // further sizes of group to list, rising: around this directory's own page

	Term    time.Duration  // what ends are tried with, up to nine times it; an hour by default
	MaxTerm time.Duration  // the longest term of a membership that the directory allows; more than nine times Term
	Endless engine.GroupID // a group in which the directory ends nothing, without the accounts of People
	// Attributes are names that the connector was configured to tell attributes
	// by; two of them, the first with room for several values.
	Attributes []string
	// Forgets is set where the directory itself takes a deleted account out of
	// the entries that name it as the manager.
	Forgets bool
	// Now is the directory's own time; the machine's by default.
	Now func() time.Time

	// The functions below act at once and unseen by the connector. They fail
	// the test by themselves when they cannot do what they say.

	Crowd       func(n int)           // fill Group until it holds n members; called with rising n
	Nest        func()                // put a nested group into Group
	Put, Take   func(p engine.Person) // make p's account a member of Group; take it out
	Delete      func(p engine.Person) // delete p's account
	Rename      func(p engine.Person, login string)
	RenameGroup func(name string)          // rename Group
	DeleteGroup func()                     // delete Group
	Has         func(p engine.Person) bool // whether p's account is in Group, read without the connector
	Mark        func() string              // a value that every write to the directory changes

	// Fail makes the n-th next request to the directory fail with a kind out of
	// Kinds; 1 is the next one. It stays armed until it strikes.
	Fail  func(n int, k engine.Kind)
	Kinds []engine.Kind // what Fail can do; Denied, Throttled, Unavailable and Rejected by default
	// Truncate makes the next listing of Group stop early, in the way in which
	// this directory does it.
	Truncate func()
	// Lose makes the next change take effect and loses the answer.
	Lose func()
	// Stall leaves the next request without an answer, unless lift comes first.
	Stall func() (lift func())
	// Pass lets the directory's own clock go on, or waits so long.
	Pass func(d time.Duration)
	// Logon opens a session of p's account and returns whether it is still good.
	Logon func(p engine.Person) (good func() bool)
	// Profile makes the directory tell this of p's account: the name, the account
	// of the manager, and the attributes, which are some of Attributes. It is
	// called once for each person; what is empty was empty before.
	Profile func(p engine.Person, tells engine.Profile)
}

// Feature is something that a world has or lacks: a field of [World], or an
// optional power of its connector.
type Feature string

// Features, named for the field or the interface that they are.
const (
	Twins        Feature = "Twins"
	Disabled     Feature = "Disabled"
	Odd          Feature = "Odd"
	OddGroups    Feature = "OddGroups"
	MoreGroups   Feature = "MoreGroups"
	Ambiguous    Feature = "Ambiguous"
	Unmanageable Feature = "Unmanageable"
	Secrets      Feature = "Secrets"
	Crowd        Feature = "Crowd"
	Nest         Feature = "Nest"
	Put          Feature = "Put"
	Take         Feature = "Take"
	Delete       Feature = "Delete"
	Rename       Feature = "Rename"
	RenameGroup  Feature = "RenameGroup"
	DeleteGroup  Feature = "DeleteGroup"
	Has          Feature = "Has"
	Mark         Feature = "Mark"
	Fail         Feature = "Fail"
	Truncate     Feature = "Truncate"
	Lose         Feature = "Lose"
	Stall        Feature = "Stall"
	MaxTerm      Feature = "MaxTerm"
	Endless      Feature = "Endless"
	Pass         Feature = "Pass"
	Logon        Feature = "Logon"
	Profile      Feature = "Profile"

	Lister       Feature = "Lister"
	BulkResolver Feature = "BulkResolver"
	Changer      Feature = "Changer"
	Prober       Feature = "Prober"
	Clock        Feature = "Clock"
	BulkFinder   Feature = "BulkFinder"
	Marker       Feature = "Marker"
	Expirer      Feature = "Expirer"
	SessionEnder Feature = "SessionEnder"
	Describer    Feature = "Describer"
)

// All returns every feature: what a world requires that lacks nothing.
func All() []Feature {
	var all []Feature
	for _, r := range (World{}).rows() {
		all = append(all, r.feature)
	}
	return all
}

// Features returns what the world has, in a fixed order.
func (w World) Features() []Feature {
	var has []Feature
	for _, r := range w.rows() {
		if r.has {
			has = append(has, r.feature)
		}
	}
	return has
}

type row struct {
	feature Feature
	has     bool
}

// rows is the one place where features are found.
func (w World) rows() []row {
	_, lister := w.Connector.(engine.Lister)
	_, resolver := w.Connector.(engine.BulkResolver)
	_, changer := w.Connector.(engine.Changer)
	_, prober := w.Connector.(engine.Prober)
	_, clock := w.Connector.(engine.Clock)
	_, finder := w.Connector.(engine.BulkFinder)
	_, marker := w.Connector.(engine.Marker)
	_, expirer := w.Connector.(engine.Expirer)
	_, sessions := w.Connector.(engine.SessionEnder)
	_, describer := w.Connector.(engine.Describer)
	return []row{
		{Twins, w.Twins != ""},
		{Disabled, w.Disabled != ""},
		{Odd, len(w.Odd) > 0},
		{OddGroups, len(w.OddGroups) > 0},
		{MoreGroups, len(w.MoreGroups) > 0},
		{Ambiguous, w.Ambiguous != ""},
		{Unmanageable, w.Unmanageable != ""},
		{Secrets, len(w.Secrets) > 0},
		{Crowd, w.Crowd != nil},
		{Nest, w.Nest != nil},
		{Put, w.Put != nil},
		{Take, w.Take != nil},
		{Delete, w.Delete != nil},
		{Rename, w.Rename != nil},
		{RenameGroup, w.RenameGroup != nil},
		{DeleteGroup, w.DeleteGroup != nil},
		{Has, w.Has != nil},
		{Mark, w.Mark != nil},
		{Fail, w.Fail != nil},
		{Truncate, w.Truncate != nil},
		{Lose, w.Lose != nil},
		{Stall, w.Stall != nil},
		{MaxTerm, w.MaxTerm > 0},
		{Endless, w.Endless != ""},
		{Pass, w.Pass != nil},
		{Logon, w.Logon != nil},
		{Profile, w.Profile != nil && len(w.Attributes) > 1},
		{Lister, lister},
		{BulkResolver, resolver},
		{Changer, changer},
		{Prober, prober},
		{Clock, clock},
		{BulkFinder, finder},
		{Marker, marker},
		{Expirer, expirer},
		{SessionEnder, sessions},
		{Describer, describer},
	}
}

// nowhere is well formed in every directory whose ids are UUIDs.
const nowhere = "00000000-0000-4000-8000-00000000dead"

func (w World) noGroup() engine.GroupID {
	if w.NoGroup != "" {
		return w.NoGroup
	}
	return nowhere
}

func (w World) noAccount() engine.Member {
	m := engine.Member{ID: nowhere, Login: "nobody"}
	if w.NoAccount != "" {
		m.ID = w.NoAccount
	}
	return m
}
