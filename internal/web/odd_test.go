package web_test

import (
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
)

// counted is a body that is as long as one likes, and tells how much was read.
type counted struct{ left, read int }

func (c *counted) Read(b []byte) (int, error) {
	n := min(len(b), c.left)
	if n == 0 {
		return 0, io.EOF
	}
	for i := range n {
		b[i] = 'a'
	}
	c.left, c.read = c.left-n, c.read+n
	return n, nil
}

// TestLongBodies: of 10 MB no more is read than a form may hold, by whoever they
// are sent and whatever they are said to be.
func TestLongBodies(t *testing.T) {
	t.Parallel()
	r := open(t)
	var before, after runtime.MemStats
	for _, route := range r.web.Routes() {
		if route.Method != http.MethodPost {
			continue
		}
		path, _, id := r.object(route, "root", "root", "root")
		was := r.head()
		for _, who := range []string{"-", "root"} {
			b := r.by(who)
			for kind, status := range map[string]int{
				"application/x-www-form-urlencoded": 413, "multipart/form-data; boundary=x": 415, "text/plain": 415, "application/json": 415, "x;": 415,
			} {
				body := &counted{left: 10 << 20}
				runtime.ReadMemStats(&before)
				a := b.send("POST", path, body, "Content-Type: "+kind, "Origin: "+site)
				runtime.ReadMemStats(&after)
				if a.StatusCode != status || body.read > 256<<10 || r.head() != was {
					t.Errorf("%s as %s, %s: %d, after %d bytes", route.Pattern, who, kind, a.StatusCode, body.read)
				}
				if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
					t.Logf("%s took %d KB", route.Pattern, used>>10) // others test meanwhile
				}
			}
		}
		r.over(id)
	}
}

// TestManyFields: ten thousand of them fit no form of ours; a thousand that
// nobody knows do no harm.
func TestManyFields(t *testing.T) {
	t.Parallel()
	r := open(t)
	form := func(n int) url.Values {
		v := url.Values{"for": {"1h"}, "reason": {"x"}}
		for i := range n {
			v.Set(fmt.Sprint("answers.q", i), "1")
		}
		return v
	}
	r.by("ada").do("POST", "/ask/staging", form(10_000)).want(t, http.StatusRequestEntityTooLarge)
	r.by("ada").do("POST", "/ask/staging", form(1000)).want(t, http.StatusUnprocessableEntity)
	a := r.by("-").do("POST", "/ask/staging", form(1000)).want(t, http.StatusUnauthorized, "session was over")
	if n := strings.Count(a.body, "<input"); n != 1002 {
		t.Errorf("%d of 1002 fields are kept", n)
	}
	if p, err := r.desk.Inbox(t.Context(), as("bob")); err != nil || len(p.Waiting) > 0 {
		t.Errorf("%d requests wait, %v", len(p.Waiting), err)
	}
}

