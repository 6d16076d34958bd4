package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/api"
)

// ask asks for a resource and returns the request.
func (r *rig) ask(who, body string, headers ...string) api.RequestDetail {
	r.t.Helper()
	return into[api.RequestDetail](r.t, r.call(who, "POST", "/api/v1/requests", body, headers...).want(r.t, http.StatusCreated))
}

const staging = `{"resource":"staging","for":"2h","reason":"look","ticket":"CHG-1","answers":{"customer":"acme"}}`

func TestAskApproveEnd(t *testing.T) {
	t.Parallel()
	r := open(t)
	a := r.call("ada", "POST", "/api/v1/requests", staging).want(t, http.StatusCreated)
	asked := into[api.RequestDetail](t, a)
	if asked.State != "asked" || asked.For != "2h" || asked.Person != "ada@example.org" || asked.By.Via != "api" ||
		asked.Answers["customer"] != "acme" || asked.Waits == nil || asked.Waits.Name != "owner" || !asked.May.Withdraw || asked.There {
		t.Errorf("asked: %s", a.body)
	}
	if at := a.Header.Get("Location"); at != "/api/v1/requests/"+asked.ID {
		t.Errorf("it is at %q", at)
	}

	path := "/api/v1/requests/" + asked.ID
	inbox := into[struct{ Requests []api.Request }](t, r.call("bob", "GET", "/api/v1/inbox", "").want(t, 200))
	if len(inbox.Requests) != 1 || inbox.Requests[0].ID != asked.ID || !inbox.Requests[0].May.Decide {
		t.Errorf("bob's inbox: %+v", inbox)
	}
	r.clock.Pass(time.Hour)
	approved := into[api.RequestDetail](t, r.call("bob", "POST", path+"/approve", `{"step":0,"comment":"fine"}`).want(t, 200))
	if approved.State != "active" || approved.Version != 2 || approved.Waits != nil || !approved.Grant.From.Equal(start().Add(time.Hour)) ||
		!approved.Grant.Until.Equal(start().Add(3*time.Hour)) || approved.Steps[0].Decisions[0].Comment != "fine" {
		t.Errorf("approved: %+v", approved)
	}
	if len(approved.Groups) != 1 || approved.Groups[0].Group != "corp/staging" || approved.Groups[0].State != "not-yet" || approved.There {
		t.Errorf("nobody added her yet: %+v", approved.Groups)
	}

	extended := into[api.RequestDetail](t, r.call("ada", "POST", path+"/extend", `{"for":"30m","reason":"more"}`).want(t, 200))
	if extended.State != "active" || len(extended.Extensions) != 1 || extended.Waits == nil || extended.Waits.Extension != 1 {
		t.Errorf("extended: %+v", extended)
	}
	r.call("carol", "POST", path+"/approve", `{"step":0,"comment":"the request itself"}`).problem(t, 409, "conflict")
	extended = into[api.RequestDetail](t, r.call("carol", "POST", path+"/approve", `{"step":0,"extension":1}`).want(t, 200))
	if !extended.Grant.Until.Equal(start().Add(3*time.Hour+30*time.Minute)) || extended.Extensions[0].Status != "approved" {
		t.Errorf("extension approved: %+v", extended)
	}

	ended := into[api.RequestDetail](t, r.call("ada", "POST", path+"/end", "").want(t, 200))
	if ended.State != "revoked" || ended.Grant.End == nil || ended.Grant.End.By.Person != "ada@example.org" {
		t.Errorf("ended: %+v", ended)
	}
	r.call("ada", "POST", path+"/end", "").problem(t, 409, "conflict")
}

