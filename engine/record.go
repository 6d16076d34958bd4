package engine

import (
	"slices"
	"time"
)

// decided is what a run writes down before it acts: holds, used releases,
// anchors that moved, foreign members who are given notice.
func (r *Reconciler) decided(res *Result, s *survey) Batch {
	now := res.Started
	var b Batch
	switch held := res.Plan.HeldDigest(); {
	case res.Release != nil:
		b.Spend = append(b.Spend, Spend{res.Release.Digest, res.Run})
		b.Events = append(b.Events, Event{At: now, Kind: EventSpent, Run: res.Run, By: res.Release.By, Digest: res.Release.Digest, Reason: res.Release.Reason})
		b.Readings = append(b.Readings, res.Plan.readings(now)...)
	case held != "":
		b.Holds = append(b.Holds, res.Plan.hold(res.Run, s.scope, now))
		b.Events = append(b.Events, Event{At: now, Kind: EventHeld, Run: res.Run, Digest: held, Objected: res.Plan.Objections})
	}
	b.Events = append(b.Events, s.events...)
	doubt := res.Plan.objects(LimitGrants)
	for _, k := range res.Plan.keeps {
		if doubt { // the grants that vanished may come back
			k.after.Anchors = unite(k.after.Anchors, k.before.Anchors)
			if k.idle() {
				continue
			}
		}
		b.keep(k, EventAnchored, res.Run, now)
	}
	res.Plan.rebase(doubt)
	for _, f := range res.Plan.Foreign {
		m := Membership{Group{f.Directory, f.id}, f.Member.ID}
		switch announced := !f.RemoveAt.IsZero(); {
		case announced && !s.noticed[m]:
			b.Notice = append(b.Notice, Notice{m, now})
			b.Events = append(b.Events, f.event(res.Run, now))
		case !announced && s.noticed[m]:
			b.Unnotice = append(b.Unnotice, m) // protected, or not certain: the notice begins anew when that ends
		}
	}
	return b
}

// idle reports whether there is nothing to write.
func (k keep) idle() bool {
	a, b := k.before, k.after
	return a.Member == b.Member && a.State == b.State && a.Due.Equal(b.Due) && a.Gone.Equal(b.Gone) &&
		a.Expires.Equal(b.Expires) && a.Asked.Equal(b.Asked) &&
		slices.EqualFunc(a.Anchors, b.Anchors, func(x, y Anchor) bool { return x.Grant == y.Grant && x.Until.Equal(y.Until) })
}

// rebase lets the ends that are moved start from the entries as they were
// written: with every anchor of before, where there is doubt.
func (p Plan) rebase(doubt bool) {
	if !slices.ContainsFunc(p.Changes, func(c Change) bool { return c.Op == Expire }) {
		return
	}
	kept := make(map[Membership]Owned, len(p.keeps))
	for _, k := range p.keeps {
		if doubt {
			k.after.Anchors = unite(k.after.Anchors, k.before.Anchors)
		}
		kept[k.after.Key()] = k.after
	}
	for i := range p.Changes {
		c := &p.Changes[i]
		if o, ok := kept[Membership{c.Key(), c.Member.ID}]; ok && c.Op == Expire {
			c.prior, c.anchors = &o, o.Anchors
		}
	}
}

// keep writes a ledger entry that changed without a change in the directory.
func (b *Batch) keep(k keep, kind EventKind, run RunID, now time.Time) {
	if k.before.Member.ID != k.after.Member.ID {
		b.Delete = append(b.Delete, k.before.Key())
	}
	b.Put = append(b.Put, k.after)
	b.Events = append(b.Events, k.after.event(kind, run, now))
}

func (f Foreign) event(run RunID, now time.Time) Event {
	m := f.Member
	return Event{At: now, Kind: EventNoticed, Run: run, Directory: f.Directory, Group: f.Group, GroupID: f.id, Member: &m}
}

func (p Plan) objects(l LimitName) bool {
	return slices.ContainsFunc(p.Objections, func(o Objection) bool { return o.Limit == l && !o.Released })
}

// readings are the doubtful listings of the plan, which a person has confirmed.
func (p Plan) readings(now time.Time) []Reading {
	var rs []Reading
	for _, g := range p.Groups {
		if g.Trust == Doubtful {
			rs = append(rs, Reading{g.Group, g.Name, g.Members, now})
		}
	}
	return rs
}

// swept is what groups whose listings lag ought to read as after strangers were
// taken out: nothing is read back in this run, and the next one must not miss
// them.
func (r *Reconciler) swept(res *Result, js []*job) Batch {
	members := make(map[Group]GroupSummary, len(res.Plan.Groups))
	for _, g := range res.Plan.Groups {
		members[g.Group] = g
	}
	var b Batch
	for _, j := range js {
		if g, ok := members[j.group]; ok && len(j.swept) > 0 && GraceOf(r.cfg.Directories[j.group.Directory]) > 0 {
			b.Readings = append(b.Readings, Reading{j.group, g.Name, max(0, g.Members-len(j.swept)), r.now()})
		}
	}
	return b
}
