package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// requestFormat is the format of the bodies that this daypass writes. One that a
// newer daypass wrote may hold more than this one knows: it is read, as far as
// it goes, and never written over.
const requestFormat = 1

// shortestRequest is how much of a request's id is enough, when it is the only
// one that begins so.
const shortestRequest = 6

// liveFor is how long after its end a grant is looked up in the ledger at least,
// and how long one that was ended is live whatever the ledger says: longer than
// any run that read it before its end.
const liveFor = 24 * time.Hour

// SaveRequests writes requests as they have become, and the events that tell
// it, all or nothing. The Version of each is one more than that of what it was
// made from: 1 is new. also are the other addresses of people: what is on record
// under one of them is theirs too. It wraps [ErrStale] when one was changed
// meanwhile, [ErrTwice] when the person has another request for the resource that
// waits for its decision, [ErrGiven] when nobody approved what another request
// gives them already, [ErrExcluded] when they hold what its policy excludes, and
// [ErrNewer].
func (s *Store) SaveRequests(ctx context.Context, rs []access.Request, events []engine.Event, also map[engine.Person][]engine.Person) error {
	if len(rs)+len(events) == 0 {
		return nil
	}
	s.fail.hit("save-before")
	err := s.write(ctx, "save requests", func(ctx context.Context, t *tx) error {
		for i := range rs {
			if err := saveRequest(ctx, t, &rs[i], addresses(rs[i].Person, also)); err != nil {
				return err
			}
		}
		if err := forgetLive(ctx, t, events); err != nil {
			return err
		}
		if slices.ContainsFunc(events, regrants) {
			if err := count(ctx, t); err != nil {
				return err
			}
		}
		if err := appendEvents(ctx, t, events); err != nil {
			return err
		}
		s.fail.hit("save-commit")
		return nil
	})
	if err == nil {
		s.fail.hit("save-after")
	}
	return err
}

// regrants reports whether an event tells that grants changed: the daemon looks
// at them then, and at nothing for a request that still waits.
func regrants(e engine.Event) bool {
	return len(e.Grants) > 0 && e.Kind != engine.EventRequested
}

// saved is what a row says of the request in it.
type saved struct {
	version int64
	format  int64
	granted bool
}

// saveRequest writes a request of somebody with some addresses.
func saveRequest(ctx context.Context, t *tx, r *access.Request, theirs []engine.Person) error {
	there, err := one(ctx, t, func(r row) (v saved, err error) {
		err = r.Scan(&v.version, &v.format, &v.granted)
		return v, err
	}, sqlRequestVersion, r.ID)
	switch {
	case err != nil:
		return err
	case r.ID == "" || r.Version < 1:
		return fmt.Errorf("request %q: version %d cannot be saved", r.ID, r.Version)
	case there == nil && r.Version > 1, there != nil && there.version != r.Version-1:
		return fmt.Errorf("request %s: %w", r.ID, ErrStale)
	case there != nil && there.format > requestFormat:
		return fmt.Errorf("request %s: %w (format %d, this one knows up to %d); use the newer daypass", r.ID, ErrNewer, there.format, requestFormat)
	}
	if r.Status == access.Asked && there == nil {
		if err := twice(ctx, t, r, theirs); err != nil {
			return err
		}
	}
	if r.Grant != nil && (there == nil || !there.granted) {
		if err := errors.Join(excluded(ctx, t, r, theirs), given(ctx, t, r, theirs)); err != nil {
			return err
		}
	}
	args, err := requestArgs(r)
	if err != nil {
		return fmt.Errorf("request %s: %w", r.ID, err)
	}
	if _, err := t.exec(ctx, sqlPutRequest, args...); err != nil {
		return err
	}
	words := strings.ToLower(strings.Join([]string{string(r.Person), r.Resource, r.Reason}, "\n"))
	if _, err = t.exec(ctx, sqlPutWords, r.At.UnixMicro(), r.ID, words); err != nil {
		return err
	}
	return listDeciders(ctx, t, r)
}

