package e2e_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/e2e/browser"
)

// session is the name of the cookie that keeps somebody signed in.
const session = "daypass"

// sent asks for a page with a session, follows nothing, and returns the status.
func (h *house) sent(path, secret string) int {
	h.t.Helper()
	answer, _ := h.send(http.MethodGet, path, secret, nil)
	return answer.StatusCode
}

// send is what a browser with the session sends, when a page of ours has it
// send the form; nothing is followed.
func (h *house) send(method, path, secret string, form url.Values) (*http.Response, string) {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		h.t.Fatal(err)
	}
	r.AddCookie(&http.Cookie{Name: session, Value: secret})
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", h.URL)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return answer, string(body)
}

func TestSigningOutEndsIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plain())
	ada := h.ask("ada", "staging", "A private matter")
	secret := ada.Cookie(session)
	if got := h.sent("/mine", secret); got != http.StatusOK {
		t.Fatalf("with the cookie of the session the status is %d", got)
	}
	tab := ada.Tab()
	tab.Visit(h.URL + "/mine")
	tab.Sees("A private matter")

	ada.Click("Ada")
	ada.Press("Sign out")
	ada.Sees("Access for a while")
	look(t, ada, "sign-in")
	if got := h.sent("/mine", secret); got != http.StatusSeeOther {
		t.Errorf("after signing out the cookie still opens a page: status %d", got)
	}
	tab.Reload()
	tab.SeesNot("A private matter")
	ada.Back()
	ada.SeesNot("A private matter")
	if strings.HasPrefix(ada.URL(), h.URL+"/requests/") {
		t.Errorf("the button to go back leads to %s", ada.URL())
	}
}

func TestNoSessionFromBeforeSigningInIsWorthAnything(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plain())
	// Ken plants his own session, and one that he made up, in Ada's browser.
	ken := h.signedIn("ken", "/mine").Cookie(session)
	for _, planted := range []string{ken, "made-up-by-ken"} {
		ada := chromium.Open(t)
		ada.Plant(h.URL, session, planted)
		ada.Visit(h.URL + "/sign-in")
		ada.Press("Sign in")
		h.idp.SignIn(ada, mail("ada"))
		ada.Visit(h.URL + "/mine")
		ada.Sees("Ada")
		if got := ada.Cookie(session); got == planted {
			t.Errorf("ada's session has the secret that ken knows")
		}
		if got := h.sent("/mine", planted); got != http.StatusSeeOther {
			t.Errorf("ken's secret opens a page after ada signed in with it: status %d", got)
		}
	}
}

func TestWhatWasTypedOutlivesTheSession(t *testing.T) {
	t.Parallel()
	p := plain()
	p.people, p.session = append(p.people, "eve"), "{idle: 6s}"
	h := newHouse(t, p)
	// A page that looks for news by itself does not keep anybody signed in.
	walker := h.ask("ken", "staging", "and went for a walk")

	typed := map[string]*browser.Page{"ada": h.signedIn("ada", "/ask/staging"), "eve": h.signedIn("eve", "/ask/staging", browser.WithoutJavaScript)}
	over := time.Now().Add(7 * time.Second)
	for _, page := range typed {
		page.Fill("Why do you need it?", "Said at length: \"<b>why</b>\"\nand more")
		page.Tick("8 hours")
	}
	until(t, "the sessions to be over", func() bool { return time.Now().After(over) })
	for person, page := range typed {
		page.Press("Ask for access")
		page.Sees("Sign in again")
		page.Sees("It is kept")
		if person == "ada" {
			look(t, page, "signed-out")
		}
		tab := page.Tab()
		tab.Visit(h.URL + "/sign-in/start") // where the link leads, in another tab
		h.idp.SignIn(tab, mail(person))
		tab.Sees("Ask for access")
		page.Press("Send it again")
		page.Sees("You asked for Staging.")
		page.Sees(`Said at length: "<b>why</b>" and more`)
		page.Sees("8 hours")
	}
	walker.Sees("Your session is over, and this page is not kept up to date any more.")
}
