package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/daypass-dev/daypass/internal/auth"
	"github.com/daypass-dev/daypass/internal/desk"
)

// TestCrossSitePosts: no other site makes a browser do anything here, whatever
// the browser tells of it.
func TestCrossSitePosts(t *testing.T) {
	t.Parallel()
	r := open(t)
	root := r.by("root")
	for _, route := range r.web.Routes() {
		if route.Method != http.MethodPost {
			continue
		}
		path, pairs, id := r.object(route, "root", "root", "root")
		form := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			form.Add(pairs[i], pairs[i+1])
		}
		before := r.head()
		for name, headers := range map[string][]string{
			"another site":           {"Sec-Fetch-Site: cross-site", "Origin: https://evil.example"},
			"another site, no more":  {"Sec-Fetch-Site: cross-site", "Origin:"},
			"a lie about the origin": {"Sec-Fetch-Site: cross-site"},
			"another origin":         {"Sec-Fetch-Site:", "Origin: https://evil.example"},
			"one that looks alike":   {"Sec-Fetch-Site:", "Origin: https://daypass.example.org.evil.example"},
			"another port":           {"Sec-Fetch-Site:", "Origin: https://daypass.example.org:8443"},
			"a sandbox":              {"Sec-Fetch-Site:", "Origin: null"},
			"a neighbour":            {"Sec-Fetch-Site: same-site", "Origin: https://wiki.example.org"},
			"a neighbour, no more":   {"Sec-Fetch-Site: same-site", "Origin:"},
			"who does not tell":      {"Sec-Fetch-Site:", "Origin:"},
			"an odd word":            {"Sec-Fetch-Site: SAME-ORIGIN"},
		} {
			if a := root.do("POST", path, form, headers...); a.StatusCode != http.StatusForbidden || r.head() != before {
				t.Errorf("%s from %s: %d, on record: %t", route.Pattern, name, a.StatusCode, r.head() != before)
			}
		}
		if root.get("/mine").StatusCode != http.StatusOK {
			t.Fatalf("%s: somebody else signed root out", route.Pattern)
		}
		r.over(id)
	}
	// Those that browsers send from pages of ours are let in.
	for _, headers := range [][]string{{"Sec-Fetch-Site: same-origin", "Origin:"}, {"Sec-Fetch-Site:", "Origin: " + site}} {
		id := r.ask("gil", desk.Wish{Resource: "prod"})
		if a := r.by("gil").do("POST", "/requests/"+id+"/withdraw", url.Values{}, headers...); a.StatusCode != http.StatusSeeOther {
			t.Errorf("%v: %d", headers, a.StatusCode)
		}
	}
}

// TestOtherMethods: nothing but GET, HEAD and POST does anything.
func TestOtherMethods(t *testing.T) {
	t.Parallel()
	r := open(t)
	root := r.by("root")
	for _, route := range r.web.Routes() {
		path, _, id := r.object(route, "root", "root", "root")
		before := r.head()
		methods := []string{"PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "PROPFIND"}
		if route.Method == http.MethodPost {
			methods = append(methods, "HEAD", "GET")
		}
		for _, method := range methods {
			a := root.send(method, path, nil, "Origin: "+site, "Sec-Fetch-Site: same-origin", "X-HTTP-Method-Override: POST")
			allowed := a.StatusCode == http.StatusMethodNotAllowed || (method == "GET" || method == "HEAD") && a.StatusCode < 500
			if !allowed || r.head() != before || a.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s %s: %d, on record: %t", method, route.Pattern, a.StatusCode, r.head() != before)
			}
		}
		r.over(id)
		if route.Method != http.MethodGet || strings.HasPrefix(route.Pattern, auth.SignIn) {
			continue
		}
		for _, who := range []string{"root", "-"} {
			get, head := r.by(who).get(path), r.by(who).send("HEAD", path, nil)
			if head.StatusCode != get.StatusCode || head.Header.Get("Location") != get.Header.Get("Location") {
				t.Errorf("HEAD %s as %s: %d, and GET %d", route.Pattern, who, head.StatusCode, get.StatusCode)
			}
		}
	}
}

