package engine

import (
	"fmt"
	"slices"
	"time"
)

// Limits say how much surprise is allowed. They speak of unexplained removals
// (withdrawn, foreign) and of additions, for a group and for a whole run. They
// never hold an agreed end.
type Limits struct {
	Remove        int // unexplained removals allowed
	RemovePercent int // of the group's members; objects only above RemoveFree
	RemoveFree    int // this many unexplained removals pass whatever their percentage
	Add           int // additions allowed
}

// DefaultLimits are in force where the configuration says nothing.
func DefaultLimits() Limits {
	return Limits{Remove: 50, RemovePercent: 20, RemoveFree: 2, Add: 500}
}

// vanishedPercent is the share of live grants that may vanish in one run
// before every withdrawal is held: a grants file that disappeared, or lost
// most of its lines, is rather an accident than a wish.
const vanishedPercent = 50

// LimitName names the limit behind an objection.
type LimitName string

// Limits that object.
const (
	LimitRemove        LimitName = "remove"
	LimitRemovePercent LimitName = "removePercent"
	LimitAdd           LimitName = "add"
	LimitGrants        LimitName = "grants"  // most of the grants vanished at once
	LimitReading       LimitName = "reading" // a listing is whole but implausible
	LimitGone          LimitName = "gone"    // a group that holds memberships of ours is not there
)

// Objection is a limit's refusal, with the reason in its message.
type Objection struct {
	Limit    LimitName `json:"limit"`
	Group    string    `json:"group,omitempty"` // "directory/group"; empty for the whole run
	Value    int       `json:"value"`
	Allowed  int       `json:"allowed"`
	Message  string    `json:"message"`
	Released bool      `json:"released,omitempty"` // a person let it through
	// Since is when the limit began to hold additions that still wait; zero for
	// other limits.
	Since time.Time `json:"since,omitzero"`

	group   Group
	waiting bool // only what was held before is held on; what came since is within the limit
}

// Covers reports whether o objects to c. Both may have been read from JSON, as
// they are in a [Hold] on record; then the group is known by its name.
func (o Objection) Covers(c Change) bool {
	switch {
	case o.group != (Group{}):
		if o.group != c.Key() {
			return false
		}
	case o.Group != "" && o.Group != label(c.Directory, c.Group):
		return false
	}
	switch o.Limit {
	case LimitAdd:
		return c.Op == Add && (c.waiting || !o.waiting)
	case LimitRemove, LimitRemovePercent:
		return unexplained(c)
	case LimitGrants:
		return c.Op != Add && c.Why == Withdrawn
	case LimitReading:
		return unexplained(c) || c.Op == Forget
	case LimitGone:
		return c.Op == Forget
	}
	return false
}

// unexplained reports whether c takes somebody out without an agreed end. What
// a listing lacks where a removal by others ends the matter is such a change:
// the listing may be wrong.
func unexplained(c Change) bool { return c.removes() && (!c.Why.Agreed() || c.drop) }

// tally counts the surprises of one group, or of a run. Of the additions,
// waiting are on hold, since the first of them was; made were made since then.
type tally struct {
	remove, forget, add, waiting, made, members int

	since time.Time
}

func (t *tally) count(c Change) {
	switch {
	case c.Op == Add:
		t.add++
		if c.waiting {
			t.waiting++
		}
	case unexplained(c):
		t.remove++
	case c.Op == Forget:
		t.forget++
	}
}

// Limited returns the plan with the objections of its groups' limits, and of
// run for the whole, and marks what they hold. Additions that are on hold stay
// so, without a release, as long as there are too many. Those that came later
// are counted for themselves, all of them since the hold began, so that nobody
// waits for the surprise of others, and no surprise passes in small steps. It is
// pure; p is not changed.
func (p Plan) Limited(run Limits, onHold OnHold) Plan {
	p.Changes = onHold.mark(p.Changes)
	byGroup := make(map[Group]*tally)
	var whole tally
	for _, c := range p.Changes {
		t := byGroup[c.Key()]
		if t == nil {
			t = new(tally)
			byGroup[c.Key()] = t
		}
		t.count(c)
		whole.count(c)
	}
	p.Objections = nil
	live, vanished := 0, 0
	for _, g := range p.Groups {
		whole.members += g.Members
		live, vanished = live+g.Live, vanished+g.Vanished
		t := byGroup[g.Group]
		if t == nil {
			t = new(tally)
		}
		where := label(g.Group.Directory, g.Name)
		t.members = g.Members
		onHold.since(t, where, p.AsOf)
		for _, o := range append(t.objections(g.Limits, where), g.objections(*t, where)...) {
			o.Group, o.group = where, g.Group
			p.Objections = append(p.Objections, o)
		}
	}
	onHold.since(&whole, "", p.AsOf)
	p.Objections = append(p.Objections, whole.objections(run, "this run")...)
	if vanished > run.RemoveFree && vanished*100 > live*vanishedPercent {
		p.Objections = append(p.Objections, Objection{
			Limit: LimitGrants, Value: vanished * 100 / live, Allowed: vanishedPercent,
			Message: fmt.Sprintf("%d of %d grants vanished before their time; nothing is withdrawn until somebody says that this was meant", vanished, live),
		})
	}
	if len(p.Objections) > 0 {
		p.Changes = slices.Clone(p.Changes)
		for i := range p.Changes {
			c := &p.Changes[i]
			c.Held = c.Held || slices.ContainsFunc(p.Objections, func(o Objection) bool { return o.Covers(*c) })
		}
	}
	return p
}

