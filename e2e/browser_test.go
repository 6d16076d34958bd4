package e2e_test

import (
	"fmt"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/daypass-dev/daypass/e2e/browser"
)

// strict is a policy under which no script may run at all.
const strict = "default-src 'none'; style-src 'self'; form-action 'self'"

const style = `
:root { color-scheme: light dark; --ink: #111; --paper: #fff }
@media (prefers-color-scheme: dark) { :root { --ink: #eee; --paper: #111 } }
body { color: var(--ink); background: var(--paper); margin: 1rem }
a { color: inherit }
button, a, input, select { font: inherit; min-height: 2rem }
`

const goodBody = `<header><nav><a href="/bad">Elsewhere</a></nav></header>
<main><h1>Ask for access</h1>
<form method="post" action="/asked">
<p><label>Resource <select name="resource"><option value="1">staging</option><option value="2">prod-db</option></select></label></p>
<p><label>Reason <input name="reason" value="old"></label></p>
<p><label for="start">Start</label> <input id="start" name="start" type="datetime-local"></p>
<p><label><input type="checkbox" name="urgent"> Urgent</label></p>
<p><button>Ask</button></p>
</form>
<details><summary>What it gives</summary><p>Everything.</p></details>
<ul>
<li>Ada for staging <form method="post" action="/asked"><input type="hidden" name="id" value="ada"><button aria-label="Approve Ada">Approve</button></form></li>
<li>Ken for prod-db <form method="post" action="/asked"><input type="hidden" name="id" value="ken"><button aria-label="Approve Ken">Approve</button></form></li>
</ul>
</main>`

const badBody = `<main><h1>Bad</h1><img src="data:image/gif;base64,R0lGODlhAQABAAAAACw="><button></button>
<p class="dim">Who can read this?</p><p class="wide">Wide</p></main>`

const badStyle = style + `
.dim { color: #ccc; background: #fff }
@media (prefers-color-scheme: dark) { .dim { color: #333; background: #111 } }
.wide { width: 60rem }
`

