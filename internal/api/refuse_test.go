package api_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/api"
	"github.com/daypass-dev/daypass/internal/auth"
	"github.com/daypass-dev/daypass/internal/desk"
)

// TestOnlyBearerTokens: neither a session nor anything else shows who calls.
func TestOnlyBearerTokens(t *testing.T) {
	t.Parallel()
	r := open(t)
	for _, op := range r.api.Operations() {
		if op.Open {
			continue
		}
		path := strings.NewReplacer("{id}", "x", "{name}", "staging", "{digest}", "x").Replace(op.Path)
		p := r.call("", op.Method, path, "").problem(t, 401, "unauthenticated")
		if strings.Contains(p.Detail, "dp_") {
			t.Errorf("%s: %s", op.ID, p.Detail)
		}
		r.clock.Pass(time.Minute)
		// As a page's middleware would have it for somebody who is signed in.
		req := httptest.NewRequest(op.Method, path, nil)
		req = req.WithContext(auth.With(req.Context(), desk.Caller{Actor: access.Actor{Person: "root@example.org"}}))
		req.AddCookie(&http.Cookie{Name: "__Host-daypass", Value: "session"})
		a := r.send(req)
		a.problem(t, 401, "unauthenticated")
		if h := a.Header.Get("WWW-Authenticate"); !strings.HasPrefix(h, "Bearer") {
			t.Errorf("%s: WWW-Authenticate is %q", op.ID, h)
		}
		r.clock.Pass(time.Minute)
	}
}

// TestTokenBeatsSession: whoever comes with both is who the token says.
func TestTokenBeatsSession(t *testing.T) {
	t.Parallel()
	r := open(t)
	req := httptest.NewRequest("GET", "/api/v1/me", nil)
	req = req.WithContext(auth.With(req.Context(), desk.Caller{Actor: access.Actor{Person: "root@example.org"}}))
	req.Header.Set("Authorization", "Bearer "+secret("eve"))
	if a := r.send(req).want(t, 200); !strings.Contains(string(a.body), "eve@example.org") {
		t.Errorf("me: %s", a.body)
	}
}

// TestOddJSON: what no client sends is refused, and breaks nothing.
func TestOddJSON(t *testing.T) {
	t.Parallel()
	r := open(t)
	id := r.ask("ada", staging).ID
	for _, body := range []string{
		strings.Repeat("[", 60_000), strings.Repeat(`{"a":`, 10_000), `{"step":1e100}`, `{"step":0.5}`, `{"step":-1}`, `{"step":"0"}`, `{"step":null}`,
		`{"step":0,"comment":{}}`, "\xef\xbb\xbf{}", `"step"`, `{"step":99999999999999999999}`,
	} {
		if a := r.call("bob", "POST", "/api/v1/requests/"+id+"/approve", body); a.StatusCode != 400 && a.StatusCode != 422 {
			t.Errorf("%.40s: %d %s", body, a.StatusCode, a.body)
		}
	}
	for _, query := range []string{"?q=%zz", "?limit=1&limit=2", "?status=,", "?after=%00", "?q=%ff", "?;", "?q=" + strings.Repeat("x", 5000)} {
		if a := r.call("dan", "GET", "/api/v1/requests"+query, ""); a.StatusCode >= 500 {
			t.Errorf("%.40s: %d %s", query, a.StatusCode, a.body)
		}
	}
}

func TestBadTokens(t *testing.T) {
	t.Parallel()
	r := open(t)
	for _, h := range []string{
		"Bearer " + secret("nobody"), "Bearer dp_", "Basic YWRhOng=", "Bearer", "bearer  ", "Bearer a.b.c", "Bearer " + strings.Repeat("x", 20_000),
	} {
		a := r.call("", "GET", "/api/v1/me", "", "Authorization: "+h)
		a.problem(t, 401, "unauthenticated")
		if strings.Contains(string(a.body), "nobody") || strings.Contains(r.log.String(), secret("nobody")) {
			t.Errorf("a token is told of: %s", a.body)
		}
		r.clock.Pass(time.Minute)
	}
	if a := r.call("", "GET", "/api/v1/me", "", "Authorization: bEaReR "+secret("ada")); a.StatusCode != 200 {
		t.Errorf("the scheme has no case: %d", a.StatusCode)
	}
	r.clock.Pass(2 * 366 * 24 * time.Hour)
	r.call("ada", "GET", "/api/v1/me", "").problem(t, 401, "unauthenticated")
}

