package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/audit"
)

// Record writes the batch in one transaction that is on disk when Record
// returns nil. What a batch deletes goes before what it puts, so that a
// membership named by both is there afterwards. A release that was used before
// is [ErrSpent], a lease that was taken over [engine.ErrFenced], and nothing of
// the batch is written.
func (s *Store) Record(ctx context.Context, b engine.Batch) error {
	if b.Empty() {
		return nil
	}
	s.fail.hit("record-before")
	err := s.write(ctx, "record", func(ctx context.Context, t *tx) error {
		for _, step := range []func(context.Context, *tx, *engine.Batch) error{
			checkFences, recordLedger, recordPast, recordReadings, recordNotices, recordHolds, recordSpends, recordRuns, recordKnown,
		} {
			if err := step(ctx, t, &b); err != nil {
				return err
			}
		}
		if err := appendEvents(ctx, t, b.Events); err != nil {
			return err
		}
		s.fail.hit("record-commit")
		return nil
	})
	if err == nil {
		s.fail.hit("record-after")
	}
	return err
}

func membershipArgs(m engine.Membership) ([]any, error) {
	return []any{string(m.Group.Directory), string(m.Group.ID), string(m.Member)}, nil
}

func recordLedger(ctx context.Context, t *tx, b *engine.Batch) error {
	if err := each(ctx, t, b.Delete, sqlDeleteOwned, membershipArgs); err != nil {
		return err
	}
	if err := each(ctx, t, namesOf(b), sqlPutGroup, func(g engine.LedgerGroup) ([]any, error) {
		return []any{string(g.Group.Directory), string(g.Group.ID), g.Name}, nil
	}); err != nil {
		return err
	}
	return each(ctx, t, b.Put, sqlPutOwned, func(o engine.Owned) ([]any, error) {
		anchors, err := anchorList(o.Anchors)
		return []any{
			string(o.Group.Directory), string(o.Group.ID), string(o.Member.ID), o.GroupName,
			o.Member.Login, string(o.Member.Kind), o.Member.Ref, string(o.Person), anchors, string(o.State),
			micros(o.Since), micros(o.Confirmed), micros(o.Due), micros(o.Gone), micros(o.Wrote),
			micros(o.Expires), micros(o.Asked),
		}, err
	})
}

// namesOf returns each group of the batch once, with the name it has last.
func namesOf(b *engine.Batch) []engine.LedgerGroup {
	at := map[engine.Group]int{}
	var all []engine.LedgerGroup
	add := func(g engine.Group, name string) {
		i, known := at[g]
		if !known {
			i = len(all)
			at[g] = i
			all = append(all, engine.LedgerGroup{Group: g})
		}
		all[i].Name = name
	}
	for _, o := range b.Put {
		add(o.Group, o.GroupName)
	}
	for _, r := range b.Readings {
		add(r.Group, r.Name)
	}
	return all
}

func recordPast(ctx context.Context, t *tx, b *engine.Batch) error {
	if len(b.Past) == 0 {
		return nil
	}
	var seq int64
	if err := t.QueryRowContext(ctx, "SELECT COALESCE(MAX(seq), 0) FROM past").Scan(&seq); err != nil {
		return err
	}
	return each(ctx, t, b.Past, sqlAddPast, func(p engine.Past) ([]any, error) {
		seq++
		anchors, err := anchorList(p.Anchors)
		return []any{
			seq, string(p.Group.Directory), string(p.Group.ID), string(p.Member.ID), p.GroupName,
			p.Member.Login, string(p.Member.Kind), p.Member.Ref, string(p.Person), anchors,
			micros(p.Added), micros(p.Due), micros(p.Removed), micros(p.Confirmed), string(p.Why),
		}, err
	})
}

func recordReadings(ctx context.Context, t *tx, b *engine.Batch) error {
	return each(ctx, t, b.Readings, sqlPutReading, func(r engine.Reading) ([]any, error) {
		return []any{string(r.Group.Directory), string(r.Group.ID), r.Name, r.Members, micros(r.At)}, nil
	})
}

func recordNotices(ctx context.Context, t *tx, b *engine.Batch) error {
	if err := each(ctx, t, b.Unnotice, sqlDeleteNotice, membershipArgs); err != nil {
		return err
	}
	return each(ctx, t, b.Notice, sqlAddNotice, func(n engine.Notice) ([]any, error) {
		args, err := membershipArgs(n.Membership)
		return append(args, micros(n.At)), err
	})
}

// recordRuns keeps one row for each run, drawn from its events.
func recordRuns(ctx context.Context, t *tx, b *engine.Batch) error {
	for _, e := range b.Events {
		var err error
		switch e.Kind {
		case engine.EventRunStarted:
			_, err = t.exec(ctx, sqlStartRun, string(e.Run), micros(e.At))
		case engine.EventRunEnded:
			err = endRun(ctx, t, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func endRun(ctx context.Context, t *tx, e engine.Event) error {
	counts := ""
	if e.Counts != nil {
		b, err := json.Marshal(e.Counts)
		if err != nil {
			return err
		}
		counts = string(b)
	}
	if e.Error == "" { // a run that came to its end has recorded what it holds
		if err := closeHolds(ctx, t, e); err != nil {
			return err
		}
	}
	_, err := t.exec(ctx, sqlEndRun, string(e.Run), micros(e.At), e.Error, counts)
	return err
}

// appendEvents chains events to the log. The transaction holds the only write
// lock, so nobody can come between reading the head and writing after it.
func appendEvents(ctx context.Context, t *tx, events []engine.Event) error {
	if len(events) == 0 {
		return nil
	}
	most := fewFilled + len(events)
	filled, err := fillWords(ctx, t, most)
	if err != nil {
		return err
	}
	head, err := head(ctx, t)
	if err != nil {
		return err
	}
	rs := make([]audit.Record, 0, len(events))
	err = each(ctx, t, events, sqlAddEvent, func(e engine.Event) ([]any, error) {
		body, err := audit.Encode(e)
		if err != nil {
			return nil, err
		}
		r := head.Next(body)
		head = r.Head()
		rs = append(rs, r)
		return []any{r.Seq, micros(e.At), string(r.Body), r.Hash.String()}, nil
	})
	if err != nil {
		return err
	}
	if filled < most { // else they get theirs after those before them
		if err := addWords(ctx, t, rs); err != nil {
			return err
		}
	}
	for _, e := range events {
		if e.Kind == engine.EventVouched { // times ahead of it came from a wrong clock
			if _, err := t.exec(ctx, sqlDistrust, micros(e.At)); err != nil {
				return err
			}
		}
	}
	return nil
}

// head reads no more than it needs: a log that was tampered with is told by
// verify, and does not keep memberships from ending.
func head(ctx context.Context, t *tx) (audit.Head, error) {
	h, err := one(ctx, t, func(r row) (h audit.Head, err error) {
		var hash string
		if err = r.Scan(&h.Seq, &hash); err == nil {
			h.Hash, err = audit.ParseHash(hash)
		}
		return h, err
	}, sqlLastEvent)
	if err != nil {
		return audit.Head{}, fmt.Errorf("end of the audit log: %w", err)
	}
	if h == nil {
		return audit.Head{}, nil
	}
	return *h, nil
}