// site serves a few pages.
func site(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	page := func(policy, sheet, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Security-Policy", policy)
			fmt.Fprintf(w, `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>T</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="%s">%s`, sheet, body)
		}
	}
	css := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/css")
			_, _ = w.Write([]byte(text))
		}
	}
	mux.HandleFunc("GET /cookie", func(w http.ResponseWriter, r *http.Request) {
		text := "<p>Welcome back</p>"
		if _, err := r.Cookie("seen"); err != nil {
			text = "<p>Never seen you</p>"
		}
		http.SetCookie(w, &http.Cookie{Name: "seen", Value: "1"})
		page(strict, "/good.css", text)(w, r)
	})
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.Handle("GET /good.css", css(style))
	mux.Handle("GET /bad.css", css(badStyle))
	mux.Handle("GET /good", page(strict, "/good.css", goodBody))
	mux.Handle("GET /bad", page(strict+"; img-src data:", "/bad.css", badBody))
	mux.Handle("GET /inline", page(strict, "/good.css", `<p style="color: red">Red</p><script>document.title = 'ran'</script>`))
	mux.Handle("GET /loud", page("script-src 'unsafe-inline'", "/good.css", `<main><p id="p">before</p><script>
console.error('it', 'broke', 7); document.getElementById('p').textContent = 'after'; undefined.x;</script></main>`))
	mux.HandleFunc("POST /asked", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		page(strict, "/good.css", "<main><h1>Asked</h1><p>"+r.PostForm.Encode()+"</p></main>")(w, r)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func TestFormsAreFilledAsPeopleDo(t *testing.T) {
	t.Parallel()
	url := site(t)
	for _, manners := range [][]browser.Manner{nil, {browser.WithoutJavaScript}} {
		page := chromium.Open(t, manners...)
		page.Visit(url + "/good")
		page.Fill("Resource", "prod-db")
		page.Fill("Reason", "CHG-1 for Zoë")
		page.Fill("Start", "2026-11-28T09:00")
		page.Tick("Urgent")
		if got := page.Value("Resource") + page.Value("Reason"); got != "prod-dbCHG-1 for Zoë" {
			t.Errorf("the fields hold %q", got)
		}
		page.SeesNot("Everything.")
		page.Click("What it gives")
		page.Sees("Everything.")
		page.Press("Ask")
		page.Sees("reason=CHG-1+for+Zo%C3%AB&resource=2&start=2026-11-28T09%3A00&urgent=on")

		page.Visit(url + "/good")
		page.Within("Ken for prod-db").Press("Approve")
		page.Sees("id=ken")

		page.Visit(url + "/good")
		for page.Focused() != `button "Ask"` {
			page.Keys(kb.Tab)
		}
		page.Submit()
		page.Sees("reason=old&resource=1&start=")
		if page.Has("Ask") {
			t.Error("the page has a button Ask still")
		}
	}
}

func TestNoTwoPagesShareCookies(t *testing.T) {
	t.Parallel()
	url := site(t) + "/cookie"
	ada, ken := chromium.Open(t), chromium.Open(t)
	ada.Visit(url)
	ada.Sees("Never seen you")
	ada.Reload()
	ada.Sees("Welcome back")
	ken.Visit(url)
	ken.Sees("Never seen you")
}

func TestAxeFindsWhatIsWrongAndNothingElse(t *testing.T) {
	t.Parallel()
	url := site(t)
	for _, manners := range [][]browser.Manner{nil, {browser.WithoutJavaScript}} {
		page := chromium.Open(t, manners...)
		page.Visit(url + "/good")
		clean(t, page, append(page.Axe(), page.AxeOnce()...))

		page.Visit(url + "/bad")
		found := map[string]bool{}
		for _, v := range page.Axe() {
			found[v.Rule+" "+v.Impact+" "+v.Size.Name+" "+string(v.Scheme)] = true
		}
		for _, want := range []string{
			"image-alt critical phone light", "button-name critical desktop light", "reflow serious phone light",
			"color-contrast serious phone light", "color-contrast serious phone dark", "color-contrast serious desktop dark",
		} {
			if !found[want] {
				t.Errorf("did not find %q, but %v", want, found)
			}
		}
		once := map[string]bool{}
		for _, v := range page.AxeOnce() {
			once[v.Rule+" "+v.Size.Name+" "+string(v.Scheme)] = true
		}
		if !once["image-alt phone dark"] || !once["color-contrast phone dark"] || !once["reflow phone light"] {
			t.Errorf("in one look it found %v", once)
		}
		if found["reflow serious desktop light"] {
			t.Error("found a desktop too narrow for 60rem")
		}
	}
}

func TestScreenshotsShowEachSizeAndScheme(t *testing.T) {
	t.Parallel()
	page := chromium.Open(t)
	page.Visit(site(t) + "/good")
	var looks []string
	for _, file := range page.Shots("good") {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		picture, err := png.Decode(f)
		if err != nil {
			t.Fatal(err)
		}
		shade := "light"
		if r, _, _, _ := picture.At(0, 0).RGBA(); r < 0x8000 {
			shade = "dark"
		}
		looks = append(looks, fmt.Sprintf("%d %s", picture.Bounds().Dx(), shade))
	}
	if want := []string{"390 light", "390 dark", "1280 light", "1280 dark"}; !slices.Equal(looks, want) {
		t.Errorf("got %v, want %v", looks, want)
	}
}

func TestComplaintsOfThePageAreHeard(t *testing.T) {
	t.Parallel()
	url := site(t)
	page := chromium.Open(t)
	heard := func(path string, status int, want ...string) {
		t.Helper()
		if got := page.Visit(url + path); got != status {
			t.Errorf("%s: status %d, want %d", path, got, status)
		}
		got := page.Complaints()
		if len(got) != len(want) {
			t.Errorf("%s: heard %q, want %q", path, got, want)
			return
		}
		for i := range want {
			if !strings.Contains(got[i], want[i]) {
				t.Errorf("%s: heard %q, want %q", path, got[i], want[i])
			}
		}
	}
	heard("/good", 200)
	heard("/nowhere", 404)
	heard("/inline", 200, "Content Security Policy", "Content Security Policy")
	heard("/loud", 200, "console.error: it broke 7", "TypeError")
	page.Sees("after")

	silent := chromium.Open(t, browser.WithoutJavaScript)
	silent.Visit(url + "/loud")
	silent.Sees("before")
}

// recorder is a test that may fail without failing ours.
type recorder struct {
	testing.TB
	cleanup []func()
	failed  []string
}

func (r *recorder) Helper()                   {}
func (r *recorder) Cleanup(f func())          { r.cleanup = append(r.cleanup, f) }
func (r *recorder) Failed() bool              { return false }
func (r *recorder) Errorf(f string, a ...any) { r.failed = append(r.failed, fmt.Sprintf(f, a...)) }

func TestComplaintsThatNobodyAsksForFailTheTest(t *testing.T) {
	t.Parallel()
	r := &recorder{TB: t}
	page := chromium.Open(r)
	page.Visit(site(t) + "/loud")
	for _, f := range slices.Backward(r.cleanup) {
		f()
	}
	if len(r.failed) != 2 || !strings.Contains(r.failed[0], "it broke 7") {
		t.Errorf("got %q, want two failures", r.failed)
	}
}
