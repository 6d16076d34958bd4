package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"
)

// target is one group to look at.
type target struct {
	group        Group
	name         string
	rules        Rules
	ruled        GroupRef // the name that the rules were written under; zero for the defaults
	grants       []*Grant
	unmanageable string
	unplaced     bool       // some of its grants may not have found it
	uncertain    bool       // a name that leads here may lead elsewhere
	unfound      string     // why its name was not found, where only the ledger knows it
	refs         []GroupRef // the names that led here
	anew         bool       // is to be listed, whatever the directory said of changes
	back         bool       // is read back after changes
	// recognised are the accounts that were looked up anew for this group, and
	// doubts the problems with those on its lists.
	recognised map[Person]Resolution
	doubts     []Problem
}

// looker looks at one directory.
type looker struct {
	s    *survey
	d    Directory
	conn Connector
	stop *breaker
	told *news // nil when the directory does not tell what changed
	who  map[Person]Resolution
	// remembered are those in who whose account an earlier run found, and
	// recalled the names that are believed to lead where they led in one.
	remembered map[Person]bool
	recalled   map[GroupRef]bool
	named      map[string]*LedgerGroup // by name; nil where it is not one only
}

// begin writes down what the directory said of changes, before anything is
// listed.
func (l *looker) begin(ctx context.Context) error {
	switch {
	case l.told == nil:
		return nil
	case l.told.err != nil:
		l.stop.note(l.told.err)
		return nil
	case l.s.pen == nil:
		return nil
	}
	return l.s.r.book.record(ctx, l.s.pen, l.told.begin(l.d, l.s.now))
}

// end writes down what was learnt of names and accounts.
func (l *looker) end(ctx context.Context) error {
	if l.told == nil || !l.told.good || l.s.pen == nil {
		return nil
	}
	b := l.told.learnt()
	if b.Empty() {
		return nil
	}
	return l.s.r.book.record(ctx, l.s.pen, b)
}

// call runs f unless the directory has stopped answering.
func (l *looker) call(f func() error) error {
	if l.conn == nil {
		return fmt.Errorf("directory %s is not in the configuration", l.d)
	}
	if err := l.stop.open(); err != nil {
		return &silent{err}
	}
	err := f()
	l.stop.note(err)
	return err
}

// silent is the error of a call that was not made because the directory had
// stopped answering, which is reported once for all.
type silent struct{ err error }

func (e *silent) Error() string { return e.err.Error() }
func (e *silent) Unwrap() error { return e.err }

func quiet(err error) bool {
	var s *silent
	return errors.As(err, &s)
}

// refs are the group names that the configuration and the grants use.
func (l *looker) refs() []GroupRef {
	var refs []GroupRef
	for ref := range l.s.r.cfg.Groups {
		if ref.Directory == l.d {
			refs = append(refs, ref)
		}
	}
	for ref := range l.s.byRef {
		if _, configured := l.s.r.cfg.Groups[ref]; !configured && ref.Directory == l.d {
			refs = append(refs, ref)
		}
	}
	slices.SortFunc(refs, func(a, b GroupRef) int { return cmp.Compare(a.Name, b.Name) })
	return refs
}