func TestPathsAndMethods(t *testing.T) {
	t.Parallel()
	r := open(t)
	for _, path := range []string{
		"/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v1/requests/", "/api/v1//me", "/api/v1/./me", "/api/v1/requests/x/../y", "/", "/api/v2/me",
		"/api/v1/requests/a/b/c", "/api/v1/docs", "/api/v1/openapi.json", "/api/v1/schemas/Request.json",
	} {
		r.call("ada", "GET", path, "").problem(t, 404, "not-found")
	}
	for path, allowed := range map[string]string{
		"/api/v1/me": "GET", "/api/v1/requests": "GET, POST", "/api/v1/requests/x/approve": "POST", "/api/v1/tokens/x": "DELETE",
	} {
		for _, method := range []string{"PUT", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"} {
			a := r.call("ada", method, path, "")
			a.problem(t, 405, "method-not-allowed")
			if h := a.Header.Get("Allow"); h != allowed {
				t.Errorf("%s %s: Allow is %q, want %q", method, path, h, allowed)
			}
			if a.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s %s lets other sites in", method, path)
			}
		}
	}
}

func TestBodies(t *testing.T) {
	t.Parallel()
	r := open(t)
	post := func(body string, headers ...string) answer {
		return r.call("ada", "POST", "/api/v1/requests", body, headers...)
	}
	post(staging, "Content-Type: application/x-www-form-urlencoded").problem(t, 415, "not-json")
	post(staging, "Content-Type: ").problem(t, 415, "not-json")
	post(staging, "Content-Type: text/plain;").problem(t, 415, "not-json")
	post(`{"resource":`).problem(t, 400, "malformed")
	post(`{} {}`).problem(t, 400, "malformed")
	post("").problem(t, 400, "malformed")
	post(`[]`).problem(t, 422, "invalid")
	post(`null`).problem(t, 422, "invalid")
	post(`{"resource":"staging","reason":"`+strings.Repeat("x", 64<<10)+`"}`).problem(t, 413, "too-large")
	post(staging, "Content-Type: application/json; charset=utf-8").want(t, 201)

	// Not more is read than is allowed, whether the length is told or not.
	for _, length := range []int64{10 << 20, -1} {
		rest := &counted{left: 10 << 20}
		req := httptest.NewRequest("POST", "/api/v1/requests", rest)
		req.ContentLength = length
		req.Header.Set("Authorization", "Bearer "+secret("ada"))
		req.Header.Set("Content-Type", "application/json")
		r.send(req).problem(t, 413, "too-large")
		if rest.read > 128<<10 || length > 0 && rest.read > 0 {
			t.Errorf("of 10 MB, %d were read where the length is told as %d", rest.read, length)
		}
	}
}

// counted is a long body.
type counted struct{ left, read int }

func (c *counted) Read(b []byte) (int, error) {
	n := min(len(b), c.left)
	if n == 0 {
		return 0, io.EOF
	}
	for i := range n {
		b[i] = ' '
	}
	c.left, c.read = c.left-n, c.read+n
	return n, nil
}

