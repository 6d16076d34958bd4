package desk

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/audit"
)

// unfit finds out when a review of late found that an emergency of the person in
// the resource was none, under any of their addresses, or of one that has their
// account. What cannot be read, and a directory that cannot tell whose an account
// is, stand in nobody's way.
func (d *Desk) unfit(ctx context.Context, q asked) (time.Time, error) {
	since := d.now().Add(-access.Calm)
	reviews := audit.Search{Kind: engine.EventReviewed, Since: since, Limit: 100}
	for {
		found, err := d.cfg.Store.Search(ctx, reviews)
		broken, is := errors.AsType[*audit.BrokenError](err)
		switch {
		case is && reviews.Limit > 1:
			reviews.Limit = 1 // to get past it
			continue
		case is:
			d.unreadReview(broken.Seq, err)
			reviews.Before = broken.Seq
			continue
		case err != nil:
			return time.Time{}, err
		}
		for _, rec := range found {
			e, err := rec.Event()
			switch {
			case err != nil:
				d.unreadReview(rec.Seq, err)
				continue
			case !e.At.After(since), e.Group != q.resource.Name:
				continue
			}
			r, err := d.cfg.Store.Request(ctx, e.Request)
			switch {
			case errors.Is(err, ErrUnreadable):
				continue
			case err != nil:
				return time.Time{}, err
			case r == nil, r.Review == nil, r.Review.Open(), r.Review.Fine:
				continue
			}
			if certain(d.same(ctx, q.person, r.Person, q.resource.Groups, q.since)) {
				return r.Review.At, nil
			}
		}
		if len(found) < reviews.Limit {
			return time.Time{}, nil
		}
		reviews.Before = found[len(found)-1].Seq
	}
}

// unreadReview says once that a review cannot be read.
func (d *Desk) unreadReview(seq int64, err error) {
	if d.said.first("event " + strconv.FormatInt(seq, 10)) {
		d.cfg.Log.Error("what a review found cannot be read, and keeps nobody from an emergency", "event", seq, "error", err)
	}
}

// calmed is whether somebody may ask for a resource in an emergency, also by what a
// review found of late.
func (d *Desk) calmed(ctx context.Context, p engine.Person, res *Resource, may Possible) Possible {
	if !may.Yes {
		return may
	}
	last, err := d.unfit(ctx, asked{resource: res, person: p, since: whenever})
	if err != nil {
		d.cfg.Log.Warn("what reviews found could not be read", "error", err)
		return Possible{Why: "what reviews found could not be read just now"}
	}
	if err := access.Calmed(p, res.Name, last, d.now()); err != nil {
		return Possible{Why: err.Error(), Until: last.Add(access.Calm).UTC()}
	}
	return may
}
