package report

import (
	"bytes"
	"cmp"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// Builder collects a compliance report while [engine.Reconciler.Inspect] goes
// from group to group. It keeps each row as a few bytes and lets the group go.
// It is used by one goroutine at a time. The zero Builder is ready.
type Builder struct {
	groups []*GroupReport
	unsure []NotRead
}

// GroupReport sums up one group: how many members it ought to have and has,
// and how the differences between the two are accounted for.
type GroupReport struct {
	Group       engine.Group
	Name        string
	Trust       engine.Trust
	Note        string // why, when Trust is not engine.Trusted
	Desired     int    // memberships that a grant in force or the standing list asks for
	Actual      int    // members as listed; no figure where there is no listing
	Explained   int    // differences with an explanation
	Unexplained int    // differences without
	Unknown     int    // memberships of which one side could not be read

	packed []byte
}

// NotRead is something that the report does not know.
type NotRead struct {
	Kind      string           `json:"kind"` // a problem's kind; "doubtful-reading", "stopped" or "clock"
	Directory engine.Directory `json:"directory,omitempty"`
	Group     string           `json:"group,omitempty"`
	Message   string           `json:"message"`
}

// Compliance is the report: desired against actual for every group that was
// looked at.
type Compliance struct {
	AsOf    time.Time
	NotRead []NotRead      // to be said before anything else
	Groups  []*GroupReport // sorted by directory, name and id

	held map[engine.Membership]bool
	late map[lateKey]engine.Late
	by   map[engine.Membership]engine.Attribution
}

type lateKey struct {
	directory engine.Directory
	group     string
	member    engine.MemberID
}

// Add takes one group in, and the engine's part of the plan for it. It keeps
// nothing of either. It is the visit of [engine.Reconciler.Inspect].
func (b *Builder) Add(v engine.GroupView, part engine.Plan) {
	g := &GroupReport{Group: v.Group, Name: v.Name, Trust: v.Trust, Note: v.Note}
	w := walker{v: v, emit: g.add}
	if len(part.Changes) > 0 {
		w.changes = make(map[engine.MemberID]engine.Change, len(part.Changes))
		for _, c := range part.Changes {
			w.changes[c.Member.ID] = c
		}
	}
	for i := range v.Wishes {
		if v.Wishes[i].Err != nil {
			if w.waiting == nil {
				w.waiting = make(map[engine.Person]bool)
			}
			w.waiting[v.Wishes[i].Grant.Person] = true
		}
	}
	g.packed = make([]byte, 0, 64*len(v.Members))
	w.walk()
	g.sort()
	b.groups = append(b.groups, g)
	if v.Unsure {
		b.unsure = append(b.unsure, NotRead{string(engine.Unresolved), v.Group.Directory, v.Name, "somebody on the standing or protect list could not be looked up, so some foreign members may be expected ones"})
	}
}

func (g *GroupReport) add(r *Row) {
	if r.Desired == Yes {
		g.Desired++
	}
	if r.Actual == Yes {
		g.Actual++
	}
	switch r.Verdict {
	case Unexplained:
		g.Unexplained++
	case Explained:
		g.Explained++
	case Undecided:
		g.Unknown++
	}
	g.packed = pack(g.packed, r)
}

// sort puts what needs a look first, and people in the order of their names.
func (g *GroupReport) sort() {
	var spans [][]byte
	for u := (unpacker{g.packed}); len(u.b) > 0; {
		before := u.b
		u.skip()
		spans = append(spans, before[:len(before)-len(u.b)])
	}
	slices.SortStableFunc(spans, func(a, b []byte) int {
		ra, na, la := unpacker{a}.key()
		rb, nb, lb := unpacker{b}.key()
		return cmp.Or(cmp.Compare(ra, rb), bytes.Compare(na, nb), bytes.Compare(la, lb))
	})
	sorted := make([]byte, 0, len(g.packed))
	for _, s := range spans {
		sorted = append(sorted, s...)
	}
	g.packed = sorted
}

// rows yields the group's rows.
func (g *GroupReport) rows() iter.Seq[Row] {
	return func(yield func(Row) bool) {
		for u := (unpacker{g.packed}); len(u.b) > 0; {
			r := u.row()
			r.Directory, r.Group, r.GroupID = g.Group.Directory, g.Name, g.Group.ID
			if !yield(r) {
				return
			}
		}
	}
}

// Finish returns the report. The result and error are those of Inspect: what
// it could not read, what limits hold and what is overdue come from there.
func (b *Builder) Finish(res engine.Result, err error) *Compliance {
	c := &Compliance{
		AsOf: res.Plan.AsOf, Groups: b.groups,
		held: make(map[engine.Membership]bool), late: make(map[lateKey]engine.Late),
	}
	slices.SortFunc(c.Groups, func(a, b *GroupReport) int {
		return cmp.Or(cmp.Compare(a.Group.Directory, b.Group.Directory), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Group.ID, b.Group.ID))
	})
	for _, h := range res.Plan.HeldChanges() {
		c.held[engine.Membership{Group: h.Key(), Member: h.Member.ID}] = true
	}
	for _, l := range res.Overdue {
		c.late[lateKey{l.Directory, l.Group, l.Member.ID}] = l
	}
	c.NotRead = append(unread(res, err, c.Groups), b.unsure...)
	return c
}

