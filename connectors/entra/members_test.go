package entra

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/daypass-dev/daypass/engine"
)

func entry(id, login string) string {
	return fmt.Sprintf(`{"@odata.type":"#microsoft.graph.user","id":%q,"userPrincipalName":%q}`, id, login)
}

func pageBody(next string, entries ...string) string {
	link := ""
	if next != "" {
		link = fmt.Sprintf(`"@odata.nextLink":%q,`, next)
	}
	return "{" + link + `"value":[` + strings.Join(entries, ",") + "]}"
}

const membersLink = fakeRoot + "/v1.0/groups/" + groupA + "/members?$top=999&$skiptoken=T"

// TestListingIsWholeOrAnError: whatever is not the documented shape is no
// listing, not a short one.
func TestListingIsWholeOrAnError(t *testing.T) {
	t.Parallel()
	one := entry(userA, "ada@example.org")
	for _, tc := range []struct {
		name  string
		pages []canned
		want  engine.Kind // empty: a listing of two
	}{
		{"two pages", []canned{ok(pageBody(membersLink+"1", one)), ok(pageBody("", entry(userB, "bo@example.org")))}, ""},
		{"an empty page with a link", []canned{ok(pageBody(membersLink+"1", one)), ok(pageBody(membersLink + "2")), ok(pageBody("", entry(userB, "bo")))}, ""},
		{"one twice on two pages", []canned{ok(pageBody(membersLink+"1", one, entry(userB, "bo"))), ok(pageBody("", one))}, ""},
		{"capitals in an id", []canned{ok(pageBody(membersLink+"1", one, entry(userB, "bo"))), ok(pageBody("", entry(strings.ToUpper(userA), "ada")))}, ""},
		{"no list", []canned{ok(`{}`)}, engine.Partial},
		{"a null list", []canned{ok(`{"value":null}`)}, engine.Partial},
		{"no array", []canned{ok(`{"value":{"id":"x"}}`)}, engine.Unavailable},
		{"a null entry", []canned{ok(`{"value":[` + one + `,null]}`)}, engine.Partial},
		{"an entry that is a text", []canned{ok(`{"value":["ada"]}`)}, engine.Partial},
		{"an entry without id", []canned{ok(`{"value":[{"@odata.type":"#microsoft.graph.user","userPrincipalName":"x"}]}`)}, engine.Partial},
		{"an entry whose id is a number", []canned{ok(`{"value":[{"@odata.type":"#microsoft.graph.user","id":7}]}`)}, engine.Unavailable},
		{"an entry of no type", []canned{ok(`{"value":[{"id":"` + userA + `"}]}`)}, engine.Partial},
		{"half a text", []canned{ok(`{"value":[` + one)}, engine.Unavailable},
		{"nothing", []canned{ok("")}, engine.Unavailable},
		{"null", []canned{ok("null")}, engine.Unavailable},
		{"a web page", []canned{{http.StatusOK, http.Header{"Content-Type": {"text/html"}}, "<html>log in</html>"}}, engine.Unavailable},
		{"a redirect", []canned{{http.StatusFound, http.Header{"Location": {"https://proxy.example.org"}}, ""}}, engine.Unavailable},
		{"204", []canned{noContent()}, engine.Unavailable},
		{"a link that repeats", []canned{ok(pageBody(membersLink+"1", one)), ok(pageBody(membersLink + "1"))}, engine.Partial},
		{"a link elsewhere", []canned{ok(pageBody("https://evil.example.org/v1.0/groups?$skiptoken=1", one))}, engine.Partial},
		{"a link in clear text", []canned{ok(pageBody(strings.Replace(membersLink, "https:", "http:", 1), one))}, engine.Partial},
		{"a later page refused", []canned{ok(pageBody(membersLink+"1", one)), refused(403, "Authorization_RequestDenied", "no")}, engine.Partial},
		{"a later page not there", []canned{ok(pageBody(membersLink+"1", one)), refused(404, notThereCode, notThereText(groupA))}, engine.Partial},
		{"a later page without a list", []canned{ok(pageBody(membersLink+"1", one)), ok(`{}`)}, engine.Partial},
		{"the last page and not", []canned{ok(`{"value":[],"@odata.nextLink":"` + membersLink + `","@odata.deltaLink":"` + membersLink + `"}`)}, engine.Partial},
		{"not there", []canned{refused(404, notThereCode, notThereText(groupA))}, engine.NotFound},
		{"no rights", []canned{refused(403, "Authorization_RequestDenied", "Insufficient privileges")}, engine.Denied},
		{"a body that is no JSON", []canned{{403, http.Header{"Content-Type": {"text/plain"}}, "blocked"}}, engine.Denied},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, f := talk(t, func(n int, _ asked) canned { return tc.pages[min(n, len(tc.pages)-1)] })
			ms, err := c.Members(t.Context(), groupA)
			if got := len(f.requests()); got != len(tc.pages) {
				t.Errorf("requests: got %d, want %d", got, len(tc.pages))
			}
			switch {
			case tc.want == "" && (err != nil || len(ms) != 2 || ms[0].ID != userA || ms[1].ID != userB):
				t.Errorf("Members: got %+v and error %v, want two", ms, err)
			case tc.want != "" && (len(ms) > 0 || engine.KindOf(err) != tc.want):
				t.Errorf("Members: got %+v and error %v, want none and kind %s", ms, err, tc.want)
			case tc.want != "" && !strings.HasPrefix(err.Error(), "corp: list members of "+groupA+": "):
				t.Errorf("Members: got error %v, want one that says what was done", err)
			}
		})
	}
}

