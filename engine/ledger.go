package engine

import (
	"context"
	"errors"
	"time"
)

// RunID identifies one reconciliation. IDs sort by time.
type RunID string

// State is where a membership of ours stands.
type State string

// States of a ledger entry. Intent is written before a directory is touched
// and the outcome after, so that a crash between the two leaves Adding or
// Removing: a trace, and never an orphan.
//
//	          intend            settle              read back
//	(none) ─────────► Adding ─────────► Added
//	Added  ─────────► Removing ───────► Removed ─────────────► (none)
//	Added  ── somebody took the member out, removed: end ──► Dropped
const (
	Adding   State = "adding"   // an add was sent, or was about to be
	Added    State = "added"    // the directory took it: ours
	Removing State = "removing" // a removal was sent, or was about to be
	Removed  State = "removed"  // the directory took it; not yet read back as gone
	Dropped  State = "dropped"  // taken out by somebody else; its grants do not restore it
)

// Anchor is a grant that explains a membership, with the end that the grant
// had when last seen.
type Anchor struct {
	Grant  GrantID   `json:"grant"`
	Until  time.Time `json:"until"`
	Reason string    `json:"reason,omitempty"` // to be read
}

// Owned is one entry of the ledger: a membership that is ours, why, and since
// when. Times are UTC.
type Owned struct {
	Group     Group
	GroupName string // to be read, also once the group is gone
	Member    Member
	Person    Person
	Anchors   []Anchor // sorted by grant
	State     State
	Since     time.Time // when the add was intended
	Confirmed time.Time // when the membership was read back after our last write, or its end moved; zero until then
	Due       time.Time // when its last grant ended; zero while it is explained
	Gone      time.Time // when the directory took the removal; zero until then
	Wrote     time.Time // when our last write about it was sent, or answered; zero until then
	// Expires is when the directory ends it by itself, as it answered; zero
	// where it does not. Asked is what it was asked for: later than Expires
	// where the directory allows no more.
	Expires, Asked time.Time
}

// settling reports whether a listing that was asked for at read may be older
// than our last write: then it proves nothing about o, and what was written is
// believed.
func (o *Owned) settling(read time.Time, grace time.Duration) bool {
	return (o.State == Added || o.State == Removed) && !o.Wrote.IsZero() && read.Sub(o.Wrote) < grace
}

// unanswered reports whether a write about o was sent without an answer so
// shortly before read that a listing may not show it yet.
func (o *Owned) unanswered(read time.Time, grace time.Duration) bool {
	return (o.State == Adding || o.State == Removing) && read.Sub(o.Wrote) < grace
}

// Key returns the membership that o is about.
func (o Owned) Key() Membership { return Membership{o.Group, o.Member.ID} }

// Past is a membership that was ours and is over: what "who had access when"
// and the lag are read from.
type Past struct {
	Group     Group
	GroupName string
	Member    Member
	Person    Person
	Anchors   []Anchor
	Added     time.Time
	Due       time.Time // zero when it was not due: withdrawn, swept or taken out by others
	Removed   time.Time // zero when somebody else removed it
	Confirmed time.Time // when a reading showed it gone
	Why       Why
}

// Reading is the last listing of a group that was trusted.
type Reading struct {
	Group   Group
	Name    string
	Members int
	At      time.Time
}

// Hold is a set of changes that limits objected to, waiting for a release.
type Hold struct {
	Directory  Directory // the only one that the run looked at; empty for all
	Digest     string    // of the held changes
	PlanDigest string    // of the whole plan that they were part of
	Run        RunID
	At         time.Time
	Changes    []Change
	Objections []Objection
	// Parts are the held sets of single directories, where the run looked at
	// several: a run of one of them holds its part, and a release of the whole
	// is one of each.
	Parts []Part
}

// Part is the part of a hold that is about one directory.
type Part struct {
	Directory Directory `json:"directory"`
	Digest    string    `json:"digest"`
}

// Release is a person's go-ahead for exactly one held set of changes.
type Release struct {
	Digest  string
	By      string
	Reason  string
	At      time.Time
	Expires time.Time
	Used    RunID // the run that it let through; empty until then
}

// Page is all that is on record about one group.
type Page struct {
	Owned   []Owned                // sorted by member
	Reading *Reading               // nil when the group was never trusted
	Noticed map[MemberID]time.Time // foreign members who were given notice, and when
}

// Batch is one durable step of the ledger and the audit log: all of it is
// written, or none.
type Batch struct {
	Put      []Owned      // inserted or replaced
	Delete   []Membership // no longer ours
	Past     []Past
	Readings []Reading
	Notice   []Notice     // foreign members who are given notice
	Unnotice []Membership // foreign members no longer there
	Holds    []Hold
	Spend    []Spend
	Events   []Event

	// Fences are the leases that the batch is written under. When one of them is
	// not the latest of its directory, nothing is written, and the error is
	// ErrFenced.
	Fences []Fence

	Known     []Known     // replaces what was known of a directory, all of it
	UnlistAll []Directory // forgets every listing of a directory; before Listings
	Unlist    []Group     // forgets the listing of a group; before Listings
	Listings  []Listing
}

// Empty reports whether there is nothing to write.
func (b *Batch) Empty() bool {
	return len(b.Put)+len(b.Delete)+len(b.Past)+len(b.Readings)+len(b.Notice)+
		len(b.Unnotice)+len(b.Holds)+len(b.Spend)+len(b.Events)+
		len(b.Known)+len(b.UnlistAll)+len(b.Unlist)+len(b.Listings) == 0
}

// Fence names a lease on a directory by its token.
type Fence struct {
	Directory Directory
	Token     int64
}

// ErrFenced is the error of a write under a lease that somebody else has taken
// over.
var ErrFenced = errors.New("the lease was lost to another daypass")