// TestWhatIsWrongWithAWish is said, at its field, and nothing is asked.
func TestWhatIsWrongWithAWish(t *testing.T) {
	t.Parallel()
	r := open(t)
	long := strings.Repeat("é", 2001)
	for _, x := range []struct {
		name   string
		pairs  []string
		status int
		says   string
	}{
		{"over the maximum", []string{"for", "9h"}, 422, "at most"},
		{"negative", []string{"for", "-1h"}, 422, ""},
		{"nothing", []string{"for", "0s"}, 422, ""},
		{"longer than time", []string{"for", "99999999999w"}, 422, ""},
		{"longer than time, in nanoseconds", []string{"for", "9223372036854775808ns"}, 422, ""},
		{"no length", []string{"for", "soon"}, 422, "90m, 4h or 2d"},
		{"another one, not said", []string{"for", "other", "other", ""}, 422, "90m, 4h or 2d"},
		{"in the past", []string{"from", "2020-01-01T00:00"}, 422, "in the past"},
		{"too far", []string{"from", "2027-11-23T09:00"}, 422, ""},
		{"before time", []string{"from", "0000-00-00T00:00"}, 422, "start"},
		{"after it", []string{"from", "99999-01-01T00:00"}, 422, "start"},
		{"for nobody", []string{"person", "stranger@example.org"}, 422, "no account"},
		{"for no address", []string{"person", "eve"}, 422, "work address"},
		{"for somebody else than it seems", []string{"person", "eve\u202e@example.org"}, 422, "work address"},
		{"NUL", []string{"reason", "a\x00b"}, 422, "not to be seen"},
		{"another direction", []string{"reason", "a\u202eb"}, 422, "not to be seen"},
		{"no UTF-8", []string{"reason", "a\xffb"}, 422, "UTF-8"},
		{"too long", []string{"reason", long}, 422, "2001 characters"},
		{"empty", []string{"reason", " \r\n "}, 422, ""},
		{"NUL in the ticket", []string{"ticket", "CHG-1\x00"}, 422, ""},
		{"no such ticket", []string{"ticket", "nope"}, 422, "CHG-1234"},
		{"an answer to nothing", []string{"answers.colour", "red"}, 422, ""},
		{"NUL in an answer", []string{"answers.customer", "a\x00"}, 422, ""},
		{"no such template", []string{"template", "none"}, 422, "template"},
		{"another's template", []string{"template", "look\x00"}, 422, "template"},
	} {
		given := map[string]string{"for": "1h", "reason": "to mend it"}
		for i := 0; i < len(x.pairs); i += 2 {
			given[x.pairs[i]] = x.pairs[i+1]
		}
		var pairs []string
		for k, v := range given {
			pairs = append(pairs, k, v)
		}
		a := r.by("ada").post("/ask/staging", pairs...)
		if a.StatusCode != x.status || !strings.Contains(a.text(), x.says) || !strings.Contains(a.body, `role="alert"`) {
			t.Errorf("%s: %d %s", x.name, a.StatusCode, a.text())
		}
	}
	for _, name := range []string{"none", "secret", "STAGING", "staging%00", "staging%20", "..%2fstaging", strings.Repeat("x", 10_000), "%ff", "<script>"} {
		r.by("ada").get("/ask/"+name).want(t, http.StatusNotFound)
		r.by("ada").post("/ask/"+name, "for", "1h", "reason", "x").want(t, http.StatusNotFound)
		r.by("ada").get("/resources/"+name).want(t, http.StatusNotFound)
	}
	if rs, _, err := r.desk.Requests(t.Context(), as("root"), access.Query{}); err != nil || len(rs) > 0 {
		t.Errorf("%d requests are on record, %v", len(rs), err)
	}
}