func TestInvalidIsToldWhere(t *testing.T) {
	t.Parallel()
	r := open(t)
	for _, x := range []struct{ body, pointer string }{
		{`{"resource":"nothing","reason":"x"}`, "#/resource"},
		{`{"reason":"x"}`, "#/resource"},
		{`{"template":"nothing"}`, "#/template"},
		{`{"resource":"staging","reason":"x","for":"9h"}`, "#/for"},
		{`{"resource":"staging","reason":"x","for":"soon"}`, "#/for"},
		{`{"resource":"staging","reason":"x","for":"-1h"}`, "#/for"},
		{`{"resource":"staging","reason":"x","for":7200}`, "#/for"},
		{`{"resource":"staging"}`, "#/reason"},
		{`{"resource":"staging","reason":"x","ticket":"nope"}`, "#/ticket"},
		{`{"resource":"staging","reason":"x","from":"tomorrow"}`, "#/from"},
		{`{"resource":"staging","reason":"x","from":"2020-01-01T00:00:00Z"}`, "#/from"},
		{`{"resource":"staging","reason":"x","person":"ada"}`, "#/person"},
		{`{"resource":"staging","reason":"x","person":"stranger@example.org"}`, "#/person"},
		{`{"resource":"staging","reason":"x","answers":{"colour":"red"}}`, "#/answers"},
		{`{"resource":"staging","reason":"x","answers":{"customer":1}}`, "#/answers/customer"},
		{`{"resource":"staging","reason":"x","urgent":true}`, "#/urgent"},
		{`{"resource":"staging","reason":"a\u202eb"}`, "#/reason"},
		{`{"resource":"staging","reason":"a\u0000b"}`, "#/reason"},
		{`{"resource":"staging","reason":"\ud800"}`, "#/reason"},
		{"{\"resource\":\"staging\",\"reason\":\"\xff\"}", "#/reason"},
		{`{"resource":"staging","reason":"` + strings.Repeat("é", 2001) + `"}`, "#/reason"},
	} {
		p := r.call("ada", "POST", "/api/v1/requests", x.body).problem(t, 422, "invalid")
		if len(p.Errors) != 1 || p.Errors[0].Pointer != x.pointer || p.Errors[0].Detail == "" || p.Detail == "" {
			t.Errorf("%.80s: %+v, want it at %s", x.body, p, x.pointer)
		}
	}
	p := r.call("ada", "POST", "/api/v1/requests", `{"resource":"staging","for":"9h","ticket":"x"}`).problem(t, 422, "invalid")
	if len(p.Errors) != 3 {
		t.Errorf("not everything is told at once: %+v", p.Errors)
	}
	for path, name := range map[string]string{
		"/api/v1/requests?limit=0": "limit", "/api/v1/requests?limit=x": "limit", "/api/v1/requests?status=active": "status[0]",
		"/api/v1/requests?stat=asked": "stat", "/api/v1/requests?person=x": "person", "/api/v1/runs?limit=501": "limit",
	} {
		p := r.call("dan", "GET", path, "").problem(t, 422, "invalid")
		if len(p.Errors) != 1 || p.Errors[0].Parameter != name {
			t.Errorf("%s: %+v", path, p)
		}
	}
}

// TestKeyTwiceIsRefused: of two values, one would be dropped without a word.
func TestKeyTwiceIsRefused(t *testing.T) {
	t.Parallel()
	r := open(t)
	for _, x := range []struct{ body, pointer string }{
		{`{"resource":"staging","reason":"x","for":"1h","for":"8h"}`, "#/for"},
		{`{"resource":"staging","reason":"x","For":"1h","for":"8h"}`, "#/for"},
		{`{"resource":"staging","reason":"x","reaſon":"y"}`, "#/reaſon"},
		{`{"resource":"staging","reason":"x","answers":{"customer":"a","customer":"b"}}`, "#/answers/customer"},
		{`{"a/b":[1,{"":[],"":2}]}`, "#/a~1b/1/"},
	} {
		p := r.call("ada", "POST", "/api/v1/requests", x.body, "Idempotency-Key: k").problem(t, 422, "invalid")
		if len(p.Errors) != 1 || p.Errors[0].Pointer != x.pointer || !strings.Contains(p.Detail, "twice") {
			t.Errorf("%s: %+v, want it at %s", x.body, p, x.pointer)
		}
	}
	id := r.ask("ada", `{"resource":"staging","reason":"resource","answers":{"customer":"customer"}}`).ID
	r.call("bob", "POST", "/api/v1/requests/"+id+"/deny", `{"step":0,"comment":"a","comment":"b"}`).problem(t, 422, "invalid")
	// The names of questions have a case.
	r.call("ada", "POST", "/api/v1/requests/"+id+"/withdraw", "").want(t, 200)
	p := r.call("ada", "POST", "/api/v1/requests", `{"resource":"staging","reason":"x","answers":{"customer":"a","Customer":"b"}}`).problem(t, 422, "invalid")
	if strings.Contains(p.Detail, "twice") {
		t.Errorf("names in another case: %+v", p)
	}
}