func TestDenyWithdrawReview(t *testing.T) {
	t.Parallel()
	r := open(t)
	denied := r.ask("ada", staging)
	got := into[api.RequestDetail](t, r.call("bob", "POST", "/api/v1/requests/"+denied.ID+"/deny", `{"step":0,"comment":"no"}`).want(t, 200))
	if got.State != "denied" || got.Steps[0].State != "denied" {
		t.Errorf("denied: %+v", got)
	}
	withdrawn := r.ask("ada", staging)
	got = into[api.RequestDetail](t, r.call("ada", "POST", "/api/v1/requests/"+withdrawn.ID+"/withdraw", `{"comment":"not needed"}`).want(t, 200))
	if got.State != "withdrawn" || got.Note != "not needed" {
		t.Errorf("withdrawn: %+v", got)
	}
	glass := r.ask("ada", `{"resource":"staging","reason":"it burns","breakGlass":true}`)
	if glass.State != "active" || !glass.BreakGlass || glass.Review == nil || glass.Review.By != nil {
		t.Errorf("emergency: %+v", glass)
	}
	reviews := into[struct{ Requests []api.Request }](t, r.call("dan", "GET", "/api/v1/requests?review=true", "").want(t, 200))
	if len(reviews.Requests) != 1 {
		t.Errorf("%d to review", len(reviews.Requests))
	}
	path := "/api/v1/requests/" + glass.ID + "/review"
	r.call("ada", "POST", path, `{"justified":true,"comment":"it did"}`).problem(t, 403, "forbidden")
	got = into[api.RequestDetail](t, r.call("bob", "POST", path, `{"justified":true,"comment":"it did"}`).want(t, 200))
	if got.Review.By == nil || !got.Review.Justified || got.Review.Comment != "it did" {
		t.Errorf("reviewed: %+v", got.Review)
	}
}

func TestScheduledAndStates(t *testing.T) {
	t.Parallel()
	r := open(t)
	future := r.ask("ada", `{"resource":"free","from":"2026-11-23T14:00:00+02:00"}`)
	if future.State != "waiting" || !future.From.Equal(start().Add(3*time.Hour)) || future.From.Location() != time.UTC {
		t.Errorf("it begins in a while: %+v", future)
	}
	r.clock.Pass(3 * time.Hour)
	see := func() api.RequestDetail {
		return into[api.RequestDetail](t, r.call("ada", "GET", "/api/v1/requests/"+future.ID, "").want(t, 200))
	}
	if s := see().State; s != "active" {
		t.Errorf("at its start it is %s", s)
	}
	r.clock.Pass(time.Hour)
	if s := see().State; s != "ended" {
		t.Errorf("at its end it is %s", s)
	}
	old := r.ask("ada", staging)
	r.clock.Pass(25 * time.Hour)
	if got := into[api.RequestDetail](t, r.call("ada", "GET", "/api/v1/requests/"+old.ID, "").want(t, 200)); got.State != "denied" || !strings.Contains(got.Note, "in time") {
		t.Errorf("nobody decided: %s, %q", got.State, got.Note)
	}
	two := r.ask("ada", `{"resource":"prod","reason":"x"}`)
	r.clock.Pass(8 * 24 * time.Hour)
	if got := into[api.RequestDetail](t, r.call("ada", "GET", "/api/v1/requests/"+two.ID, "").want(t, 200)); got.State != "lapsed" {
		t.Errorf("too old, and %s", got.State)
	}
}

// TestThere: what a pipeline waits for is told by the directory and the ledger.
func TestThere(t *testing.T) {
	t.Parallel()
	r := open(t)
	id := r.ask("ada", `{"resource":"free"}`).ID
	first := r.call("ada", "GET", "/api/v1/requests/"+id, "").want(t, 200)
	if into[api.RequestDetail](t, first).There {
		t.Error("there before anybody added her")
	}
	tag := "If-None-Match: " + first.Header.Get("ETag")
	r.call("ada", "GET", "/api/v1/requests/"+id, "", tag).want(t, http.StatusNotModified)

	ctx := t.Context()
	m, err := r.corp.Resolve(ctx, "ada@example.org")
	if err != nil {
		t.Fatal(err)
	}
	owned := engine.Owned{
		Group: engine.Group{Directory: "corp", ID: r.groups["free"]}, GroupName: "free", Member: m, Person: "ada@example.org", State: engine.Added,
		Since: start(), Anchors: []engine.Anchor{{Grant: engine.GrantID(id), Until: start().Add(time.Hour)}},
	}
	if err := r.store.Record(ctx, engine.Batch{Put: []engine.Owned{owned}}); err != nil {
		t.Fatal(err)
	}
	second := r.call("ada", "GET", "/api/v1/requests/"+id, "", tag).want(t, 200)
	if got := into[api.RequestDetail](t, second); !got.There || got.Groups[0].State != "there" {
		t.Errorf("she is there: %s", second.body)
	}
	r.clock.Pass(2 * time.Hour)
	if got := into[api.RequestDetail](t, r.call("ada", "GET", "/api/v1/requests/"+id, "").want(t, 200)); got.Groups[0].State != "leaving" || got.There {
		t.Errorf("it is over, and not confirmed: %+v", got.Groups)
	}
}