// unread lists what the report does not know, the widest gaps first.
func unread(res engine.Result, err error, gs []*GroupReport) []NotRead {
	var out []NotRead
	if err != nil {
		kind := "stopped"
		if errors.Is(err, engine.ErrClock) {
			kind = "clock"
		}
		out = append(out, NotRead{Kind: kind, Message: err.Error()})
	}
	if res.GrantsErr != nil {
		out = append(out, NotRead{Kind: string(engine.GrantsUnread), Message: res.GrantsErr.Error()})
	}
	said := make(map[string]bool)
	for _, q := range res.Plan.Problems {
		switch q.Kind {
		case engine.UnknownDirectory, engine.DirectoryDown, engine.UnknownGroup, engine.UnreadableGroup:
			out = append(out, NotRead{string(q.Kind), q.Directory, q.Group, q.Message})
			said[label(q.Directory, q.Group)] = true
		}
	}
	for _, g := range gs {
		switch {
		case g.Trust == engine.Doubtful:
			out = append(out, NotRead{"doubtful-reading", g.Group.Directory, g.Name, g.Note})
		case g.Trust == engine.Unread && !said[label(g.Group.Directory, g.Name)]:
			out = append(out, NotRead{string(engine.UnreadableGroup), g.Group.Directory, g.Name, cmp.Or(g.Note, "its directory does not answer")})
		}
	}
	return out
}

// Rows yields every row, group by group; those that need a look first in each.
func (c *Compliance) Rows() iter.Seq[Row] {
	return func(yield func(Row) bool) {
		for _, g := range c.Groups {
			for r := range c.of(g) {
				if !yield(r) {
					return
				}
			}
		}
	}
}

// of yields the rows of one group, with what only the whole result told.
func (c *Compliance) of(g *GroupReport) iter.Seq[Row] {
	return func(yield func(Row) bool) {
		for r := range g.rows() {
			if len(c.held)+len(c.late)+len(c.by) > 0 {
				c.amend(&r)
			}
			if !yield(r) {
				return
			}
		}
	}
}

func (c *Compliance) amend(r *Row) {
	if l, ok := c.late[lateKey{r.Directory, r.Group, r.Member}]; ok {
		r.State, r.Why = Overdue, Overdue.sentence()
		if l.Error != "" {
			r.Why += ": " + l.Error
		}
	}
	if r.Member != "" && c.held[engine.Membership{Group: engine.Group{Directory: r.Directory, ID: r.GroupID}, Member: r.Member}] {
		r.Why = heldWhy(*r)
		if r.State != Foreign {
			r.State = Held
		}
	}
	if a, ok := c.by[engine.Membership{Group: engine.Group{Directory: r.Directory, ID: r.GroupID}, Member: r.Member}]; ok && r.State == Foreign {
		r.Why += "; added by " + a.By + " at " + a.At.UTC().Format(time.RFC3339)
	}
}

// Foreign returns the groups that hold members whom nothing explains.
func (c *Compliance) Foreign() []engine.Group {
	var gs []engine.Group
	for _, g := range c.Groups {
		for r := range c.of(g) {
			if r.State == Foreign {
				gs = append(gs, g.Group)
				break
			}
		}
	}
	return gs
}

// Attribute takes in what a directory's own log tells of a group, oldest
// first: who added the members whom nothing explains.
func (c *Compliance) Attribute(g engine.Group, as []engine.Attribution) {
	for _, a := range as {
		if a.Op == engine.Add && a.By != "" {
			if c.by == nil {
				c.by = make(map[engine.Membership]engine.Attribution)
			}
			c.by[engine.Membership{Group: g, Member: a.Member}] = a
		}
	}
}

// Unattributed notes that a directory's log of a group could not be read.
func (c *Compliance) Unattributed(g engine.Group, err error) {
	name := string(g.ID)
	for _, r := range c.Groups {
		if r.Group == g {
			name = r.Name
		}
	}
	c.NotRead = append(c.NotRead, NotRead{"unattributed", g.Directory, name, err.Error()})
}

// heldWhy says what would happen, but for the limit.
func heldWhy(r Row) string {
	switch r.State {
	case Starting, Restoring:
		return "a limit holds the addition"
	case Ending:
		return "its grant vanished; a limit holds the removal"
	case Foreign:
		return "nothing explains it; a limit holds the removal"
	}
	return "a limit holds the claim in the ledger"
}

// Total sums up all groups.
func (c *Compliance) Total() GroupReport {
	var t GroupReport
	for _, g := range c.Groups {
		t.Desired += g.Desired
		t.Actual += g.Actual
		t.Explained += g.Explained
		t.Unexplained += g.Unexplained
		t.Unknown += g.Unknown
	}
	return t
}
