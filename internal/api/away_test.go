package api_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/api"
	"github.com/daypass-dev/daypass/internal/auth"
	"github.com/daypass-dev/daypass/internal/desk"
	"github.com/daypass-dev/daypass/internal/records"
	"github.com/daypass-dev/daypass/internal/store"
)

// failing is a store of which requests cannot be had.
type failing struct {
	desk.Store
	why error
}

func (f failing) Request(context.Context, string) (*access.Request, error) { return nil, f.why }

// TestAStoreThatIsAwayIsWaitedFor: a program is told so, and when to come again; of
// any other failure it is not.
func TestAStoreThatIsAwayIsWaitedFor(t *testing.T) {
	t.Parallel()
	r := open(t)
	use := func(why error) {
		conf := r.room.Config()
		conf.Store = failing{conf.Store, why}
		d := desk.New(conf)
		d.Use(r.rules())
		rows, people := records.Of(r.store)
		a := auth.New(people, "https://daypass.example.org", conf.Now, conf.Log)
		a.Use(auth.Settings{URL: "https://daypass.example.org", Left: d.Left})
		r.api = api.New(api.Config{Desk: d, Auth: a, Keys: rows, Now: conf.Now, Log: conf.Log})
	}
	gone := &store.Error{Path: "postgres://db/daypass", Op: "read", Err: errors.Join(store.ErrUnreached, io.EOF)}
	for what, x := range map[string]struct {
		why    error
		status int
		kind   string
		after  string
	}{
		"away":               {gone, 503, "store", "10"},
		"away, and in doubt": {access.Unsure("whether it is so", gone), 503, "store", "10"},
		"away while writing": {&store.Error{Err: errors.Join(store.ErrUnknown, store.ErrUnreached)}, 500, "internal", ""},
		"a bug":              {&store.Error{Err: errors.New("no such column")}, 500, "internal", ""},
		"damaged":            {&store.Error{Err: store.ErrDamaged}, 500, "internal", ""},
	} {
		use(x.why)
		a := r.call("ada", "GET", "/api/v1/requests/r1", "")
		if p := a.problem(t, x.status, x.kind); a.Header.Get("Retry-After") != x.after || strings.Contains(p.Detail, "postgres") {
			t.Errorf("%s: %v, %+v", what, a.Header, p)
		}
	}
	if !strings.Contains(r.log.String(), store.ErrUnreached.Error()) {
		t.Error("the log does not say why")
	}
}