func TestForOthersByTemplateAndMachine(t *testing.T) {
	t.Parallel()
	r := open(t)
	other := r.ask("bob", `{"template":"look","person":" Eve@Example.org "}`)
	if other.Person != "eve@example.org" || other.By.Person != "bob@example.org" || other.Resource != "staging" || other.For != "1h" || other.Reason != "to look" {
		t.Errorf("by a template for eve: %+v", other)
	}
	machine := r.ask("ci", staging)
	if machine.By.Machine != "ci" || machine.Person != "ci@example.org" {
		t.Errorf("the machine's: %+v", machine.By)
	}
	me := into[struct {
		Person, Machine string
		Scopes          []string
	}](t, r.call("ci", "GET", "/api/v1/me", "").want(t, 200))
	if me.Machine != "ci" || me.Person != "ci@example.org" || !slices.Equal(me.Scopes, []string{"read", "request"}) {
		t.Errorf("me: %+v", me)
	}
	if got := into[struct{ Requests []api.Request }](t, r.call("ci", "GET", "/api/v1/requests", "").want(t, 200)); len(got.Requests) != 1 {
		t.Errorf("a machine sees %d requests, want its own", len(got.Requests))
	}
	r.call("ci", "POST", "/api/v1/requests/"+machine.ID+"/approve", `{"step":0}`).problem(t, 403, "forbidden")
	r.call("ci", "GET", "/api/v1/requests/"+other.ID, "").problem(t, 404, "not-found")
	r.call("ci", "GET", "/api/v1/tokens", "").problem(t, 403, "forbidden")
}

func TestResources(t *testing.T) {
	t.Parallel()
	r := open(t)
	names := func(who, query string) []string {
		var out []string
		for _, x := range into[struct{ Resources []api.Resource }](t, r.call(who, "GET", "/api/v1/resources"+query, "").want(t, 200)).Resources {
			out = append(out, x.Name)
		}
		return out
	}
	if got := names("ada", ""); !slices.Equal(got, []string{"free", "prod", "staging"}) {
		t.Errorf("ada sees %v", got)
	}
	if got := names("eve", "?q=TEST"); !slices.Contains(got, "secret") {
		t.Errorf("eve may ask for the hidden one, and sees %v", got)
	}
	if got := names("ada", "?q=databases+staging"); !slices.Equal(got, []string{"staging"}) {
		t.Errorf("found %v", got)
	}
	offer := into[struct {
		api.Resource
		May, BreakGlass api.Possible
		Templates       []api.Template
	}](t, r.call("ada", "GET", "/api/v1/resources/staging", "").want(t, 200))
	if p := offer.Policy; p == nil || p.Max != "8h" || p.BreakGlass != "1h" || p.Extend.Times != 1 || p.Questions[0].Name != "customer" ||
		p.Steps[0].Approvers.Groups[0] != "corp/approvers" || p.Ticket.Hint != "CHG-1234" {
		t.Errorf("staging: %+v", offer.Policy)
	}
	if !offer.May.Yes || !offer.BreakGlass.Yes || len(offer.Templates) != 1 {
		t.Errorf("staging to ada: %+v", offer)
	}
	r.call("ada", "GET", "/api/v1/resources/secret", "").problem(t, 404, "not-found")
	r.call("ada", "GET", "/api/v1/templates", "").want(t, 200)
	r.call("ada", "GET", "/api/v1/resources/staging/members", "").problem(t, 403, "forbidden")
	r.call("carol", "GET", "/api/v1/resources/staging/members", "").want(t, 200)
	e := into[struct {
		May   api.Possible
		Steps []api.Explained
	}](t, r.call("ada", "GET", "/api/v1/resources/staging/explanation", "").want(t, 200))
	if !e.May.Yes || len(e.Steps) != 1 {
		t.Errorf("explained: %+v", e)
	}
	r.call("dan", "GET", "/api/v1/resources/staging/explanation?person=ada@example.org", "").want(t, 200)
	r.call("ada", "GET", "/api/v1/resources/staging/explanation?person=eve@example.org", "").problem(t, 403, "forbidden")
}

