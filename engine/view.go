package engine

import (
	"slices"
	"time"
)

// Trust says what a group's listing may be used for.
type Trust string

// Trust of a listing. A doubtful one is whole but implausible: additions and
// agreed ends go on, everything else waits.
const (
	Trusted  Trust = "trusted"
	Doubtful Trust = "doubtful"
	Unread   Trust = "unread" // there is no listing: only agreed ends are tried
	Gone     Trust = "gone"   // the directory says that there is no such group
)

// ForeignRule says what to do with members that nothing explains.
type ForeignRule string

// RemovedRule says what to do when somebody takes out a member whose grant is
// in force.
type RemovedRule string

// Rules, with the defaults first.
const (
	ForeignReport ForeignRule = "report"
	ForeignIgnore ForeignRule = "ignore"
	ForeignRemove ForeignRule = "remove" // the group is exclusive: sweep, after notice and within limits

	RemovedRestore RemovedRule = "restore"
	RemovedEnd     RemovedRule = "end"
	RemovedReport  RemovedRule = "report"
)

// Rules are a group's settings.
type Rules struct {
	Foreign  ForeignRule
	Removed  RemovedRule
	Notice   time.Duration // between telling that a foreign member goes and its removal
	Standing []Person      // permanent members: explained, never removed
	Protect  []Person      // never removed, unless a grant of theirs ends
	Limits   Limits
	// Expire is set where the directory is to end memberships too ([Expirer]).
	Expire bool
	// EndSessions is set where the sessions of a member whose membership ended
	// are to end too ([SessionEnder]).
	EndSessions bool
}

// DefaultRules are in force where the configuration says nothing.
func DefaultRules() Rules {
	return Rules{Foreign: ForeignReport, Removed: RemovedRestore, Notice: 24 * time.Hour, Limits: DefaultLimits()}
}

// careful joins two sets of rules for one group into the one that does least.
func (r Rules) careful(o Rules) Rules {
	if r.Foreign != o.Foreign {
		r.Foreign = ForeignReport
	}
	if r.Removed != o.Removed {
		r.Removed = RemovedReport
	}
	r.Notice = max(r.Notice, o.Notice)
	r.Standing = slices.Concat(r.Standing, o.Standing)
	r.Protect = slices.Concat(r.Protect, o.Protect)
	r.Expire = r.Expire || o.Expire
	r.EndSessions = r.EndSessions || o.EndSessions
	r.Limits = Limits{
		Remove: min(r.Limits.Remove, o.Limits.Remove), RemovePercent: min(r.Limits.RemovePercent, o.Limits.RemovePercent),
		RemoveFree: min(r.Limits.RemoveFree, o.Limits.RemoveFree), Add: min(r.Limits.Add, o.Limits.Add),
	}
	return r
}

// View is all that Diff may know. It is a value: the clock, what ought to be,
// what is, and what is ours.
type View struct {
	Now    time.Time
	Groups []GroupView
}

// GroupView is the part of a View that is about one group.
type GroupView struct {
	Group Group
	Name  string
	Rules Rules
	Trust Trust
	Note  string // why, when Trust is not Trusted
	Lost  int    // members missing against the last trusted listing, when Doubtful
	// Unmanageable says why the group must not be changed; empty where it may.
	Unmanageable string

	// Read is when the listing was asked for, and Grace how long a write is
	// believed more than the directory's listings ([Lagging]). Members has the
	// writes laid over it that are not older than that.
	Read  time.Time
	Grace time.Duration

	// Expirer is set where the directory can end memberships by itself, and
	// Expiries says when it is going to; nil where it was not asked, or did not
	// tell, and then ExpiriesNote says why.
	Expirer      bool
	Expiries     map[MemberID]time.Time
	ExpiriesNote string

	Members []Member // sorted by ID
	Owned   []Owned  // sorted by Member.ID
	// Wishes are the grants in force, sorted by Member.ID and grant; those
	// whose account is not certain have no ID and come first.
	Wishes []Wish
	// Ended holds the grants of the group that are over, and since when.
	Ended map[GrantID]time.Time
	// Stray holds grants in force that lead nowhere just now, such as one of a
	// resource that left the configuration. What they explain stays.
	Stray map[GrantID]bool
	// Uncertain is set when a name of the group may lead elsewhere by now: its
	// grants explain who is there, and nobody is added, withdrawn or swept.
	Uncertain bool
	// GrantsUnread is set when the group's grants are not known. What is ours
	// then ends by the times in the ledger, and nothing else changes.
	GrantsUnread bool

	Noticed map[MemberID]time.Time // foreign members who were given notice, and when
	// Standing and Protected hold the members behind Rules.Standing and
	// Rules.Protect. Unsure is set when one of them could not be looked up:
	// then no foreign member is swept.
	Standing, Protected map[MemberID]bool
	Unsure              bool
}

// Wish is a grant in force with the account of its person. Where the account
// is not certain, Err says why and Member is empty.
type Wish struct {
	Grant  *Grant
	Member Member
	Err    error
}
