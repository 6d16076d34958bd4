package entra

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	abs "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoft/kiota-abstractions-go/serialization"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
)

// Probe looks at what daypass needs: a token, the permissions in it, people,
// groups, and members that come with names. It changes nothing. Whether a
// single group can be managed [Connector.Group] tells.
func (c *Connector) Probe(ctx context.Context) []engine.Finding {
	token, err := c.tokens.token(ctx)
	if err != nil {
		return []engine.Finding{{What: "token", Message: c.fail("log in", err).Error()}}
	}
	p, readable := readPassport(token.Token)
	findings := []engine.Finding{tokenFinding(p, readable, token.ExpiresOn)}
	if readable {
		findings = append(findings, c.probeRights(p)...)
	}
	groups, finding := c.probeGroups(ctx)
	findings = append(findings, c.probePeople(ctx), finding, c.probeMembers(ctx, groups), c.probeClock(ctx))
	return findings
}

func tokenFinding(p passport, readable bool, ends time.Time) engine.Finding {
	f := engine.Finding{OK: true, What: "token", Message: "good until " + ends.UTC().Format(time.RFC3339)}
	switch {
	case !readable:
		f.Message += "; what it grants can not be read"
	case p.Name != "":
		f.Message = fmt.Sprintf("tenant %s, app %s (%s), %s", p.Tenant, p.App, p.Name, f.Message)
	default:
		f.Message = fmt.Sprintf("tenant %s, app %s, %s", p.Tenant, p.App, f.Message)
	}
	return f
}

// right is something that daypass must be allowed to do: the permission to
// grant, and the wider ones that hold it (Microsoft, permissions of "List group
// members", "Add members", "Get user").
type right struct {
	what, grant string
	wider       []string
}

