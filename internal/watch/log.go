package watch

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
	"github.com/daypass-dev/daypass/schedule"
)

// Logger returns the daemon's logger: JSON for machines, text for people. JSON
// has times in UTC and durations in seconds.
func Logger(out io.Writer, json bool, level slog.Leveler) *slog.Logger {
	if !json {
		return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level}))
	}
	return slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			switch a.Value.Kind() {
			case slog.KindDuration:
				a.Value = slog.Float64Value(a.Value.Duration().Seconds())
			case slog.KindTime:
				a.Value = slog.TimeValue(a.Value.Time().UTC())
			}
			return a
		},
	}))
}

// failuresMax is how many failures of one run have a line each.
const failuresMax = 20

// lines writes what runs did. What stays as it is has a line when it begins,
// and one when it is over.
type lines struct {
	log  *slog.Logger
	self string // the holder of this process's leases

	mu      sync.Mutex
	known   map[engine.Directory]*known
	doubted map[engine.Directory]bool // that its lease is in doubt was said
}

// known is what was said of a directory and still is so.
type known struct {
	problems map[engine.Problem]string // without their messages, to them
	overdue  map[place]string          // to why
	held     string                    // the digest
	failed   map[string]string         // why runs fail, by their scope
}

func newLines(log *slog.Logger, self string) *lines {
	return &lines{log: log, self: self, known: make(map[engine.Directory]*known), doubted: make(map[engine.Directory]bool)}
}

func (l *lines) forget(d engine.Directory) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.known, d)
}

// turned says that something broke, with err, or is well again.
func (l *lines) turned(well, ill string, err error) {
	if err != nil {
		l.log.Error(ill, "error", oneLine(err.Error()))
		return
	}
	l.log.Info(well)
}

// answers says that a directory does not answer, with err, or does again.
func (l *lines) answers(d engine.Directory, err error) {
	if err != nil {
		l.log.Error("the directory does not answer", "directory", d, "error", oneLine(err.Error()))
		return
	}
	l.log.Info("the directory answers again", "directory", d)
}

// leads says how it stands with a lease, where another replica has it, or the
// store does not tell: once, until that is known again. That this one leads, or
// does not any more, the daemon says.
func (l *lines) leads(d engine.Directory, s schedule.Standing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lost *schedule.LostError
	switch {
	case errors.As(s.Err, &lost):
		l.doubted[d] = true
	case s.Err != nil && l.doubted[d]:
	case s.Err != nil:
		l.doubted[d] = true
		l.log.Warn("the lease is in doubt", "directory", d, "held", s.Held, "error", oneLine(s.Err.Error()))
	case s.Held:
		delete(l.doubted, d)
	case s.Holder != "" && s.Holder != l.self: // one of its own from before has to run out
		delete(l.doubted, d)
		l.log.Info("standing by", "directory", d, "leader", s.Holder)
	}
}

// waits says that requests wait for the quota, or do not any more.
func (l *lines) waits(d engine.Directory, s httpx.Sent) {
	if !s.Waits {
		l.log.Info("requests do not wait for the quota any more", "directory", d)
		return
	}
	l.log.Warn("requests wait for the quota", "directory", d, "request", s.Method, "waited", s.Waited.Round(time.Second))
}

