package engine_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
)

// last returns when the last grant in force of a membership ends.
func (h *history) last(m engine.Membership) time.Time {
	var end time.Time
	for _, g := range h.grants {
		if g.Group.Name == h.names[m.Group] && h.ids[g.Person] == m.Member && g.When.Active(h.now) && g.When.Until.After(end) {
			end = g.When.Until
		}
	}
	return end
}

// expires reports whether the directory ends what daypass adds to g.
func (h *history) expires(g engine.Group) bool { return h.rules[h.names[g]].Expire }

// renews reports whether all that a run had to do was to ask for more time.
func (h *history) renews(res engine.Result) bool {
	return len(res.Plan.Changes) > 0 && !slices.ContainsFunc(res.Plan.Changes, func(c engine.Change) bool { return c.Op != engine.Expire || c.Why != engine.Extends })
}

// agreeOnEnds asserts that the directory ends what is ours when its grants do,
// and nothing else.
func (h *history) agreeOnEnds() {
	for k, o := range h.ledger.owned {
		end, want := h.dir.End(k.Group.ID, k.Member), h.last(k)
		switch {
		case o.State != engine.Added || h.standing[k] || !h.dir.Has(k.Group.ID, k.Member):
		case !o.Expires.IsZero() && o.Expires.Sub(end).Abs() > 2*time.Second:
			h.t.Fatalf("law 8: the ledger has %v end at %s, the directory at %s", k, o.Expires, end)
		case !h.expires(k.Group) || h.terms.Fixed:
		case end.IsZero(), end.Sub(want) > 2*time.Second:
			h.t.Fatalf("law 1: %v would be in at %s and outlive its grants, which end at %s, were daypass stopped", k, end, want)
		case h.terms.Max == 0 && end.Before(want):
			h.t.Fatalf("law 3: the directory ends %v at %s, and its grants at %s", k, end, want)
		}
	}
	for m := range h.standing {
		if end := h.dir.End(m.Group.ID, m.Member); !end.IsZero() {
			h.t.Fatalf("law 2: %v was there before us and ends at %s", m, end)
		}
	}
}

// settled remembers until when a run without trouble gave access.
func (h *history) settled(quiet bool) {
	h.known = make(map[engine.Membership]time.Time)
	if !quiet {
		return
	}
	for k := range h.ledger.owned {
		if h.expires(k.Group) && h.ledger.claims(k.Group, k.Member) {
			h.known[k] = h.last(k)
		}
	}
}

// pass lets time go by without daypass: what the directory ends by itself in
// it, a run had no reason to keep.
func (h *history) pass(d time.Duration) {
	then := h.now.Add(d)
	for m, until := range h.known {
		end := h.dir.End(m.Group.ID, m.Member)
		if h.terms.Max == 0 && !end.IsZero() && !end.After(then) && end.Before(until) {
			h.t.Fatalf("law 3: the directory ends %v at %s, and the last run knew of a grant until %s", m, end, until)
		}
	}
	h.now = then
}

// The same where the directory ends memberships by itself, also while daypass
// is stopped, with terms of its own, and somebody moves its ends.
func TestLawsHoldWhenTheDirectoryEndsItToo(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory(t)
		h.terms = memory.Terms{
			Max:   rapid.SampledFrom([]time.Duration{0, 0, 2 * time.Hour}).Draw(t, "max"),
			Fixed: rapid.Bool().Draw(t, "fixed"),
		}
		h.dir.SetTerms(h.terms)
		for name, r := range h.rules {
			r.Expire, r.EndSessions = true, true
			h.rules[name] = r
		}
		as := h.actions()
		switch rapid.SampledFrom([]string{"plain", "marks", "late"}).Draw(t, "directory") {
		case "marks":
			h.relist = time.Duration(rapid.IntRange(1, 1000).Draw(t, "relist")) * time.Minute
			delete(as, "lie")
		case "late":
			grace := 2 * time.Minute
			h.late = time.Duration(rapid.IntRange(1, 120).Draw(t, "late")) * time.Second
			h.calm = 2 * grace
			h.dir.SetGrace(grace)
			h.dir.LagFor(h.late)
		}
		run := as["run"]
		as["run"] = func(t *rapid.T) {
			quiet := !h.trouble && h.late == 0
			run(t)
			h.settled(quiet)
		}
		as["tick"] = func(t *rapid.T) {
			h.pass(time.Duration(rapid.IntRange(1, 200).Draw(t, "minutes")) * time.Minute)
		}
		as["switch"] = func(t *rapid.T) {
			name := rapid.SampledFrom([]string{"g0", "g1"}).Draw(t, "of")
			r := h.rules[name]
			r.Expire = !r.Expire
			h.rules[name] = r
			h.known = nil
		}
		as["meddle"] = func(t *rapid.T) { // somebody moves an end of ours
			m := engine.Membership{Group: h.group(), Member: h.ids[h.person()]}
			if h.standing[m] {
				return
			}
			var end time.Time
			if hours := rapid.IntRange(0, 5).Draw(t, "to"); hours > 0 {
				end = h.now.Add(time.Duration(hours) * time.Hour)
			}
			h.dir.SetEnd(m.Group.ID, m.Member, end)
			delete(h.known, m)
			h.meddled(m)
		}
		as["silence"] = func(t *rapid.T) {
			if h.lied {
				return
			}
			h.trouble, h.lost = true, true
			h.dir.Fail(memory.Fault{
				Call:  rapid.SampledFrom([]memory.Call{memory.CallExpire, memory.CallExpiries, memory.CallSessions}).Draw(t, "call"),
				Nth:   rapid.IntRange(1, 3).Draw(t, "nth"),
				Kind:  rapid.SampledFrom([]engine.Kind{engine.Unavailable, engine.Unknown, engine.Denied}).Draw(t, "kind"),
				After: rapid.Bool().Draw(t, "after"),
			})
		}
		t.Repeat(as)
		h.converge()
	})
}

// meddled takes a membership out of what is judged by its end, when the ledger
// knows of none that somebody could have moved.
func (h *history) meddled(m engine.Membership) {
	if o, ok := h.ledger.owned[m]; ok && o.Expires.IsZero() {
		h.dir.SetEnd(m.Group.ID, m.Member, time.Time{})
	}
}
