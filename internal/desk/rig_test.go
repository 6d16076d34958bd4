package desk_test

import (
	"context"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
	"github.com/daypass-dev/daypass/internal/desk/desktest"
	"github.com/daypass-dev/daypass/internal/store"
)

// bench is the desk, in a room for tests.
type bench struct {
	t      *testing.T
	room   *desktest.Room
	corp   *dir
	store  *store.Store
	desk   *desk.Desk
	rules  *desk.Rules
	ids    map[string]engine.MemberID
	groups map[string]engine.GroupID
}

// The words of the room.
var (
	mail = desktest.Person
	in   = desktest.Group
	who  = desktest.Who
	as   = desktest.As
)

// dir is a directory in which one account may have several addresses, and which
// may take its time.
type dir struct {
	*memory.Directory
	also    map[engine.Person]engine.Person
	resolve func(context.Context) error
}

func (d *dir) Resolve(ctx context.Context, p engine.Person) (engine.Member, error) {
	if d.resolve != nil {
		if err := d.resolve(ctx); err != nil {
			return engine.Member{}, err
		}
	}
	if q, ok := d.also[p]; ok {
		p = q
	}
	return d.Directory.Resolve(ctx, p)
}

// set is a bench whose rules ask for no reasons: bob decides about staging, free
// is given at once, and secret to ada and eve only.
func set(t *testing.T) *bench {
	t.Helper()
	m := desktest.Open(t, "ada", "bob", "carol", "eve", "root", "dan")
	b := &bench{t: t, room: m, corp: &dir{Directory: m.Corp, also: map[engine.Person]engine.Person{}}, store: m.Store, ids: m.IDs, groups: m.Groups, rules: m.Rules()}
	day := 24 * time.Hour
	staging := access.Policy{
		Name: "staging", Ask: access.Who{Anyone: true}, For: access.Anyone, Max: 8 * time.Hour, Default: time.Hour, Ahead: 7 * day, Pending: 7 * day,
		Steps: []access.Step{{Name: "one", Approvers: who("bob"), Quorum: 1}},
	}
	free := staging
	free.Name, free.Auto, free.Steps = "free", "yes", nil
	free.BreakGlass = &access.BreakGlass{Ask: access.Who{Anyone: true}, Max: time.Hour, Review: access.Review{By: who("bob"), Within: day}}
	secret := free
	secret.Name, secret.Ask, secret.BreakGlass = "secret", who("eve", "ada"), nil
	res := func(n string, p *access.Policy) desk.Resource {
		return desk.Resource{Resource: access.Resource{Name: n, Groups: []engine.GroupRef{in(n)}, Owners: who("carol")}, Policy: p}
	}
	b.rules.Resources = []desk.Resource{res("free", &free), res("secret", &secret), res("staging", &staging)}
	b.rules.Templates = []desk.Template{{Name: "t", Resource: "secret"}}
	b.rules.Machines = map[string]engine.Person{"ci": "ci@example.org"}
	b.rules.Directories["corp"] = b.corp
	b.desk = desk.New(m.Config())
	b.desk.Use(b.rules)
	return b
}

func (b *bench) clock() time.Time { return b.room.Clock.Now() }

func (b *bench) pass(d time.Duration) { b.room.Clock.Pass(d) }

func (b *bench) ask(n string, w desk.Wish) access.Request {
	b.t.Helper()
	r, err := b.desk.Ask(b.t.Context(), as(n), w)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}
