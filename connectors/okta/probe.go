package okta

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// maxSkew is how far this machine's clock may be from Okta's. Assertions of a
// service app are good for five minutes.
const maxSkew = 2 * time.Minute

// Probe looks at what daypass needs: the credential, its scopes and roles, the
// groups and people that it shows, the group rules, the log. It changes
// nothing, and so can not prove the right to change a group; Okta answers a
// role that does not reach a group with an empty list and no error.
func (c *Connector) Probe(ctx context.Context) []engine.Finding {
	who, me := c.probeCredential(ctx)
	if !who.OK {
		return []engine.Finding{who}
	}
	findings := []engine.Finding{who}
	if c.app != nil {
		findings = append(findings, c.probeScopes())
	}
	findings = append(findings, c.probeRoles(ctx, me), c.probeGroups(ctx), c.probePeople(ctx), c.probeRules(ctx), c.probeLog(ctx))
	return append(findings, c.probeLimits(), c.probeClock(ctx))
}

func (c *Connector) bad(what, op string, err error) engine.Finding {
	return engine.Finding{What: what, Message: c.fail(op, err).Error()}
}

// probeCredential uses the credential, and tells whose it is.
func (c *Connector) probeCredential(ctx context.Context) (f engine.Finding, me user) {
	const what = "credential"
	if c.app != nil {
		if _, err := c.firstPage(ctx, query("/api/v1/groups", "limit", "1")); err != nil {
			return c.bad(what, "use the service app", err), me
		}
		return engine.Finding{OK: true, What: what, Message: "service app " + c.cfg.ClientID}, me
	}
	me, err := c.readUser(ctx, "me")
	if err != nil {
		return c.bad(what, "use the API token", err), me
	}
	return engine.Finding{OK: true, What: what, Message: "API token of " + me.member().Login}, me
}

// probeScopes compares what the service app was granted with what is needed.
func (c *Connector) probeScopes() engine.Finding {
	granted := c.app.scopes()
	f := engine.Finding{OK: true, What: "scopes", Message: strings.Join(granted, ", ")}
	var lacks []string
	for _, need := range []string{scopeManage, scopeGroups, scopeUsers} {
		if !slices.Contains(granted, need) {
			lacks = append(lacks, need)
		}
	}
	if len(lacks) > 0 && len(granted) > 0 {
		f.OK = false
		f.Message += "; grant the app " + strings.Join(lacks, ", ")
	}
	return f
}

// role is what daypass reads of an administrator role.
type role struct {
	Label  string `json:"label"`
	Type   string `json:"type"`
	Status string `json:"status"`
}

func (r role) check() error { return nil }

// writers are the standard roles that may change the members of groups. A
// custom role may, or may not.
func (r role) writes() bool {
	return slices.Contains([]string{"SUPER_ADMIN", "ORG_ADMIN", "USER_ADMIN", "GROUP_MEMBERSHIP_ADMIN", "CUSTOM"}, r.Type)
}

func (c *Connector) probeRoles(ctx context.Context, me user) engine.Finding {
	path := "/api/v1/users/" + string(me.ID) + "/roles"
	if c.app != nil {
		path = "/oauth2/v1/clients/" + c.cfg.ClientID + "/roles"
	}
	f := engine.Finding{OK: true, What: "roles"}
	var names []string
	writes := false
	err := walk(ctx, c, path, func(rs []role) (bool, error) {
		for _, r := range rs {
			names = append(names, clip(r.Label))
			writes = writes || r.writes()
		}
		return true, nil
	})
	switch {
	case engine.KindOf(err) == engine.Denied:
		f.Message = "the credential may not look at its own roles, so whether it may change groups shows with the first change"
	case err != nil:
		return c.bad(f.What, "list the roles", err)
	case len(names) == 0:
		f.OK = false
		f.Message = "the credential has no admin role of its own (it may have one through a group); without one, Okta shows empty lists and no error"
	default:
		f.OK = writes
		f.Message = strings.Join(names, ", ")
		if !writes {
			f.Message += "; none of these may change the members of groups: give it the Group Membership Administrator role, or a custom role for the groups that daypass manages"
		}
	}
	return f
}

