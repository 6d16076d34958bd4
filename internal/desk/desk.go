// Package desk is where people and machines come to: it takes wishes, decisions
// and ends, finds out what has to be known, asks package access, and writes down
// what became of it. It also says who may see what. The pages and the API are
// two ways to the same desk.
//
// What it decides is for good only when it is on record; of two decisions at
// once, one is, and the other is told.
package desk

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/audit"
	"github.com/daypass-dev/daypass/internal/report"
)

// ErrStale is the error of a Store when a request was changed by somebody else
// meanwhile, and ErrTwice when the person has an undecided request for the
// resource already. ErrExcluded is that of a grant beside another one that its
// policy excludes, ErrGiven that of one that nobody approved beside another one
// of the resource. ErrCursor is that of Requests for an After that no page ended
// with. ErrNoToken is that of RevokeToken for one that the person does not have.
var (
	ErrStale    = errors.New("it was changed meanwhile")
	ErrTwice    = errors.New("there is an undecided request for it already")
	ErrExcluded = errors.New("the person holds what excludes it")
	ErrGiven    = errors.New("the person has it already")
	// ErrUnreadable is that of requests on record that cannot be read. Where
	// there are others, they are returned with it.
	ErrUnreadable = errors.New("it is on record and cannot be read")
	ErrCursor     = errors.New("there is no such page")
	ErrNoToken    = errors.New("there is no such token")
)

// Store is where requests are kept, and what daypass did is on record.
type Store interface {
	// SaveRequests writes requests as they have become, and the events that tell
	// it, all or nothing. Each one's Version is one more than that it was made
	// from. also are all addresses of people who have more than one: what is on
	// record under any of them is theirs. It wraps ErrStale, ErrTwice,
	// ErrExcluded and ErrGiven.
	SaveRequests(ctx context.Context, rs []access.Request, events []engine.Event, also map[engine.Person][]engine.Person) error
	// Request returns nil when there is none of that id.
	Request(ctx context.Context, id string) (*access.Request, error)
	// Requests wraps ErrCursor, and ErrUnreadable beside a page.
	Requests(ctx context.Context, q access.Query) (access.Listing, error)
	// PendingRequests returns the version of each request that waits for a
	// decision or a review, by its id.
	PendingRequests(ctx context.Context) (map[string]int64, error)
	// DueRequests wraps ErrUnreadable beside those that can be read.
	DueRequests(ctx context.Context, now time.Time, limit int) ([]access.Request, error)
	// NextDue returns when the next request is due after an instant; zero when none
	// is.
	NextDue(ctx context.Context, after time.Time) (time.Time, error)
	// Undecided counts the requests and extensions that wait for decisions.
	Undecided(ctx context.Context) (int, error)
	// PastRequests tells how often a person asked for a resource before an instant.
	PastRequests(ctx context.Context, p engine.Person, resource string, before time.Time) (access.Past, error)
	OwnedBy(ctx context.Context, p engine.Person) ([]engine.Owned, error)
	// Page returns what the ledger has about a group.
	Page(ctx context.Context, g engine.Group) (engine.Page, error)

	Holds(ctx context.Context) ([]engine.Hold, error)
	AddRelease(ctx context.Context, r engine.Release) (engine.Release, error)
	Runs(ctx context.Context) iter.Seq2[Run, error]
	// Search returns records of the audit log, newest first.
	Search(ctx context.Context, q audit.Search) ([]audit.Record, error)
	Head(ctx context.Context) (audit.Head, error)

	AddToken(ctx context.Context, t access.Token, secret string) error
	Tokens(ctx context.Context, p engine.Person) ([]access.Token, error)
	AllTokens(ctx context.Context) ([]access.Token, error)
	// RevokeToken ends a token of a person; of anybody where p is empty.
	RevokeToken(ctx context.Context, id string, p, by engine.Person, at time.Time) error
}

// Run is one reconciliation on record.
type Run struct {
	ID      engine.RunID
	Started time.Time
	Ended   time.Time      // zero while it runs, and for good when it was killed
	Error   string         // why it failed as a whole; empty when it did not
	Counts  *engine.Counts // nil until it ended
}

// Resource is what people ask for, and how.
type Resource struct {
	access.Resource
	Description string
	Tags        []string
	Hidden      bool           // only shown to those who may ask for it
	Policy      *access.Policy // nil: nobody asks for it
}

