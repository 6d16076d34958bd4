package okta

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/okta/oktatest"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
	"github.com/daypass-dev/daypass/internal/sim"
)

func TestNextLink(t *testing.T) {
	t.Parallel()
	const self, next = `<https://o.okta.com/api/v1/groups?limit=2>; rel="self"`, `<https://o.okta.com/api/v1/groups?after=a%2Cb&limit=2>; rel="next"`
	const want = "/api/v1/groups?after=a%2Cb&limit=2"
	for name, test := range map[string]struct {
		links []string
		want  string
		bad   bool
	}{
		"none":                 {},
		"last page":            {links: []string{self}},
		"two headers":          {links: []string{self, next}, want: want},
		"one folded header":    {links: []string{self + ", " + next}, want: want},
		"folded, next first":   {links: []string{next + "," + self}, want: want},
		"a comma in the URL":   {links: []string{self + `, <https://o.okta.com/api/v1/groups?after=a,b>; rel="next"`}, want: "/api/v1/groups?after=a,b"},
		"more parameters":      {links: []string{`<https://o.okta.com/api/v1/groups?after=x>; title="a"; REL=next`}, want: "/api/v1/groups?after=x"},
		"a foreign host":       {links: []string{`<https://evil.example.org/api/v1/groups?after=x>; rel="next"`}, want: "/api/v1/groups?after=x"},
		"a relative link":      {links: []string{`</api/v1/groups?after=x>; rel="next"`}, want: "/api/v1/groups?after=x"},
		"not an API":           {links: []string{`<https://o.okta.com/login>; rel="next"`}, bad: true},
		"not a URL":            {links: []string{`<https://o.okta.com/%zz>; rel="next"`}, bad: true},
		"not closed":           {links: []string{`<https://o.okta.com/api/v1/groups; rel="next"`}, bad: true},
		"a word in the title":  {links: []string{`<https://o.okta.com/api/v1/x>; title="rel=next"`}},
		"a previous page only": {links: []string{`<https://o.okta.com/api/v1/x>; rel="prev"`}},
	} {
		got, err := nextLink(http.Header{"Link": test.links})
		if got != test.want || (err != nil) != test.bad {
			t.Errorf("%s: got %q and error %v, want %q and an error: %t", name, got, err, test.want, test.bad)
		}
	}
}

// pages answers the requests one after the other, with a body each and, behind
// a bar, a Link header.
func pages(answers ...string) func(*Config) {
	return func(cfg *Config) {
		n := 0
		cfg.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			body, link, _ := strings.Cut(answers[min(n, len(answers)-1)], "|")
			n++
			h := http.Header{"Content-Type": {"application/json"}, "Link": {link}}
			if strings.HasPrefix(body, "<html") {
				h.Set("Content-Type", "text/html")
			}
			return &http.Response{StatusCode: 200, Header: h, Body: readCloser{strings.NewReader(body)}, ContentLength: int64(len(body)), Request: r}, nil
		})
	}
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

// A listing is whole or an error: Okta's documented shape, to its end.
func TestGarbledListings(t *testing.T) {
	t.Parallel()
	const ada = `{"id":"00u00000000000000001","status":"ACTIVE","profile":{"login":"ada"}}`
	const next = `|<https://o/api/v1/groups/x/users?after=2>; rel="next"`
	for name, test := range map[string]struct {
		pages []string
		want  engine.Kind
	}{
		"no body":               {[]string{""}, engine.Unavailable},
		"null":                  {[]string{"null"}, engine.Unavailable},
		"an object":             {[]string{"{}"}, engine.Unavailable},
		"a string":              {[]string{`"[]"`}, engine.Unavailable},
		"cut":                   {[]string{"[" + ada}, engine.Unavailable},
		"a page of a proxy":     {[]string{"<html><body>log in</body></html>"}, engine.Unavailable},
		"a null entry":          {[]string{"[" + ada + ",null]"}, engine.Partial},
		"an entry without id":   {[]string{`[{"status":"ACTIVE"}]`}, engine.Partial},
		"an id of a group":      {[]string{`[{"id":"00g00000000000000001"}]`}, engine.Partial},
		"an id of another type": {[]string{`[{"id":7}]`}, engine.Unavailable},
		"the same page again":   {[]string{"[" + ada + "]" + next, "[" + ada + "]" + next}, engine.Partial},
		"a garbled second page": {[]string{"[" + ada + "]" + next, "{}"}, engine.Partial},
		"a null second page":    {[]string{"[" + ada + "]" + next, "null"}, engine.Partial},
		"a link that is no URL": {[]string{"[" + ada + "]" + `|<https://o/%zz>; rel="next"`}, engine.Unavailable},
	} {
		c := newBench(t, oktatest.Options{}).connector(pages(test.pages...))
		ms, err := c.Members(t.Context(), "00g00000000000000001")
		wantKind(t, name, err, test.want, "corp: list the members of")
		if ms != nil {
			t.Errorf("%s: got %d members beside the error", name, len(ms))
		}
	}
	_, err := newBench(t, oktatest.Options{}).connector(pages("["+ada+"]"+next)).Members(t.Context(), "00g00000000000000001")
	wantKind(t, "the same page again", err, engine.Partial, "page 2 leads back to a page that was read before")
	c := newBench(t, oktatest.Options{}).connector(pages("["+ada+"]"+next, "["+ada+"]"))
	if ms, err := c.Members(t.Context(), "00g00000000000000001"); err != nil || len(ms) != 1 {
		t.Errorf("a member on two pages: got %v and error %v, want it once", ms, err)
	}
}

