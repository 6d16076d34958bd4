package engine

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Op is what a change does.
type Op string

// Operations, in the order in which a plan lists them.
const (
	Add    Op = "add"
	Remove Op = "remove"
	Forget Op = "forget" // give up a claim: the member is not there, or is there for another reason
	Expire Op = "expire" // move the end that the directory itself gives a membership
)

// Why is the reason of a change.
type Why string

// Reasons.
const (
	Starts    Why = "starts"    // a grant is in force, and the member is not there
	Restored  Why = "restored"  // somebody took out a member whose grant is in force
	Ends      Why = "ends"      // the last grant ended by its time, a revocation or a decision: agreed
	Withdrawn Why = "withdrawn" // the grant vanished before its time: unexplained
	Foreigner Why = "foreign"   // a member of an exclusive group that nothing explains
	Extends   Why = "extends"   // the directory would end it before its grants
	Shortens  Why = "shortens"  // the directory would end it after its grants, or not at all
)

// Agreed reports whether the reason was agreed to beforehand. Limits never
// hold an agreed end, nor that the directory's own end follows the grants.
func (w Why) Agreed() bool { return w == Ends || w == Extends || w == Shortens }

// Change is one line of a plan.
type Change struct {
	Op        Op        `json:"op"`
	Why       Why       `json:"why"`
	Directory Directory `json:"directory"`
	Group     string    `json:"group"`
	GroupID   GroupID   `json:"groupID"`
	Member    Member    `json:"member"`
	Person    Person    `json:"person,omitempty"`
	Grant     GrantID   `json:"grant,omitempty"` // the one that lasts, or lasted, longest
	Reason    string    `json:"reason,omitempty"`
	Until     time.Time `json:"until,omitzero"`
	// Expires is the end that the directory is asked to give the membership by
	// itself; of a Forget, when it did end it. Zero where it has no part in it.
	Expires time.Time `json:"expires,omitzero"`
	Held    bool      `json:"held,omitempty"` // a limit objects

	anchors []Anchor  // every grant behind the change
	due     time.Time // when the membership was due to end
	prior   *Owned    // the ledger's entry before the change; nil when there was none
	drop    bool      // a Forget that remembers not to restore
	verify  bool      // a Forget that sends the removal all the same

	has      time.Time // the directory's end before an Expire; zero when there was none
	sessions bool      // the member's sessions are to end with the membership
	lapsed   bool      // the directory ended by itself what an Add restores
	waiting  bool      // an Add that is on hold since an earlier run
}

// Lapsed reports whether c follows from the directory having ended the
// membership by itself. A plan that was read from JSON does not know of a member
// who is put back.
func (c Change) Lapsed() bool {
	return c.Op == Forget && !c.Expires.IsZero() || c.Why == Restored && c.lapsed
}

// Key returns the group that c changes.
func (c Change) Key() Group { return Group{c.Directory, c.GroupID} }

// membership is what c is about.
func (c Change) membership() Membership { return Membership{c.Key(), c.Member.ID} }

// ProblemKind names what a plan could not decide.
type ProblemKind string

// Kinds of problem.
const (
	NoAccount         ProblemKind = "no-account"
	TwoAccounts       ProblemKind = "two-accounts"
	DisabledAccount   ProblemKind = "disabled-account"
	Unresolved        ProblemKind = "unresolved" // the directory did not answer for a person
	UnknownDirectory  ProblemKind = "unknown-directory"
	DirectoryDown     ProblemKind = "directory-down"
	UnknownResource   ProblemKind = "unknown-resource"
	UnknownGroup      ProblemKind = "unknown-group"
	TwoRules          ProblemKind = "two-rules" // two names of one group have different settings
	UnreadableGroup   ProblemKind = "unreadable-group"
	UnmanageableGroup ProblemKind = "unmanageable-group"
	RemovedByOthers   ProblemKind = "removed-by-others" // with removed: report
	Protected         ProblemKind = "protected"
	GrantsUnread      ProblemKind = "grants-unread"
	ExpiryUnavailable ProblemKind = "expiry-unavailable" // the directory cannot end memberships here by itself
	ExpiryUnread      ProblemKind = "expiry-unread"      // it did not tell when it is going to
	ExpiryDiffers     ProblemKind = "expiry-differs"     // it is going to at another time than daypass asked for
	ExpiredEarly      ProblemKind = "expired-early"      // it did, while a grant was in force
	SessionsNotEnded  ProblemKind = "sessions-not-ended" // after a removal
)

// Problem is what a plan could not decide. It is never a guess.
type Problem struct {
	Kind      ProblemKind `json:"kind"`
	Directory Directory   `json:"directory,omitempty"`
	Group     string      `json:"group,omitempty"`
	Person    Person      `json:"person,omitempty"`
	Grant     GrantID     `json:"grant,omitempty"`
	Message   string      `json:"message"`
}

// Foreign is a member that no grant and no ledger entry explains.
type Foreign struct {
	Directory Directory `json:"directory"`
	Group     string    `json:"group"`
	Member    Member    `json:"member"`
	// RemoveAt is when the member will be swept out of an exclusive group.
	// Zero where foreign members are only reported.
	RemoveAt time.Time `json:"removeAt,omitzero"`

	id GroupID
}

