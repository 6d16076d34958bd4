package engine

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// Scope narrows a run to what woke it. A run of the whole, or of a directory,
// may do everything. One of some groups does what was agreed and cannot wait:
// it ends, it starts and it reads back, and leaves every surprise to the next
// whole run, whose limits see all of it.
type Scope struct {
	// Directory is the only one to look at; empty for all, then the rest of the
	// scope is empty too.
	Directory Directory
	// Groups and Names are the only groups to look at, by id, and by the name
	// that grants use.
	Groups []GroupID
	Names  []string
	// Ends narrows the run to agreed ends. They are decided by the grants and
	// the ledger alone, and nothing is listed, before or after: that the
	// members are gone is for a later run to read back. Without Groups and
	// Names it looks at everything in the ledger.
	Ends bool

	looks bool // somebody waits to see it
}

// some reports whether the scope is narrower than a directory.
func (sc Scope) some() bool { return sc.Ends || len(sc.Groups)+len(sc.Names) > 0 }

// String is how the audit log calls the scope.
func (sc Scope) String() string {
	switch {
	case sc.Ends:
		return "ends"
	case sc.some():
		return "groups"
	case sc.Directory != "":
		return "directory"
	}
	return ""
}

// holds reports whether a directory is in the scope.
func (sc Scope) holds(d Directory) bool { return sc.Directory == "" || sc.Directory == d }

// narrowed returns the part of a plan that a run of some groups carries out,
// what it leaves to a whole run, and the objections because of which it does.
// Additions on hold stay so and are not left: how many there are in all, only a
// whole run sees.
func (p Plan) narrowed(run Limits, onHold OnHold) (narrow Plan, left []Change, against []Objection) {
	p = p.Limited(run, onHold)
	p.Changes = slices.DeleteFunc(slices.Clone(p.Changes), func(c Change) bool {
		drop := c.Held || unexplained(c) || !c.Why.Agreed() && c.Op != Add
		if drop && !c.waiting {
			left = append(left, c)
		}
		return drop || c.waiting
	})
	for _, o := range p.Objections {
		if slices.ContainsFunc(left, o.Covers) {
			against = append(against, o)
		}
	}
	for i := range p.keeps { // a grant that vanished is a surprise too
		k := &p.keeps[i]
		k.after.Anchors = unite(k.after.Anchors, k.before.Anchors)
	}
	p.rebase(true)
	p.keeps = slices.DeleteFunc(p.keeps, keep.idle)
	p.Objections, p.Foreign = nil, nil
	return p, left, against
}

// atlas remembers where names lead, as this process last looked them up. By it
// a run of some groups knows which names it need not look up: those that lead
// elsewhere.
type atlas struct {
	mu    sync.Mutex
	names map[GroupRef]GroupID
}

func (a *atlas) learn(ref GroupRef, f Found) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case f.Err == nil:
		if a.names == nil {
			a.names = make(map[GroupRef]GroupID)
		}
		a.names[ref] = f.Info.ID
	case KindOf(f.Err) == NotFound:
		delete(a.names, ref)
	}
}

func (a *atlas) find(ref GroupRef) (GroupID, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	id, ok := a.names[ref]
	return id, ok
}

// known returns where a name leads, by what this process looked up and by the
// ledger.
func (l *looker) known(ref GroupRef) (GroupID, bool) {
	if id, ok := l.s.r.atlas.find(ref); ok {
		return id, true
	}
	if g := l.ledgerNamed(ref.Name); g != nil {
		return g.Group.ID, true
	}
	return "", false
}

