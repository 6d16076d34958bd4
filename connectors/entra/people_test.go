package entra

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/daypass-dev/daypass/connectors/entra/entratest"
	"github.com/daypass-dev/daypass/engine"
)

// TestMatch: where the address stands, and the exceptions.
func TestMatch(t *testing.T) {
	t.Parallel()
	l := newLab(t, entratest.Options{})
	login := l.user(entratest.User{UPN: "login@example.org", Mail: "-"})
	mail := l.user(entratest.User{UPN: "x@example.org", Mail: "mail@example.org"})
	guest := l.user(entratest.User{UPN: "gus_partner.example#EXT#@example.org", Mail: "gus@partner.example", Guest: true})
	l.user(entratest.User{UPN: "both@example.org"})
	off := l.user(entratest.User{UPN: "off@example.org", Disabled: true})
	// The address of one is the mail of another.
	l.user(entratest.User{UPN: "two@example.org", Mail: "-"})
	l.user(entratest.User{UPN: "y@example.org", Mail: "two@example.org"})
	exceptions := map[engine.Person]string{"ann@example.org": strings.ToUpper(mail), "ben@example.org": "LOGIN@example.org", "nil@example.org": "no@example.org"}
	const ambiguous, notFound, disabled = "ambiguous", "not-found", "disabled"
	for person, want := range map[engine.Person][3]string{ // by either, by login, by mail
		"login@example.org":   {login, login, notFound},
		"mail@example.org":    {mail, notFound, mail},
		"gus@partner.example": {guest, notFound, guest},
		"off@example.org":     {disabled, disabled, disabled},
		"two@example.org":     {ambiguous, l.UserID("two@example.org"), l.UserID("y@example.org")},
		"both@example.org":    {l.UserID("both@example.org"), l.UserID("both@example.org"), l.UserID("both@example.org")},
		"nobody@example.org":  {notFound, notFound, notFound},
		"ann@example.org":     {mail, mail, mail},
		"ben@example.org":     {login, login, login},
		"nil@example.org":     {notFound, notFound, notFound},
	} {
		for i, match := range []string{"", matchUPN, matchMail} {
			c := l.connect(func(c *Config) { c.Match, c.Accounts = match, exceptions })
			m, err := c.Resolve(t.Context(), person)
			got := string(m.ID)
			if err != nil {
				got = string(engine.KindOf(err))
			}
			if got != want[i] {
				t.Errorf("match %q, Resolve(%s): got %s (%v), want %s", match, person, got, err, want[i])
			}
			if got == disabled && m.ID != engine.MemberID(off) {
				t.Errorf("match %q, Resolve(%s): got account %q beside the error, want %s", match, person, m.ID, off)
			}
		}
	}
}

// TestUnreadableAccounts: what is not shown is not guessed.
func TestUnreadableAccounts(t *testing.T) {
	t.Parallel()
	user := `{"id":"` + userA + `","userPrincipalName":"ada@example.org","mail":"ada@example.org","accountEnabled":%s}`
	for name, tc := range map[string]struct {
		body string
		want engine.Kind
	}{
		"enabled":       {`{"value":[` + fmt.Sprintf(user, "true") + `]}`, ""},
		"not shown":     {`{"value":[` + fmt.Sprintf(user, "null") + `]}`, engine.Denied},
		"no id":         {`{"value":[{"userPrincipalName":"ada@example.org"}]}`, engine.Partial},
		"no list":       {`{}`, engine.Partial},
		"somebody else": {`{"value":[{"id":"` + userB + `","userPrincipalName":"bo@example.org","accountEnabled":true}]}`, engine.NotFound},
	} {
		c, _ := talk(t, func(int, asked) canned { return ok(tc.body) }, func(c *Config) { c.Match = matchUPN })
		_, err := c.Resolve(t.Context(), "ada@example.org")
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || engine.KindOf(err) != tc.want) {
			t.Errorf("%s: got error %v, want kind %q", name, err, tc.want)
		}
	}
}

// TestResolveAllAsks: 15 addresses to a list, 20 lists to a batch; and of a
// list that is refused each address by itself.
func TestResolveAllAsks(t *testing.T) {
	t.Parallel()
	var lists atomic.Int32
	c, f := talk(t, func(_ int, a asked) canned {
		return batchAnswers(a, func(s step) (int, string, string) {
			u, err := url.Parse(s.URL)
			if err != nil || u.Path != "/users" {
				t.Errorf("request in a batch: got %s, want users", s.URL)
			}
			filter := u.Query().Get("$filter")
			if lists.Add(1); strings.Count(filter, "@") > inMost {
				t.Errorf("filter: got %s, want at most %d values", filter, inMost)
			}
			if strings.Contains(filter, "p7@") {
				return 400, "", refused(400, "Request_UnsupportedQuery", "x").body
			}
			return 200, "", `{"value":[]}`
		})
	})
	var ps []engine.Person
	for i := range 200 {
		ps = append(ps, engine.Person(fmt.Sprintf("p%d@example.org", i)))
	}
	all, err := c.ResolveAll(t.Context(), append(ps, ps...))
	if err != nil || len(all) != 400 {
		t.Fatalf("ResolveAll: got %d answers and error %v, want 400", len(all), err)
	}
	for i, r := range all {
		want := engine.NotFound
		if i%200 == 7 {
			want = engine.Rejected
		}
		if engine.KindOf(r.Err) != want {
			t.Errorf("answer %d: got error %v, want kind %s", i, r.Err, want)
		}
	}
	if got := len(f.requests()); got != 2+2 || lists.Load() != 2*14+2*15 {
		t.Errorf("requests: got %d with %d lists, want 2 for all, and 2 for the lists that were refused", got, lists.Load())
	}
}

// TestNoRightToRead: an error for each, not nobody.
func TestNoRightToRead(t *testing.T) {
	t.Parallel()
	c, _ := talk(t, func(_ int, a asked) canned {
		return batchAnswers(a, func(step) (int, string, string) {
			return http.StatusForbidden, "", refused(403, "Authorization_RequestDenied", "Insufficient privileges").body
		})
	})
	_, err := c.Resolve(t.Context(), "ada@example.org")
	if engine.KindOf(err) != engine.Denied || !strings.Contains(err.Error(), "User.Read.All") {
		t.Errorf("Resolve: got error %v, want kind denied and the right to grant", err)
	}
}