// TestConflictNamesTheOther: whoever may see the request in the way is told which
// it is, and who repeats their own wish that it is the same.
func TestConflictNamesTheOther(t *testing.T) {
	t.Parallel()
	r := open(t)
	const wish = `{"resource":"staging","person":"ada@example.org","reason":"x","answers":{"customer":"a"}}`
	made := r.ask("ada", wish)
	for _, x := range []struct {
		who, body string
		id        string
		same      bool
	}{
		{"ada", wish, made.ID, true},
		{"ada", `{"resource":"staging","reason":" x ","for":"2h","answers":{"customer":"a"}}`, made.ID, true}, // what is left out is what it is anyway
		{"ada", strings.Replace(wish, `"x"`, `"y"`, 1), made.ID, false},
		{"ada", strings.Replace(wish, `"a"}`, `"b"}`, 1), made.ID, false},
		{"ada", strings.Replace(wish, `{`, `{"for":"1h",`, 1), made.ID, false},
		{"ada", strings.Replace(wish, `{`, `{"from":"2026-11-24T09:00:00Z",`, 1), made.ID, false},
		{"ada", strings.Replace(wish, `{`, `{"ticket":"CHG-1",`, 1), made.ID, false},
		{"ada", strings.Replace(wish, `{`, `{"template":"look",`, 1), made.ID, false},
		{"bob", wish, made.ID, false}, // an approver
		{"ci", wish, "", false},
		{"eve", wish, "", false},
	} {
		p := r.call(x.who, "POST", "/api/v1/requests", x.body).problem(t, 409, "conflict")
		if p.Request != x.id || p.Same != x.same || strings.Contains(p.Detail, made.ID) != (x.id != "") {
			t.Errorf("%s, %s: %+v", x.who, x.body, p)
		}
	}
}

// TestNothingSentIsEchoed: what was sent may be a secret in the wrong place.
func TestNothingSentIsEchoed(t *testing.T) {
	t.Parallel()
	r := open(t)
	const hidden = "hunter2"
	for _, body := range []string{
		`{"resource":7,"reason":"` + hidden + `","password":"` + hidden + `"}`, `{"for":{"a":"` + hidden + `"}}`, hidden, `{"reason":"` + hidden,
	} {
		a := r.call("ada", "POST", "/api/v1/requests", body)
		if a.StatusCode < 400 || strings.Contains(string(a.body), hidden) {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	}
}

// TestTextsComeBackAsTheyAre: escaping is for whoever shows them.
func TestTextsComeBackAsTheyAre(t *testing.T) {
	t.Parallel()
	r := open(t)
	for _, text := range []string{`<script>alert(1)</script>&amp;`, `=HYPERLINK("x")`, `zoë 日本 👩‍👩‍👧`, `\u003c`, `O'Hara "x"`, "a\nb"} {
		quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(text)
		got := r.ask("ada", `{"resource":"staging","reason":"`+quoted+`"}`)
		if got.Reason != text {
			t.Errorf("sent %q, got %q", text, got.Reason)
		}
		a := r.call("ada", "POST", "/api/v1/requests/"+got.ID+"/withdraw", "").want(t, 200)
		if strings.Contains(text, "<") && !strings.Contains(string(a.body), "<script>") || a.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("sent %s, got %s", text, a.body)
		}
	}
}

