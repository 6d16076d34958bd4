package store

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/audit"
)

// worded names the counter of how far the audit log has words. A word is what
// events are looked up by: their kind, a person in them, a request. What an event
// says is in its body; the words are drawn from it, and none of them is hashed.
const worded = "words"

func kindWord(k engine.EventKind) string { return "k " + string(k) }

func personWord(p string) string { return "p " + p }

func requestWord(id string) string { return "r " + id }

// wordsOf are the words of an event, each once.
func wordsOf(e engine.Event) []string {
	all := []string{kindWord(e.Kind)}
	for _, p := range append(access.Names(e.By), string(e.Person), e.By) {
		if p != "" {
			all = append(all, personWord(p))
		}
	}
	if e.Request != "" {
		all = append(all, requestWord(e.Request))
	}
	for _, a := range e.Grants {
		all = append(all, requestWord(string(a.Grant)))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Search returns records of the audit log, newest first and no more than
// q.Limit. They are as they are on disk, as those of [Store.Events] are.
func (s *Store) Search(ctx context.Context, q audit.Search) ([]audit.Record, error) {
	var all []audit.Record
	err := s.read(ctx, "search events", func(own context.Context, t *tx) error {
		q, words := q, sought(q)
		floor, err := floorOf(own, t, q.Since)
		if err != nil {
			return err
		}
		latest, from, err := wordless(ctx, own, t, q, words, floor)
		if all = latest; err != nil || len(all) == q.Limit {
			return err
		}
		q.Limit -= len(all)
		if from > 0 {
			q.Before = from
		}
		if words, err = rarestFirst(own, t, words); err != nil {
			return err
		}
		query, args := searching(q, words, floor)
		rest, err := collect(own, t, scanRecord, query, args...)
		all = append(all, rest...)
		return err
	})
	return all, err
}

// floorOf is the last event that is listed before an instant; 0 when none is.
func floorOf(ctx context.Context, t *tx, since time.Time) (int64, error) {
	if since.IsZero() {
		return 0, nil
	}
	n, err := one(ctx, t, func(r row) (n int64, err error) {
		err = r.Scan(&n)
		return n, err
	}, sqlLastBefore, micros(since))
	if err != nil || n == nil {
		return 0, err
	}
	return *n, nil
}

// wordless walks back through the events that have no words yet, which is in its
// own context as long as the caller's lasts, and no further than to floor. from is
// where those begin; 0 when none is looked at.
func wordless(ctx, own context.Context, t *tx, q audit.Search, words []string, floor int64) (found []audit.Record, from int64, err error) {
	if len(words) == 0 {
		return nil, 0, nil // all of them are found without
	}
	before := q.Before
	if before == 0 {
		before = math.MaxInt64
	}
	for more := true; more && len(found) < q.Limit; {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		some, err := collect(own, t, scanEvent, sqlLatest, worded, before, mostFilled, floor)
		if err != nil {
			return nil, 0, err
		}
		more = len(some) == mostFilled
		for _, v := range some {
			before, from = v.seq, v.seq
			if len(found) == q.Limit || !v.has(words) {
				continue
			}
			r, err := v.record()
			if err != nil {
				return nil, 0, err
			}
			found = append(found, r)
		}
	}
	return found, from, nil
}

// has reports whether all of some words are among those of the event.
func (v storedEvent) has(words []string) bool {
	e, err := audit.Record{Seq: v.seq, Body: v.body}.Event()
	if err != nil {
		return false
	}
	own := wordsOf(e)
	return !slices.ContainsFunc(words, func(w string) bool { return !slices.Contains(own, w) })
}

// sought are the words of a search, in the order of how little they mostly leave.
func sought(q audit.Search) []string {
	var words []string
	if q.Request != "" {
		words = append(words, requestWord(q.Request))
	}
	if q.Person != "" {
		words = append(words, personWord(string(q.Person)))
	}
	if q.Kind != "" {
		words = append(words, kindWord(q.Kind))
	}
	return words
}

// rare is how many events of a word are quickly walked through.
const rare = 1000

// rarestFirst sorts words by how many events have them, as far as that matters.
func rarestFirst(ctx context.Context, t *tx, words []string) ([]string, error) {
	if len(words) < 2 {
		return words, nil
	}
	count := make(map[string]int, len(words))
	for _, w := range words {
		n, err := one(ctx, t, func(r row) (n int, err error) {
			err = r.Scan(&n)
			return n, err
		}, sqlCountWord, w, rare)
		if err != nil {
			return nil, err
		}
		count[w] = *n
	}
	slices.SortStableFunc(words, func(a, b string) int { return count[a] - count[b] })
	return words, nil
}

// searching returns the statement of a search. It walks along the first word, and
// looks whether the others are there too, no further than to floor.
func searching(q audit.Search, words []string, floor int64) (string, []any) {
	var st statement
	var tests []string
	from := "events"
	for i, word := range words {
		if i == 0 {
			from = "event_words"
			tests = append(tests, "w.word = "+st.arg(word))
			continue
		}
		tests = append(tests, "EXISTS (SELECT 1 FROM event_words AS x WHERE x.word = "+st.arg(word)+" AND x.seq = w.seq)")
	}
	if q.Before > 0 {
		tests = append(tests, "w.seq < "+st.arg(q.Before))
	}
	if floor > 0 {
		tests = append(tests, "w.seq > "+st.arg(floor))
	}
	where := ""
	if len(tests) > 0 {
		where = " WHERE " + strings.Join(tests, " AND ")
	}
	walk := "SELECT w.seq FROM " + from + " AS w" + where + " ORDER BY w.seq DESC LIMIT " + st.arg(q.Limit)
	return `SELECT seq, at, body, hash FROM events WHERE seq IN (` + walk + `) ORDER BY seq DESC`, st.args
}

// eventWord is a row.
type eventWord struct {
	word string
	seq  int64
}

// addWords adds the words of records that follow on one another, and notes that the log has them as far as
// the last one. What cannot be read has none: [audit.Verify] tells of it.
func addWords(ctx context.Context, t *tx, rs []audit.Record) error {
	var all []eventWord
	for _, r := range rs {
		e, err := r.Event()
		if err != nil {
			continue
		}
		for _, w := range wordsOf(e) {
			all = append(all, eventWord{w, r.Seq})
		}
	}
	if err := each(ctx, t, all, sqlAddWord, func(w eventWord) ([]any, error) { return []any{w.word, w.seq}, nil }); err != nil {
		return err
	}
	last := rs[len(rs)-1:]
	return each(ctx, t, last, sqlSetCounter, func(r audit.Record) ([]any, error) { return []any{worded, r.Seq}, nil })
}

const (
	sqlAddWord    = `INSERT INTO event_words (word, seq) VALUES ($1, $2) ON CONFLICT DO NOTHING`
	sqlLatest     = `SELECT seq, at, body, hash FROM events WHERE seq > ` + sqlWorded + ` AND seq > $4 AND seq < $2 ORDER BY seq DESC LIMIT $3`
	sqlLastBefore = `SELECT seq FROM events WHERE at < $1 ORDER BY at DESC, seq DESC LIMIT 1`
	sqlCountWord  = `SELECT COUNT(*) FROM (SELECT 1 FROM event_words WHERE word = $1 LIMIT $2) AS few`
	sqlSetCounter = `INSERT INTO counters (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`
)
