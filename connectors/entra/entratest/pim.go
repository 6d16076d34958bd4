package entratest

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// schedule is an assignment of PIM for Groups: a membership with an end.
type schedule struct {
	id         guid
	start, end int64 // nanoseconds
	touched    int64 // when it was assigned or last changed
}

// link is one membership.
type link struct{ group, member uint32 }

// governed is what PIM for Groups knows of a group.
type governed struct {
	onboarded bool          // for ever, after the first assignment
	off       bool          // PIM cannot be used for it
	most      time.Duration // the longest active assignment that its policy allows; halfYear when zero
}

const (
	// shortest is how long an assignment lasts at least, and for how long it
	// cannot be removed.
	shortest = 5 * time.Minute
	// halfYear is the longest active assignment of a policy that nobody changed.
	halfYear = 180 * 24 * time.Hour
)

func (g *group) longest() time.Duration { return cmp.Or(g.pim.most, halfYear) }

// lapse ends what is over by the tenant's clock. Whoever reads or writes comes
// by here first, so it is as if it had happened at its time.
func (s *Server) lapse() {
	now := s.Clock.Now().UnixNano()
	if due := s.due.Load(); due == 0 || due > now {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var over []link
	next := int64(0)
	for l, sc := range s.tenant.schedules {
		switch {
		case sc.end <= now:
			over = append(over, l)
		case next == 0 || sc.end < next:
			next = sc.end
		}
	}
	s.due.Store(next)
	slices.SortFunc(over, func(a, b link) int {
		return cmp.Or(cmp.Compare(s.tenant.schedules[a].end, s.tenant.schedules[b].end), cmp.Compare(a.group, b.group), cmp.Compare(a.member, b.member))
	})
	for _, l := range over {
		at := s.tenant.schedules[l].end
		delete(s.tenant.schedules, l)
		g, m := &s.tenant.objects[l.group], &s.tenant.objects[l.member]
		if !g.group.members.Set(l.member, time.Unix(0, at), false) {
			continue
		}
		s.noteAt(event{at: at, group: l.group, member: l.member, what: unlinked})
		if s.opts.OnLapse != nil {
			s.opts.OnLapse(Write{At: time.Unix(0, at), Group: g.id.String(), Member: m.id.String(), Name: g.name, Login: cmp.Or(m.login, m.name)})
		}
	}
}

// watch ends what is over although nobody asks, until the tenant is closed.
func (s *Server) watch(closed <-chan struct{}) {
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
			s.lapse()
		case <-closed:
			return
		}
	}
}

// assign gives a membership an end.
func (s *Server) assign(l link, sc *schedule) {
	s.tenant.schedules[l] = sc
	s.tenant.objects[l.group].group.pim.onboarded = true
	if due := s.due.Load(); due == 0 || sc.end < due {
		s.due.Store(sc.end)
	}
}

// unassign is what becomes of an assignment when its membership is taken out
// of the group directly, which is not documented.
func (s *Server) unassign(l link) {
	if !s.opts.Lingering {
		delete(s.tenant.schedules, l)
	}
}

// SetTerms says what PIM for Groups may do in a group: the longest active
// assignment (the usual half year when zero), or nothing at all.
func (s *Server) SetTerms(group string, most time.Duration, off bool) error {
	return s.edit(group, GroupType, func(_ uint32, o *object) error {
		if most < 0 {
			return fmt.Errorf("the longest assignment %s is negative", most)
		}
		o.group.pim.most, o.group.pim.off = most, off
		return nil
	})
}

// Onboarded reports whether PIM for Groups has taken a group on, which cannot
// be undone.
func (s *Server) Onboarded(group string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	g, err := s.find(group, GroupType)
	return err == nil && s.tenant.objects[g].group.pim.onboarded
}

// End returns when PIM for Groups is going to end a membership, whatever
// replicas show; zero when it is not.
func (s *Server) End(group, member string) time.Time {
	s.lapse()
	s.mu.RLock()
	defer s.mu.RUnlock()
	g, err := s.find(group, GroupType)
	if err != nil {
		return time.Time{}
	}
	m, err := s.find(member)
	if err != nil {
		return time.Time{}
	}
	if sc, ok := s.tenant.schedules[link{g, m}]; ok {
		return time.Unix(0, sc.end)
	}
	return time.Time{}
}

// SetEnd makes an object a member until then, or moves its end, unseen and at
// once: another administrator did it.
func (s *Server) SetEnd(group, member string, end time.Time) error {
	s.lapse()
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.find(group, GroupType)
	if err != nil {
		return err
	}
	m, err := s.find(member)
	if err != nil {
		return err
	}
	if err := s.place(g, member, true); err != nil {
		return err
	}
	now := s.Clock.Now().UnixNano()
	s.assign(link{g, m}, &schedule{id: newGUID(s.opts.Seed, "schedule", int(s.serial.Add(1))), start: now, end: end.UnixNano(), touched: now})
	s.revision++
	return nil
}