func TestOffice(t *testing.T) {
	t.Parallel()
	r := open(t)
	hold := engine.Hold{
		Directory: "corp", Digest: digest, PlanDigest: digest, Run: "run-1", At: start(),
		Changes:    []engine.Change{{Op: engine.Remove, Why: engine.Withdrawn, Directory: "corp", Group: "prod", Member: engine.Member{ID: "1", Login: "ada"}}},
		Objections: []engine.Objection{{Limit: engine.LimitRemove, Group: "corp/prod", Value: 60, Allowed: 50, Message: "too many"}},
	}
	if err := r.store.Record(t.Context(), engine.Batch{Holds: []engine.Hold{hold}, Events: []engine.Event{
		{At: start(), Kind: engine.EventRunStarted, Run: "run-1"},
		{At: start(), Kind: engine.EventRunEnded, Run: "run-1", Counts: &engine.Counts{Held: 1}},
	}}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/runs", "/holds", "/audit", "/report"} {
		r.call("ada", "GET", "/api/v1"+path, "").problem(t, 403, "forbidden")
		r.call("dan", "GET", "/api/v1"+path, "").want(t, 200)
	}
	runs := into[struct{ Runs []api.Run }](t, r.call("dan", "GET", "/api/v1/runs?limit=1", ""))
	if len(runs.Runs) != 1 || runs.Runs[0].ID != "run-1" {
		t.Errorf("runs: %+v", runs)
	}
	path := "/api/v1/holds/" + digest + "/release"
	r.call("dan", "POST", path, `{"reason":"CHG-1"}`).problem(t, 403, "forbidden")
	r.call("root", "POST", path, `{"reason":" "}`).problem(t, 422, "invalid")
	r.call("root", "POST", path, `{"reason":"CHG-1"}`).want(t, 200)
	r.call("root", "POST", "/api/v1/holds/sha256:00/release", `{"reason":"CHG-1"}`).problem(t, 404, "not-found")

	csv := r.call("dan", "GET", "/api/v1/report", "", "Accept: text/csv").want(t, 200)
	if kind := csv.Header.Get("Content-Type"); kind != "text/csv; charset=utf-8" || !strings.Contains(string(csv.body), ",'=cmd()<b>,") {
		t.Errorf("as CSV: %s\n%s", kind, csv.body)
	}
	asJSON := r.call("dan", "GET", "/api/v1/report?differences=true", "", "Accept: text/html, */*").want(t, 200)
	if !strings.Contains(string(asJSON.body), `=cmd()`) {
		t.Errorf("as JSON: %s", asJSON.body)
	}
}

func TestAuditPages(t *testing.T) {
	t.Parallel()
	r := open(t)
	for range 5 {
		id := r.ask("ada", staging).ID
		r.call("ada", "POST", "/api/v1/requests/"+id+"/withdraw", "").want(t, 200)
	}
	var seqs []int64
	path := "/api/v1/audit?person=ada@example.org&kind=withdrawn&limit=2"
	for pages := 0; path != "" && pages < 50; pages++ {
		a := r.call("dan", "GET", path, "").want(t, 200)
		for _, e := range into[struct{ Events []api.Logged }](t, a).Events {
			if e.Event.Kind != engine.EventWithdrawn || e.Event.Via != "api" {
				t.Errorf("found %+v", e)
			}
			seqs = append(seqs, e.Seq)
		}
		path = next(a)
	}
	if len(seqs) != 5 || !slices.IsSortedFunc(seqs, func(a, b int64) int { return int(b - a) }) {
		t.Errorf("found %v", seqs)
	}
	r.call("dan", "GET", "/api/v1/audit?before=-1", "").problem(t, 422, "invalid")
	r.call("dan", "GET", "/api/v1/audit?person=ada", "").problem(t, 422, "invalid")
	r.call("dan", "GET", "/api/v1/audit?person=machine%20ci", "").want(t, 200)
}

// next is where the Link header says that the next page is.
func next(a answer) string {
	link, found := strings.CutSuffix(a.Header.Get("Link"), `>; rel="next"`)
	if !found {
		return ""
	}
	return strings.TrimPrefix(link, "<")
}

