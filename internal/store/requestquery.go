package store

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// RequestQuery narrows a listing of requests.
type RequestQuery = access.Query

// RequestPage is one page of a listing.
type RequestPage = access.Listing

const (
	pageRequests = 50  // on a page, when nobody says how many
	mostRequests = 500 // at most
	mostText     = 500 // characters are more than anybody looks for
	mostBranches = 20
)

// Requests returns a page of requests, newest first. Pages do not move while
// requests come in. An After that is no cursor of ours wraps [ErrCursor]. Those
// that can be read are returned with an error that wraps [ErrUnreadable] about
// others on the page.
func (s *Store) Requests(ctx context.Context, q RequestQuery) (RequestPage, error) {
	var p RequestPage
	limit := q.Limit
	if limit <= 0 {
		limit = pageRequests
	}
	limit = min(limit, mostRequests)
	query, args, err := listing(q, limit+1)
	if err != nil {
		return p, err
	}
	var rows []storedRequest
	err = s.read(ctx, "requests", func(own context.Context, t *tx) error {
		var more []storedRequest
		var err error
		if rows, err = collect(own, t, scanStored, query, args...); err == nil && q.Decided != "" {
			more, err = unlisted(ctx, own, t, q, limit+1)
		}
		rows = merged(rows, more)
		return err
	})
	if err != nil {
		return p, err
	}
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		p.Next = cursor{last.at, last.id}.String()
	}
	p.Requests, p.Unread, err = readable(rows)
	return p, s.explain("requests", err)
}

// cursor is the last request of a page.
type cursor struct {
	at int64
	id string
}

func (c cursor) String() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(c.at, 10) + " " + c.id))
}

func parseCursor(text string) (cursor, error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	at, id, found := strings.Cut(string(b), " ")
	if err != nil || !found || !utf8.ValidString(id) {
		return cursor{}, ErrCursor
	}
	n, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return cursor{}, ErrCursor
	}
	return cursor{n, id}, nil
}

// criterion is one part of a query. One of a listing's leads: each of its
// alternatives is a walk along an index, newest first, that ends when a page is
// full. The others are tests on the way, written so that no planner takes one of
// them to lead.
type criterion struct {
	leads []string
	test  string
	along path
}

// path is what a walk goes along.
type path struct {
	from   string
	at, id string // the columns by which it is sorted
	tests  string // joins what the tests on the way look at
}

// statement collects the arguments of a statement.
type statement struct{ args []any }

func (s *statement) arg(v any) string {
	s.args = append(s.args, v)
	return "$" + strconv.Itoa(len(s.args))
}

// listing returns the statement that finds a page.
func listing(q RequestQuery, limit int) (string, []any, error) {
	var st statement
	lead := criterion{leads: []string{""}}
	var tests []string
	for i, c := range st.criteria(q) {
		if i == 0 && len(c.leads) <= mostBranches {
			lead = c
		} else {
			tests = append(tests, c.test)
		}
	}
	along := lead.along
	if along.from == "" {
		along = path{from: "requests", at: "asked_at", id: "id"}
	}
	if len(tests) > 0 {
		along.from += along.tests
	}
	if q.After != "" {
		c, err := parseCursor(q.After)
		if err != nil {
			return "", nil, err
		}
		tests = append(tests, "("+along.at+", "+along.id+") < ("+st.arg(c.at)+", "+st.arg(c.id)+")")
	}
	n := st.arg(limit)
	walks := make([]string, len(lead.leads))
	for i, first := range lead.leads {
		all := tests
		if first != "" {
			all = append([]string{first}, tests...)
		}
		where := ""
		if len(all) > 0 {
			where = " WHERE " + strings.Join(all, " AND ")
		}
		walks[i] = `SELECT id FROM (SELECT ` + along.id + ` AS id, ` + along.at + ` AS asked_at FROM ` + along.from + where +
			` ORDER BY ` + along.at + ` DESC, ` + along.id + ` DESC LIMIT ` + n + `) AS walk` + strconv.Itoa(i)
	}
	return sqlRequestRow + `WHERE id IN (` + strings.Join(walks, " UNION ALL ") + `) ORDER BY asked_at DESC, id DESC LIMIT ` + n, st.args, nil
}