// targets finds every group that is named, and adds those that only the ledger
// still knows: what is in there must end, whatever became of the name.
func (l *looker) targets(ctx context.Context) []*target {
	if l.conn == nil {
		l.s.problem(Problem{
			Kind: UnknownDirectory, Directory: l.d,
			Message: "grants or the ledger name this directory, and the configuration does not; memberships in it cannot be ended",
		})
	}
	refs := l.narrow(l.refs())
	l.knock(ctx, refs)
	found := l.find(ctx, refs)
	byID := make(map[GroupID]*target)
	var ts []*target
	unplaced := false
	place := func(info GroupInfo, ref GroupRef) *target {
		t := byID[info.ID]
		if t == nil {
			t = &target{group: Group{l.d, info.ID}, name: info.Name, rules: l.defaults(), unmanageable: info.Unmanageable}
			byID[info.ID] = t
			ts = append(ts, t)
		}
		if rules, ok := l.s.r.cfg.Groups[ref]; ok {
			l.rule(t, ref, rules)
		}
		t.grants = append(t.grants, l.s.byRef[ref]...)
		t.refs = append(t.refs, ref)
		return t
	}
	for i, ref := range refs {
		if found[i].Err == nil {
			place(found[i].Info, ref)
			continue
		}
		known := l.ledgerNamed(ref.Name)
		if known == nil {
			if l.matters(ref) {
				l.unfound(ref.Name, found[i].Err)
			}
			unplaced = unplaced || len(l.s.byRef[ref]) > 0
			continue
		}
		// The name is not to be found just now, and the ledger knows which
		// group it was: its grants still explain what is in there.
		t := place(GroupInfo{ID: known.Group.ID, Name: known.Name}, ref)
		if KindOf(found[i].Err) == NotFound {
			t.unfound = found[i].Err.Error()
		} else {
			l.unfound(ref.Name, found[i].Err)
		}
	}
	for _, g := range l.s.ledger[l.d] {
		if byID[g.Group.ID] == nil && (!l.s.scope.some() || slices.Contains(l.s.scope.Groups, g.Group.ID)) {
			place(GroupInfo{ID: g.Group.ID, Name: g.Name}, GroupRef{l.d, g.Name}).unplaced = unplaced
		}
	}
	return l.inScope(ts)
}

// defaults are the rules of groups that the configuration does not name.
func (l *looker) defaults() Rules {
	r := l.s.r.cfg.Defaults
	_, ends := l.conn.(Expirer)
	r.Expire = r.Expire && ends
	return r
}

// find finds the groups by name: as an earlier run did, where that still
// holds, or anew.
func (l *looker) find(ctx context.Context, refs []GroupRef) []Found {
	found := make([]Found, len(refs))
	l.recalled = make(map[GroupRef]bool)
	var unknown []GroupRef
	var at []int
	for i, ref := range refs {
		if info, ok := l.told.group(ref.Name); ok {
			found[i].Info, l.recalled[ref] = info, true
			l.s.r.atlas.learn(ref, found[i])
		} else {
			unknown, at = append(unknown, ref), append(at, i)
		}
	}
	for i, f := range l.look(ctx, unknown) {
		found[at[i]] = f
		l.s.r.atlas.learn(unknown[i], f)
	}
	for i, f := range found {
		l.told.learnGroup(refs[i].Name, f)
	}
	return found
}

// recall looks up anew where the names of t lead that an earlier run looked
// up: nobody is added by a remembered name. While one leads elsewhere, or it is
// not known where, its grants explain who is in the group, and add nobody.
func (l *looker) recall(ctx context.Context, t *target) {
	for _, ref := range t.refs {
		if !l.recalled[ref] {
			continue
		}
		var info GroupInfo
		err := l.call(func() (err error) {
			info, err = l.conn.Group(ctx, ref.Name)
			return err
		})
		if err == nil && info.ID == t.group.ID {
			t.unmanageable = info.Unmanageable
			continue
		}
		l.told.forgetGroup(ref.Name)
		t.uncertain = true
		if err == nil {
			err = &Error{Op: string(l.d) + ": find group " + ref.Name, Kind: NotFound, Err: fmt.Errorf("the name leads to another group by now (%s); the next run follows it", info.ID)}
		}
		l.unfound(ref.Name, err)
	}
}

