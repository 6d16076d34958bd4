package engine

import (
	"context"
	"iter"
	"time"
)

// Connector reads and changes the direct members of the groups of one
// directory. Its methods may be called from several goroutines. They return
// nil, an [*Error], or the context's error; nothing else. Those that change
// something ask [Held] before each request that does.
//
// Construction takes a config; there is no Name, Close or SetLogger. A
// connector that holds resources also implements io.Closer.
type Connector interface {
	// Group finds a group by its name or native id, exactly one or an error
	// of kind [NotFound] or [Ambiguous]. Two names of one group give the same
	// GroupInfo.ID, which outlives renaming.
	Group(ctx context.Context, name string) (GroupInfo, error)
	// Resolve returns the account that p has in the directory. None, several,
	// or one that cannot be used are errors of kind [NotFound], [Ambiguous]
	// and [Disabled]; with Disabled the account is returned as well.
	Resolve(ctx context.Context, p Person) (Member, error)
	// Members returns every direct member of g, sorted by ID, no ID twice. A
	// listing that stops early is an error of kind [Partial], never a short
	// result. Nested groups and other non-accounts are listed with their Kind.
	Members(ctx context.Context, g GroupID) ([]Member, error)
	// Add makes m a direct member of g. It reports whether this call made the
	// difference: adding a present member is (false, nil), and the membership
	// is then not ours. When an attempt's outcome is not known (a connection
	// lost after sending), it returns an error that is no refusal rather than
	// a guess.
	Add(ctx context.Context, g GroupID, m Member) (changed bool, err error)
	// Remove is the inverse of Add, with the same rules: removing an absent
	// member is (false, nil). A group that is not there is [NotFound].
	Remove(ctx context.Context, g GroupID, m Member) (changed bool, err error)
}

// Lister is the power to list the groups of a directory. Without it, reports
// cover the configured groups only and names are not suggested.
type Lister interface {
	// Groups yields every group; a listing that stops early ends in an error.
	Groups(ctx context.Context) iter.Seq2[GroupInfo, error]
}

// BulkResolver is the power to look up many people with few requests. Without
// it, Resolve is called for each.
type BulkResolver interface {
	// ResolveAll answers for every person, in the order asked, as Resolve
	// would. The error is for a failure of the whole.
	ResolveAll(ctx context.Context, ps []Person) ([]Resolution, error)
}

// Resolution is what [Connector.Resolve] answers for one person.
type Resolution struct {
	Member Member
	Err    error
}

// Changer is the power to change many members of one group at once. Without
// it, Add and Remove are called for each.
type Changer interface {
	// Change adds and removes members of g and answers for each change in the
	// order given, adds first. Where the directory refuses the whole, it falls
	// back to single changes, so that Changed stays true for each member.
	Change(ctx context.Context, g GroupID, add, remove []Member) (added, removed []Effect)
}

// Effect is what [Connector.Add] or [Connector.Remove] answers for one member.
type Effect struct {
	Changed bool
	Err     error

	untried bool      // the engine did not send it
	end     time.Time // when the directory is going to end it; zero when it is not
	endless error     // why the directory could not be given an end
}

// Prober is the power to examine a directory for the doctor verb. Without it,
// doctor only resolves the configured groups.
type Prober interface {
	// Probe returns findings, most important first. It changes nothing.
	Probe(ctx context.Context) []Finding
}

// Finding is one thing that Probe noticed.
type Finding struct {
	OK      bool   `json:"ok"`
	What    string `json:"what"`              // "bind", "schema", "write access"
	Message string `json:"message,omitempty"` // what was seen, and the way out when it is not OK
	// Lacks is a power, as [Powers] names it, that this one directory has not,
	// though others of its kind have it.
	Lacks string `json:"-"`
}

// Clock is the power to tell the directory's own time. Without it, only the
// store can contradict this machine's clock.
type Clock interface {
	Time(ctx context.Context) (time.Time, error)
}

// BulkFinder is the power to find many groups with few requests. Without it,
// Group is called for each.
type BulkFinder interface {
	// FindAll answers for every name, in the order asked, as Group would. The
	// error is for a failure of the whole.
	FindAll(ctx context.Context, names []string) ([]Found, error)
}

// Found is what [Connector.Group] answers for one name.
type Found struct {
	Info GroupInfo
	Err  error
}

// Lagging is the power of a directory that owns up to listings which may be
// older than its last writes. Without it, a listing shows every write that was
// answered before it was asked for.
type Lagging interface {
	// Grace is how long a write that was answered is believed more than a
	// listing that lacks it. It does not change.
	Grace() time.Duration
}

// Marker is the power to tell which groups changed since a mark, with fewer
// requests than listing them. Without it, every run lists every group.
type Marker interface {
	// Changed returns the groups whose members or own description may have
	// changed since the mark, and the mark to ask with next time. An empty mark,
	// or one that the directory does not know any more, is no error: then All
	// is set. What happens during the call is told by this call or the next.
	Changed(ctx context.Context, since Mark) (Changes, error)
}

