package desk

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// one is a store that has one request.
type one struct {
	Store
	r access.Request
}

func (o one) Request(context.Context, string) (*access.Request, error) { r := o.r; return &r, nil }

// TestADecisionIsOneInquiry: whatever has to be found out of those that hang, from who
// decides to whether they may, fits into the time of one.
func TestADecisionIsOneInquiry(t *testing.T) {
	group := func(d engine.Directory) engine.GroupRef { return engine.GroupRef{Directory: d, Name: "g"} }
	for _, gives := range []engine.Directory{"a", "b"} {
		for _, decides := range []engine.Directory{"b", "z"} {
			for _, owns := range []engine.Directory{"a", "b", "y"} {
				synctest.Test(t, func(t *testing.T) {
					d, all := someSilent()
					rules := *d.rules.Load()
					rules.Canonical = func(p engine.Person) engine.Person { return p }
					z := all["z"]
					z.Put(z.AddGroup("g"), z.AddPerson(bob, "bob"))
					all["y"].AddGroup("g")
					policy := access.Policy{
						Name: "p", Ask: access.Who{Anyone: true}, For: access.Anyone, Max: time.Hour, Pending: time.Hour,
						Steps: []access.Step{{Name: "s", Approvers: access.Who{Groups: []engine.GroupRef{group(decides)}}, Quorum: 1}},
					}
					rules.Resources = []Resource{{Resource: access.Resource{Name: "x", Groups: []engine.GroupRef{group(gives)}, Owners: access.Who{Groups: []engine.GroupRef{group(owns)}}}, Policy: &policy}}
					rules.Administrators = access.Who{Groups: []engine.GroupRef{group("a")}}
					rules.Auditors = access.Who{Groups: []engine.GroupRef{group("b")}}
					rules.Grants = func() []engine.Grant { return nil }
					w := access.Wish{ID: "r1", Person: "ada@example.org", For: time.Minute}
					r, err := w.Draft(policy, "x", access.Act{By: access.Actor{Person: "ada@example.org"}, At: time.Now()})
					if err != nil {
						t.Fatal(err)
					}
					r.Status, r.Course = access.Asked, access.Course{Steps: policy.Steps}
					d.cfg.Store = one{r: r}
					d.Use(&rules)
					c := Caller{Actor: access.Actor{Person: bob}}
					began := time.Now()
					_, err = d.Decide(t.Context(), c, "r1", Word{Approve: true})
					if took := time.Since(began); took > inquiring || access.KindOf(err) != access.Doubt {
						t.Errorf("gives %s, decides %s, owns %s: after %s, %v", gives, decides, owns, took, err)
					}
					time.Sleep(time.Minute)
				})
			}
		}
	}
}