// label is how objections call a group.
func label(d Directory, name string) string { return string(d) + "/" + name }

// objections are those of the counts alone.
func (t tally) objections(l Limits, where string) []Objection {
	var os []Objection
	if t.remove > l.Remove {
		os = append(os, Objection{
			Limit: LimitRemove, Value: t.remove, Allowed: l.Remove,
			Message: fmt.Sprintf("%s in %s, over the limit of %d", many(t.remove, "unexplained removal"), where, l.Remove),
		})
	}
	if t.members > 0 && t.remove > l.RemoveFree && t.remove*100 > t.members*l.RemovePercent {
		os = append(os, Objection{
			Limit: LimitRemovePercent, Value: t.remove * 100 / t.members, Allowed: l.RemovePercent,
			Message: fmt.Sprintf("unexplained removals of %d of %d members (%d %%) in %s, over the limit of %d %%",
				t.remove, t.members, t.remove*100/t.members, where, l.RemovePercent),
		})
	}
	if o, too := t.tooMany(l.Add, where); too {
		os = append(os, o)
	}
	return os
}

// tooMany is the objection to additions, if there is one.
func (t tally) tooMany(most int, where string) (Objection, bool) {
	later := t.add - t.waiting + t.made
	o := Objection{Limit: LimitAdd, Value: t.waiting + later, Allowed: most, Since: t.since, waiting: t.waiting > 0 && later <= most}
	what := many(o.Value, "addition") + " in " + where
	switch {
	case t.waiting > 0 && later > 0:
		what = fmt.Sprintf("%s in %s on hold, and %d more since", many(t.waiting, "addition"), where, later)
	case t.made > 0:
		what += " since others are on hold"
	}
	o.Message = fmt.Sprintf("%s, over the limit of %d", what, most)
	return o, o.Value > most
}

// many counts things as people write it.
func many(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// objections are those of the group's listing.
func (g GroupSummary) objections(t tally, where string) []Objection {
	switch {
	case g.Trust == Doubtful && (g.Missing > g.Limits.RemoveFree || t.remove+t.forget > 0):
		return []Objection{{
			Limit: LimitReading, Value: g.Members, Allowed: g.Members + g.Missing,
			Message: fmt.Sprintf("%s %s; until a person confirms it, only additions and agreed ends go on", where, g.Note),
		}}
	case g.Trust == Gone && t.forget > 0:
		return []Objection{{
			Limit: LimitGone, Value: t.forget, Allowed: 0,
			Message: fmt.Sprintf("%s is not there, and %d memberships in it are ours; if the group was deleted, a person must say so", where, t.forget),
		}}
	}
	return nil
}

// doubts names the implausible listings and the vanished grants that objections
// speak of, so that a release is for exactly those.
func (p Plan) doubts() []string {
	var ds []string
	for _, o := range p.Objections {
		switch o.Limit {
		case LimitReading:
			ds = append(ds, fmt.Sprintf("%s %s reads %d", o.group.Directory, o.group.ID, o.Value))
		case LimitGrants:
			ds = append(ds, o.Message)
		}
	}
	return ds
}

// released returns the plan with nothing held.
func (p Plan) released() Plan {
	cs, os := make([]Change, len(p.Changes)), make([]Objection, len(p.Objections))
	for i, c := range p.Changes {
		c.Held = false
		cs[i] = c
	}
	for i, o := range p.Objections {
		o.Released = true
		os[i] = o
	}
	p.Changes, p.Objections = cs, os
	return p
}