// TestOddAddresses: tricks with paths and queries lead nowhere, and break
// nothing.
func TestOddAddresses(t *testing.T) {
	t.Parallel()
	r := open(t)
	id := r.ask("ada", desk.Wish{Resource: "staging"})
	before := r.head()
	eve, dan := r.by("eve"), r.by("dan")
	for _, path := range []string{
		"/requests/..%2f" + id, "/requests/%2e%2e%2f" + id, "/requests/" + id + "%00", "/requests/" + id + "/../" + id, "/requests/" + strings.ToUpper(id),
		"/requests/%25", "/requests/_", "/requests/" + strings.Repeat("r", 20_000), "/requests/r", "/requests/" + id[:6], "/requests/%ff%fe", "/requests/" + id + "%2fapprove",
		"/requests/*", "/requests/' OR 1=1 --",
	} {
		path = strings.ReplaceAll(path, " ", "%20")
		for _, a := range []answer{eve.get(path), eve.post(path + "/withdraw")} {
			if a.StatusCode != http.StatusNotFound && a.StatusCode != http.StatusMovedPermanently && a.StatusCode != http.StatusTemporaryRedirect && a.StatusCode != http.StatusMethodNotAllowed {
				t.Errorf("%.60s: %d %s", path, a.StatusCode, a.text())
			}
			if strings.Contains(a.body, "Staging databases") {
				t.Errorf("%.60s shows what is not eve's", path)
			}
		}
	}
	for path, status := range map[string]int{
		"/requests?after=x": 400, "/requests?after=%00": 400, "/requests?q=%00%ff": 200, "/requests?q=" + strings.Repeat("x", 20_000): 200, "/requests?state=none": 200,
		"/requests?resource=%27--": 200, "/requests?%zz": 200, "/requests?a;b": 200, "/audit?before=-1": 400, "/audit?before=99999999999999999999": 400,
		"/audit?before=9223372036854775807": 200, "/audit?person=%00": 200, "/audit?kind=none": 200, "/audit?request=%ff": 200, "/ask?q=%00": 200, "/resources?q=%ff": 200,
		"/reports?make=1": 200,
	} {
		if a := dan.get(path); a.StatusCode != status {
			t.Errorf("%.60s: %d, want %d: %s", path, a.StatusCode, status, a.text())
		}
	}
	for path, pairs := range map[string][]string{
		"/requests/" + id + "/approve": {"step", "9999999999999999999999", "extension", "0"}, "/requests/" + id + "/deny": {"step", "0x0", "extension", "0", "comment", "x"},
		"/requests/" + id + "/withdraw": {"comment", "a\x00b"}, "/requests/" + id + "/extend": {"for", "99999999999w"}, "/tokens": {"name", "\x00", "for", "1h", "scope", "read"},
		"/requests/" + id + "/end": {"comment", strings.Repeat("x", 3000)}, "/requests/" + id + "/review": {"verdict", "x"},
	} {
		for _, who := range []string{"bob", "ada", "root"} {
			if a := r.by(who).post(path, pairs...); a.StatusCode < 400 || a.StatusCode >= 500 {
				t.Errorf("%s as %s: %d %s", path, who, a.StatusCode, a.text())
			}
		}
	}
	for _, pairs := range [][]string{
		{"name", "x", "for", "99999999999w", "scope", "read"},
		{"name", "x", "for", "-1h", "scope", "read"},
		{"name", "x", "for", "1h"},
		{"name", "x", "for", "1h", "scope", "all"},
		{"name", "", "for", "1h", "scope", "read"},
		{"name", "x", "for", "367d", "scope", "read"},
		{"name", "x", "for", "1h", "scope", "read", "machine", "none"},
		{"name", strings.Repeat("x", 3000), "for", "1h", "scope", "read"},
	} {
		if a := r.by("root").post("/tokens", pairs...); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, `role="alert"`) {
			t.Errorf("a token with %.60q: %d %s", pairs, a.StatusCode, a.text())
		}
	}
	if r.head() != before {
		t.Error("something of it is on record")
	}
}