// listDeciders adds those who decided on a request since. Nobody is taken back.
func listDeciders(ctx context.Context, t *tx, r *access.Request) error {
	return each(ctx, t, r.Deciders(), sqlAddDecider, func(p engine.Person) ([]any, error) {
		return []any{string(p), r.At.UnixMicro(), r.ID}, nil
	})
}

// forgetLive takes the mark from grants that are over since long and that the
// ledger does not name. Its time is that of the events, not this machine's.
func forgetLive(ctx context.Context, t *tx, events []engine.Event) error {
	var now time.Time
	for _, e := range events {
		now = later(now, e.At)
	}
	if now.IsZero() {
		return nil
	}
	_, err := t.exec(ctx, sqlForgetLive, now.Add(-liveFor).UnixMicro())
	return err
}

// Request returns the request with an id, or with the only one that begins with
// at least six characters. It wraps [ErrNotFound] or [ErrAmbiguous].
func (s *Store) Request(ctx context.Context, id string) (access.Request, error) {
	var r access.Request
	err := s.read(ctx, "request", func(ctx context.Context, t *tx) error {
		found, err := one(ctx, t, scanRequest, sqlRequest, id)
		if err == nil && found == nil {
			found, err = requestByPrefix(ctx, t, id)
		}
		if err == nil {
			r = *found
		}
		return err
	})
	return r, err
}

func requestByPrefix(ctx context.Context, t *tx, typed string) (*access.Request, error) {
	if utf8.RuneCountInString(typed) < shortestRequest {
		return nil, fmt.Errorf("request %q: %w; give at least %d characters of its id", typed, ErrNotFound, shortestRequest)
	}
	found, err := collect(ctx, t, scanRequest, sqlRequestsByPrefix, typed, typed+string(utf8.MaxRune))
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, fmt.Errorf("request %q: %w", typed, ErrNotFound)
	case len(found) > 1:
		return nil, fmt.Errorf("request %q is %w; give more of its id", typed, ErrAmbiguous)
	}
	return &found[0], nil
}

// DueRequests returns requests whose Due is not after now, earliest first, and
// no more than limit. Those that can be read are returned with an error that
// wraps [ErrUnreadable] about others.
func (s *Store) DueRequests(ctx context.Context, now time.Time, limit int) ([]access.Request, error) {
	for most := limit; ; {
		rows, err := s.stored(ctx, "due requests", sqlDueRequests, now.UnixMicro(), most)
		if err != nil {
			return nil, err
		}
		due, unread, err := readable(rows)
		if len(rows) < most || most >= limit+len(unread) {
			return due, s.explain("due requests", err)
		}
		most = limit + len(unread) // they do not take the place of others
	}
}

// NextDue returns when the next request is due after an instant; zero when none
// is.
func (s *Store) NextDue(ctx context.Context, after time.Time) (time.Time, error) {
	var next time.Time
	err := s.read(ctx, "next due", func(ctx context.Context, t *tx) error {
		due, err := one(ctx, t, func(r row) (at time.Time, err error) {
			err = r.Scan(stamp{&at})
			return at, err
		}, sqlNextDue, after.UnixMicro())
		if due != nil {
			next = *due
		}
		return err
	})
	return next, err
}

// Undecided counts the requests and extensions that wait for decisions.
func (s *Store) Undecided(ctx context.Context) (int, error) {
	var n *int
	err := s.read(ctx, "undecided requests", func(ctx context.Context, t *tx) (err error) {
		n, err = one(ctx, t, func(r row) (n int, err error) { return n, r.Scan(&n) }, sqlUndecided)
		return err
	})
	if err != nil || n == nil {
		return 0, err
	}
	return *n, nil
}

// PendingRequests returns the version of each request that waits for a decision
// or a review, by its id.
func (s *Store) PendingRequests(ctx context.Context) (map[string]int64, error) {
	var all map[string]int64
	err := s.read(ctx, "pending requests", func(ctx context.Context, t *tx) error {
		all = make(map[string]int64)
		_, err := collect(ctx, t, func(r row) (struct{}, error) {
			var id string
			var version int64
			err := r.Scan(&id, &version)
			all[id] = version
			return struct{}{}, err
		}, sqlPending)
		return err
	})
	return all, err
}

