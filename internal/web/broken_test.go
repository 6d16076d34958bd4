package web_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/auth"
	"github.com/daypass-dev/daypass/internal/desk"
	"github.com/daypass-dev/daypass/internal/records"
	"github.com/daypass-dev/daypass/internal/web"
)

// A group that is not there is no outage: nobody is told to try again what only an
// administrator can mend.
func TestAGroupThatIsNotThereIsNoOutage(t *testing.T) {
	t.Parallel()
	r := open(t)
	id := r.ask("ada", desk.Wish{Resource: "staging"})
	r.rules.Resources[3].Owners = access.Who{Groups: []engine.GroupRef{ref("owners")}}
	r.rules.Auditors = access.Who{Groups: []engine.GroupRef{ref("auditors")}}
	r.desk.Use(r.rules)
	r.corp.DeleteGroup(r.groups["approvers"])
	for _, a := range []answer{
		r.by("bob").get("/requests/" + id),
		r.by("bob").decide(id, "approve"),
		r.by("bob").get("/audit"),
	} {
		if a.want(t, 503, "until it is mended", "an administrator has to mend it"); a.Header.Get("Retry-After") != "" || strings.Contains(a.text(), "again") || strings.Contains(a.text(), "does not answer") {
			t.Errorf("%s: %s", a.Request.URL.Path, a.text())
		}
	}
	r.by("bob").get("/resources/staging").want(t, 200, "an administrator has to mend it")
	const why = "nobody can approve it: the group approvers is not in the directory corp"
	if inbox := r.by("bob").get("/approve").want(t, 200); strings.Contains(inbox.text(), "more waits for you") {
		t.Errorf("everything is doubtful to bob: %s", inbox.text())
	}
	r.by("ada").get("/requests/"+id).want(t, 200, why, "waiting in vain")
	r.by("ada").get("/mine").want(t, 200, why)
	r.by("root").get("/approve").want(t, 200, why)
	r.by("ada").get("/ask/staging").want(t, 200, why)
	r.by("ada").get("/resources/staging").want(t, 200, why)
	r.by("bob").get("/ask").want(t, 200, "the configuration gives a role to a group that cannot be found")
}

// TestPagesAreLimited: nobody makes daypass work by reloading.
func TestPagesAreLimited(t *testing.T) {
	t.Parallel()
	r := open(t)
	r.by("ada")
	r.by("bob")
	_, sessions := records.Of(r.store)
	a := auth.New(sessions, site, r.clock.Now, slog.New(slog.DiscardHandler))
	a.Use(auth.Settings{URL: site, Canonical: r.rules.Canonical})
	r.hosts["daypass.example.org"] = web.New(web.Config{Desk: r.desk, Auth: a, Now: r.clock.Now, Calls: 1, CallsAtOnce: 3})
	for range 3 {
		r.by("ada").get("/mine").want(t, 200)
	}
	if x := r.by("ada").get("/mine").want(t, 429, "wait a moment"); x.Header.Get("Retry-After") != "1" {
		t.Errorf("%v", x.Header)
	}
	r.by("bob").get("/mine").want(t, 200)
	r.clock.Pass(2 * time.Second)
	r.by("ada").get("/mine").want(t, 200)
}