// TestTextsAreShownAsTheyAre: whatever somebody writes is a text to whoever reads
// it, in pages and in files.
func TestTextsAreShownAsTheyAre(t *testing.T) {
	t.Parallel()
	r := open(t)
	for _, text := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `=HYPERLINK("https://evil.example")`, `{{.Caller}}`, `</textarea><h1>x`, `javascript:alert(1)`,
		`zoë 日本 👩‍👩‍👧 ﷽`, "<!--", "]]>", "a\r\nb", `' onmouseover='x`, "\u00a0x", strings.Repeat("̀", 300),
	} {
		id := ""
		a := r.by("ada").post("/ask/staging", "for", "1h", "reason", text, "answers.customer", text)
		if a.StatusCode == http.StatusSeeOther {
			id = strings.TrimPrefix(a.Header.Get("Location"), "/requests/")
		} else {
			t.Errorf("%q: %d %s", text, a.StatusCode, a.text())
			continue
		}
		r.by("bob").post("/requests/"+id+"/deny", "step", "0", "extension", "0", "comment", text).want(t, http.StatusSeeOther)
		again := r.by("ada").post("/ask/staging", "for", "soon", "reason", text, "person", text, "other", text, "ticket", text)
		for _, a := range []answer{
			again, r.by("ada").get("/requests/" + id), r.by("ada").get("/requests?q=" + url.QueryEscape(text)), r.by("dan").get("/audit?person=" + url.QueryEscape(text)),
			r.by("dan").get("/audit"), r.by("ada").get("/ask?q=" + url.QueryEscape(text)), r.by("-").post("/ask/staging", "reason", text, text, text),
			r.by("root").post("/tokens", "name", text, "for", "1h", "scope", "read"), r.by("ada").get("/requests/" + url.PathEscape(text)),
		} {
			for _, raw := range []string{"<script>alert", "<img src=x", "</textarea><h1>", "<!--", "' onmouseover='x", `href="javascript:`} {
				if strings.Contains(a.body, raw) {
					t.Errorf("%s shows %s raw", a.Request.URL.Path, raw)
				}
			}
		}
		if shown := r.by("ada").get("/requests/"+id).want(t, http.StatusOK).text(); strings.HasPrefix(text, "<script") && !strings.Contains(shown, text) {
			t.Errorf("%q is not shown: %s", text, shown)
		}
	}
	file := r.by("dan").get("/reports/compliance.csv").want(t, http.StatusOK)
	rows, err := csv.NewReader(strings.NewReader(file.body)).ReadAll()
	if err != nil || !strings.Contains(file.body, "'"+odd) || !strings.HasPrefix(file.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("%v, %s: %s", err, file.Header.Get("Content-Disposition"), file.body)
	}
	for _, row := range rows {
		for _, cell := range row {
			if strings.ContainsAny(cell[:min(1, len(cell))], "=+-@\t\r") {
				t.Errorf("a cell begins a formula: %q", cell)
			}
		}
	}
	page := r.by("dan").get("/reports?make=1").want(t, http.StatusOK)
	if strings.Contains(page.body, odd) || !strings.Contains(page.text(), odd) {
		t.Errorf("the login is shown raw, or not at all: %s", page.text())
	}
	if js := r.by("dan").get("/reports/compliance.json").want(t, http.StatusOK); js.Header.Get("Content-Type") != "application/json" {
		t.Errorf("JSON as %s", js.Header.Get("Content-Type"))
	}
}

// TestTextsTurnNothingAround: what somebody writes from right to left leaves what
// is beside it where it is.
func TestTextsTurnNothingAround(t *testing.T) {
	t.Parallel()
	r := open(t)
	const text = "\u200f\u05e9\u05dc\u05d5\u05dd! (1)\u200f"
	shown := regexp.MustCompile(`<([a-z]+)([^>]*)>[^<]*\x{5e9}\x{5dc}`)
	ask := func() string {
		a := r.by("ada").post("/ask/staging", "for", "1h", "reason", text, "answers.customer", text).want(t, http.StatusSeeOther)
		return strings.TrimPrefix(a.Header.Get("Location"), "/requests/")
	}
	denied := ask()
	r.by("bob").post("/requests/"+denied+"/deny", "step", "0", "extension", "0", "comment", text).want(t, http.StatusSeeOther)
	ask()
	for _, a := range []answer{
		r.by("ada").get("/requests/" + denied), r.by("ada").get("/mine"), r.by("bob").get("/approve"), r.by("ada").get("/requests"), r.by("dan").get("/audit"),
	} {
		found := shown.FindAllStringSubmatch(a.want(t, http.StatusOK).body, -1)
		if len(found) == 0 {
			t.Errorf("%s does not show it", a.Request.URL.Path)
		}
		for _, f := range found {
			if f[1] != "bdi" && !strings.Contains(f[2], `dir="auto"`) {
				t.Errorf("%s: it is not set apart in %s", a.Request.URL.Path, f[0])
			}
		}
	}
}

// TestFormOfALostSession: what was typed is kept for after the sign-in.
func TestFormOfALostSession(t *testing.T) {
	t.Parallel()
	r := open(t)
	ada := r.by("ada")
	if err := r.store.Sessions().EndSessions(t.Context(), at("ada")); err != nil {
		t.Fatal(err)
	}
	a := ada.post("/ask/staging", "for", "1h", "reason", "to <mend> it").want(t, http.StatusUnauthorized, "session was over")
	if !strings.Contains(a.body, `value="to &lt;mend&gt; it"`) || !strings.Contains(a.body, `action="/ask/staging"`) {
		t.Errorf("what was typed is gone: %s", a.body)
	}
	ada.get("/mine").want(t, http.StatusSeeOther)
	r.clock.Pass(time.Minute)
}
