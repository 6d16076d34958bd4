package watch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
	"github.com/daypass-dev/daypass/schedule"
)

// part is whether something is well, since when, and why not.
type part struct {
	known bool
	since time.Time // of the first word that was the same
	good  time.Time // of the last good word
	err   error
}

// tell takes in a word, and reports whether it is news that it is unwell, or
// well again.
func (p *part) tell(now time.Time, err error) (news bool) {
	news = (err == nil) != (p.err == nil)
	if !p.known || news {
		p.known, p.since = true, now
	}
	if p.err = err; err == nil {
		p.good = now
	}
	return news
}

// down reports for how long the part has been unwell.
func (p *part) down(now time.Time) (time.Duration, bool) {
	if !p.known || p.err == nil {
		return 0, false
	}
	return now.Sub(p.since), true
}

// tally is what is known of the grants at some instant.
type tally struct {
	part
	waiting, active int
	next            time.Time // when the next one begins or ends; zero when none does
}

// grants counts the grants when somebody wants to know, and looks at one only
// when its edge has passed: that of a weekly grant is dear to find. It has a
// lock of its own, so that no run waits for a hundred thousand of them.
type grants struct {
	mu    sync.Mutex
	all   []engine.Grant
	edges []edge // of each
	at    time.Time
	tally tally
}

// edge is when a grant begins or ends next, in milliseconds, and whether it is
// in force until then.
type edge struct {
	at     int64
	active bool
}

// never is the edge of a grant that is over.
const never = math.MaxInt64

// told takes in a look at the grants, and reports whether it is news that they
// cannot be read, or can.
func (g *grants) told(now time.Time, all []engine.Grant, err error) (news bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if all != nil {
		g.all, g.edges, g.at = all, make([]edge, len(all)), time.Time{}
	}
	return g.tally.tell(now, err)
}

// count counts the grants that are in force, and those that will be.
func (g *grants) count(now time.Time) tally {
	g.mu.Lock()
	defer g.mu.Unlock()
	at, first := now.UnixMilli(), int64(never)
	back := now.Before(g.at) // the clock was set: what is known may be wrong
	n := &g.tally
	n.waiting, n.active, g.at = 0, 0, now
	for i := range g.edges {
		e := &g.edges[i]
		if back || e.at <= at {
			*e = edgeOf(g.all[i].When, now)
		}
		switch {
		case e.active:
			n.active++
		case e.at != never:
			n.waiting++
		}
		first = min(first, e.at)
	}
	if n.next = (time.Time{}); first != never {
		n.next = time.UnixMilli(first)
	}
	return *n
}

func edgeOf(when schedule.Window, now time.Time) edge {
	next, ok := when.Next(now)
	if !ok {
		return edge{at: never}
	}
	return edge{next.UnixMilli(), when.Active(now)}
}

// place is a membership as results name it to people.
type place struct {
	group  string
	member engine.MemberID
}

// board is what is known of one directory. All but the lease and the requests
// begins anew with each lease, and is told under it only.
type board struct {
	lease schedule.Standing
	sent  requests

	answers  part      // whether the directory answers
	silent   bool      // a question found that it does not, and nothing was answered since
	runs     part      // whether runs come to their end: it may be the store that keeps them from it
	full     time.Time // when the last whole run ended
	overdue  map[place]engine.Late
	held     int
	digest   string // of what is held
	foreign  int
	problems map[engine.ProblemKind]int
}

// requests is what is known of the requests to one directory.
type requests struct {
	answered  time.Time     // when any was last answered, whatever the answer
	throttled time.Time     // when it last said that the quota is spent
	waited    time.Duration // that the last request waited

	waits []httpx.Sent // those that wait for the quota, and have for long
	short time.Time    // since when some do, again and again; zero when none does
	last  time.Time    // when one last did
}

// calm is how long no request has to wait long for the quota before that is
// over: where there is one a minute, some wait always, and none all the time.
const calm = 2 * time.Minute

// heard takes in a word of a request, and reports whether it is news that
// requests wait for the quota, or do not any more.
func (r *requests) heard(now time.Time, s httpx.Sent) (news bool) {
	over := !r.short.IsZero() && !r.scarce(now)
	if over {
		r.short = time.Time{}
	}
	if s.Waits {
		r.waits = append(r.waits, s)
		r.last = now
		if r.short.IsZero() {
			r.short, news = s.Asked, !over
		}
		return news
	}
	if i := slices.IndexFunc(r.waits, func(w httpx.Sent) bool { return w.Method == s.Method && w.Asked.Equal(s.Asked) }); i >= 0 {
		r.waits = slices.Delete(r.waits, i, i+1)
		r.last = now
	}
	if s.Dropped {
		return over
	}
	if s.Status != 0 && s.Status < http.StatusInternalServerError { // else something before it answers
		r.answered = now
	}
	if s.Throttled || s.Unsent {
		r.throttled = now
	}
	r.waited = s.Waited
	return over
}

// scarce reports whether requests wait for the quota.
func (r *requests) scarce(now time.Time) bool {
	return !r.short.IsZero() && (len(r.waits) > 0 || now.Sub(r.last) < calm)
}

// longest is for how long the request has waited for the quota that has waited
// longest; 0 when none has for long.
func (r *requests) longest(now time.Time) time.Duration {
	var longest time.Duration
	for _, w := range r.waits {
		longest = max(longest, now.Sub(w.Asked))
	}
	return longest
}

