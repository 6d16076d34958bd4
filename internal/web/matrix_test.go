package web_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/auth"
	"github.com/daypass-dev/daypass/internal/desk"
	"github.com/daypass-dev/daypass/internal/web"
)

// matrix is who gets which answer where it is about what gil asked for, for ada:
// nobody, eve (anybody), gil (who asked), ada (whom it is for), bob (approver of
// the first step), fay (of the second), olga (owner), dan (auditor), root
// (administrator). A machine has no session. A change is made where the answer
// has a mark, and nowhere else.
const matrix = `
                                      -     eve   gil   ada   bob   fay   olga  dan   root
GET /{$}                              303   303   303   303   303   303   303   303   303
GET /ask                              303   200   200   200   200   200   200   200   200
GET /ask/{resource}                   303   200   200   200   200   200   200   200   200
POST /ask/{resource}                  401   303!  303!  303!  303!  303!  303!  303!  303!
GET /mine                             303   200   200   200   200   200   200   200   200
GET /approve                          303   200   200   200   200   200   200   200   200
GET /requests                         303   200   200   200   200   200   200   200   200
GET /requests/{id}                    303   404   200   200   200   200   200   200   200
POST /requests/{id}/approve           401   404   403   403   303!  403   403   403   403
POST /requests/{id}/deny              401   404   403   403   303!  403   403   403   403
POST /requests/{id}/withdraw          401   404   303!  303!  403   403   403   403   403
POST /requests/{id}/end               401   404   303!  303!  403   403   303!  403   303!
POST /requests/{id}/extend            401   404   303!  303!  403   403   403   403   403
POST /requests/{id}/review            401   404   403   403   303!  403   403   403   403
GET /resources                        303   200   200   200   200   200   200   200   200
GET /resources/{name}                 303   200   200   200   200   200   200   200   200
GET /runs                             303   403   403   403   403   403   403   200   200
POST /holds/release                   401   403   403   403   403   403   403   403   303!
GET /audit                            303   403   403   403   403   403   403   200   200
GET /reports                          303   403   403   403   403   403   403   200   200
GET /reports/compliance.csv           303   403   403   403   403   403   403   200   200
GET /reports/compliance.json          303   403   403   403   403   403   403   200   200
GET /tokens                           303   200   200   200   200   200   200   200   200
POST /tokens                          401   201!  201!  201!  201!  201!  201!  201!  201!
POST /tokens/{id}/revoke              401   404   404   303!  404   404   404   404   303!
GET /sign-in                          200   200   200   200   200   200   200   200   200
GET /sign-in/start                    303   303   303   303   303   303   303   303   303
GET /sign-in/callback                 403   403   403   403   403   403   403   403   403
POST /sign-out                        303   303   303   303   303   303   303   303   303
GET /                                 404   404   404   404   404   404   404   404   404
`

// own is the same where everything is the caller's own: whoever may decide for
// others may not for themselves.
const own = `
                                      eve   bob   fay   olga  dan   root
GET /requests/{id}                    200   200   200   200   200   200
POST /requests/{id}/approve           403   403   403   403   403   403
POST /requests/{id}/deny              403   403   403   403   403   403
POST /requests/{id}/withdraw          303!  303!  303!  303!  303!  303!
POST /requests/{id}/end               303!  303!  303!  303!  303!  303!
POST /requests/{id}/extend            303!  303!  303!  303!  303!  303!
POST /requests/{id}/review            403   403   403   403   403   403
POST /tokens/{id}/revoke              303!  303!  303!  303!  303!  303!
`

const digest = "sha256:abababababababababababababababababababababababababababababababab"

// table reads a matrix: the roles, and the cells of each route.
func table(t *testing.T, text string) (roles []string, rows map[string][]string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(text), "\n")
	roles, rows = strings.Fields(lines[0]), make(map[string][]string)
	for _, line := range lines[1:] {
		cells := strings.Fields(line)
		rows[cells[0]+" "+cells[1]] = cells[2:]
	}
	return roles, rows
}