// Recaller is for a [Marker] whose directory's log calls groups by name. It is
// told, before Changed, which groups names led to when they were last looked
// up, so that a process that has just started need not ask again. What it is
// told may be old.
type Recaller interface {
	Recall(groups map[string]GroupInfo) // by the name that was looked up; to be read only
}

// Mark is a place in a directory's history. Only its connector can read it.
type Mark string

// Changes is what [Marker] answers.
type Changes struct {
	All    bool // anything may have changed; Groups says nothing
	Groups []GroupID
	// Names is set when a group may have come, gone, or got another name, so
	// that names have to be looked up anew.
	Names bool
	Next  Mark
}

// Attributor is the power to tell who changed a group. Without it, reports
// leave that open.
type Attributor interface {
	// Attribute returns the changes to the members of g since a time, as the
	// directory's own log has them, oldest first. The log may lag.
	Attribute(ctx context.Context, g GroupID, since time.Time) ([]Attribution, error)
}

// Attribution is one line of a directory's own log.
type Attribution struct {
	At     time.Time
	Op     Op // Add or Remove
	Member MemberID
	By     string // to be read
}

// Expirer is the power of a directory to end a membership by itself, at an
// instant that is written there: access then ends although daypass is down. It
// is used for groups with [Rules.Expire] only. Without it, daypass ends every
// membership itself, which it does with it too.
type Expirer interface {
	// AddUntil is Add of a membership that the directory ends by itself. It
	// returns when: at until, rounded up to what the directory can hold, or
	// earlier where the directory allows no more. A member who is there already
	// is (false, zero, nil), and is given no end. Where the directory cannot end
	// memberships of g, the error is of kind [Unsupported], and nothing changed.
	AddUntil(ctx context.Context, g GroupID, m Member, until time.Time) (changed bool, expires time.Time, err error)
	// Expire moves the end of a membership of ours, and returns where it is now,
	// as AddUntil does. One without an end is given one where that is possible
	// without a gap; else the error is of kind [Unsupported]. One who is not a
	// member is [NotFound].
	Expire(ctx context.Context, g GroupID, m Member, until time.Time) (expires time.Time, err error)
	// Expiries returns when the directory is going to end memberships of g. A
	// member that is not in it has no end. A listing that stops early is
	// [Partial]; a directory that cannot end memberships of g has none.
	Expiries(ctx context.Context, g GroupID) (map[MemberID]time.Time, error)
}

// SessionEnder is the power to end a person's sessions, so that tokens which
// still list a group die soon after the membership. It is used for groups with
// [Rules.EndSessions] only.
type SessionEnder interface {
	// EndSessions makes every session of m ask for a login again.
	EndSessions(ctx context.Context, m Member) error
}

// Metered is the power to keep to a quota that other processes share.
type Metered interface {
	// Spent tells that another process may have used the quota up until now:
	// nothing has been saved for a burst.
	Spent()
}

// Profile is what a directory tells of a person beside the account.
type Profile struct {
	Name    string // to be read
	Manager Person // the work address of the person's manager; empty where the directory names none
	// Attributes are those that the configuration asks for, by the name that it
	// gives them. One that the person has not is not in it.
	Attributes map[string][]string
}

// Describer is the power to tell of people what policies ask about them.
// Without it, a policy that asks decides nothing for people of the directory.
type Describer interface {
	// Describe returns the profile of the person's account, with the errors of
	// Resolve. A manager who is named but cannot be told for certain (gone, no
	// work address, several) is an error of another kind, never an empty one.
	Describe(ctx context.Context, p Person) (Profile, error)
}

// The powers that a directory may lack though its kind has them, as [Powers]
// names them.
const (
	PowerClock   = "tell the time"
	PowerExpirer = "end memberships by itself"
)

// Powers names the optional powers of c, in a fixed order. It is the one place
// that asserts them all; the documentation's table is made from it.
func Powers(c Connector) []string {
	var names []string
	add := func(name string, has bool) {
		if has {
			names = append(names, name)
		}
	}
	_, ok := c.(Lister)
	add("list groups", ok)
	_, ok = c.(BulkResolver)
	add("look up many people at once", ok)
	_, ok = c.(Changer)
	add("change many members at once", ok)
	_, ok = c.(Prober)
	add("probe rights", ok)
	_, ok = c.(Clock)
	add(PowerClock, ok)
	_, ok = c.(BulkFinder)
	add("find many groups at once", ok)
	_, ok = c.(Lagging)
	add("own up to lagging listings", ok)
	_, ok = c.(Marker)
	add("tell what changed", ok)
	_, ok = c.(Attributor)
	add("tell who changed it", ok)
	_, ok = c.(Expirer)
	add(PowerExpirer, ok)
	_, ok = c.(SessionEnder)
	add("end sessions", ok)
	_, ok = c.(Metered)
	add("keep to a shared quota", ok)
	_, ok = c.(Describer)
	add("describe people", ok)
	return names
}

// Source says what ought to be.
type Source interface {
	// Grants returns every grant of the source, ended ones included, or an
	// error: never half of them.
	Grants(ctx context.Context) ([]Grant, error)
}