// TestTokenStaysHome: a link in an answer must not carry the token elsewhere.
func TestTokenStaysHome(t *testing.T) {
	t.Parallel()
	for _, link := range []string{
		"https://evil.example.org/v1.0/groups/" + groupA + "/members?$skiptoken=1",
		"https://graph.example.org.evil.example.org/v1.0/groups",
		"https://graph.example.org@evil.example.org/v1.0/groups",
		"https://graph.example.org:8443/v1.0/groups",
		"http://graph.example.org/v1.0/groups",
		"//evil.example.org/v1.0/groups",
		"/v1.0/groups",
	} {
		c, f := talk(t, func(int, asked) canned { return ok(pageBody(link, entry(userA, "ada"))) })
		if _, err := c.Members(t.Context(), groupA); engine.KindOf(err) != engine.Partial {
			t.Errorf("Members with the link %s: got error %v, want kind partial", link, err)
		}
		if r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, nil); err == nil { // past the check of links
			if resp, err := c.wire.client.HTTP().Do(r); err == nil {
				_ = resp.Body.Close()
				t.Errorf("request to %s: got status %s, want it refused", link, resp.Status)
			}
		}
		if got := f.requests(); len(got) != 1 {
			t.Errorf("link %s: got requests %v, want one", link, got)
		}
	}
}

// TestForgottenPage: Graph may refuse the token of a page that was asked for
// twice. The listing begins anew then, and is not resumed.
func TestForgottenPage(t *testing.T) {
	t.Parallel()
	first := ok(pageBody(membersLink+"1", entry(userA, "ada")))
	last := ok(pageBody("", entry(userB, "bo")))
	forgotten := canned{status: 400, body: forgotPage}
	for _, tc := range []struct {
		name  string
		pages []canned
		want  engine.Kind
	}{
		{"once", []canned{first, forgotten, first, last}, ""},
		{"twice", []canned{first, forgotten, first, forgotten, first, last}, ""},
		{"for ever", []canned{first, forgotten, first, forgotten, first, forgotten}, engine.Partial},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, f := talk(t, func(n int, _ asked) canned { return tc.pages[n] })
			ms, err := c.Members(t.Context(), groupA)
			if tc.want == "" && (err != nil || len(ms) != 2) || tc.want != "" && engine.KindOf(err) != tc.want {
				t.Errorf("Members: got %+v and error %v, want two members, or kind %q", ms, err, tc.want)
			}
			if got := f.requests(); len(got) != len(tc.pages) {
				t.Errorf("requests: got %v, want %d", got, len(tc.pages))
			}
		})
	}
}

// TestBrokenPage: a page that cannot be had, however often it is asked for,
// breaks off the listing.
func TestBrokenPage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, f := talk(t, func(n int, _ asked) canned {
			if n == 0 {
				return ok(pageBody(membersLink, entry(userA, "ada")))
			}
			return canned{status: -1}
		})
		ms, err := c.Members(t.Context(), groupA)
		if len(ms) > 0 || engine.KindOf(err) != engine.Partial {
			t.Errorf("Members: got %+v and error %v, want kind partial", ms, err)
		}
		if got := len(f.requests()); got < 3 {
			t.Errorf("requests: got %d, want the page to be asked for again", got)
		}
		c.Close()
	})
}

// TestMembersAsks: one request a page, of the largest size, by a path that
// reads the directory and not an index.
func TestMembersAsks(t *testing.T) {
	t.Parallel()
	c, f := talk(t, func(int, asked) canned { return ok(pageBody("")) })
	if _, err := c.Members(t.Context(), groupA); err != nil {
		t.Fatal(err)
	}
	got := f.requests()[0]
	if want := "$select=id,userPrincipalName&$top=999"; got.String() != "GET /groups/"+groupA+"/members" || got.query != want {
		t.Errorf("request: got %s?%s, want the members with %s", got, got.query, want)
	}
	if got.header.Get("ConsistencyLevel") != "" {
		t.Errorf("request: got header ConsistencyLevel, want none: its index is older")
	}
	if got.header.Get("client-request-id") == "" || got.header.Get("Authorization") != "Bearer token-1" {
		t.Errorf("request: got headers %v, want an id and the token", got.header)
	}
	for _, id := range []engine.GroupID{"", "prod-db", "../users", groupA + "/owners", "x?$top=1"} {
		if _, err := c.Members(t.Context(), id); engine.KindOf(err) != engine.NotFound {
			t.Errorf("Members(%q): got error %v, want kind not-found", id, err)
		}
	}
	if got := f.requests(); len(got) != 1 {
		t.Errorf("requests: got %v, want nothing but ids in a path", got)
	}
}

// TestKindsOfMember: accounts are managed, all else is listed and left.
func TestKindsOfMember(t *testing.T) {
	t.Parallel()
	c, _ := talk(t, func(int, asked) canned {
		return ok(pageBody("", `{"@odata.type":"#microsoft.graph.user","id":"`+userA+`","userPrincipalName":null}`,
			`{"@odata.type":"#microsoft.graph.group","id":"`+userB+`"}`, `{"@odata.type":"#microsoft.graph.device","id":"`+userC+`"}`,
			`{"id":"`+groupB+`","userPrincipalName":"dee"}`))
	})
	ms, err := c.Members(t.Context(), groupA)
	want := []engine.Member{
		{ID: groupB, Login: "dee"}, // no type: metadata was left out
		{ID: userA, Login: userA},  // without User.Read.All there is no login
		{ID: userB, Login: userB, Kind: engine.GroupMember},
		{ID: userC, Login: userC, Kind: engine.OtherMember},
	}
	if err != nil || fmt.Sprint(ms) != fmt.Sprint(want) {
		t.Errorf("Members: got %+v and error %v, want %+v", ms, err, want)
	}
}