func (c *Connector) rights() []right {
	rs := []right{
		{"read members", "GroupMember.Read.All", []string{"GroupMember.ReadWrite.All", "Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}},
		{"change members", "GroupMember.ReadWrite.All", []string{"Group.ReadWrite.All", "Directory.ReadWrite.All"}},
		{"read people", "User.Read.All", []string{"User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}},
	}
	if c.cfg.RoleAssignable {
		rs = append(rs, right{"change role-assignable groups", "RoleManagement.ReadWrite.Directory", nil})
	}
	if c.cfg.Expire {
		rs = append(rs, right{"end memberships", termsRight, nil})
	}
	if c.cfg.EndSessions {
		rs = append(rs, right{"end sessions", sessionsRight, []string{"User.ReadWrite.All", "Directory.ReadWrite.All"}})
	}
	return rs
}

func (c *Connector) probeRights(p passport) []engine.Finding {
	findings := make([]engine.Finding, 0, len(c.rights())+1)
	for _, r := range c.rights() {
		findings = append(findings, r.finding(p))
	}
	if granted(p, "User.ReadWrite.All") {
		findings = append(findings, engine.Finding{
			What:    "too many rights",
			Message: "the app has User.ReadWrite.All, with which a mistake can delete accounts; daypass needs User.Read.All only",
		})
	}
	return findings
}

func (r right) finding(p passport) engine.Finding {
	for _, name := range append([]string{r.grant}, r.wider...) {
		if granted(p, name) {
			return engine.Finding{OK: true, What: r.what, Message: "by " + name}
		}
	}
	f := engine.Finding{What: r.what, Message: "the app lacks " + r.grant + ": add it as an application permission and grant admin consent"}
	if p.Scopes != "" {
		f.Message += "; the token has delegated permissions, which do not count"
	}
	return f
}

func granted(p passport, name string) bool {
	return slices.ContainsFunc(p.Roles, func(r string) bool { return strings.EqualFold(r, name) })
}

// look at so many of each, and no more: a tenant may have millions.
const (
	probePeople = "5"
	probeGroups = 5
)

func (c *Connector) probePeople(ctx context.Context) engine.Finding {
	f := engine.Finding{What: "people"}
	r := request{method: abs.GET, path: path("users"), query: query("$select", accountSelect, "$top", probePeople), weight: reading(1)}
	p, err := readPage(ctx, c.wire, r, newPrincipal)
	switch {
	case err != nil:
		f.Message = c.fail("list people", err).Error()
	case len(p.values) == 0:
		f.Message = "Graph shows nobody, and says that all is well; check the tenant, and grant the app User.Read.All"
	case !tells(p):
		f.Message = "people come without a login, or without telling whether they are enabled; grant the app User.Read.All"
	default:
		f.OK, f.Message = true, "people come with their login, and whether they are enabled"
	}
	return f
}

func tells(p *page) bool {
	return !slices.ContainsFunc(p.values, func(v serialization.Parsable) bool {
		a, ok := v.(*principal)
		return !ok || a.login == "" || a.enabled == nil
	})
}

// probeGroups counts the groups of the first page.
func (c *Connector) probeGroups(ctx context.Context) ([]engine.GroupInfo, engine.Finding) {
	f := engine.Finding{What: "groups"}
	r := request{method: abs.GET, path: path("groups"), query: query("$select", groupSelect, "$top", pageMost), weight: reading(1)}
	p, err := readPage(ctx, c.wire, r, newGroup)
	if err != nil {
		f.Message = c.fail("list groups", err).Error()
		return nil, f
	}
	var all []engine.GroupInfo
	refused := 0
	for _, v := range p.values {
		g, err := c.readGroup(v)
		if err != nil {
			f.Message = c.fail("list groups", err).Error()
			return nil, f
		}
		all = append(all, g)
		if g.Unmanageable != "" {
			refused++
		}
	}
	if len(all) == 0 {
		f.Message = "Graph shows no group, and says that all is well; check the tenant, and grant the app GroupMember.ReadWrite.All"
		return nil, f
	}
	more := ""
	if p.next != "" {
		more = "the first "
	}
	f.OK, f.Message = true, fmt.Sprintf("%s%d, of which %d can not be managed", more, len(all), refused)
	return all, f
}

// probeMembers looks whether members come with names: without the right to
// read accounts Graph answers 200 and leaves everything but the id out.
func (c *Connector) probeMembers(ctx context.Context, groups []engine.GroupInfo) engine.Finding {
	f := engine.Finding{What: "members"}
	looked := 0
	for _, g := range groups[:min(len(groups), probeGroups)] {
		looked++
		r := request{
			method: abs.GET, path: path("groups", string(g.ID), "members"),
			query: query("$select", "id,userPrincipalName", "$top", probePeople), weight: reading(1),
		}
		p, err := readPage(ctx, c.wire, r, newPrincipal)
		if err != nil {
			f.Message = c.fail("list members of "+g.Name, err).Error()
			return f
		}
		for _, v := range p.values {
			a, ok := v.(*principal)
			if !ok || a.kind != userType {
				continue
			}
			f.OK, f.Message = true, "members of "+g.Name+" come with their login"
			if a.login == "" {
				f.OK, f.Message = false, "members of "+g.Name+" come without their login; grant the app User.Read.All"
			}
			return f
		}
	}
	f.OK, f.Message = true, fmt.Sprintf("none in the first %d groups; groups with hidden membership need "+hiddenRight, looked)
	return f
}

// maxSkew is how far apart the clocks may be before tokens are refused.
const maxSkew = 5 * time.Minute

func (c *Connector) probeClock(ctx context.Context) engine.Finding {
	t, err := c.Time(ctx)
	if err != nil {
		return engine.Finding{What: "clock", Message: err.Error()}
	}
	skew := c.cfg.Now().Sub(t).Round(time.Second)
	f := engine.Finding{OK: skew.Abs() < maxSkew, What: "clock", Message: fmt.Sprintf("this machine is %s from the directory", skew)}
	if !f.OK {
		f.Message += "; set it by NTP"
	}
	return f
}

// Time returns the directory's clock, in UTC and to the second: that of its
// last answer, run on, or of a small question when there was none yet.
func (c *Connector) Time(ctx context.Context) (time.Time, error) {
	if t, ok := c.wire.client.Time(); ok {
		return t.UTC(), nil
	}
	r := request{method: abs.GET, path: path("groups"), query: query("$select", "id", "$top", "1"), weight: reading(1)}
	_, err := c.wire.read(httpx.Urgent(ctx), r, pageOf(newGroup)) // ends wait for it
	if t, ok := c.wire.client.Time(); ok {
		return t.UTC(), nil // a refusal tells the time as well
	}
	if err == nil {
		err = trouble(engine.Unavailable, "%w", errors.New("the answer does not tell the time"))
	}
	return time.Time{}, c.fail("read the clock", err)
}