func TestConflictForbiddenNotFoundDoubt(t *testing.T) {
	t.Parallel()
	r := open(t)
	id := r.ask("ada", staging).ID
	path := "/api/v1/requests/" + id
	r.call("ada", "POST", "/api/v1/requests", staging).problem(t, 409, "conflict")
	r.call("ada", "POST", path+"/approve", `{"step":0}`).problem(t, 403, "forbidden")
	r.call("eve", "GET", path, "").problem(t, 404, "not-found")
	for _, verb := range []string{"/approve", "/deny"} {
		r.call("eve", "POST", path+verb, `{"step":0}`).problem(t, 404, "not-found")
	}
	r.call("eve", "POST", path+"/withdraw", "").problem(t, 404, "not-found")
	r.call("eve", "POST", path+"/end", "").problem(t, 404, "not-found")
	r.call("bob", "POST", path+"/approve", "").problem(t, 400, "malformed")
	r.call("bob", "POST", path+"/approve", `{}`).problem(t, 422, "invalid")
	r.call("bob", "POST", path+"/approve", `{"step":1}`).problem(t, 409, "conflict")
	r.call("ada", "GET", "/api/v1/requests/%00%ff", "").problem(t, 404, "not-found")
	r.call("ada", "GET", "/api/v1/requests/"+strings.Repeat("x", 4000), "").problem(t, 404, "not-found")

	// Nothing is decided on a doubtful answer.
	r.corp.Down(engine.Unavailable)
	a := r.call("bob", "POST", path+"/approve", `{"step":0}`)
	r.corp.Mend()
	if a.StatusCode != 404 { // who he is to it is not certain either, where nobody saw it before
		a.problem(t, 503, "doubt")
	}
	r.clock.Pass(time.Minute)
	r.call("bob", "GET", path, "").want(t, 200)
	r.corp.Down(engine.Unavailable)
	a = r.call("bob", "POST", path+"/approve", `{"step":0}`)
	r.corp.Mend()
	if a.problem(t, 503, "doubt"); a.Header.Get("Retry-After") == "" {
		t.Error("a doubt without Retry-After")
	}
	if !strings.Contains(r.log.String(), "doubtful") {
		t.Error("why it is doubtful is not in the log")
	}
	if got := into[api.RequestDetail](t, r.call("ada", "GET", path, "")); got.State != "asked" {
		t.Errorf("it was decided: %s", got.State)
	}
}

// broken is a store of keys, and a way in, that fail.
type broken struct{ how func() }

func (b broken) Bearer(*http.Request) (desk.Caller, error) {
	b.how()
	return desk.Caller{Actor: access.Actor{Person: "ada@example.org"}}, nil
}

func TestPanicIsAProblem(t *testing.T) {
	t.Parallel()
	r := open(t, func(c *api.Config) { c.Auth = broken{func() { panic(errors.New("kaboom")) }} })
	a := r.call("ada", "GET", "/api/v1/me", "")
	a.problem(t, 500, "internal")
	if strings.Contains(string(a.body), "kaboom") || !strings.Contains(r.log.String(), "kaboom") {
		t.Errorf("told outside %s, and in the log %s", a.body, r.log)
	}
}

func TestStoreFailureIsAProblem(t *testing.T) {
	t.Parallel()
	r := open(t, func(c *api.Config) { c.Auth = broken{func() {}} })
	if err := r.store.Close(); err != nil {
		t.Fatal(err)
	}
	a := r.call("ada", "GET", "/api/v1/requests", "")
	a.problem(t, 500, "internal")
	if strings.Contains(string(a.body), ".db") || strings.Contains(string(a.body), "sql") {
		t.Errorf("told outside: %s", a.body)
	}
	r.call("ada", "POST", "/api/v1/requests", staging, "Idempotency-Key: k").problem(t, 500, "internal")
}

func TestDocumentIsServedToAnybody(t *testing.T) {
	t.Parallel()
	r := open(t)
	a := r.call("", "GET", "/api/v1/openapi.yaml", "").want(t, 200)
	if string(a.body) != string(r.api.Document()) || a.Header.Get("Content-Type") != "application/yaml" {
		t.Errorf("%s: %.100s", a.Header.Get("Content-Type"), a.body)
	}
	r.call("", "POST", "/api/v1/openapi.yaml", "").problem(t, 401, "unauthenticated")
}