// A cursor that leads on for ever is not followed for ever.
func TestEndlessListing(t *testing.T) {
	t.Parallel()
	n := 0
	c := newBench(t, oktatest.Options{}).connector(func(cfg *Config) {
		cfg.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			n++
			h := http.Header{"Content-Type": {"application/json"}, "Link": {fmt.Sprintf(`<https://o/api/v1/groups?after=%d>; rel="next"`, n)}}
			return &http.Response{StatusCode: 200, Header: h, Body: readCloser{strings.NewReader("[]")}, ContentLength: 2, Request: r}, nil
		})
	})
	_, err := c.Members(t.Context(), "00g00000000000000001")
	wantKind(t, "Members", err, engine.Partial, "more than 10000 pages")
}

// Each answer comes out as its kind, whatever the SDK makes of it.
func TestKindsOfAnswers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status int
		code   string
		want   engine.Kind
		says   string
	}{
		{400, "E0000001", engine.Rejected, ""},
		{400, "E0000031", engine.Rejected, ""},
		{401, "E0000011", engine.Denied, "make a new API token"},
		{401, "E0000004", engine.Denied, ""},
		{401, "E0000015", engine.Denied, ""},
		{403, "E0000006", engine.Denied, "admin role"},
		{403, "E0000038", engine.Rejected, ""},
		{404, "E0000007", engine.NotFound, ""},
		{405, "E0000022", engine.Rejected, ""},
		{409, "E0000112", engine.Unavailable, ""},
		{409, "E0000249", engine.Unavailable, ""},
		{409, "E0000001", engine.Rejected, ""},
		{411, "", engine.Rejected, ""},
		{423, "E0000239", engine.Unavailable, ""},
		{429, "E0000047", engine.Throttled, ""},
		{500, "E0000009", engine.Unavailable, ""},
		{501, "E0000060", engine.Unmanageable, ""},
		{502, "", engine.Unavailable, ""},
		{503, "E0000010", engine.Unavailable, "read-only"},
	} {
		body := fmt.Sprintf(`{"errorCode":%q,"errorSummary":"words","errorCauses":[{"errorSummary":"a cause"}]}`, test.code)
		if test.code == "" {
			body = "<html>"
		}
		err := explain(t.Context(), "GET /x", httpx.Exchange{Status: test.status, Body: []byte(body)}, nil)
		wantKind(t, fmt.Sprint(test.status, " ", test.code), err, test.want)
		if text := bare(err).Error(); !strings.Contains(text, test.says) || !strings.Contains(text, fmt.Sprint(test.status)) {
			t.Errorf("%d %s: got %q, want the status and %q", test.status, test.code, text, test.says)
		}
	}
}

