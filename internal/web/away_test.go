package web_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/auth"
	"github.com/daypass-dev/daypass/internal/desk"
	"github.com/daypass-dev/daypass/internal/records"
	"github.com/daypass-dev/daypass/internal/store"
	"github.com/daypass-dev/daypass/internal/web"
)

// failing is a store of which requests cannot be had.
type failing struct {
	desk.Store
	why error
}

func (f failing) Request(context.Context, string) (*access.Request, error) { return nil, f.why }

// TestAStoreThatIsAwayIsWaitedFor: whoever comes meanwhile is told so, and to come
// again; that something is broken, is not said to be over soon.
func TestAStoreThatIsAwayIsWaitedFor(t *testing.T) {
	t.Parallel()
	r := open(t)
	ada := r.by("ada")
	use := func(why error) {
		rows, sessions := records.Of(r.store)
		d := desk.New(desk.Config{Store: failing{rows, why}, Now: r.clock.Now, Log: r.log.Logger()})
		d.Use(r.rules)
		a := auth.New(sessions, site, r.clock.Now, r.log.Logger())
		a.Use(auth.Settings{Left: d.Left, URL: site, Canonical: r.rules.Canonical})
		r.hosts["daypass.example.org"] = web.New(web.Config{Desk: d, Auth: a, Now: r.clock.Now, Log: r.log.Logger()})
	}
	use(&store.Error{Path: "postgres://db/daypass", Err: store.ErrUnreached})
	if a := ada.get("/requests/r1").want(t, 503, "database of daypass does not answer", "try again"); a.Header.Get("Retry-After") != "10" || strings.Contains(a.text(), "postgres") {
		t.Errorf("%v: %s", a.Header, a.text())
	}
	if !strings.Contains(r.log.String(), store.ErrUnreached.Error()) {
		t.Error("the log does not say why")
	}
	use(&store.Error{Err: errors.New("no such column")})
	ada.get("/requests/r1").want(t, 500, "something went wrong")
}