// TestAuthorizationMatrix: a route without a row fails, and so does a cell that
// is not as it says.
func TestAuthorizationMatrix(t *testing.T) {
	t.Parallel()
	r := open(t)
	roles, rows := table(t, matrix)
	some, mine := table(t, own)
	for _, route := range r.web.Routes() {
		key := route.Method + " " + route.Pattern
		row := rows[key]
		if len(row) != len(roles) {
			t.Errorf("%s: the matrix has %d cells, want %d", key, len(row), len(roles))
			continue
		}
		if strings.Contains(route.Pattern, "{id}") != (mine[key] != nil) {
			t.Errorf("%s: whether somebody's own is another matter is not said", key)
		}
		delete(rows, key)
		for i, role := range roles {
			r.cell(route, role, "gil", "ada", row[i])
		}
		for i, cell := range mine[key] {
			r.cell(route, some[i], some[i], some[i], cell)
		}
		delete(mine, key)
	}
	for key := range rows {
		t.Errorf("the matrix has a row for %s, which there is not", key)
	}
	for key := range mine {
		t.Errorf("the matrix has a row for %s, which there is not", key)
	}
}

// cell tries a route as somebody on what one person asked for another.
func (r *rig) cell(route web.Route, role, asker, person, want string) {
	r.t.Helper()
	path, form, id := r.object(route, role, asker, person)
	before, was := r.head(), access.Request{}
	if id != "" {
		was = r.request(id)
	}
	b := r.by(role)
	a := b.get
	if route.Method == http.MethodPost {
		a = func(path string) answer { return b.post(path, form...) }
	}
	got := a(path)
	status, changes := strings.CutSuffix(want, "!")
	changed := r.head() != before || id != "" && r.request(id).Version != was.Version
	if strconv.Itoa(got.StatusCode) != status || changed != changes {
		r.t.Errorf("%s %s as %s on %s's: %d, changed: %t; want %s: %s", route.Method, route.Pattern, role, person, got.StatusCode, changed, want, got.text())
	}
	if !changes && route.Method == http.MethodPost && r.head() != before {
		r.t.Errorf("%s as %s: it is refused, and on record", route.Pattern, role)
	}
	if route.Pattern == auth.SignOut {
		delete(r.in, role)
	}
	r.over(id)
	if made, ok := strings.CutPrefix(got.Header.Get("Location"), "/requests/"); ok && id == "" {
		r.over(made)
	}
}

// object makes what a route is tried on.
func (r *rig) object(route web.Route, role, asker, person string) (path string, form []string, id string) {
	t := r.t
	wish := desk.Wish{Resource: "prod", Person: at(person)}
	token := fmt.Sprint("t", r.head())
	switch _, verb, _ := strings.Cut(route.Pattern, "{id}"); {
	case strings.HasPrefix(route.Pattern, "/tokens/{id}"):
		k := access.Token{ID: token, Person: at(person), Name: "x", Scopes: []string{"read"}, Made: start(), Expires: start().AddDate(0, 1, 0)}
		if err := r.store.AddToken(t.Context(), k, "dp_"+strings.Repeat("0", 64-len(token))+token); err != nil {
			t.Fatal(err)
		}
	case verb == "/end", verb == "/extend":
		if asker == person { // where nobody's own word is needed
			wish.Resource = "staging"
		}
		id = r.approved(asker, wish)
	case verb == "/review":
		wish.BreakGlass = true
		id = r.ask(asker, wish)
	case strings.Contains(route.Pattern, "{id}"):
		id = r.ask(asker, wish)
	}
	switch route.Pattern {
	case "/ask/{resource}":
		form = []string{"for", "1h", "reason", "to mend it"}
	case "/requests/{id}/approve", "/requests/{id}/deny":
		form = []string{"step", "0", "extension", "0", "comment", "as agreed"}
	case "/requests/{id}/end":
		form = []string{"comment", "it is done"}
	case "/requests/{id}/extend":
		form = []string{"for", "1h", "reason", "more"}
	case "/requests/{id}/review":
		form = []string{"verdict", "justified", "comment", "it burned"}
	case "/holds/release":
		hold := engine.Hold{Digest: digest, Run: "run-1", At: start()}
		if err := r.store.Record(t.Context(), engine.Batch{Holds: []engine.Hold{hold}}); err != nil {
			t.Fatal(err)
		}
		form = []string{"digest", digest, "reason", "CHG-1"}
	case "/tokens":
		form = []string{"name", "x", "for", "1h", "scope", "read"}
	}
	key := id
	if strings.HasPrefix(route.Pattern, "/tokens/") {
		key = token
	}
	path = strings.NewReplacer("{$}", "", "{resource}", "staging", "{name}", "staging", "{id}", key).Replace(route.Pattern)
	if path == "/" && !strings.Contains(route.Pattern, "$") {
		path = "/nowhere"
	}
	return path, form, id
}