// Template is a request that is filled in already.
type Template struct {
	Name, Title, Resource, Reason, Ticket string
	For                                   time.Duration
	Answers                               map[string]string
}

// Rules are what the configuration says. Others take their place when it is
// read again.
type Rules struct {
	Resources      []Resource // sorted by name
	Templates      []Template // sorted by name
	Administrators access.Who // people and groups
	Auditors       access.Who
	Machines       map[string]engine.Person // whose accounts each machine has
	// Canonical returns the address that a person is known by: the same for all
	// addresses of one human.
	Canonical func(engine.Person) engine.Person
	// Addresses returns all addresses of whoever has one of them.
	Addresses   func(engine.Person) []engine.Person
	Directories map[engine.Directory]engine.Connector
	// Deciding are the groups that say who may do what, and where the
	// configuration names each.
	Deciding map[engine.GroupRef][]string
	// Profiles is the directory that describes people; empty when none does.
	Profiles    engine.Directory
	Expressions access.Expressions
	// Grants are those of every source, as last read.
	Grants func() []engine.Grant
	// Inspect holds desired against actual, for some groups or, with none, for all.
	Inspect    func(ctx context.Context, groups []engine.GroupRef) (*report.Compliance, error)
	ReleaseFor time.Duration
}

// Config is what stays the same for the life of the desk.
type Config struct {
	Store Store
	Now   func() time.Time
	Log   *slog.Logger
	// Wake tells that grants of some groups changed; it must be quick.
	Wake func(groups []engine.GroupRef)
	// Tell is told what happened to a request, once it is on record; it must be
	// quick.
	Tell func(e engine.Event)
	// Listings is how often in a second one group is listed at most, after the
	// first few; 1 when zero.
	Listings rate.Limit
	// NewID makes what nobody can guess; random when nil.
	NewID func() string
}

// Desk serves any number of callers at once. Make one with New.
type Desk struct {
	cfg     Config
	rules   atomic.Pointer[Rules]
	people  *people
	absent  absent
	wake    chan struct{} // a request has another due time
	pending pending
	holds   holds
	said    said
}

// New returns a desk. Use gives it rules before anybody comes.
func New(cfg Config) *Desk {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.NewID == nil {
		cfg.NewID = newID
	}
	if cfg.Wake == nil {
		cfg.Wake = func([]engine.GroupRef) {}
	}
	if cfg.Tell == nil {
		cfg.Tell = func(engine.Event) {}
	}
	d := &Desk{cfg: cfg, wake: make(chan struct{}, 1)}
	d.people = newPeople(cfg.Now, cfg.Log, d.heard)
	d.people.listings = cmp.Or(cfg.Listings, listings)
	return d
}

// Use puts rules in the place of those before.
func (d *Desk) Use(r *Rules) {
	r.complete()
	before := d.rules.Swap(r)
	d.people.use(r)
	if before != nil {
		d.absent.only(before.Deciding, r.Deciding)
	}
}

// complete sets what may be left out.
func (r *Rules) complete() {
	if r.Canonical == nil {
		r.Canonical = func(p engine.Person) engine.Person { return p }
	}
	if r.Addresses == nil {
		r.Addresses = func(p engine.Person) []engine.Person { return []engine.Person{p} }
	}
}

func (d *Desk) now() time.Time { return d.cfg.Now().UTC() }

// Scope is a part of what a caller may do.
type Scope string

// Scopes. A session has them all; a token has those that it was made with.
const (
	Read    Scope = "read"
	Request Scope = "request" // ask, withdraw, extend, give back
	Approve Scope = "approve" // approve, deny, review
	Admin   Scope = "admin"   // what the person's roles allow beside it
)

// Caller is who comes to the desk.
type Caller struct {
	access.Actor
	Scopes []Scope // nil: all
	Token  string  // the ID of the token by which they came; empty for a session
}

// resource returns a resource by its name, whether hidden or not.
func (r *Rules) resource(name string) (*Resource, bool) {
	for i := range r.Resources {
		if r.Resources[i].Name == name {
			return &r.Resources[i], true
		}
	}
	return nil, false
}

// gives reports whether a resource leads to a group.
func (r *Rules) gives(g engine.GroupRef) bool {
	return slices.ContainsFunc(r.Resources, func(res Resource) bool { return slices.Contains(res.Groups, g) })
}

// Label is what a resource is called for people.
func (r Resource) Label() string {
	if r.Title != "" {
		return r.Title
	}
	return r.Name
}
