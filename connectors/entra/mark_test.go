package entra

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

func deltaBody(token string, entries ...string) string {
	return `{"@odata.deltaLink":"` + fakeRoot + `/v1.0/groups/delta()?$deltatoken=` + token + `","value":[` + strings.Join(entries, ",") + `]}`
}

// TestChanged: what the answers to a delta query mean.
func TestChanged(t *testing.T) {
	t.Parallel()
	members := func(g string) string { return `{"id":"` + g + `","members@delta":[{"id":"` + userA + `"}]}` }
	next := `{"@odata.nextLink":"` + fakeRoot + `/v1.0/groups/delta?$skiptoken=S","value":[` + members(groupB) + `]}`
	for _, tc := range []struct {
		name    string
		answers []canned
		want    engine.Changes // without the mark
		kind    engine.Kind
	}{
		{"nothing", []canned{ok(deltaBody("n"))}, engine.Changes{}, ""},
		{"members", []canned{ok(deltaBody("n", members(groupA)))}, engine.Changes{Groups: []engine.GroupID{groupA}}, ""},
		{"over pages, one twice", []canned{ok(next), ok(deltaBody("n", members(groupA), members(groupB)))}, engine.Changes{Groups: []engine.GroupID{groupA, groupB}}, ""},
		{"another name", []canned{ok(deltaBody("n", `{"id":"`+groupA+`","displayName":"x"}`))}, engine.Changes{Groups: []engine.GroupID{groupA}, Names: true}, ""},
		{"another kind", []canned{ok(deltaBody("n", `{"id":"`+groupA+`","groupTypes":["DynamicMembership"]}`))}, engine.Changes{Groups: []engine.GroupID{groupA}, Names: true}, ""},
		{"deleted softly", []canned{ok(deltaBody("n", `{"id":"`+groupA+`","@removed":{"reason":"changed"}}`))}, engine.Changes{Groups: []engine.GroupID{groupA}, Names: true}, ""},
		{"deleted", []canned{ok(deltaBody("n", `{"id":"`+groupA+`","@removed":{"reason":"deleted"}}`))}, engine.Changes{Groups: []engine.GroupID{groupA}, Names: true}, ""},
		{"gone", []canned{refused(410, "resyncRequired", "x"), ok(deltaBody("new"))}, engine.Changes{All: true}, ""},
		{"too old", []canned{refused(400, "syncStateNotFound", "x"), ok(deltaBody("new"))}, engine.Changes{All: true}, ""},
		{"a mark that is not liked", []canned{refused(400, badRequest400, "Badly formed token."), ok(deltaBody("new"))}, engine.Changes{All: true}, ""},
		{"denied", []canned{refused(403, "Authorization_RequestDenied", "x")}, engine.Changes{}, engine.Denied},
		{"no link", []canned{ok(`{"value":[]}`)}, engine.Changes{}, engine.Partial},
		{"a link elsewhere", []canned{ok(strings.ReplaceAll(deltaBody("n"), "graph.example.org", "evil.example.org"))}, engine.Changes{}, engine.Partial},
		{"a link without a token", []canned{ok(deltaBody(""))}, engine.Changes{}, engine.Partial},
		{"a change of nothing", []canned{ok(deltaBody("n", `{}`))}, engine.Changes{}, engine.Partial},
		{"a null change", []canned{ok(deltaBody("n", `null`))}, engine.Changes{}, engine.Partial},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, f := talk(t, func(n int, _ asked) canned { return tc.answers[min(n, len(tc.answers)-1)] })
			got, err := c.Changed(t.Context(), engine.Mark(mark{Version: markVersion, Token: "old token"}.String()))
			if engine.KindOf(err) != tc.kind && (err != nil || tc.kind != "") {
				t.Fatalf("Changed: got error %v, want kind %q", err, tc.kind)
			}
			if next := got.Next; err == nil {
				m, ok := readMark(next)
				want := "n"
				if tc.want.All {
					want = "new"
				}
				if !ok || m.Token != want {
					t.Errorf("Changed: got mark %q, want the token %q", next, want)
				}
			}
			got.Next = ""
			if fmt.Sprint(got) != fmt.Sprint(tc.want) {
				t.Errorf("Changed: got %+v, want %+v", got, tc.want)
			}
			if q := f.requests()[0]; q.query != "$deltatoken=old%20token" || q.header.Get("Prefer") != "return=minimal" {
				t.Errorf("request: got %s?%s with Prefer %q, want the token alone, and what changed only", q, q.query, q.header.Get("Prefer"))
			}
		})
	}
}

// TestFirstMark: without a mark, or with one of something else, anything may
// have changed.
func TestFirstMark(t *testing.T) {
	t.Parallel()
	for _, since := range []engine.Mark{"", "{}", "not ours", `{"v":2,"token":"x"}`, `{"v":1}`} {
		c, f := talk(t, func(int, asked) canned { return ok(deltaBody("n")) })
		got, err := c.Changed(t.Context(), since)
		if err != nil || !got.All || len(got.Groups) > 0 {
			t.Errorf("Changed(%q): got %+v and error %v, want all", since, got, err)
		}
		if q := f.requests(); len(q) != 1 || q[0].path != "/groups/delta" || q[0].query != "$select="+deltaSelect+"&$deltatoken=latest" {
			t.Errorf("Changed(%q): got requests %v, want one for the latest token", since, q)
		}
	}
}

// TestChangedIsToldAgain: the listing that follows a telling may be older than
// the change.
func TestChangedIsToldAgain(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c, _ := talk(t, func(n int, _ asked) canned {
		if n == 0 {
			return ok(deltaBody("1", `{"id":"`+groupA+`","members@delta":[]}`))
		}
		return ok(deltaBody("2"))
	}, func(c *Config) { c.Now = func() time.Time { return now } })
	since := engine.Mark(mark{Version: markVersion, Token: "0"}.String())
	for i, want := range []int{1, 1, 1, 0, 0} {
		got, err := c.Changed(t.Context(), since)
		if err != nil || len(got.Groups) != want || got.Names || got.All {
			t.Errorf("Changed, call %d: got %+v and error %v, want %d groups", i, got, err, want)
		}
		since = got.Next
		now = now.Add(defaultGrace/2 - time.Second)
	}
}