// TestHeadersOnEveryAnswer: also on those that are no page.
func TestHeadersOnEveryAnswer(t *testing.T) {
	t.Parallel()
	r := open(t)
	root, nobody := r.by("root"), r.by("-")
	var all []answer
	for _, route := range r.web.Routes() {
		path, pairs, id := r.object(route, "root", "gil", "ada")
		for _, b := range []*browser{nobody, root} {
			if route.Method == http.MethodGet {
				all = append(all, b.get(path))
				continue
			}
			all = append(all, b.post(path, pairs...), b.send("POST", path, nil), b.send("POST", path, strings.NewReader("a=%zz"), "Origin: "+site, "Content-Type: application/x-www-form-urlencoded"))
		}
		delete(r.in, "root")
		root = r.by("root")
		r.over(id)
	}
	all = append(all, root.get("/requests/rnone00000"), root.send("PUT", "/ask", nil), root.get("/x/../ask"), root.get("/static/none.css"), root.get("/static/"),
		root.get("/static/..%2f"), root.get("/static/%2e%2e%2f"), root.get("/static/..%2fpages%2fask.html"), root.get("/static/%2e"), root.get("/static"))
	if err := r.store.Close(); err != nil {
		t.Fatal(err)
	}
	broken := root.get("/mine")
	broken.want(t, http.StatusServiceUnavailable)
	if strings.Contains(broken.body, ".db") || strings.Contains(broken.body, "sql") {
		t.Errorf("told outside: %s", broken.body)
	}
	all = append(all, broken)
	for _, a := range all {
		for name, want := range map[string]string{
			"Content-Security-Policy": "frame-ancestors 'none'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin",
			"Cross-Origin-Opener-Policy": "same-origin", "Permissions-Policy": "camera=()", "Cache-Control": "no-store",
		} {
			if name == "Cache-Control" && strings.HasPrefix(a.Request.URL.Path, "/static/") {
				continue // see below
			}
			if got := strings.Join(a.Header.Values(name), ", "); !strings.Contains(got, want) {
				t.Errorf("%s %s: %d with %s %q", a.Request.Method, a.Request.URL.Path, a.StatusCode, name, got)
			}
		}
		csp := a.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: %s", a.Request.URL.Path, csp)
		}
		if a.Header.Get("Server") != "" || a.StatusCode >= 500 && a.Request.URL.Path != "/mine" {
			t.Errorf("%s %s: %d %v", a.Request.Method, a.Request.URL.Path, a.StatusCode, a.Header)
		}
		if strings.HasPrefix(a.Request.URL.Path, "/static/") && (a.StatusCode != http.StatusNotFound || strings.Contains(a.Header.Get("Cache-Control"), "public")) {
			t.Errorf("%s: %d, kept: %s", a.Request.URL.Path, a.StatusCode, a.Header.Get("Cache-Control"))
		}
	}
}

// TestSignInLeadsBackHere: what somebody wanted to see is where they come to,
// and never another site.
func TestSignInLeadsBackHere(t *testing.T) {
	t.Parallel()
	r := open(t)
	for path, want := range map[string]string{
		"/requests?state=active&q=a%26b": "/requests?state=active&q=a%26b", "/requests/rsome": "/requests/rsome",
		"/sign-in/start?return=//evil.example": "/", "/sign-in/start?return=https://evil.example/": "/", "/sign-in/start?return=/%5cevil.example": "/",
		"/sign-in/start?return=/sign-in/start": "/", "/sign-in/start?return=/ask&return=//evil.example": "/ask",
	} {
		b := r.browser()
		to := b.get(path).Header.Get("Location")
		if strings.HasPrefix(to, "/") {
			to = b.get(to).Header.Get("Location")
		}
		u, err := url.Parse(to)
		if err != nil || u.Host != "id.example.org" {
			t.Fatalf("%s leads to %q", path, to)
		}
		back := b.do("POST", issuer+"/authorize", url.Values{"query": {u.RawQuery}, "person": {"eve@example.org"}}).Header.Get("Location")
		if got := b.get(back).Header.Get("Location"); got != want {
			t.Errorf("%s leads back to %q, want %q", path, got, want)
		}
	}
	for _, path := range []string{"//evil.example", "//evil.example/%2e%2e", "/\\evil.example", "/%2f%2fevil.example", "/.//evil.example", "///evil.example/"} {
		a := r.by("-").send("GET", site+path, nil)
		if u, err := url.Parse(a.Header.Get("Location")); err != nil || u.Host != "" {
			t.Errorf("%s leads to %q", path, a.Header.Get("Location"))
		}
	}
}