// look looks groups up by name.
func (l *looker) look(ctx context.Context, refs []GroupRef) []Found {
	found := make([]Found, len(refs))
	if bulk, ok := l.conn.(BulkFinder); ok && len(refs) > 1 {
		names := make([]string, len(refs))
		for i, ref := range refs {
			names[i] = ref.Name
		}
		err := l.call(func() (err error) {
			found, err = bulk.FindAll(ctx, names)
			return err
		})
		if err == nil {
			return found
		}
		found = make([]Found, len(refs))
		for i := range found {
			found[i].Err = err
		}
		return found
	}
	parallel(l.s.r.workers(), len(refs), func(i int) {
		found[i].Err = l.call(func() (err error) {
			found[i].Info, err = l.conn.Group(ctx, refs[i].Name)
			return err
		})
	})
	return found
}

// matters reports whether a name that leads nowhere is worth saying: it is
// configured, or a grant under it is not over.
func (l *looker) matters(ref GroupRef) bool {
	_, configured := l.s.r.cfg.Groups[ref]
	return configured || slices.ContainsFunc(l.s.byRef[ref], func(g *Grant) bool { return !g.When.Ended(l.s.now) })
}

// rule gives t the settings written under ref. Two names with different
// settings are a problem, and until it is mended the careful half of each
// holds.
func (l *looker) rule(t *target, ref GroupRef, rules Rules) {
	if t.ruled == (GroupRef{}) {
		t.rules, t.ruled = rules, ref
		return
	}
	if reflect.DeepEqual(t.rules, rules) {
		return
	}
	l.s.problem(Problem{Kind: TwoRules, Directory: l.d, Group: t.name, Message: fmt.Sprintf(
		"%s and %s are one group with different settings; until only one name is used, nobody is swept, both lists hold, and the smaller limits do", t.ruled, ref)})
	t.rules = t.rules.careful(rules)
}

// ledgerNamed returns the group that the ledger knows by this name, if it is
// exactly one.
func (l *looker) ledgerNamed(name string) *LedgerGroup {
	if l.named == nil {
		l.named = make(map[string]*LedgerGroup)
		for i, g := range l.s.ledger[l.d] {
			if _, twice := l.named[g.Name]; twice {
				l.named[g.Name] = nil
				continue
			}
			l.named[g.Name] = &l.s.ledger[l.d][i]
		}
	}
	return l.named[name]
}

// unfound says that a name leads to no group, or that it is not known whether
// it does.
func (l *looker) unfound(name string, err error) {
	if quiet(err) || l.conn == nil {
		return
	}
	kind := UnreadableGroup
	if k := KindOf(err); k == NotFound || k == Ambiguous {
		kind = UnknownGroup
	}
	l.s.problem(Problem{Kind: kind, Directory: l.d, Group: name, Message: err.Error()})
}

// renamed says that a group which the ledger knows is there under another name.
func (l *looker) renamed(t *target) {
	l.s.problem(Problem{Kind: UnknownGroup, Directory: l.d, Group: t.name, Message: t.unfound +
		fmt.Sprintf("; the ledger knows it as %s, which is there, so it was renamed: mend its name in the configuration and the grants", t.group.ID)})
}

// knock asks the directory for two answers before anything else, where it can:
// one that refuses or fails both is then reported once, and not for each of
// its groups and people.
func (l *looker) knock(ctx context.Context, refs []GroupRef) {
	c, ok := l.conn.(Clock)
	if !ok || len(refs) == 0 {
		return
	}
	if l.told != nil { // that was one question
		if !shut(l.told.err) {
			return
		}
	} else if _, err := timeOf(ctx, c, Scope{looks: l.s.see != nil}); !shut(err) {
		return
	} else if l.s.see != nil && !l.s.scope.some() { // it was asked for the time before
		l.stop.trip(err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, knockWithin)
	defer cancel()
	if _, err := l.conn.Group(ctx, refs[0].Name); shut(err) {
		l.stop.trip(err)
	}
}

// knockWithin is how long a directory that failed to answer once has for a
// second answer, before it counts as down.
const knockWithin = 30 * time.Second

func shut(err error) bool {
	k := KindOf(err)
	return err != nil && (k == Unavailable || k == Denied)
}
