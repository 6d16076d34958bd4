package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/audit"
)

// TestRequestPlans holds every question to the index that was made for it. That
// PostgreSQL takes them too is what BenchmarkRequests shows: it decides by how
// much there is.
func TestRequestPlans(t *testing.T) {
	t.Parallel()
	s := onSQLite(t).open(t)
	phase := func(ps ...access.Phase) RequestQuery { return RequestQuery{Phase: ps, Now: time.Now()} }
	both := joined
	plans := map[string][]struct {
		query string
		args  []any
	}{}
	add := func(index, query string, args ...any) {
		plans[index] = append(plans[index], struct {
			query string
			args  []any
		}{query, args})
	}
	for _, l := range []struct {
		index string
		q     RequestQuery
	}{
		{"SCAN requests USING COVERING INDEX requests_asked", RequestQuery{}},
		{"SEARCH requests USING COVERING INDEX requests_asked", RequestQuery{After: cursor{1, "r"}.String()}},
		{"SEARCH requests USING COVERING INDEX requests_person", RequestQuery{Person: "p"}},
		{"SEARCH requests USING COVERING INDEX requests_person", RequestQuery{Person: "p", After: cursor{1, "r"}.String()}},
		{"SEARCH requests USING COVERING INDEX requests_by", RequestQuery{By: "p"}},
		{"SEARCH requests USING INDEX requests_by", RequestQuery{Mine: "p"}},
		{"SEARCH d USING PRIMARY KEY (decider=?)", RequestQuery{Decided: "p"}},
		{"SEARCH d USING PRIMARY KEY (decider=? AND (at,request)<(?,?))", RequestQuery{Decided: "p", After: cursor{1, "r"}.String()}},
		{"SEARCH d USING PRIMARY KEY (decider=?)", RequestQuery{Decided: "p", Status: []access.Status{access.Denied}, Text: "x"}},
		{"SEARCH d EXISTS USING PRIMARY KEY (decider=? AND at=? AND request=?)", RequestQuery{Decided: "p", Mine: "p"}},
		{"SEARCH requests USING COVERING INDEX requests_machine", RequestQuery{Machine: "ci"}},
		{"SEARCH requests USING COVERING INDEX requests_resource", RequestQuery{Resource: "r"}},
		{"SEARCH requests USING COVERING INDEX requests_resource", RequestQuery{Resources: []string{"r", "s"}}},
		{"SEARCH requests USING COVERING INDEX requests_status", RequestQuery{Status: []access.Status{access.Denied, access.Lapsed}}},
		{"SEARCH requests USING INDEX requests_person", RequestQuery{Person: "p", Status: []access.Status{access.Denied}}},
		{"SCAN requests USING COVERING INDEX requests_undecided", RequestQuery{Undecided: true}},
		{"SCAN requests USING INDEX requests_undecided", RequestQuery{Undecided: true, Resources: []string{"r", "s"}, Mine: "p"}},
		{"SCAN requests USING COVERING INDEX requests_review", RequestQuery{Review: true, Resource: "r"}},
		{"SEARCH requests USING COVERING INDEX requests_until", phase(access.Active)},
		{"SEARCH requests USING COVERING INDEX requests_until", phase(access.Waiting)},
		{"SEARCH requests USING INDEX requests_until", both(phase(access.Active, access.Waiting), RequestQuery{Mine: "p"})},
		{"SEARCH requests USING COVERING INDEX requests_until", both(phase(access.Active), RequestQuery{Resource: "r"})},
		{"SCAN requests USING COVERING INDEX requests_ended", phase(access.Revoked)},
		{"SCAN requests USING INDEX requests_asked", phase(access.Ended)},
		{"SEARCH requests USING INDEX requests_person", both(phase(access.Ended), RequestQuery{Person: "p"})},
		{"SCAN request_words", RequestQuery{Text: "x"}},
		{"SEARCH w ", RequestQuery{Text: "x", Resource: "r"}},
	} {
		query, args, err := listing(l.q, 51)
		if err != nil {
			t.Fatal(err)
		}
		add(l.index, query, args...)
		add("SEARCH requests USING INDEX sqlite_autoindex_requests_1 (id=?)", query, args...)
	}
	add("SEARCH requests USING INDEX sqlite_autoindex_requests_1 (id=?)", sqlRequest, "r")
	add("SEARCH requests USING INDEX sqlite_autoindex_requests_1 (id>? AND id<?)", sqlRequestsByPrefix, "r", "s")
	add("SEARCH requests USING INDEX requests_past", sqlRequestTwice, "p", "r", "id")
	add("SEARCH requests USING INDEX requests_due", sqlDueRequests, 1, 1)
	add("requests USING COVERING INDEX requests_due", sqlNextDue, 1)
	add("requests USING INDEX requests_undecided", sqlPending)
	add("requests USING INDEX requests_review", sqlPending)
	add("SEARCH requests USING INDEX requests_until", sqlLiveRequests, 1, 0)
	add("SEARCH requests USING INDEX requests_live", sqlLiveRequests, 1, 0)
	add("INDEX ledger_person", sqlLiveRequests, 1, 0)
	add("INDEX requests_live", sqlForgetLive, 1)
	add("SEARCH requests USING COVERING INDEX requests_past", sqlPastRequests, "p", "r", 0)
	add("SEARCH ledger USING INDEX ledger_person", sqlOwnedBy, "p")
	add("requests USING INDEX requests_unlisted", sqlUnlisted, 1)
	for _, q := range []RequestQuery{
		{Decided: "p"},
		{Decided: "p", After: cursor{1, "r"}.String()},
		joined(phase(access.Active, access.Waiting), RequestQuery{Decided: "p", Mine: "p", Resource: "r", Status: []access.Status{access.Denied}, Text: "x"}),
	} {
		query, args, err := unlistedNames(q)
		if err != nil {
			t.Fatal(err)
		}
		add("SCAN requests USING INDEX requests_unlisted", query, args...)
	}
	add("SEARCH events USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)", sqlLatest, worded, 9, 9, 1)
	add("SEARCH events USING COVERING INDEX events_at (at<?)", sqlLastBefore, 1)
	for _, l := range []struct {
		index string
		q     audit.Search
		floor int64
	}{
		{"SCAN w", audit.Search{}, 0},
		{"SEARCH w USING INTEGER PRIMARY KEY (rowid<?)", audit.Search{Before: 7}, 0},
		{"SEARCH w USING PRIMARY KEY (word=?)", audit.Search{Kind: "granted"}, 0},
		{"SEARCH w USING PRIMARY KEY (word=? AND seq<?)", audit.Search{Person: "p", Before: 7}, 0},
		{"SEARCH x EXISTS USING PRIMARY KEY (word=? AND seq=?)", audit.Search{Person: "p", Kind: "granted"}, 0},
		{"SEARCH w USING PRIMARY KEY (word=? AND seq<?)", audit.Search{Request: "r", Person: "p", Kind: "granted", Before: 7}, 0},
		{"SEARCH w USING PRIMARY KEY (word=? AND seq>?)", audit.Search{Kind: "reviewed"}, 5},
	} {
		query, args := searching(l.q, sought(l.q), l.floor)
		add(l.index, query, args...)
		add("SEARCH events USING INTEGER PRIMARY KEY (rowid=?)", query, args...)
	}
	add("SEARCH event_words USING PRIMARY KEY (word=?)", sqlCountWord, "k granted", rare)
	add("SEARCH sessions USING PRIMARY KEY", strings.ReplaceAll(sqlSession, "{clock}", "1"), "h")
	add("SEARCH sessions USING INDEX sessions_person", sqlEndSessions, "p", nil)
	add("SEARCH sessions USING INDEX sessions_expires", strings.ReplaceAll(sqlSweepSessions, "{clock}", "1"))
	add("SEARCH tokens USING INDEX", sqlTokenByHash, "h")
	add("SEARCH tokens USING INDEX tokens_person", sqlTokens, "p")
	add("SEARCH answers USING PRIMARY KEY", sqlAnswer, "c", "k")
	add("INDEX answers_at", sqlSweepAnswers, 1)
	for index, qs := range plans {
		for _, q := range qs {
			if plan := fmt.Sprint(planned(t, s, q.query, q.args)); !strings.Contains(plan, index) {
				t.Errorf("%s %v\nis %s\nwant %s", q.query, q.args, plan, index)
			}
		}
	}
}