// What was not sent for the quota changed nothing, unless it is a write of
// which an earlier attempt may have done it. Nor is it a refusal that there was
// no token for the next attempt.
func TestSpentQuotaAndNoToken(t *testing.T) {
	t.Parallel()
	unsent := errors.New("not sent: the quota did not allow it in time")
	sealed := trouble(engine.Denied, "the vault is sealed")
	for _, test := range []struct {
		err         httpx.Error
		read, write engine.Kind
	}{
		{httpx.Error{Throttled: true, Err: unsent}, engine.Throttled, engine.Throttled},
		{httpx.Error{Throttled: true, Status: 429}, engine.Throttled, engine.Throttled},
		{httpx.Error{Throttled: true, Status: 401, Err: unsent}, engine.Throttled, engine.Throttled}, // with a new token
		{httpx.Error{Throttled: true, Lost: true, Err: unsent}, engine.Throttled, engine.Unavailable},
		{httpx.Error{Throttled: true, Lost: true, Status: 503, Err: unsent}, engine.Throttled, engine.Unavailable},
		{httpx.Error{Throttled: true, Lost: true, Status: 429}, engine.Throttled, engine.Unavailable},
		{httpx.Error{Err: sealed}, engine.Denied, engine.Denied},
		{httpx.Error{Lost: true, Err: sealed}, engine.Denied, engine.Unavailable},
	} {
		wantKind(t, fmt.Sprintf("reading %+v", test.err), explain(t.Context(), "GET /x", httpx.Exchange{}, &test.err), test.read)
		lost, err := written(t.Context(), http.MethodPut, "/x", httpx.Exchange{}, &test.err)
		wantKind(t, fmt.Sprintf("writing %+v", test.err), err, test.write)
		if lost != test.err.Lost {
			t.Errorf("writing %+v: got lost %t, want %t", test.err, lost, test.err.Lost)
		}
	}
}

// With this header the SDK has no code for the error.
func TestChallengeOfABearerToken(t *testing.T) {
	t.Parallel()
	b, c, g, _ := small(t)
	f := answered(403, "E0000006", "no")
	f.Header.Set("Www-Authenticate", `Bearer authorization_uri="x", realm="y", scope="okta.groups.read", error="insufficient_scope", error_description="The access token provided does not contain the required scopes."`)
	b.s.Faults.Inject(f)
	_, err := c.Members(t.Context(), g)
	wantKind(t, "Members", err, engine.Denied, "E0000006", "admin role")
}

// Okta sends no Retry-After with a 429.
func TestWaitAfterThrottling(t *testing.T) {
	t.Parallel()
	date := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	header := func(status int, limit, reset, date string) *http.Response {
		h := http.Header{}
		h.Set("X-Rate-Limit-Limit", limit)
		h.Set("X-Rate-Limit-Reset", reset)
		h.Set("Date", date)
		return &http.Response{StatusCode: status, Header: h}
	}
	now := date.Format(http.TimeFormat)
	at := func(d time.Duration) string { return fmt.Sprint(date.Add(d).Unix()) }
	for name, test := range map[string]struct {
		resp *http.Response
		want time.Duration
		ok   bool
	}{
		"until the reset, by Okta's clock": {header(429, "600", at(42*time.Second), now), 43 * time.Second, true},
		"the reset has passed":             {header(429, "600", at(-time.Minute), now), time.Second, true},
		"a reset that can not be":          {header(429, "600", "33333333333", now), farOff + time.Second, true},
		"too many at once":                 {header(429, "0", at(time.Hour), now), crowded, true},
		"no reset":                         {header(429, "600", "", now), 0, false},
		"no date":                          {header(429, "600", at(time.Second), ""), 0, false},
		"not throttled":                    {header(503, "600", at(time.Minute), now), 0, false},
	} {
		if got, ok := wait(test.resp); got != test.want || ok != test.ok {
			t.Errorf("%s: got %s and %t, want %s and %t", name, got, ok, test.want, test.ok)
		}
	}
}