// criteria are what q asks for, in the order of how little they mostly leave.
func (s *statement) criteria(q RequestQuery) []criterion {
	var all []criterion
	is := func(column, value string, more string) {
		if value != "" {
			v := s.arg(value)
			all = append(all, criterion{leads: []string{column + " = " + v + more}, test: column + " || '' = " + v})
		}
	}
	flag := func(column string, set bool) {
		if set {
			all = append(all, criterion{leads: []string{column + " = 1"}, test: column + " + 0 = 1"})
		}
	}
	open := len(q.Phase) > 0
	for _, p := range q.Phase {
		open = open && (p == access.Active || p == access.Waiting)
	}
	if open {
		all = append(all, s.phases(q.Phase, q.Now))
	}
	flag("review", q.Review)
	flag("undecided", q.Undecided)
	all = s.people(all, q, q.Person, "person ?")
	all = s.people(all, q, q.By, "by_person ?")
	all = s.people(all, q, q.Mine, "person ?", "by_person ? AND by_machine || '' = ''")
	if q.Decided != "" {
		all = append(all, s.decided(q))
	}
	is("by_machine", q.Machine, " AND by_machine <> ''")
	is("resource", q.Resource, "")
	all = appendAny(s, all, "resource", q.Resources)
	if len(q.Phase) > 0 && !open {
		all = append(all, s.phases(q.Phase, q.Now))
	}
	all = appendAny(s, all, "status", q.Status)
	if text := strings.ToLower(clipped(strings.TrimSpace(q.Text))); text != "" {
		all = append(all, s.text(text))
	}
	return all
}

// people finds what names a person in one of some ways, under any of their
// addresses. In a way, ? is that a column is one of them.
func (s *statement) people(all []criterion, q RequestQuery, p engine.Person, ways ...string) []criterion {
	if p == "" {
		return all
	}
	var c criterion
	var tests []string
	for _, address := range addresses(p, q.Also) {
		v := s.arg(string(address))
		for _, way := range ways {
			c.leads = append(c.leads, strings.Replace(way, "?", "= "+v, 1))
			tests = append(tests, strings.Replace(way, "?", "|| '' = "+v, 1))
		}
	}
	c.test = "(" + strings.Join(tests, " OR ") + ")"
	return append(all, c)
}

// decided finds what a person decided, under any of their addresses.
func (s *statement) decided(q RequestQuery) criterion {
	c := criterion{along: path{
		from: "request_deciders AS d", at: "d.at", id: "d.request", tests: " JOIN requests ON requests.id = d.request",
	}}
	var places []string
	for _, address := range addresses(q.Decided, q.Also) {
		v := s.arg(string(address))
		c.leads = append(c.leads, "d.decider = "+v)
		places = append(places, v)
	}
	c.test = "EXISTS (SELECT 1 FROM request_deciders AS d WHERE d.decider IN (" + strings.Join(places, ", ") + ") AND d.at = requests.asked_at AND d.request = requests.id)"
	return c
}

// unlisted returns what a person decided among the requests whose deciders are
// not listed yet, newest first and no more than limit. It is in its own context
// as long as the caller's lasts.
func unlisted(ctx, own context.Context, t *tx, q RequestQuery, limit int) ([]storedRequest, error) {
	query, args, err := unlistedNames(q)
	if err != nil {
		return nil, err
	}
	ids, err := collect(own, t, scanText, query, args...)
	if err != nil {
		return nil, err
	}
	theirs := addresses(q.Decided, q.Also)
	var all []storedRequest
	for _, id := range ids {
		if err := ctx.Err(); err != nil || len(all) == limit {
			return all, err
		}
		v, err := one(own, t, scanStored, sqlRequest, id)
		if err != nil {
			return nil, err
		}
		r, err := v.request()
		if err != nil {
			continue // whoever asks for it is told
		}
		if slices.ContainsFunc(r.Deciders(), func(p engine.Person) bool { return slices.Contains(theirs, p) }) {
			all = append(all, *v)
		}
	}
	return all, nil
}