// LiveRequests returns the requests with a grant that is not over at now, those
// that were ended within a day before, and those whose grant the ledger still
// names behind a membership of the person: that it was ended is not forgotten
// before the membership is gone. A run under way may add what was ended
// meanwhile, and two addresses of one account share a membership that is only
// one's in the ledger: the day is theirs. They are sorted by id. One that cannot
// be read fails the whole, for it is no grant that is not there.
func (s *Store) LiveRequests(ctx context.Context, now time.Time) ([]access.Request, error) {
	rows, err := s.stored(ctx, "live requests", sqlLiveRequests, now.UnixMicro(), now.Add(-liveFor).UnixMicro())
	if err != nil {
		return nil, err
	}
	all, _, err := readable(rows)
	if err != nil {
		return nil, s.explain("live requests", err)
	}
	slices.SortFunc(all, func(a, b access.Request) int { return strings.Compare(a.ID, b.ID) })
	return all, nil
}

func (s *Store) stored(ctx context.Context, what, query string, args ...any) ([]storedRequest, error) {
	var all []storedRequest
	err := s.read(ctx, what, func(ctx context.Context, t *tx) (err error) {
		all, err = collect(ctx, t, scanStored, query, args...)
		return err
	})
	return all, err
}

// PastRequests counts what became of all that was asked of a resource for a
// person before an instant, and when that was done last.
func (s *Store) PastRequests(ctx context.Context, person engine.Person, resource string, before time.Time) (counts map[access.Status]int, last time.Time, err error) {
	type past struct {
		status access.Status
		n      int
		last   time.Time
	}
	err = s.read(ctx, "past requests", func(ctx context.Context, t *tx) error {
		all, err := collect(ctx, t, func(r row) (p past, err error) {
			err = r.Scan(&p.status, &p.n, stamp{&p.last})
			return p, err
		}, sqlPastRequests, string(person), resource, before.UnixMicro())
		counts, last = make(map[access.Status]int, len(all)), time.Time{}
		for _, p := range all {
			counts[p.status], last = p.n, later(last, p.last)
		}
		return err
	})
	return counts, last, err
}

// OwnedBy returns every entry of the ledger about a person, sorted by directory,
// group and member.
func (s *Store) OwnedBy(ctx context.Context, person engine.Person) ([]engine.Owned, error) {
	var all []engine.Owned
	err := s.read(ctx, "ledger", func(ctx context.Context, t *tx) (err error) {
		all, err = collect(ctx, t, scanOwned, sqlOwnedBy, string(person))
		return err
	})
	return all, err
}