func (c *Connector) probeGroups(ctx context.Context) engine.Finding {
	f := engine.Finding{OK: true, What: "groups"}
	var some []group
	more := false
	err := walk(ctx, c, query("/api/v1/groups", "limit", pageSize), func(gs []group) (bool, error) {
		more = len(some) > 0
		if !more {
			some = gs
		}
		return !more, nil
	})
	if err != nil {
		return c.bad(f.What, "list the groups", err)
	}
	own := 0
	for _, g := range some {
		if g.why() == "" {
			own++
		}
	}
	count := fmt.Sprint(len(some))
	if more {
		count = "the first " + count
	}
	switch {
	case len(some) == 0:
		f.OK = false
		f.Message = "no group is to be seen: that is how Okta answers a credential without an admin role, or whose role reaches no group"
	case own == 0:
		f.OK = false
		f.Message = "of " + count + " groups none is of type OKTA_GROUP, and no other can be changed"
	default:
		f.Message = fmt.Sprintf("of %s groups, %d are of type OKTA_GROUP", count, own)
	}
	return f
}

func (c *Connector) probePeople(ctx context.Context) engine.Finding {
	f := engine.Finding{OK: true, What: "people"}
	n, err := c.firstPage(ctx, query("/api/v1/users", "limit", "1"))
	switch {
	case err != nil:
		return c.bad(f.What, "list the users", err)
	case n == 0:
		f.OK = false
		f.Message = "no user is to be seen: the role of the credential needs the right to view users and their details"
	default:
		f.Message = "found by their " + c.cfg.Match
	}
	return f
}

func (c *Connector) probeRules(ctx context.Context) engine.Finding {
	fed, err := c.rules.read(ctx, c, 0)
	if err != nil {
		return c.bad("group rules", "list the group rules", err)
	}
	return engine.Finding{OK: true, What: "group rules", Message: fmt.Sprintf("groups that active rules fill, and that will not be changed: %d", len(fed))}
}

func (c *Connector) probeLog(ctx context.Context) engine.Finding {
	f := engine.Finding{OK: true, What: "system log"}
	until, err := c.clock(ctx)
	if err == nil {
		_, err = c.firstPage(ctx, query("/api/v1/logs", "until", until.Format(oktaTime), "since", until.Add(-time.Hour).Format(oktaTime), "limit", "1"))
	}
	switch {
	case engine.KindOf(err) == engine.Denied:
		f.Message = "not readable, so reports do not tell who changed a group; grant " + scopeLogs + " to change that"
	case err != nil:
		return c.bad(f.What, "read the system log", err)
	default:
		f.Message = "readable"
	}
	return f
}

func (c *Connector) probeLimits() engine.Finding {
	f := engine.Finding{OK: true, What: "rate limits"}
	if c.cfg.PerMinute > 0 {
		f.Message = fmt.Sprintf("%d requests a minute, as configured", c.cfg.PerMinute)
		return f
	}
	told := c.limits.list()
	if len(told) == 0 {
		f.Message = "Okta told none"
		return f
	}
	f.Message = fmt.Sprintf("requests a minute, of which daypass spends %.0f %%: %s", c.cfg.Share*100, strings.Join(told, ", "))
	return f
}

func (c *Connector) probeClock(ctx context.Context) engine.Finding {
	t, err := c.clock(ctx)
	if err != nil {
		return c.bad("clock", "read the clock", err)
	}
	skew := c.cfg.Now().Sub(t).Round(time.Second)
	f := engine.Finding{OK: skew.Abs() < maxSkew, What: "clock", Message: fmt.Sprintf("this machine is %s from Okta", skew)}
	if !f.OK {
		f.Message += "; set it by NTP"
	}
	return f
}
