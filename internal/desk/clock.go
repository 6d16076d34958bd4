package desk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

const (
	// look is how often the store is asked for what is due although nothing is
	// known to be: another process may have taken a wish.
	look = 5 * time.Second
	// batch is how many requests are taken up at once.
	batch = 200
)

// Run does what time alone does to requests (escalate, deny, lapse, tell of a
// missing review) until ctx ends. Any number of processes may do so at once. Of
// requests that cannot be read the log is told once, and again when they change.
func (d *Desk) Run(ctx context.Context) {
	said := ""
	for ctx.Err() == nil {
		wait := look
		next, unread, err := d.tick(ctx)
		if ctx.Err() != nil {
			return
		}
		if text := fmt.Sprint(unread); text != said {
			if said = text; unread != nil {
				d.cfg.Log.Error("requests on record cannot be read, and what is due of them is not done", "error", unread)
			}
		}
		switch {
		case err != nil:
			d.cfg.Log.Error("what is due of the requests could not be done", "error", err)
		case !next.IsZero():
			wait = max(min(wait, next.Sub(d.now())), 10*time.Millisecond)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-d.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// Tick does what is due, and returns when something is due next; zero when
// nothing is. Requests that cannot be read do not hold up others: the error wraps
// [ErrUnreadable], beside the time.
func (d *Desk) Tick(ctx context.Context) (time.Time, error) {
	next, unread, err := d.tick(ctx)
	return next, errors.Join(err, unread)
}

func (d *Desk) tick(ctx context.Context) (next time.Time, unread, err error) {
	for {
		var due []access.Request
		var over time.Time // when what cannot be read was due at the latest
		now := d.now()
		due, unread = d.cfg.Store.DueRequests(ctx, now, batch)
		switch {
		case errors.Is(unread, ErrUnreadable):
			over = now
		case unread != nil:
			return next, nil, unread
		}
		var errs []error
		for _, r := range due {
			if err := d.pass(ctx, r); err != nil && !errors.Is(err, ErrStale) {
				errs = append(errs, err)
			}
		}
		if err := errors.Join(errs...); err != nil {
			return next, unread, err
		}
		if len(due) < batch {
			next, err = d.cfg.Store.NextDue(ctx, over)
			return next, unread, err
		}
	}
}

func (d *Desk) pass(ctx context.Context, r access.Request) error {
	after, events := r.Tick(d.now())
	if len(events) == 0 {
		return nil
	}
	after.Version = r.Version + 1
	return d.save(ctx, after, events)
}

// Waits is what waits for people.
type Waits struct {
	Undecided int // requests and extensions that wait for decisions
	Reviews   int // emergencies that nobody reviewed yet
	Overdue   int // of those, the ones whose time for it is over, or that cannot be read
}

// Waits counts it. It is for those who watch over daypass, and for no
// caller.
func (d *Desk) Waits(ctx context.Context) (Waits, error) {
	n, err := d.cfg.Store.Undecided(ctx)
	s := Waits{Undecided: n}
	for q := (access.Query{Review: true, Limit: 500}); err == nil; {
		var page access.Listing
		page, err = d.cfg.Store.Requests(ctx, q)
		if errors.Is(err, ErrUnreadable) {
			err = nil // it is told when it is due
		}
		s.Reviews += len(page.Requests) + len(page.Unread)
		s.Overdue += len(page.Unread)
		for _, r := range page.Requests {
			if now, _ := r.Tick(d.now()); now.Review.Late {
				s.Overdue++
			}
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	return s, err
}

// requestOrigin begins the origin of grants that come from requests.
const requestOrigin = "request "

// Grants implements [engine.Source]: what the decisions on requests gave.
type Grants struct {
	Live   func(ctx context.Context, now time.Time) ([]access.Request, error)
	Expand func(resource string) ([]engine.GroupRef, bool)
	Now    func() time.Time
}

// Grants returns a grant for each group of the resource of each approved
// request that is not over, or that may still be behind a membership. One whose
// resource left the configuration leads nowhere, and the engine says so.
func (g Grants) Grants(ctx context.Context) ([]engine.Grant, error) {
	rs, err := g.Live(ctx, g.Now())
	if err != nil {
		return nil, err
	}
	var all []engine.Grant
	for _, r := range rs {
		w, ok := r.Window()
		if !ok {
			continue
		}
		refs, known := g.Expand(r.Resource)
		if !known {
			refs = []engine.GroupRef{{}}
		}
		for _, ref := range refs {
			all = append(all, engine.Grant{
				ID: r.GrantID(), Person: r.Person, Group: ref, Resource: r.Resource, When: w, Reason: r.Reason, Origin: requestOrigin + r.ID,
			})
		}
	}
	return all, nil
}