// Notice tells that a foreign member is going to be swept out.
type Notice struct {
	Membership Membership
	At         time.Time
}

// Spend marks a release as used by a run.
type Spend struct {
	Digest string
	Run    RunID
}

// EventKind names what an audit event tells.
type EventKind string

// Kinds of audit event.
const (
	EventRunStarted EventKind = "run-started"
	EventRunEnded   EventKind = "run-ended"
	EventIntended   EventKind = "intended"  // a change is about to be sent
	EventHappened   EventKind = "happened"  // the directory answered: Changed or not
	EventFailed     EventKind = "failed"    // the directory refused, or did not answer
	EventConfirmed  EventKind = "confirmed" // a reading showed the outcome
	EventAnchored   EventKind = "anchored"  // the grants behind a membership changed
	EventForgotten  EventKind = "forgotten" // a claim was given up; nothing was sent
	EventNoticed    EventKind = "noticed"   // a foreign member was given notice of being swept out
	EventHeld       EventKind = "held"
	EventReleased   EventKind = "released" // a person let a held set through
	EventSpent      EventKind = "spent"    // a run used a release
	EventGranted    EventKind = "granted"  // a grant was made, by hand or by the decisions on a request
	EventRevoked    EventKind = "revoked"  // it was ended before its time
	EventExtended   EventKind = "extended"
	EventOverdue    EventKind = "overdue"
	EventVouched    EventKind = "clock-vouched"  // a person said that this machine's clock is right
	EventLoggedOut  EventKind = "sessions-ended" // after an end, the member's sessions too

	EventRequested  EventKind = "requested"      // somebody asked for access, or for more time
	EventApproved   EventKind = "approved"       // one approver said yes
	EventDenied     EventKind = "denied"         // by an approver, or because nobody decided in time
	EventWithdrawn  EventKind = "withdrawn"      // by who asked
	EventLapsed     EventKind = "lapsed"         // nobody decided before it was too old
	EventSkipped    EventKind = "step-skipped"   // the policy says that a step is not needed
	EventEscalated  EventKind = "escalated"      // others may decide as well
	EventBreakGlass EventKind = "break-glass"    // access began without an approval
	EventReviewed   EventKind = "reviewed"       // and somebody looked at it afterwards
	EventReviewLate EventKind = "review-overdue" // or nobody did in time

	EventTokenMade    EventKind = "token-made" // a program may act for a person, or as a machine
	EventTokenRevoked EventKind = "token-revoked"
)

// Event is one line of the audit log. Fields that do not apply are empty.
type Event struct {
	At        time.Time   `json:"at"`
	Kind      EventKind   `json:"kind"`
	Run       RunID       `json:"run,omitempty"`
	Scope     string      `json:"scope,omitempty"` // of a run: empty for all, "directory" for one, "groups" for some of one
	By        string      `json:"by,omitempty"`    // a human's name, where one acted
	Op        Op          `json:"op,omitempty"`
	Why       Why         `json:"why,omitempty"`
	Directory Directory   `json:"directory,omitempty"`
	Group     string      `json:"group,omitempty"`
	GroupID   GroupID     `json:"groupID,omitempty"`
	Member    *Member     `json:"member,omitempty"`
	Person    Person      `json:"person,omitempty"`
	Grants    []Anchor    `json:"grants,omitempty"`
	Changed   *bool       `json:"changed,omitempty"`
	Error     string      `json:"error,omitempty"`
	Due       *time.Time  `json:"due,omitempty"`
	Removed   *time.Time  `json:"removed,omitempty"`
	Expires   *time.Time  `json:"expires,omitempty"` // when the directory is going to end it by itself, or did; of a token, its end
	Digest    string      `json:"digest,omitempty"`
	Reason    string      `json:"reason,omitempty"`
	Objected  []Objection `json:"objections,omitempty"`
	Counts    *Counts     `json:"counts,omitempty"`
	Request   string      `json:"request,omitempty"`
	Step      string      `json:"step,omitempty"` // of the request's policy
	Via       string      `json:"via,omitempty"`  // how somebody acted: page, api, cli, chat, mail
}

// Ledger remembers which memberships are ours, and what daypass did. Its
// methods may be called from several goroutines.
type Ledger interface {
	// Groups lists every group that has an entry, with the name last seen.
	Groups(ctx context.Context) ([]LedgerGroup, error)
	// Page returns what is on record about a group. An unknown group has an
	// empty page.
	Page(ctx context.Context, g Group) (Page, error)
	// Holds returns the open holds: those that no run has let through, and that
	// no later run has replaced or found solved. Of their changes comes back what
	// a Change writes as JSON.
	Holds(ctx context.Context) ([]Hold, error)
	// AddedSince counts the entries of a directory whose add was intended at an
	// instant or later, by group.
	AddedSince(ctx context.Context, d Directory, at time.Time) (map[GroupID]int, error)
	// Release returns the release of a held digest that is neither used nor
	// expired at now, or nil.
	Release(ctx context.Context, digest string, now time.Time) (*Release, error)
	// Record writes the batch durably: when it returns nil, neither a crash
	// nor a power cut takes it back.
	Record(ctx context.Context, b Batch) error
	// Newest returns the greatest time of any event, those apart that are ahead
	// of an EventVouched written after them; zero when there is none.
	Newest(ctx context.Context) (time.Time, error)
	// Known returns what earlier runs learnt of a directory. An unknown
	// directory has nothing but its name.
	Known(ctx context.Context, d Directory) (Known, error)
	// Listing returns the listing of a group that still holds, or nil.
	Listing(ctx context.Context, g Group) (*Listing, error)
}

// LedgerGroup is a group in the ledger.
type LedgerGroup struct {
	Group   Group
	Name    string
	Entries int
}