// narrow returns the names that have to be looked at in a run of some groups:
// those in its scope, and every one that leads to a group of it, or may.
func (l *looker) narrow(refs []GroupRef) []GroupRef {
	sc := l.s.scope
	if !sc.some() {
		return refs
	}
	groups := make(map[GroupID]bool, len(sc.Groups)+len(sc.Names))
	for _, g := range sc.Groups {
		groups[g] = true
	}
	names := make(map[string]bool, len(sc.Names))
	for _, name := range sc.Names {
		names[name] = true
		if id, ok := l.known(GroupRef{l.d, name}); ok {
			groups[id] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(refs), func(ref GroupRef) bool {
		id, known := l.known(ref)
		return !names[ref.Name] && !groups[GroupID(ref.Name)] && known && !groups[id]
	})
}

// inScope keeps the targets that the run is about.
func (l *looker) inScope(ts []*target) []*target {
	sc := l.s.scope
	if !sc.some() {
		return ts
	}
	return slices.DeleteFunc(ts, func(t *target) bool {
		return !slices.Contains(sc.Groups, t.group.ID) &&
			!slices.ContainsFunc(t.refs, func(ref GroupRef) bool { return slices.Contains(sc.Names, ref.Name) })
	})
}

// ends decides the agreed ends of one directory by the ledger and the grants
// alone.
func (l *looker) ends(ctx context.Context) error {
	known := l.chart()
	gs := slices.DeleteFunc(slices.Clone(l.s.ledger[l.d]), func(g LedgerGroup) bool { return !l.endsIn(g) })
	var broken atomic.Bool // the ledger cannot be read, and nobody waits for the other groups
	errs := make([]error, len(gs))
	parallel(l.s.readers(), len(gs), func(i int) {
		if broken.Load() {
			return
		}
		errs[i] = l.endOf(ctx, gs[i], known)
		broken.CompareAndSwap(false, errs[i] != nil)
	})
	return cmp.Or(append(errs, ctx.Err())...)
}

// endOf decides the agreed ends of one group.
func (l *looker) endOf(ctx context.Context, g LedgerGroup, known chart) error {
	v, err := l.unlisted(ctx, g, known)
	if err != nil {
		return err
	}
	part := Diff(View{Now: l.s.now, Groups: []GroupView{v}})
	part.Changes = slices.DeleteFunc(part.Changes, func(c Change) bool {
		// Permanent members stay: only a listing tells whether they are there.
		// Without one, Diff removes by agreement only, and nobody twice.
		return c.Op != Remove || slices.Contains(v.Rules.Standing, c.Person) || known.standing[c.Person]
	})
	part.Problems, part.keeps = nil, nil
	l.s.add(part, v, proof{})
	return nil
}

// endsIn reports whether a group of the ledger is in the scope.
func (l *looker) endsIn(g LedgerGroup) bool {
	sc := l.s.scope
	return len(sc.Groups)+len(sc.Names) == 0 || slices.Contains(sc.Groups, g.Group.ID) ||
		slices.ContainsFunc(sc.Names, func(name string) bool {
			id, known := l.known(GroupRef{l.d, name})
			return name == string(g.Group.ID) || known && id == g.Group.ID
		})
}

// chart is what is known of the groups of a directory without asking it.
type chart struct {
	grants map[GroupID][]*Grant
	loose  []*Grant // in force, under names of which it is not known where they lead
	rules  map[GroupID]Rules
	// standing are the permanent members under such names.
	standing map[Person]bool
}

func (l *looker) chart() chart {
	c := chart{grants: make(map[GroupID][]*Grant), rules: make(map[GroupID]Rules), standing: make(map[Person]bool)}
	for ref, gs := range l.s.byRef {
		id, known := l.known(ref)
		if !known {
			id = GroupID(ref.Name)
			for _, g := range gs {
				if g.When.Active(l.s.now) {
					c.loose = append(c.loose, g)
				}
			}
		}
		c.grants[id] = append(c.grants[id], gs...)
	}
	for ref, rules := range l.s.r.cfg.Groups {
		if ref.Directory != l.d {
			continue
		}
		id, known := l.known(ref)
		if !known {
			id = GroupID(ref.Name)
			for _, p := range rules.Standing {
				c.standing[p] = true
			}
		}
		if before, twice := c.rules[id]; twice {
			rules = before.careful(rules)
		}
		c.rules[id] = rules
	}
	return c
}

// unlisted is the view of a group that nobody lists. Whoever has a grant in
// force that leads to the group, or may, is explained by it: nobody asks for
// the account.
func (l *looker) unlisted(ctx context.Context, g LedgerGroup, known chart) (GroupView, error) {
	v := GroupView{Group: g.Group, Name: g.Name, Trust: Unread, GrantsUnread: l.s.grantsErr != nil, Stray: l.s.stray}
	var ok bool
	if v.Rules, ok = known.rules[g.Group.ID]; !ok {
		v.Rules = l.s.r.cfg.Defaults
	}
	l.s.stamp(g.Group)
	page, err := l.s.r.book.Page(ctx, g.Group)
	if err != nil {
		return v, fmt.Errorf("read the ledger of %s/%s: %w", g.Group.Directory, g.Name, err)
	}
	v.Owned = page.Owned
	v.Ended = maps.Clone(l.s.ended)
	for _, gs := range [][]*Grant{known.grants[g.Group.ID], known.loose} {
		for _, gr := range gs {
			switch {
			case gr.When.Active(l.s.now):
				v.Wishes = append(v.Wishes, Wish{Grant: gr, Err: &silent{errUnasked}})
			case gr.When.Ended(l.s.now):
				v.Ended[gr.ID] = gr.When.Until
			}
		}
	}
	sortWishes(v.Wishes)
	return v, nil
}

var errUnasked = &Error{Op: "look up an account", Kind: Unavailable}