func TestRequestPages(t *testing.T) {
	t.Parallel()
	r := open(t)
	for i := range 7 {
		id := r.ask("ada", fmt.Sprintf(`{"resource":"staging","reason":"number %d"}`, i)).ID
		r.clock.Pass(time.Minute)
		if i < 6 {
			r.call("ada", "POST", "/api/v1/requests/"+id+"/withdraw", "").want(t, 200)
		}
	}
	r.ask("bob", `{"resource":"free"}`)
	count := func(who, query string, want int) {
		t.Helper()
		n, path := 0, "/api/v1/requests?limit=2&"+query
		for pages := 0; path != "" && pages < 10; pages++ {
			a := r.call(who, "GET", path, "").want(t, 200)
			page := into[struct {
				Requests []api.Request
				Next     string
			}](t, a)
			if n += len(page.Requests); len(page.Requests) > 2 || (page.Next == "") != (next(a) == "") {
				t.Errorf("%s: %d on a page, next %q and %q", query, len(page.Requests), page.Next, next(a))
			}
			path = next(a)
		}
		if n != want {
			t.Errorf("%s sees %d by %q, want %d", who, n, query, want)
		}
	}
	count("ada", "", 7)
	count("bob", "", 1)
	count("eve", "", 0)
	count("dan", "", 8)
	count("carol", "resource=staging", 7) // she owns it
	count("dan", "status=withdrawn", 6)
	count("dan", "status=withdrawn,asked", 7)
	count("dan", "phase=active", 1)
	count("dan", "phase=ended,revoked,waiting", 0)
	count("dan", "undecided=true", 1)
	decided := r.ask("eve", staging)
	r.call("bob", "POST", "/api/v1/requests/"+decided.ID+"/deny", `{"step":0,"comment":"not today"}`).want(t, 200)
	count("bob", "decided=me", 1)
	count("bob", "decided=me&status=approved", 0)
	count("carol", "decided=me", 0)
	count("dan", "decided=BOB@example.org", 1)
	r.call("ci", "GET", "/api/v1/requests?decided=me", "").problem(t, 422, "invalid")
	r.call("dan", "GET", "/api/v1/requests?decided=x", "").problem(t, 422, "invalid")
	count("dan", "person=ADA@example.org&q=number+3", 1)
	count("dan", "q=%25", 0)
	r.call("dan", "GET", "/api/v1/requests?after=nonsense", "").problem(t, 422, "invalid")
}

func TestMineAndTokens(t *testing.T) {
	t.Parallel()
	r := open(t)
	r.ask("ada", staging)
	r.ask("ada", `{"resource":"free"}`)
	mine := into[struct {
		Requests []api.Request
		Grants   []api.Holding
	}](t, r.call("ada", "GET", "/api/v1/mine", "").want(t, 200))
	if len(mine.Requests) != 2 || mine.Grants == nil {
		t.Errorf("mine: %+v", mine)
	}
	tokens := r.call("ada", "GET", "/api/v1/tokens", "").want(t, 200)
	if strings.Contains(string(tokens.body), "dp_") || len(into[struct{ Tokens []api.Token }](t, tokens).Tokens) != 3 {
		t.Errorf("tokens: %s", tokens.body)
	}
	r.call("ada", "GET", "/api/v1/tokens?all=true", "").problem(t, 403, "forbidden")
	r.call("ada", "DELETE", "/api/v1/tokens/tbob", "").problem(t, 404, "not-found")
	everybody := into[struct{ Tokens []api.Token }](t, r.call("root", "GET", "/api/v1/tokens?all=true", "").want(t, 200))
	if !slices.ContainsFunc(everybody.Tokens, func(k api.Token) bool { return k.ID == "tbob" && k.Person == "bob@example.org" }) {
		t.Errorf("everybody's tokens: %+v", everybody)
	}
	r.call("root", "DELETE", "/api/v1/tokens/tbob", "").want(t, http.StatusNoContent)
	r.call("bob", "GET", "/api/v1/me", "").problem(t, 401, "unauthenticated")
	r.call("ada-reads", "DELETE", "/api/v1/tokens/task", "").problem(t, 403, "forbidden")
	r.call("ada-reads", "DELETE", "/api/v1/tokens/tread", "").want(t, http.StatusNoContent)
	r.call("ada-reads", "GET", "/api/v1/me", "").problem(t, 401, "unauthenticated")
	r.call("ada", "DELETE", "/api/v1/tokens/task", "").want(t, http.StatusNoContent)
	r.call("ada-asks", "POST", "/api/v1/requests", staging).problem(t, 401, "unauthenticated")
	r.call("ada", "POST", "/api/v1/tokens", `{}`).problem(t, 405, "method-not-allowed")
}

// TestNarrowToken: a token that may not read is answered all the same about what
// it did.
func TestNarrowToken(t *testing.T) {
	t.Parallel()
	r := open(t)
	got := r.ask("ada-asks", staging)
	if got.State != "asked" || got.ID == "" {
		t.Errorf("asked: %+v", got)
	}
	r.call("ada-asks", "GET", "/api/v1/requests/"+got.ID, "").problem(t, 403, "forbidden")
	r.call("ada-reads", "POST", "/api/v1/requests/"+got.ID+"/withdraw", "").problem(t, 403, "forbidden")
}
