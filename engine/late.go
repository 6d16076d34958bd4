package engine

import (
	"context"
	"time"
)

// Late is a removal that was due longer ago than is allowed and is not
// confirmed.
type Late struct {
	Directory Directory     `json:"directory"`
	Group     string        `json:"group"`
	Member    Member        `json:"member"`
	Person    Person        `json:"person,omitempty"`
	Grant     GrantID       `json:"grant,omitempty"`
	Due       time.Time     `json:"due"`
	Lag       time.Duration `json:"-"`
	Error     string        `json:"error,omitempty"` // why the last attempt failed
}

// overdue lists the agreed removals of p that are later than allowed and not
// among those that are over. Where listings lag, or nothing is read back, a
// removal that p sent and the directory took is believed until a listing can
// tell.
func (r *Reconciler) overdue(p Plan, past []Past, fs []Failure, now time.Time, sc Scope, sent bool) []Late {
	over := make(map[Membership]bool, len(past))
	for _, o := range past {
		over[Membership{o.Group, o.Member.ID}] = true
	}
	var late []Late
	for _, c := range p.Changes {
		if c.Op != Remove || !c.Why.Agreed() || over[Membership{c.Key(), c.Member.ID}] || now.Sub(c.due) <= r.cfg.Overdue {
			continue
		}
		l := Late{Directory: c.Directory, Group: c.Group, Member: c.Member, Person: c.Person, Grant: c.Grant, Due: c.due, Lag: now.Sub(c.due)}
		for _, f := range fs {
			if f.Change.Key() == c.Key() && f.Change.Member.ID == c.Member.ID {
				l.Error = f.Error
			}
		}
		if sent && l.Error == "" && c.prior.Gone.IsZero() && (sc.Ends || GraceOf(r.cfg.Directories[c.Directory]) > 0) {
			continue
		}
		late = append(late, l)
	}
	return late
}

func (r *Reconciler) recordOverdue(ctx context.Context, p *pen, res *Result) error {
	var b Batch
	for _, l := range res.Overdue {
		m, due := l.Member, l.Due
		b.Events = append(b.Events, Event{
			At: r.now(), Kind: EventOverdue, Run: res.Run, Directory: l.Directory, Group: l.Group,
			Member: &m, Person: l.Person, Due: &due, Error: l.Error,
		})
	}
	return r.book.record(ctx, p, b)
}