func TestBuckets(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/api/v1/groups":                                                 "GET /api/v1/groups",
		"/api/v1/groups/rules":                                           "GET /api/v1/groups/rules",
		"/api/v1/groups/00g00000000000000001":                            "GET /api/v1/groups/{id}",
		"/api/v1/groups/00g00000000000000001/users":                      "GET /api/v1/groups/{id}/users",
		"/api/v1/groups/00g00000000000000001/users/00u00000000000000001": "GET /api/v1/groups/{id}/users/{id}",
		"/api/v1/users":                                                  "GET /api/v1/users",
		"/api/v1/users/ada@example.org":                                  "GET /api/v1/users/{id}",
		"/api/v1/users/me":                                               "GET /api/v1/users/me",
		"/api/v1/users/00u00000000000000001/groups":                      "GET /api/v1/users/{id}/groups",
		"/oauth2/v1/clients/0oa00000000000000001/roles":                  "GET /oauth2/v1/clients/{id}/roles",
		"/api/v1/logs":                                                   "GET /api/v1/logs",
	} {
		if got := bucket(http.MethodGet, path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

func TestLearnsLimits(t *testing.T) {
	t.Parallel()
	h := http.Header{}
	h.Set("X-Rate-Limit-Limit", "600")
	h.Set("X-Rate-Limit-Remaining", "598")
	h.Set("X-Rate-Limit-Reset", "1764064800")
	q, ok := learn(&http.Response{Header: h})
	if want := (httpx.Quota{Units: 600, Per: time.Minute, Left: 598, Reset: time.Unix(1764064800, 0).UTC()}); !ok || q != want {
		t.Errorf("got %+v and %t, want %+v", q, ok, want)
	}
	h.Set("X-Rate-Limit-Limit", "0") // of requests in flight, not of the minute
	if q, ok := learn(&http.Response{Header: h}); ok {
		t.Errorf("a limit of zero: got %+v, want nothing learnt", q)
	}
}

// An attempt whose answer was lost makes the difference uncertain.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	b, c, g, ada := small(t)
	bob := engine.Member{ID: b.userOf(oktatest.User{Login: "bob" + testMail}), Login: "bob"}
	writes := func(r *http.Request) bool { return r.Method != http.MethodGet }

	b.s.Faults.Inject(sim.Fault{Match: writes, Effect: sim.Lose, Status: 503})
	changed, err := c.Add(t.Context(), g, bob)
	wantKind(t, "Add, answered 503 and then 204", err, engine.Unavailable, "corp: add bob to", "may have done it")
	if changed || !b.s.Has(string(g), string(bob.ID)) {
		t.Errorf("Add, answered 503 and then 204: got changed %t and in the group: %t", changed, b.s.Has(string(g), string(bob.ID)))
	}

	refused := answered(403, "E0000006", "no")
	refused.Match = writes
	b.s.Faults.Inject(sim.Fault{Match: writes, Effect: sim.Lose})
	b.s.Faults.Inject(refused)
	_, err = c.Remove(t.Context(), g, engine.Member{ID: ada, Login: "ada"})
	wantKind(t, "Remove, lost and then refused", err, engine.Unavailable, "corp: remove ada from", "E0000006")
	if b.s.Has(string(g), string(ada)) {
		t.Error("the lost removal took place, and the member is still there")
	}
}

// A write whose outcome is not known is no write that is believed.
func TestUnknownOutcomeIsNotBelieved(t *testing.T) {
	t.Parallel()
	b, c, g, _ := small(t)
	bob := engine.Member{ID: b.userOf(oktatest.User{Login: "bob" + testMail}), Login: "bob" + testMail}
	if changed, err := c.Add(t.Context(), g, bob); err != nil || !changed {
		t.Fatalf("Add: got changed %t and error %v", changed, err)
	}
	b.s.Faults.Inject(sim.Fault{Match: func(r *http.Request) bool { return r.Method == http.MethodDelete }, Effect: sim.Lose, Times: -1})
	_, err := c.Remove(t.Context(), g, bob)
	wantKind(t, "Remove without an answer", err, engine.Unavailable)
	b.s.Faults.Clear()
	if ms, err := c.Members(t.Context(), g); err != nil || len(ms) != 1 {
		t.Errorf("Members: got %v and error %v, want bob gone, as the org says", ms, err)
	}
	if changed, err := c.Add(t.Context(), g, bob); err != nil || !changed {
		t.Errorf("Add again: got changed %t and error %v, want the difference", changed, err)
	}
}

// Not more requests are under way than the configuration allows.
func TestConnections(t *testing.T) {
	t.Parallel()
	flying, most := make(chan struct{}, 100), make(chan int, 1)
	most <- 0
	b, c, g, _ := small(t, func(cfg *Config) {
		next := cfg.Transport
		cfg.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			flying <- struct{}{}
			n := max(<-most, len(flying))
			most <- n
			defer func() { <-flying }()
			return next.RoundTrip(r)
		})
	})
	var ms []engine.Member
	for i := range 40 {
		login := fmt.Sprintf("p%d%s", i, testMail)
		ms = append(ms, engine.Member{ID: b.userOf(oktatest.User{Login: login}), Login: login})
	}
	added, _ := c.Change(t.Context(), g, ms, nil)
	for i, e := range added {
		if !e.Changed || e.Err != nil {
			t.Fatalf("added %d: got %+v", i, e)
		}
	}
	if got := <-most; got > defaultConnections || got < 1 {
		t.Errorf("requests under way: got up to %d, want up to %d", got, defaultConnections)
	}
}
