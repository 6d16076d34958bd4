package engine_test

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// memLedger is an engine.Ledger in memory, with a crash on demand.
type memLedger struct {
	mu       sync.Mutex
	owned    map[engine.Membership]engine.Owned
	past     []engine.Past
	readings map[engine.Group]engine.Reading
	noticed  map[engine.Membership]time.Time
	holds    map[string]engine.Hold // all that ever were
	open     []engine.Hold
	releases map[string]engine.Release
	events   []engine.Event
	known    map[engine.Directory]engine.Known
	listings map[engine.Group]engine.Listing
	tokens   map[engine.Directory]int64 // the latest lease on a directory
	fenced   [][]engine.Fence           // of each batch that says what is ours

	// crash is called before and after each Record is written; true means
	// that the process dies there.
	crash func(after bool) bool
	dead  bool
}

var errCrashed = errors.New("the process is dead")

func newLedger() *memLedger {
	return &memLedger{
		owned: make(map[engine.Membership]engine.Owned), readings: make(map[engine.Group]engine.Reading),
		noticed: make(map[engine.Membership]time.Time), holds: make(map[string]engine.Hold),
		releases: make(map[string]engine.Release),
		known:    make(map[engine.Directory]engine.Known), listings: make(map[engine.Group]engine.Listing),
	}
}

func (l *memLedger) Groups(context.Context) ([]engine.LedgerGroup, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	byGroup := make(map[engine.Group]engine.LedgerGroup)
	for k, o := range l.owned {
		g := byGroup[k.Group]
		byGroup[k.Group] = engine.LedgerGroup{Group: k.Group, Name: o.GroupName, Entries: g.Entries + 1}
	}
	return slices.SortedFunc(maps.Values(byGroup), func(a, b engine.LedgerGroup) int { return cmp.Compare(a.Group.ID, b.Group.ID) }), nil
}

func (l *memLedger) Page(_ context.Context, g engine.Group) (engine.Page, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := engine.Page{Noticed: make(map[engine.MemberID]time.Time)}
	for k, o := range l.owned {
		if k.Group == g {
			p.Owned = append(p.Owned, o)
		}
	}
	slices.SortFunc(p.Owned, func(a, b engine.Owned) int { return cmp.Compare(a.Member.ID, b.Member.ID) })
	if r, ok := l.readings[g]; ok {
		p.Reading = &r
	}
	for k, at := range l.noticed {
		if k.Group == g {
			p.Noticed[k.Member] = at
		}
	}
	return p, nil
}

func (l *memLedger) Holds(context.Context) ([]engine.Hold, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.open), nil
}

func (l *memLedger) AddedSince(_ context.Context, d engine.Directory, at time.Time) (map[engine.GroupID]int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := make(map[engine.GroupID]int)
	for _, o := range l.owned {
		if o.Group.Directory == d && !o.Since.Before(at) {
			n[o.Group.ID]++
		}
	}
	return n, nil
}

// close takes holds off the open ones. l.mu is held.
func (l *memLedger) close(which func(engine.Hold) bool) { l.open = slices.DeleteFunc(l.open, which) }

func (l *memLedger) Release(_ context.Context, digest string, now time.Time) (*engine.Release, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r, ok := l.releases[digest]
	if !ok || r.Used != "" || !now.Before(r.Expires) {
		return nil, nil //nolint:nilnil // as the port says: no release
	}
	return &r, nil
}

func (l *memLedger) Record(ctx context.Context, b engine.Batch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, f := range b.Fences {
		if latest, ok := l.tokens[f.Directory]; ok && latest != f.Token {
			return engine.ErrFenced
		}
	}
	if len(b.Put)+len(b.Delete) > 0 {
		l.fenced = append(l.fenced, b.Fences)
	}
	if l.dies(false) {
		return errCrashed
	}
	for _, k := range b.Delete {
		delete(l.owned, k)
	}
	for _, o := range b.Put {
		l.owned[o.Key()] = o
	}
	for _, r := range b.Readings {
		l.readings[r.Group] = r
	}
	for _, k := range b.Unnotice {
		delete(l.noticed, k)
	}
	for _, n := range b.Notice {
		l.noticed[n.Membership] = n.At
	}
	for _, h := range b.Holds {
		l.close(func(o engine.Hold) bool { return h.Directory == "" || o.Directory == h.Directory })
		l.holds[h.Digest] = h
		l.open = append(l.open, h)
	}
	for _, e := range b.Events {
		if e.Kind == engine.EventRunEnded && (e.Scope == "" || e.Scope == "directory") {
			l.close(func(o engine.Hold) bool { return o.Run != e.Run && (e.Scope == "" || o.Directory == e.Directory) })
		}
	}
	for _, s := range b.Spend {
		l.close(func(o engine.Hold) bool { return o.Digest == s.Digest })
		r := l.releases[s.Digest]
		r.Used = s.Run
		l.releases[s.Digest] = r
	}
	for _, k := range b.Known {
		k.Groups, k.Accounts, k.Told = maps.Clone(k.Groups), maps.Clone(k.Accounts), maps.Clone(k.Told)
		l.known[k.Directory] = k
	}
	for g := range l.listings {
		if slices.Contains(b.Unlist, g) || slices.Contains(b.UnlistAll, g.Directory) {
			delete(l.listings, g)
		}
	}
	for _, x := range b.Listings {
		x.Members = slices.Clone(x.Members)
		l.listings[x.Group] = x
	}
	l.past = append(l.past, b.Past...)
	l.events = append(l.events, b.Events...)
	if l.dies(true) {
		return errCrashed
	}
	return nil
}

func (l *memLedger) dies(after bool) bool {
	l.dead = l.dead || l.crash != nil && l.crash(after)
	return l.dead
}

func (l *memLedger) Newest(context.Context) (time.Time, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var newest time.Time
	for _, e := range l.events {
		if e.At.After(newest) || e.Kind == engine.EventVouched {
			newest = e.At
		}
	}
	return newest, nil
}

func (l *memLedger) Known(_ context.Context, d engine.Directory) (engine.Known, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.known[d]
	k.Directory, k.Groups, k.Accounts = d, maps.Clone(k.Groups), maps.Clone(k.Accounts)
	return k, nil
}

func (l *memLedger) Listing(_ context.Context, g engine.Group) (*engine.Listing, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	x, ok := l.listings[g]
	if !ok {
		return nil, nil //nolint:nilnil // as the port says: no listing
	}
	x.Members = slices.Clone(x.Members)
	return &x, nil
}

// release lets the held digest through, as a person would.
func (l *memLedger) release(digest string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.releases[digest] = engine.Release{Digest: digest, By: "root", At: now, Expires: now.Add(time.Hour)}
}

// claims reports whether a membership is ours; a dropped one is not.
func (l *memLedger) claims(g engine.Group, m engine.MemberID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	o, ok := l.owned[engine.Membership{Group: g, Member: m}]
	return ok && o.State != engine.Dropped
}

// fence makes a token the latest of a directory.
func (l *memLedger) fence(d engine.Directory, token int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tokens = map[engine.Directory]int64{d: token}
}
