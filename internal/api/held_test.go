package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/api"
	"github.com/daypass-dev/daypass/internal/desk"
)

// Law 11: more is approved than a limit lets in. Each of those who asked is told
// that it is held, by which limit, and that an administrator is the way out; after
// the release they are there.
func TestApprovedBeyondALimit(t *testing.T) {
	t.Parallel()
	r := open(t)
	r.corp.SetClock(r.clock.Now)
	rules := engine.DefaultRules()
	rules.Limits.Add = 1
	e := engine.New(engine.Config{
		Directories: map[engine.Directory]engine.Connector{"corp": r.corp},
		Groups:      map[engine.GroupRef]engine.Rules{{Directory: "corp", Name: "free"}: rules},
		Defaults:    engine.DefaultRules(), Limits: engine.DefaultLimits(), Ledger: r.store, Overdue: time.Hour, Now: r.clock.Now,
		Sources: []engine.Source{desk.Grants{Live: r.store.LiveRequests, Now: r.clock.Now, Expand: func(resource string) ([]engine.GroupRef, bool) {
			return []engine.GroupRef{{Directory: "corp", Name: resource}}, true
		}}},
	})
	run := func() {
		t.Helper()
		if _, err := e.RunIn(t.Context(), "serve", engine.Scope{Directory: "corp"}); err != nil {
			t.Fatal(err)
		}
		r.clock.Pass(10 * time.Second)
	}
	ids := make(map[string]string)
	for _, who := range []string{"ada", "eve"} {
		ids[who] = r.ask(who, `{"resource":"free"}`).ID
	}
	see := func(who string) (api.RequestDetail, string) {
		t.Helper()
		a := r.call(who, "GET", "/api/v1/requests/"+ids[who], "").want(t, 200)
		return into[api.RequestDetail](t, a), string(a.body)
	}
	run()
	for who := range ids {
		got, body := see(who)
		if got.State != "active" || got.There || got.Groups[0].State != desk.Held {
			t.Errorf("%s: %s", who, body)
		}
		for _, want := range []string{"2 additions in corp/free", "limit of 1", "administrator", "release"} {
			if !strings.Contains(got.Groups[0].Note, want) || got.Held != got.Groups[0].Note {
				t.Errorf("%s: the note lacks %q: %s", who, want, body)
			}
		}
		for _, list := range []string{"requests", "mine"} {
			a := into[struct{ Requests []api.Request }](t, r.call(who, "GET", "/api/v1/"+list, "").want(t, 200))
			if len(a.Requests) != 1 || a.Requests[0].Held != got.Held {
				t.Errorf("%s: %s says %+v, want %q", who, list, a.Requests, got.Held)
			}
		}
	}
	holds := into[struct{ Holds []api.Hold }](t, r.call("dan", "GET", "/api/v1/holds", "").want(t, 200))
	if len(holds.Holds) != 1 {
		t.Fatalf("on record: %+v", holds)
	}
	r.call("root", "POST", "/api/v1/holds/"+holds.Holds[0].Digest+"/release", `{"reason":"a project begins"}`).want(t, 200)
	run()
	for who := range ids {
		if got, body := see(who); !got.There || got.Groups[0].State != desk.There || got.Groups[0].Note != "" {
			t.Errorf("%s after the release: %s", who, body)
		}
	}
}