const (
	sqlRequestColumns = `id, version, format, person, resource, by_person, by_machine, status, asked_at,
		undecided, review, live, due, from_at, until_at, ended_at, body, listed`
	sqlPutRequest = `INSERT INTO requests (` + sqlRequestColumns + `)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $2)
		ON CONFLICT (id) DO UPDATE SET version = excluded.version, format = excluded.format, person = excluded.person,
		resource = excluded.resource, by_person = excluded.by_person, by_machine = excluded.by_machine,
		status = excluded.status, asked_at = excluded.asked_at, undecided = excluded.undecided, review = excluded.review,
		live = excluded.live, due = excluded.due, from_at = excluded.from_at, until_at = excluded.until_at,
		ended_at = excluded.ended_at, body = excluded.body, listed = excluded.listed`
	sqlAddDecider = `INSERT INTO request_deciders (decider, at, request) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
	sqlPutWords   = `INSERT INTO request_words (asked_at, id, words) VALUES ($1, $2, $3)
		ON CONFLICT (asked_at, id) DO UPDATE SET words = excluded.words WHERE request_words.words <> excluded.words`
	sqlRequestVersion = `SELECT version, format, until_at IS NOT NULL FROM requests WHERE id = $1`

	sqlRequestRow       = `SELECT id, format, asked_at, body FROM requests `
	sqlRequest          = sqlRequestRow + `WHERE id = $1`
	sqlRequestsByPrefix = sqlRequestRow + `WHERE id >= $1 AND id < $2 ORDER BY id LIMIT 2`
	sqlDueRequests      = sqlRequestRow + `WHERE due IS NOT NULL AND due <= $1 ORDER BY due, id LIMIT $2`
	sqlUndecided        = `SELECT COUNT(*) FROM requests WHERE undecided = 1`
	sqlPending          = `SELECT id, version FROM requests WHERE undecided = 1 UNION ALL SELECT id, version FROM requests WHERE review = 1`
	sqlNextDue          = `SELECT due FROM requests WHERE due IS NOT NULL AND due > $1 ORDER BY due LIMIT 1`

	// Whether the ledger names a request: it keeps grants as JSON.
	sqlNamed = `EXISTS (SELECT 1 FROM ledger WHERE ledger.person = requests.person
		AND replace(ledger.anchors, '"' || requests.id || '"', '') <> ledger.anchors)`
	// What is not over depends on no mark.
	sqlLiveRequests = sqlRequestRow + `WHERE until_at IS NOT NULL AND until_at > $1 UNION ALL ` +
		sqlRequestRow + `WHERE live = 1 AND until_at <= $1 AND (ended_at IS NOT NULL AND until_at > $2 OR ` + sqlNamed + `)`
	sqlForgetLive = `UPDATE requests SET live = 0 WHERE live = 1 AND until_at <= $1 AND NOT ` + sqlNamed

	sqlPastRequests = `SELECT status, COUNT(*), MAX(asked_at) FROM requests WHERE person = $1 AND resource = $2 AND asked_at < $3 GROUP BY status`
	sqlOwnedBy      = `SELECT ` + sqlOwnedColumns + ` FROM ledger WHERE person = $1 ORDER BY directory, group_id, member_id`
)

// requestArgs are the columns of a request. Instants at which something happens
// are rounded up: when one of them is reached, the request agrees.
func requestArgs(r *access.Request) ([]any, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	var from, until, ended time.Time
	if w, ok := r.Window(); ok {
		from, until = w.From, w.Until
		if r.Grant.End != nil {
			ended = r.Grant.End.At
		}
	}
	return []any{
		r.ID, r.Version, requestFormat, string(r.Person), r.Resource, string(r.By.Person), r.By.Machine,
		string(r.Status), r.At.UnixMicro(), bit(r.Undecided() != nil), bit(r.Review.Open()), bit(r.Grant != nil),
		microsUp(r.Due()), microsUp(from), microsUp(until), microsUp(ended), string(body),
	}, nil
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// microsUp is micros of the next whole microsecond.
func microsUp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.Add(time.Microsecond - 1).UnixMicro()
}

// storedRequest is a request as its row holds it.
type storedRequest struct {
	id     string
	format int64
	at     int64
	body   string
}

func scanStored(r row) (v storedRequest, err error) {
	err = r.Scan(&v.id, &v.format, &v.at, &v.body)
	return v, err
}

// request reads it. The error wraps [ErrUnreadable].
func (v storedRequest) request() (r access.Request, err error) {
	d := json.NewDecoder(strings.NewReader(v.body))
	if v.format <= requestFormat {
		d.DisallowUnknownFields()
	}
	err = d.Decode(&r)
	if err == nil && d.More() {
		err = errors.New("there is more in it than a request")
	}
	if err == nil && r.ID != v.id {
		err = errors.New("it is stored under the id of another")
	}
	if err != nil {
		// Its end in the middle is none of a connection.
		return access.Request{}, fmt.Errorf("request %s: %w (%s); restore it from a backup", v.id, ErrUnreadable, err.Error())
	}
	return r, nil
}

// readable are those that can be read. The error is about the others, which it
// names.
func readable(rows []storedRequest) (all []access.Request, unread []string, err error) {
	var errs []error
	for _, v := range rows {
		r, err := v.request()
		if err != nil {
			unread, errs = append(unread, v.id), append(errs, err)
			continue
		}
		all = append(all, r)
	}
	return all, unread, errors.Join(errs...)
}

func scanRequest(r row) (access.Request, error) {
	v, err := scanStored(r)
	if err != nil {
		return access.Request{}, err
	}
	return v.request()
}

func scanText(r row) (s string, err error) {
	err = r.Scan(&s)
	return s, err
}
