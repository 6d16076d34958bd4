package report

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// Run writes what a run did: the changes that took place, those that did not
// and will be tried again, what limits hold, what is overdue, and what could
// not be decided. A run that had nothing to do takes one line.
//
// It is for a run that came to its end. When [engine.Reconciler.Run] returned
// an error, the result may be of half a run: the page then says so, and claims
// nothing as done.
func Run(w io.Writer, res engine.Result, opt Options) error {
	p := newPage(w, opt, res.Plan.AsOf)
	p.overdue(res.Overdue)
	p.grantsUnread(res.GrantsErr)
	if ended(res) {
		p.deeds(res)
		p.failures(res.Failures)
	} else {
		p.para(0, loud, "STOPPED", "this run did not come to its end; the audit log tells what it did, and the next run goes on from there")
		p.blank()
	}
	p.stillHeld(res.Plan)
	p.wholeRun(res.Plan)
	p.release(res)
	p.problems(slices.Concat(res.Plan.Problems, res.Findings))
	p.announced(res.Plan.Foreign)
	p.runSummary(res)
	p.nextAfterRun(res)
	return p.done()
}

// ended reports whether res was counted, which is the last that a run does.
func ended(res engine.Result) bool { return res.Counts.Groups == len(res.Plan.Groups) }

// deeds writes the changes that took place, by group.
func (p *page) deeds(res engine.Result) {
	failed := make(map[engine.Membership]bool, len(res.Failures))
	for _, f := range res.Failures {
		failed[engine.Membership{Group: f.Change.Key(), Member: f.Change.Member.ID}] = true
	}
	for _, s := range sections(res.Plan) {
		var done []engine.Change
		for _, c := range s.changes {
			if !c.Held && !failed[engine.Membership{Group: c.Key(), Member: c.Member.ID}] {
				done = append(done, c)
			}
		}
		if len(done) > 0 {
			p.heading(bold, s.label, "")
			p.changes(done, false)
			p.blank()
		}
	}
}

// failures writes what did not take place.
func (p *page) failures(fs []engine.Failure) {
	if len(fs) == 0 {
		return
	}
	p.heading(loud, "Failed", number(len(fs))+", to be tried again by every run until it is done")
	t := table{indent: 2}
	for _, f := range fs {
		c := f.Change
		words := fmt.Sprintf("%s: %s", label(c.Directory, c.Group), Clean(f.Error))
		t.row(cell{"!", red}, cell{string(c.Op), red}, cell{who(c.Person, c.Member), bold}, cell{words, plainText})
	}
	p.table(&t)
	p.blank()
}

// stillHeld writes what limits hold, by group.
func (p *page) stillHeld(plan engine.Plan) {
	for _, s := range sections(plan) {
		holds := len(s.objections) > 0
		for _, c := range s.changes {
			holds = holds || c.Held
		}
		if holds {
			p.heading(bold, s.label, s.aside)
			p.held(s)
			p.blank()
		}
	}
}

// announced lists the foreign members who are going to be swept out, for that
// is the notice. Plan and report list the others.
func (p *page) announced(fs []engine.Foreign) {
	if !p.opt.All {
		var soon []engine.Foreign
		for _, f := range fs {
			if f.RemoveAt.After(p.now) {
				soon = append(soon, f)
			}
		}
		fs = soon
	}
	p.foreign(fs)
}

// runSummary says in one line what the run came to.
func (p *page) runSummary(res engine.Result) {
	c := res.Counts
	var parts []string
	add := func(n int, word string) {
		if n > 0 {
			parts = append(parts, number(n)+" "+word)
		}
	}
	add(c.Added, "added")
	add(c.Removed, "removed")
	add(c.Forgot, "forgotten")
	add(c.Lapsed, "ended by the directory")
	if c.Moved > 0 {
		parts = append(parts, count(c.Moved, "end")+" moved")
	}
	add(c.Failed, "failed")
	add(len(res.Plan.HeldChanges()), "held")
	switch {
	case !ended(res):
		parts = append(parts, "Stopped")
	case len(parts) == 0:
		parts = append(parts, "Nothing to change")
	}
	p.summary(append(parts, troubles(res)...), res)
}

// nextAfterRun says what to type, when a person is needed.
func (p *page) nextAfterRun(res engine.Result) {
	var rows [][]cell
	if held := res.Plan.HeldDigest(); held != "" && res.Release == nil {
		rows = append(rows, p.hint("release "+held, "lets what is held through in the next run, once"))
	}
	if ails(res) || len(res.Failures) > 0 {
		rows = append(rows, p.hint("doctor", "tells what a directory lacks"))
	}
	p.commands(rows)
}

// RunJSON writes what a run did as scripts read it, version 1. No list is ever
// null; release and grantsError are left out when there is none.
func RunJSON(w io.Writer, res engine.Result) error {
	out := runJSON{
		Version: 1, Run: res.Run, Started: res.Started.UTC(), Ended: res.Ended.UTC(), Plan: res.Plan, Counts: res.Counts,
		Failures: append([]engine.Failure{}, res.Failures...), Findings: append([]engine.Problem{}, res.Findings...), Overdue: make([]lateJSON, 0, len(res.Overdue)),
	}
	for _, l := range res.Overdue {
		out.Overdue = append(out.Overdue, lateJSON{l, int64(l.Lag / time.Second)})
	}
	if r := res.Release; r != nil {
		out.Release = &releaseJSON{r.Digest, r.By, r.Reason, r.At.UTC(), r.Expires.UTC()}
	}
	if res.GrantsErr != nil {
		out.GrantsError = res.GrantsErr.Error()
	}
	return writeJSON(w, out)
}

type runJSON struct {
	Version     int              `json:"version"`
	Run         engine.RunID     `json:"run"`
	Started     time.Time        `json:"started"`
	Ended       time.Time        `json:"ended"`
	Plan        engine.Plan      `json:"plan"`
	Counts      engine.Counts    `json:"counts"`
	Failures    []engine.Failure `json:"failures"`
	Findings    []engine.Problem `json:"findings"`
	Overdue     []lateJSON       `json:"overdue"`
	Release     *releaseJSON     `json:"release,omitempty"`
	GrantsError string           `json:"grantsError,omitempty"`
}

type lateJSON struct {
	engine.Late
	LagSeconds int64 `json:"lagSeconds"`
}

type releaseJSON struct {
	Digest  string    `json:"digest"`
	By      string    `json:"by"`
	Reason  string    `json:"reason,omitempty"`
	At      time.Time `json:"at"`
	Expires time.Time `json:"expires"`
}