// unlistedNames returns the statement that finds, among the requests whose
// deciders are not listed, those that name a person in any part of them, newest
// first. They are sorted by what no index has, so that only these are walked
// through.
func unlistedNames(q RequestQuery) (string, []any, error) {
	var st statement
	var names []string
	for _, address := range addresses(q.Decided, q.Also) {
		text, err := json.Marshal(string(address))
		if err != nil {
			return "", nil, err
		}
		names = append(names, "replace(body, "+st.arg(string(text))+", '') <> body")
	}
	tests := []string{"listed <> version"}
	q.Decided = "" // that is in their bodies
	for _, c := range st.criteria(q) {
		tests = append(tests, c.test)
	}
	if q.After != "" {
		c, err := parseCursor(q.After)
		if err != nil {
			return "", nil, err
		}
		tests = append(tests, "(asked_at + 0, id || '') < ("+st.arg(c.at)+", "+st.arg(c.id)+")")
	}
	tests = append(tests, "("+strings.Join(names, " OR ")+")")
	return `SELECT id FROM requests WHERE ` + strings.Join(tests, " AND ") + ` ORDER BY asked_at + 0 DESC, id DESC`, st.args, nil
}

// merged are the rows of two listings, newest first and each once.
func merged(a, b []storedRequest) []storedRequest {
	if len(b) == 0 {
		return a
	}
	all := append(a, b...)
	slices.SortFunc(all, func(v, w storedRequest) int { return cmp.Or(cmp.Compare(w.at, v.at), strings.Compare(w.id, v.id)) })
	return slices.CompactFunc(all, func(v, w storedRequest) bool { return v.id == w.id })
}

// addresses are all of a person, each once.
func addresses(p engine.Person, also map[engine.Person][]engine.Person) []engine.Person {
	all := append([]engine.Person{p}, also[p]...)
	slices.Sort(all)
	return slices.Compact(all)
}

// text finds what contains a text, and what has an id that begins with it.
func (s *statement) text(text string) criterion {
	like := "words LIKE " + s.arg("%"+escapeLike(text)+"%") + ` ESCAPE '\'`
	id := "id >= " + s.arg(text) + " AND id < " + s.arg(text+string(utf8.MaxRune))
	return criterion{
		along: path{from: "request_words", at: "asked_at", id: "id"},
		leads: []string{"(" + like + " OR " + id + ")"},
		test:  "(" + id + " OR EXISTS (SELECT 1 FROM request_words AS w WHERE w.asked_at = requests.asked_at AND w.id = requests.id AND w." + like + "))",
	}
}

func appendAny[T ~string](s *statement, all []criterion, column string, values []T) []criterion {
	if len(values) == 0 {
		return all
	}
	var c criterion
	places := make([]string, len(values))
	for i, v := range values {
		places[i] = s.arg(string(v))
		c.leads = append(c.leads, column+" = "+places[i])
	}
	c.test = column + " || '' IN (" + strings.Join(places, ", ") + ")"
	return append(all, c)
}

// phases says of the columns what [access.Request.Phase] says of the request.
// Most grants are over, so those are met soon on the way back through all; those
// that are not are looked up by their end.
func (s *statement) phases(ps []access.Phase, at time.Time) criterion {
	now := s.arg(at.UnixMicro())
	var c criterion
	tests := make([]string, len(ps))
	for i, p := range ps {
		switch p {
		case access.Waiting:
			c.leads = append(c.leads, "until_at IS NOT NULL AND until_at > "+now+" AND from_at > "+now)
			tests[i] = "until_at + 0 > " + now + " AND from_at + 0 > " + now
		case access.Active:
			c.leads = append(c.leads, "until_at IS NOT NULL AND until_at > "+now+" AND from_at <= "+now)
			tests[i] = "until_at + 0 > " + now + " AND from_at + 0 <= " + now
		case access.Ended:
			tests[i] = "until_at + 0 <= " + now + " AND (ended_at IS NULL OR ended_at + 0 > " + now + ")"
			c.leads = append(c.leads, tests[i])
		case access.Revoked:
			c.leads = append(c.leads, "ended_at IS NOT NULL AND ended_at + 0 <= "+now)
			tests[i] = "ended_at + 0 <= " + now
		default:
			tests[i] = "1 = 0 AND until_at > " + now // no such phase
			c.leads = append(c.leads, tests[i])
		}
	}
	c.test = "(" + strings.Join(tests, " OR ") + ")"
	return c
}

func clipped(text string) string {
	if r := []rune(text); len(r) > mostText {
		return string(r[:mostText])
	}
	return text
}

func escapeLike(text string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text)
}
