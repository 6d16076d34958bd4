package store

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/audit"
)

// Filter narrows a listing. Fields that are zero let everything through.
type Filter struct {
	Group  engine.Group
	Person engine.Person
	// Since and Until keep memberships that were in force at some time in
	// [Since, Until). They concern Past only.
	Since, Until time.Time
}

// Live yields every entry of the ledger that passes the filter, sorted by
// directory, group and member.
func (s *Store) Live(ctx context.Context, f Filter) iter.Seq2[engine.Owned, error] {
	where, args := f.where()
	return rows(ctx, s, "ledger", scanOwned,
		`SELECT `+sqlOwnedColumns+` FROM ledger`+where+` ORDER BY directory, group_id, member_id`, args...)
}

// Past yields the memberships that were ours and are over, in the order in
// which they were recorded.
func (s *Store) Past(ctx context.Context, f Filter) iter.Seq2[engine.Past, error] {
	where, args := f.where(
		// One that somebody else took out has no removal of ours; it was in
		// force until a reading showed it gone, as far as we know.
		condition{"COALESCE(removed, confirmed, due, added) >= ", f.Since},
		condition{"added < ", f.Until},
	)
	return rows(ctx, s, "past", scanPast, `SELECT `+sqlPastColumns+` FROM past`+where+` ORDER BY seq`, args...)
}

// condition is a comparison with a time that is left out when the time is zero.
type condition struct {
	test string
	at   time.Time
}

func (f Filter) where(times ...condition) (string, []any) {
	var tests []string
	var args []any
	add := func(test string, arg any) {
		args = append(args, arg)
		tests = append(tests, test+"$"+strconv.Itoa(len(args)))
	}
	if f.Group != (engine.Group{}) {
		add("directory = ", string(f.Group.Directory))
		add("group_id = ", string(f.Group.ID))
	}
	if f.Person != "" {
		add("person = ", string(f.Person))
	}
	for _, c := range times {
		if !c.at.IsZero() {
			add(c.test, c.at.UnixMicro())
		}
	}
	if len(tests) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(tests, " AND "), args
}

func scanPast(r row) (p engine.Past, err error) {
	err = r.Scan(&p.Group.Directory, &p.Group.ID, &p.Member.ID, &p.GroupName, &p.Member.Login, &p.Member.Kind,
		&p.Member.Ref, &p.Person, jsonList[engine.Anchor]{&p.Anchors},
		stamp{&p.Added}, stamp{&p.Due}, stamp{&p.Removed}, stamp{&p.Confirmed}, &p.Why)
	return p, err
}

// Run is one reconciliation on record.
type Run struct {
	ID      engine.RunID
	Started time.Time
	Ended   time.Time      // zero while it runs, and for good when it was killed
	Error   string         // why it failed as a whole; empty when it did not
	Counts  *engine.Counts // nil until it ended
}

// Runs yields the runs, newest first.
func (s *Store) Runs(ctx context.Context) iter.Seq2[Run, error] {
	return rows(ctx, s, "runs", scanRun,
		`SELECT run, started, ended, failure, counts FROM runs ORDER BY COALESCE(started, ended) DESC, run DESC`)
}

func scanRun(r row) (v Run, err error) {
	var counts string
	if err = r.Scan(&v.ID, stamp{&v.Started}, stamp{&v.Ended}, &v.Error, &counts); err == nil {
		v.Counts, err = unmarshalCounts(counts)
	}
	return v, err
}

// Events yields the audit log after a sequence number; 0 is all of it. The
// records are as they are on disk: [audit.Verify] says whether they are whole.
func (s *Store) Events(ctx context.Context, after int64) iter.Seq2[audit.Record, error] {
	return rows(ctx, s, "events", scanRecord, `SELECT seq, at, body, hash FROM events WHERE seq > $1 ORDER BY seq`, after)
}

// Head returns how far the audit log goes, to be remembered elsewhere.
func (s *Store) Head(ctx context.Context) (audit.Head, error) {
	var h audit.Head
	err := s.read(ctx, "head", func(ctx context.Context, t *tx) (err error) {
		h, err = head(ctx, t)
		return err
	})
	return h, err
}

func scanRecord(r row) (audit.Record, error) {
	v, err := scanEvent(r)
	if err != nil {
		return audit.Record{}, err
	}
	return v.record()
}

// storedEvent is a record as its row holds it.
type storedEvent struct {
	seq  int64
	at   time.Time // under which it is listed
	body []byte
	hash string
}

func scanEvent(r row) (v storedEvent, err error) {
	err = r.Scan(&v.seq, stamp{&v.at}, &v.body, &v.hash)
	return v, err
}

// record reads it. The error is an [audit.BrokenError].
func (v storedEvent) record() (r audit.Record, err error) {
	r = audit.Record{Seq: v.seq, Body: v.body}
	if r.Hash, err = audit.ParseHash(v.hash); err != nil {
		return r, &audit.BrokenError{Seq: v.seq, Fault: audit.Changed, Detail: err.Error()}
	}
	var told struct{ At time.Time }
	// No time is listed where a person said that the clock had been wrong.
	if err := json.Unmarshal(v.body, &told); err != nil || !v.at.IsZero() && !whole(told.At).Equal(v.at) {
		return r, &audit.BrokenError{Seq: v.seq, Fault: audit.Changed, Detail: "its time is not the one that it is listed under"}
	}
	return r, nil
}

// rows yields what a query finds, one row at a time. It holds one connection
// of the readers, and sees the store as it was when it began.
func rows[T any](ctx context.Context, s *Store, what string, scan func(row) (T, error), query string, args ...any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		r, err := s.reader.QueryContext(ctx, query, columns(args)...)
		if err != nil {
			yield(none, s.explain(what, err))
			return
		}
		defer r.Close()
		for n := 1; r.Next(); n++ {
			v, err := scan(row{r})
			if err != nil {
				yield(none, s.explain(what, fmt.Errorf("row %d: %w", n, err)))
				return
			}
			if !yield(v, nil) {
				return
			}
		}
		if err := r.Err(); err != nil {
			yield(none, s.explain(what, err))
		}
	}
}
