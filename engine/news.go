package engine

import (
	"context"
	"maps"
	"sync"
	"time"
)

// Known is what earlier runs learnt of a directory that tells what changed
// ([Marker]), and what of it is still good. All of it can be lost at any time:
// then the next run asks for everything.
type Known struct {
	Directory Directory
	Mark      Mark
	Whole     time.Time            // when every group was last listed
	Groups    map[string]GroupInfo // by the name that was looked up
	Accounts  map[Person]Member    // usable ones
	// Told are the groups that were said to have changed within the grace, and
	// when: what changed may be shown later than it is told.
	Told map[GroupID]time.Time
}

// Listing is a trusted listing that holds until its directory says that the
// group changed, or daypass changes it.
type Listing struct {
	Group   Group
	Read    time.Time // when it was asked for
	Members []Member  // sorted by ID
}

// news is what is known of one directory at the beginning of a run, and what
// the run learns.
type news struct {
	known Known
	// whole is set when every group is to be listed, and good when what is
	// learnt may be kept for the next run.
	whole, good bool
	names       bool // names lead where they led
	changed     map[GroupID]bool
	grace       time.Duration
	err         error // why the directory did not tell

	mu       sync.Mutex
	groups   map[string]GroupInfo
	accounts map[Person]Member
}

// gather asks every directory of the scope that can tell what changed. It is the first
// thing a run asks for: what changes later is told to the next run.
func (r *Reconciler) gather(ctx context.Context, now time.Time, sc Scope) (map[Directory]*news, error) {
	all := make(map[Directory]*news)
	if r.cfg.Relist <= 0 || sc.some() {
		return all, nil
	}
	var wg sync.WaitGroup
	for _, d := range r.directories() {
		m, ok := r.cfg.Directories[d].(Marker)
		if !ok || !sc.holds(d) {
			continue
		}
		known, err := r.book.Known(ctx, d)
		if err != nil {
			wg.Wait()
			return nil, err
		}
		n := &news{known: known, grace: GraceOf(r.cfg.Directories[d])}
		all[d] = n
		if rc, ok := m.(Recaller); ok {
			rc.Recall(known.Groups)
		}
		wg.Go(func() { n.ask(ctx, m, now, r.cfg.Full || now.Sub(known.Whole) >= r.cfg.Relist) })
	}
	wg.Wait()
	return all, nil
}

// toldWithin is how long a directory may take to tell what changed. One that
// takes longer is listed, or does not answer at all: the others do not wait.
const toldWithin = time.Minute

func (n *news) ask(ctx context.Context, m Marker, now time.Time, whole bool) {
	since := n.known.Mark
	if whole {
		since = ""
	}
	ctx, cancel := context.WithTimeout(ctx, toldWithin)
	defer cancel()
	ch, err := m.Changed(ctx, since)
	n.groups, n.accounts = make(map[string]GroupInfo), make(map[Person]Member)
	if err != nil { // as if it could not tell: everything is listed, and nothing is kept
		n.whole, n.err = true, err
		return
	}
	n.good = true
	n.whole = since == "" || ch.All
	n.names = !n.whole && !ch.Names
	n.known.Mark = ch.Next
	n.changed = make(map[GroupID]bool, len(ch.Groups))
	told := maps.Clone(n.known.Told)
	maps.DeleteFunc(told, func(_ GroupID, at time.Time) bool { return now.Sub(at) >= n.grace })
	for _, g := range ch.Groups {
		n.changed[g] = true
		if told == nil {
			told = make(map[GroupID]time.Time)
		}
		told[g] = now
	}
	n.known.Told = told
}

// begin is what a run writes down before it lists anything: from here on the
// new mark holds, and what changed before it is not known any more.
func (n *news) begin(d Directory, now time.Time) Batch {
	var b Batch
	n.known.Directory = d
	if n.whole {
		n.known = Known{Directory: d, Mark: n.known.Mark, Whole: now, Told: n.known.Told}
		b.UnlistAll = []Directory{d}
	}
	for g := range n.changed {
		b.Unlist = append(b.Unlist, Group{d, g})
	}
	if !n.names {
		n.known.Groups = nil
	}
	b.Known = []Known{n.known}
	return b
}

// learnt is what a run writes down at its end; empty when it is as before.
func (n *news) learnt() Batch {
	if maps.Equal(n.groups, n.known.Groups) && maps.Equal(n.accounts, n.known.Accounts) {
		return Batch{}
	}
	n.known.Groups, n.known.Accounts = n.groups, n.accounts
	return Batch{Known: []Known{n.known}}
}

// group returns the group behind a name, where that is still known.
func (n *news) group(name string) (GroupInfo, bool) {
	if n == nil || !n.names {
		return GroupInfo{}, false
	}
	info, ok := n.known.Groups[name]
	return info, ok
}

// account returns a person's account as an earlier run found it. Nobody is
// added or swept by it: see [looker.group].
func (n *news) account(p Person) (Member, bool) {
	if n == nil || n.whole {
		return Member{}, false
	}
	m, ok := n.known.Accounts[p]
	return m, ok
}

// learnGroup remembers where a name led. A group that must not be changed is
// asked for in every run: what is in the way may be a setting of ours, which
// no directory tells of.
func (n *news) learnGroup(name string, f Found) {
	if n != nil && f.Err == nil && f.Info.Unmanageable == "" {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.groups[name] = f.Info
	}
}

// forgetGroup lets the next run look a name up.
func (n *news) forgetGroup(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.groups, name)
}

func (n *news) learnAccount(p Person, res Resolution) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.accounts, p)
	if res.Err == nil {
		n.accounts[p] = res.Member
	}
}

// keeps reports whether a fresh listing of g, asked for at read, may stand in
// for one in the next run. A change may be told sooner than it is shown: a
// group is listed until the directory no longer says that it changed, and
// where listings lag until the grace is over since it last did, or since
// everything was listed.
func (n *news) keeps(g GroupID, read time.Time) bool {
	switch {
	case n == nil || !n.good || n.changed[g]:
		return false
	case n.grace == 0:
		return true
	}
	return read.Sub(n.known.Whole) >= n.grace && read.Sub(n.known.Told[g]) >= n.grace
}

// holds reports whether an earlier listing of g may stand in for one now.
func (n *news) holds(g GroupID) bool { return n != nil && !n.whole && !n.changed[g] }
