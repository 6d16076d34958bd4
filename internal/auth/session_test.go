package auth_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/auth"
)

// TestSessionFixation: whoever knew the cookie before somebody signed in has
// nothing of it after.
func TestSessionFixation(t *testing.T) {
	t.Parallel()
	r, _ := open(t)
	known := &http.Cookie{Name: "__Host-daypass", Value: "known-to-somebody-else"}
	b := r.browser().steal(known) // a cookie that was planted
	back := b.choose("ada@example.org")
	b.get(back)
	if got := b.who(); got != "ada@example.org" {
		t.Fatalf("signed in is %q", got)
	}
	if b.cookie().Value == known.Value {
		t.Error("the session is the one from before the sign-in")
	}
	if got := b.steal(known).who(); got != "" {
		t.Errorf("by the cookie from before, %s is signed in", got)
	}
	// Nor is it kept where the next person signs in over it.
	ada := b.cookie()
	b.signIn("bob@example.org")
	if got := b.steal(ada).who(); got != "" || b.who() != "bob@example.org" {
		t.Errorf("by ada's cookie %q is signed in, by bob's %q", got, b.who())
	}
}

func TestSignOutEndsTheSession(t *testing.T) {
	t.Parallel()
	r, _ := open(t)
	b := r.browser()
	b.signIn("ada@example.org")
	kept := b.cookie()
	b.do("POST", auth.SignOut, url.Values{})
	if b.who() != "" || b.steal(kept).who() != "" {
		t.Error("the session goes on after the sign-out")
	}
}

// deletes counts what ending sessions writes.
type deletes struct {
	*memory
	n int
}

func (d *deletes) DeleteCtx(ctx context.Context, token string) error {
	d.n++
	return d.memory.DeleteCtx(ctx, token)
}

// TestSignOutOfNobodyWritesNothing: anybody could hold up all who write to the
// database otherwise.
func TestSignOutOfNobodyWritesNothing(t *testing.T) {
	t.Parallel()
	d := &deletes{memory: &memory{rows: make(map[string]row)}}
	b := on(t, d, site).browser()
	for range 10 {
		b.do("POST", auth.SignOut, url.Values{})
	}
	if d.n != 0 {
		t.Errorf("%d writes for nobody", d.n)
	}
	b.signIn("ada@example.org")
	before := d.n
	b.do("POST", auth.SignOut, url.Values{})
	if d.n != before+1 {
		t.Errorf("%d writes for ada, want 1", d.n-before)
	}
}

func TestEndSessionsEndsAllOfOnePerson(t *testing.T) {
	t.Parallel()
	r, s := open(t)
	ada, again, bob := r.browser(), r.browser(), r.browser()
	ada.signIn("ada@example.org")
	again.signIn("ada@example.org")
	bob.signIn("bob@example.org")
	if err := s.Sessions().EndSessions(t.Context(), "ada@example.org"); err != nil {
		t.Fatal(err)
	}
	if ada.who() != "" || again.who() != "" || bob.who() != "bob@example.org" {
		t.Errorf("signed in are %q, %q and %q", ada.who(), again.who(), bob.who())
	}
}

func TestCookie(t *testing.T) {
	t.Parallel()
	for at, want := range map[string]http.Cookie{
		site:                    {Name: "__Host-daypass", Secure: true},
		"http://127.0.0.1:8080": {Name: "daypass"},
	} {
		r := on(t, &memory{rows: make(map[string]row)}, at)
		b := r.browser()
		var got []*http.Cookie
		got = append(got, b.get("/sign-in/start").Cookies()...)
		got = append(got, b.get(b.choose("ada@example.org")).Cookies()...)
		got = append(got, b.get("/").Cookies()...)
		got = append(got, b.do("POST", auth.SignOut, url.Values{}).Cookies()...)
		if len(got) < 3 {
			t.Fatalf("%s sets %d cookies", at, len(got))
		}
		for _, c := range got {
			if c.Name != want.Name && c.Name != want.Name+"-sign-in" || c.Secure != want.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
				t.Errorf("%s sets %s", at, c)
			}
		}
		if last := got[len(got)-1]; last.MaxAge >= 0 {
			t.Errorf("%s signs out with %s", at, last)
		}
	}
}

func TestSessionIsOverWhenIdleAndAtItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := on(t, &memory{rows: make(map[string]row)}, site, func(s *auth.Settings) { s.Idle, s.Life = time.Hour, 8*time.Hour })
		b := r.browser()
		b.signIn("ada@example.org")
		kept := b.cookie() // whatever the browser thinks of its end
		for range 7 {
			time.Sleep(59 * time.Minute)
			if b.steal(kept).who() == "" {
				t.Fatal("a session that is used ended")
			}
		}
		time.Sleep(59 * time.Minute)
		if b.steal(kept).who() == "" {
			t.Fatal("it ended before its life was over")
		}
		time.Sleep(9 * time.Minute)
		if b.steal(kept).who() != "" {
			t.Error("a session outlives its life, by being used")
		}
		b.signIn("ada@example.org")
		kept = b.cookie()
		time.Sleep(61 * time.Minute)
		if b.steal(kept).who() != "" {
			t.Error("an idle session goes on")
		}
		b.signIn("ada@example.org")
		kept = b.cookie()
		for range 2 { // the page looks for news by itself; nobody is there
			time.Sleep(40 * time.Minute)
			b.steal(kept).look()
		}
		if b.steal(kept).who() != "" {
			t.Error("a page that is open prolongs the session")
		}
	})
}

func TestSignInTakesTooLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := on(t, &memory{rows: make(map[string]row)}, site)
		b := r.browser()
		begun := b.get("/sign-in/start")
		at := begun.Header.Get("Location")
		time.Sleep(11 * time.Minute)
		b = b.steal(begun.Cookies()[0]) // whatever the browser thinks of its end
		query := at[strings.Index(at, "?")+1:]
		back := b.do("POST", issuer+"/authorize", url.Values{"query": {query}, "person": {"ada@example.org"}}).Header.Get("Location")
		if a := b.get(back); a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, "too long") || b.who() != "" {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	})
}

// TestSettingsChangeUnderway: other settings come while people are there, and
// sessions go on.
func TestSettingsChangeUnderway(t *testing.T) {
	t.Parallel()
	r := on(t, &memory{rows: make(map[string]row)}, site)
	b := r.browser()
	b.signIn("ada@example.org")
	kept := b.cookie()
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 50 {
				if shown(r.hosts, kept) != "ada@example.org" {
					t.Error("the session is lost")
					return
				}
			}
		})
	}
	for i := range 50 {
		s := r.settings
		s.Idle, s.Life = time.Hour+time.Duration(i)*time.Minute, 10*time.Hour
		r.auth.Use(s)
	}
	wait.Wait()
	// The other address of one human counts from then on.
	s := r.settings
	s.Canonical = func(p engine.Person) engine.Person {
		if p == "ada@example.org" {
			return "lovelace@example.org"
		}
		return p
	}
	r.auth.Use(s)
	if got := b.who(); got != "lovelace@example.org" {
		t.Errorf("signed in is %q", got)
	}
}

// shown asks who is signed in by a cookie.
func shown(hosts http.RoundTripper, c *http.Cookie) string {
	req, err := http.NewRequest("GET", site+"/", nil)
	if err != nil {
		return err.Error()
	}
	req.AddCookie(c)
	res, err := (&http.Client{Transport: hosts}).Do(req)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	var b strings.Builder
	_ = res.Write(&b)
	return b.String()[strings.LastIndex(b.String(), "\n")+1:]
}

// TestLocal: nobody is sent away from here by what they bring.
func TestLocal(t *testing.T) {
	t.Parallel()
	for _, back := range []string{
		"", "//evil.example", "///evil.example", "https://evil.example", "HTTPS://evil.example/", "http:evil.example", "/\\evil.example", "\\\\evil.example",
		"/\t/evil.example", "/\n/evil.example", "\t//evil.example", " //evil.example", "//evil.example\\@daypass.example.org", "javascript:alert(1)",
		"data:text/html,x", "evil.example", "./evil", "../evil", "@evil.example", "?x=//evil.example", "/\x00/evil.example", "https:/evil.example",
		"https:\\evil.example", "//evil.example/%2f..", "/%zz", auth.SignIn, auth.SignIn + "/start?return=/", auth.Callback, "//[::1]", "/\u2028\r/x",
	} {
		if got := auth.Local(back); got != "/" {
			t.Errorf("%q leads to %q", back, got)
		}
	}
	for back, want := range map[string]string{
		"/": "/", "/mine": "/mine", "/requests?q=a+b&state=active": "/requests?q=a+b&state=active", "/ask#x": "/ask", "/ask/a%2Fb": "/ask/a%2Fb",
		"/%2f/evil.example": "/%2f/evil.example", "/／evil.example": "/%EF%BC%8Fevil.example",
	} {
		if got := auth.Local(back); got != want {
			t.Errorf("%q leads to %q, want %q", back, got, want)
		}
	}
	// What is let through stays here, also as browsers understand it.
	base, _ := url.Parse(site + "/sign-in/callback")
	for _, back := range []string{"/.//evil.example", "/x/..//evil.example", "/;//evil.example", "/%5cevil.example", "/%09/evil.example", "/?//evil.example"} {
		u, err := base.Parse(auth.Local(back))
		if err != nil || u.Host != base.Host || u.Scheme != "https" {
			t.Errorf("%q leads to %v: %v", back, u, err)
		}
	}
}
