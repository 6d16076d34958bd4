package desktest

import (
	"context"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
	"github.com/daypass-dev/daypass/internal/report"
)

// Rules are made anew with each call, for a test to change. Of the resources
// free, prod, secret and staging, in this order, free is given at once; staging
// takes an approver, and prod one and then fay; secret is shown to eve. All are
// owned by olga. root is the administrator, dan the auditor. The only
// expressions are yes and no.
func (r *Room) Rules() *desk.Rules {
	const day = 24 * time.Hour
	approvers := access.Who{Groups: []engine.GroupRef{Group("approvers")}}
	staging := access.Policy{
		Name: "one", Ask: access.Who{Anyone: true}, For: access.Anyone, Max: 8 * time.Hour, Default: 2 * time.Hour, Ahead: 7 * day, Pending: 7 * day,
		Reason: access.Text{Required: true}, Ticket: access.Text{Pattern: `CHG-\d+`, Hint: "CHG-1234"},
		Questions: []access.Question{{Name: "customer", Type: access.TypeText}},
		Steps:     []access.Step{{Name: "owner", Approvers: approvers, Quorum: 1, Within: day}},
		Extend:    &access.Extend{Times: 1, Max: time.Hour},
		BreakGlass: &access.BreakGlass{
			Ask: access.Who{Anyone: true}, Max: time.Hour, Review: access.Review{By: approvers, Within: 2 * day},
		},
	}
	prod := staging
	prod.Name, prod.Steps = "two", []access.Step{{Name: "first", Approvers: approvers, Quorum: 1}, {Name: "second", Approvers: Who("fay"), Quorum: 1}}
	free := access.Policy{Name: "free", Ask: access.Who{Anyone: true}, For: access.Anyone, Max: time.Hour, Default: time.Hour, Ahead: day, Pending: day, Auto: "yes"}
	hidden := staging
	hidden.Name, hidden.Ask, hidden.BreakGlass = "hidden", Who("eve"), nil
	resource := func(name, title string, p *access.Policy) desk.Resource {
		return desk.Resource{
			Resource: access.Resource{Name: name, Title: title, Groups: []engine.GroupRef{Group(name)}, Owners: Who("olga")},
			Policy:   p, Description: "For tests",
		}
	}
	rules := &desk.Rules{
		Resources: []desk.Resource{
			resource("free", "Free", &free), resource("prod", "Production", &prod),
			resource("secret", "", &hidden), resource("staging", "Staging databases", &staging),
		},
		Templates:      []desk.Template{{Name: "look", Title: "Look at staging", Resource: "staging", Reason: "to look", For: time.Hour}},
		Administrators: Who("root"), Auditors: Who("dan"),
		Directories: map[engine.Directory]engine.Connector{"corp": r.Corp},
		Expressions: words{}, Grants: func() []engine.Grant { return nil }, Inspect: r.inspect, ReleaseFor: time.Hour,
	}
	rules.Resources[2].Hidden = true
	return rules
}

// words judges "yes" and "no".
type words struct{}

func (words) Judge(e string, _ access.Case) access.Answer { return access.Answer{Yes: e == "yes"} }
func (words) Needs(string) access.Wants                   { return access.Wants{} }

// Odd is a login that somebody chose to harm whoever reads a report.
const Odd = "=cmd()<b>"

// inspect reports on corp/approvers, with a foreign member whose login is odd.
func (r *Room) inspect(ctx context.Context, _ []engine.GroupRef) (*report.Compliance, error) {
	g, err := r.Corp.Group(ctx, "approvers")
	if err != nil {
		return nil, err
	}
	ms, err := r.Corp.Members(ctx, g.ID)
	if err != nil {
		return nil, err
	}
	ms = append(ms, engine.Member{ID: "zz", Login: Odd})
	var b report.Builder
	b.Add(engine.GroupView{Group: engine.Group{Directory: "corp", ID: g.ID}, Name: "approvers", Trust: engine.Trusted, Members: ms}, engine.Plan{})
	var res engine.Result
	res.Plan.AsOf = r.Clock.Now()
	return b.Finish(res, nil), nil
}