// GroupSummary is what a plan knows of a group beside its changes.
type GroupSummary struct {
	Group    Group
	Name     string
	Members  int // as listed
	Live     int // grants behind memberships of ours whose time is not up, by the ledger
	Vanished int // of those, the grants that are no longer there
	Missing  int // members missing against the last trusted listing, when Doubtful
	Trust    Trust
	Note     string // why the trust is what it is
	Limits   Limits
	// Next is when the first membership of ours is over by the ledger's times
	// that is not over now; zero when there is none.
	Next time.Time
}

// Plan is what one reconciliation would do, and what it could not decide. It
// is data: it can be stored, compared, approved and hashed.
type Plan struct {
	AsOf       time.Time
	Changes    []Change
	Problems   []Problem
	Objections []Objection
	Foreign    []Foreign
	Groups     []GroupSummary // what was looked at, sorted by directory and name

	keeps []keep // ledger entries whose anchors moved; no membership changes
}

// keep is a ledger entry as it should read now.
type keep struct{ before, after Owned }

// Digest identifies what the plan would do: the changes, and nothing that
// differs between two looks at the same world (no clock, no objections).
func (p Plan) Digest() string { return digest(p.Changes) }

// HeldDigest identifies the held part of the plan; empty when nothing is held.
// It stays the same while other changes come and go, so that a release given
// now still fits in the next run.
func (p Plan) HeldDigest() string {
	held := p.HeldChanges()
	readings := p.doubts()
	if len(held) == 0 && len(readings) == 0 {
		return ""
	}
	return digest(held, readings...)
}

// HeldChanges returns the changes that a limit objects to.
func (p Plan) HeldChanges() []Change {
	var held []Change
	for _, c := range p.Changes {
		if c.Held {
			held = append(held, c)
		}
	}
	return held
}

func digest(cs []Change, more ...string) string {
	h := sha256.New()
	enc := json.NewEncoder(h)
	for _, c := range cs {
		c.Held = false
		c.Reason = ""
		c.Member.Login = "" // to be read, not identity
		c.Group = ""
		c.Until, c.Expires = c.Until.UTC(), c.Expires.UTC()
		_ = enc.Encode(c) // a hash never fails to take bytes, and a Change has no value that cannot be encoded
	}
	for _, m := range more {
		_ = enc.Encode(m)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// planJSON is the contract of design: what scripts may rely on.
type planJSON struct {
	Version    int         `json:"version"`
	Digest     string      `json:"digest"`
	Held       string      `json:"held,omitempty"`
	AsOf       time.Time   `json:"asOf"`
	Changes    []Change    `json:"changes"`
	Problems   []Problem   `json:"problems"`
	Objections []Objection `json:"objections"`
	Foreign    []Foreign   `json:"foreign"`
}

// MarshalJSON writes the plan as scripts read it: version 1, with its digest,
// and no list ever null.
func (p Plan) MarshalJSON() ([]byte, error) {
	return json.Marshal(planJSON{
		Version:    1,
		Digest:     p.Digest(),
		Held:       p.HeldDigest(),
		AsOf:       p.AsOf.UTC(),
		Changes:    orEmpty(p.Changes),
		Problems:   orEmpty(p.Problems),
		Objections: orEmpty(p.Objections),
		Foreign:    orEmpty(p.Foreign),
	})
}

// UnmarshalJSON reads a plan that MarshalJSON wrote, to be shown or held
// against another. It refuses one whose changes do not fit its digest. What it
// read cannot be carried out: [Reconciler.Run] makes its own plan and compares.
func (p *Plan) UnmarshalJSON(b []byte) error {
	var j planJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	if j.Version != 1 {
		return fmt.Errorf("plan of version %d; this program reads version 1", j.Version)
	}
	read := Plan{AsOf: j.AsOf, Changes: j.Changes, Problems: j.Problems, Objections: j.Objections, Foreign: j.Foreign}
	if have := read.Digest(); have != j.Digest {
		return fmt.Errorf("the plan says its digest is %s, and its changes make it %s: it was changed since it was written", short(j.Digest), short(have))
	}
	*p = read
	return nil
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// sort puts every list of the plan into its one order.
func (p *Plan) sort() {
	slices.SortFunc(p.Changes, compareChanges)
	slices.SortFunc(p.Problems, compareProblems)
	slices.SortFunc(p.Foreign, func(a, b Foreign) int {
		return cmp.Or(cmp.Compare(a.Directory, b.Directory), cmp.Compare(a.Group, b.Group),
			cmp.Compare(a.Member.ID, b.Member.ID))
	})
	slices.SortFunc(p.Groups, func(a, b GroupSummary) int {
		return cmp.Or(cmp.Compare(a.Group.Directory, b.Group.Directory), cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.Group.ID, b.Group.ID))
	})
}

// order is where a plan lists the operation.
func (o Op) order() int {
	switch o {
	case Add:
		return 0
	case Remove:
		return 1
	case Forget:
		return 2
	}
	return 3
}

func compareProblems(a, b Problem) int {
	return cmp.Or(cmp.Compare(a.Directory, b.Directory), cmp.Compare(a.Group, b.Group),
		cmp.Compare(a.Person, b.Person), cmp.Compare(a.Kind, b.Kind),
		cmp.Compare(a.Grant, b.Grant), cmp.Compare(a.Message, b.Message))
}

func compareChanges(a, b Change) int {
	return cmp.Or(cmp.Compare(a.Directory, b.Directory), cmp.Compare(a.Group, b.Group),
		cmp.Compare(a.GroupID, b.GroupID), cmp.Compare(a.Op.order(), b.Op.order()),
		cmp.Compare(a.Member.ID, b.Member.ID))
}