// what names the requests that wait: "DELETE 2, GET 1".
func (r *requests) what() string {
	count := make(map[string]int)
	for _, w := range r.waits {
		count[w.Method]++
	}
	var parts []string
	for _, method := range slices.Sorted(maps.Keys(count)) {
		parts = append(parts, fmt.Sprintf("%s %d", method, count[method]))
	}
	return strings.Join(parts, ", ")
}

// asked takes in what came of a question that only asks whether the directory
// answers, and reports whether that is news. A good answer takes back no more than
// a bad one said: what runs find they know better.
func (b *board) asked(now time.Time, err error) (news bool) {
	if err == nil && !b.silent {
		return false
	}
	news = b.silent != (err != nil)
	b.silent = err != nil
	b.answers.tell(now, err)
	return news
}

// ran takes in a run of the directory.
func (b *board) ran(now time.Time, sc engine.Scope, res engine.Result, err error) {
	if errors.Is(err, context.Canceled) {
		return // the daemon stops
	}
	down := downIn(res)
	b.late(sc, res, err == nil && down == nil)
	b.runs.tell(now, err)
	switch {
	case err == nil && down != nil:
		b.answers.tell(now, down)
	case err == nil && !sc.Ends, len(res.Done) > 0: // a run that sent nothing proves nothing
		b.answers.tell(now, nil)
	}
	if err != nil || scope(sc) != scopeFull {
		return
	}
	b.held, b.digest, b.foreign = len(res.Plan.HeldChanges()), res.Plan.HeldDigest(), len(res.Plan.Foreign)
	if b.problems == nil {
		b.problems = make(map[engine.ProblemKind]int)
	}
	for kind := range b.problems {
		b.problems[kind] = 0 // it was there: say that it is not any more
	}
	for _, p := range res.Plan.Problems {
		b.problems[p.Kind]++
	}
	if down == nil {
		b.full = now
	}
}

// troubles names the problems of the last whole run: "no-account 2, two-rules 1".
// What has a reason of its own is not among them.
func (b *board) troubles() string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(b.problems)) {
		if n := b.problems[kind]; n > 0 && kind != engine.DirectoryDown && kind != engine.GrantsUnread {
			parts = append(parts, fmt.Sprintf("%s %d", kind, n))
		}
	}
	return strings.Join(parts, ", ")
}

// late takes in what is overdue. Only a whole run of a directory that answers
// takes back what was said before.
func (b *board) late(sc engine.Scope, res engine.Result, whole bool) {
	if b.overdue == nil || whole && scope(sc) == scopeFull {
		b.overdue = make(map[place]engine.Late)
	}
	for _, p := range res.Past {
		delete(b.overdue, place{p.GroupName, p.Member.ID})
	}
	for _, l := range res.Overdue {
		b.overdue[place{l.Group, l.Member.ID}] = l
	}
}

// oldest returns when the first of what is overdue was due; zero when nothing is.
func (b *board) oldest() time.Time {
	var first time.Time
	for _, l := range b.overdue {
		if first.IsZero() || l.Due.Before(first) {
			first = l.Due
		}
	}
	return first
}

// downIn tells that the directory of a run does not answer: nil when it does.
func downIn(res engine.Result) error {
	if i := slices.IndexFunc(res.Plan.Problems, func(p engine.Problem) bool { return p.Kind == engine.DirectoryDown }); i >= 0 {
		return errors.New(res.Plan.Problems[i].Message)
	}
	if len(res.Done) == 0 {
		if err := unreadIn(res); err != nil {
			return err
		}
	}
	if len(res.Done) > 0 || len(res.Failures) == 0 {
		return nil
	}
	if slices.ContainsFunc(res.Failures, func(f engine.Failure) bool { return f.Kind != engine.Unavailable && f.Kind != engine.Unknown }) {
		return nil // it answers, and refuses
	}
	return fmt.Errorf("changes that got no answer: %d", len(res.Failures))
}

// unreadIn returns why groups could not be read, where none could: a directory
// that answers nothing else is not said to be well.
func unreadIn(res engine.Result) error {
	read := slices.ContainsFunc(res.Plan.Groups, func(g engine.GroupSummary) bool { return g.Trust != engine.Unread })
	i := slices.IndexFunc(res.Plan.Problems, func(p engine.Problem) bool { return p.Kind == engine.UnreadableGroup })
	if read || i < 0 {
		return nil
	}
	return errors.New(res.Plan.Problems[i].Message)
}

// The kinds of scope, as metrics and log lines call them.
const (
	scopeFull   = "full"
	scopeGroups = "groups"
	scopeEnds   = "ends"
)

// scope is the kind of a scope.
func scope(sc engine.Scope) string {
	switch {
	case sc.Ends:
		return scopeEnds
	case len(sc.Groups)+len(sc.Names) > 0:
		return scopeGroups
	}
	return scopeFull
}

// The outcomes of a run.
const (
	outcomeDone       = "done"
	outcomeIncomplete = "incomplete" // it ended, and something could not be read or changed
	outcomeFailed     = "failed"     // it did not come to its end
	outcomeClock      = "clock"      // it stopped because this machine's clock is contradicted
	outcomeCancelled  = "cancelled"  // the daemon stopped, or lost the lease
)

func outcome(res engine.Result, err error) string {
	switch {
	case errors.Is(err, engine.ErrClock):
		return outcomeClock
	case errors.Is(err, context.Canceled):
		return outcomeCancelled
	case err != nil:
		return outcomeFailed
	case len(res.Failures) > 0, res.GrantsErr != nil, downIn(res) != nil:
		return outcomeIncomplete
	}
	return outcomeDone
}