// ran writes a run: a line for each change and failure, for what is overdue or
// held, for problems that came and went, and for how the run ended when it was
// a whole one, or failed.
func (l *lines) ran(d engine.Directory, sc engine.Scope, res engine.Result, took time.Duration, err error) {
	log := l.log.With("directory", d, "run", res.Run, "scope", scope(sc))
	for _, done := range res.Done {
		log.LogAttrs(context.Background(), slog.LevelInfo, "changed", append(change(done.Change), lag(done)...)...)
	}
	for i, f := range res.Failures {
		if i == failuresMax {
			log.Error("more changes failed", "count", len(res.Failures)-failuresMax)
			break
		}
		log.LogAttrs(context.Background(), slog.LevelError, "not changed",
			append(change(f.Change), slog.String("kind", string(f.Kind)), slog.String("error", oneLine(f.Error)))...)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.known[d]
	if k == nil {
		k = &known{problems: make(map[engine.Problem]string), overdue: make(map[place]string), failed: make(map[string]string)}
		l.known[d] = k
	}
	whole := scope(sc) == scopeFull && err == nil
	k.sayOverdue(log, res, whole)
	k.sayProblems(log, res, whole)
	if whole {
		k.sayHeld(log, res)
	}
	k.sum(log, sc, res, took, err)
}

// change is what a line says of a change.
func change(c engine.Change) []slog.Attr {
	as := []slog.Attr{
		slog.String("op", string(c.Op)), slog.String("why", string(c.Why)),
		slog.String("group", c.Group), slog.String("member", c.Member.Login),
	}
	if c.Person != "" {
		as = append(as, slog.String("person", string(c.Person)))
	}
	if c.Grant != "" {
		as = append(as, slog.String("grant", string(c.Grant)))
	}
	if !c.Until.IsZero() {
		as = append(as, slog.Time("until", c.Until))
	}
	return as
}

func lag(d engine.Done) []slog.Attr {
	if d.Change.Op != engine.Remove || d.Change.Why != engine.Ends {
		return nil
	}
	return []slog.Attr{slog.Duration("lag", d.Lag())}
}

// sayOverdue says what is overdue when it begins, when the reason is another,
// and after each whole run: nobody should have to look far back for it.
func (k *known) sayOverdue(log *slog.Logger, res engine.Result, whole bool) {
	for _, p := range res.Past {
		delete(k.overdue, place{p.GroupName, p.Member.ID})
	}
	for _, o := range res.Overdue {
		at := place{o.Group, o.Member.ID}
		why, said := k.overdue[at]
		if said && why == o.Error && !whole {
			continue
		}
		k.overdue[at] = o.Error
		log.Error("overdue", "group", o.Group, "member", o.Member.Login, "person", o.Person, "grant", o.Grant,
			"due", o.Due, "lag", o.Lag, "error", oneLine(o.Error))
	}
}

func (k *known) sayProblems(log *slog.Logger, res engine.Result, whole bool) {
	now := make(map[engine.Problem]string, len(res.Plan.Problems))
	for _, p := range res.Plan.Problems {
		text := p.Message
		p.Message = "" // it may hold a duration
		now[p] = text
		if _, said := k.problems[p]; !said {
			k.problems[p] = text
			say(log, slog.LevelWarn, "problem", p, text)
		}
	}
	if !whole {
		return // it did not look everywhere
	}
	for p, text := range k.problems {
		if _, still := now[p]; !still {
			delete(k.problems, p)
			say(log, slog.LevelInfo, "problem is gone", p, text)
		}
	}
}

func say(log *slog.Logger, level slog.Level, what string, p engine.Problem, text string) {
	as := []slog.Attr{slog.String("kind", string(p.Kind))}
	for _, a := range []slog.Attr{slog.String("group", p.Group), slog.String("person", string(p.Person)), slog.String("grant", string(p.Grant))} {
		if a.Value.String() != "" {
			as = append(as, a)
		}
	}
	log.LogAttrs(context.Background(), level, what, append(as, slog.String("message", oneLine(text)))...)
}

func (k *known) sayHeld(log *slog.Logger, res engine.Result) {
	digest := res.Plan.HeldDigest()
	if digest == k.held {
		return
	}
	if k.held = digest; digest == "" {
		log.Info("nothing is held any more")
		return
	}
	why := make([]string, 0, len(res.Plan.Objections))
	for _, o := range res.Plan.Objections {
		why = append(why, o.Message)
	}
	log.Warn("held until it is released", "changes", len(res.Plan.HeldChanges()), "digest", digest, "why", strings.Join(why, "; "))
}

// sum says how a run ended. Why runs of a part fail is said when that begins,
// when the reason is another, and when it is over; of whole runs, each time.
func (k *known) sum(log *slog.Logger, sc engine.Scope, res engine.Result, took time.Duration, err error) {
	kind := scope(sc)
	switch {
	case errors.Is(err, context.Canceled):
		log.Info("the run was cut short", "took", took)
	case err != nil:
		why := oneLine(err.Error())
		level := slog.LevelError
		if kind != scopeFull && k.failed[kind] == why {
			level = slog.LevelDebug
		}
		k.failed[kind] = why
		log.Log(context.Background(), level, "the run failed", "took", took, "error", why)
	default:
		if k.failed[kind] != "" && kind != scopeFull { // a whole run has a line of its own
			log.Info("runs come to their end again")
		}
		delete(k.failed, kind)
		level := slog.LevelDebug
		if scope(sc) == scopeFull {
			level = slog.LevelInfo
		}
		c := res.Counts
		log.Log(context.Background(), level, "the run is over", "took", took, "groups", c.Groups, "added", c.Added,
			"removed", c.Removed, "forgotten", c.Forgot, "failed", c.Failed, "held", c.Held, "overdue", c.Overdue,
			"problems", c.Problems, "foreign", c.Foreign)
		if res.GrantsErr != nil {
			log.Error("the grants could not be read", "error", oneLine(res.GrantsErr.Error()))
		}
	}
}

// oneLine puts a text that may have several lines on one.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
