package google

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	admin "google.golang.org/api/admin/directory/v1"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
)

// maxSkew is how far this machine's clock may be off: Google takes no
// assertion for a token whose times are wrong by more than some minutes.
const maxSkew = 2 * time.Minute

// Probe examines the customer with readings only.
func (c *Connector) Probe(ctx context.Context) []engine.Finding {
	out, ok := c.probeToken(ctx)
	if ok {
		people := c.probePeople(ctx)
		groups, one := c.probeGroups(ctx)
		out = append(out, people, groups, c.probeKinds(ctx, one), c.probeLog(ctx), finding("write access", nil,
			"cannot be tested without writing; the first change will tell"))
	}
	return append(out, c.probeClock(ctx))
}

// finding is one thing examined: well, or what is wrong with it.
func finding(what string, err error, message string) engine.Finding {
	if err == nil {
		return engine.Finding{OK: true, What: what, Message: message}
	}
	var e *engine.Error
	if errors.As(err, &e) && e.Err != nil {
		err = e.Err
	}
	return engine.Finding{What: what, Message: err.Error()}
}

// probeToken gets a token. When that is refused for want of a scope, it asks
// for one scope at a time to say which.
func (c *Connector) probeToken(ctx context.Context) ([]engine.Finding, bool) {
	_, err := c.tokens.get(ctx, forDirectory)
	if err == nil {
		text := "for " + scopeNames(forDirectory.scopes())
		if c.cfg.Subject != "" {
			text += ", as " + c.cfg.Subject
		}
		if c.cfg.TokenSource != nil {
			text = "given"
		}
		return []engine.Finding{finding("token", nil, text)}, true
	}
	var refused *tokenError
	if !errors.As(err, &refused) || refused.Code != "unauthorized_client" {
		x := &exchange{}
		return []engine.Finding{finding("token", x.fail(ctx, err), "")}, false
	}
	var missing []string
	for _, scope := range forDirectory.scopes() {
		if _, err := c.tokens.mint(ctx, []string{scope}); err != nil {
			missing = append(missing, scope)
		}
	}
	if len(missing) > 0 {
		refused.Err = errors.New(tokenText(&tokenError{Status: refused.Status, Code: refused.Code, Scopes: missing}, ""))
	}
	return []engine.Finding{finding("token", refused, "")}, false
}

func scopeNames(scopes []string) string {
	return strings.ReplaceAll(strings.Join(scopes, ", "), scopeRoot, "")
}

// role is the way out of the silent failure: without an admin role Google
// answers some readings with an empty list instead of a refusal.
func (c *Connector) role(right string) string {
	whose := "the service account"
	if c.cfg.Subject != "" {
		whose = c.cfg.Subject
	}
	return fmt.Sprintf("give %s an admin role with the right %q in the admin console, and check customer and domain", whose, right)
}

func (c *Connector) probePeople(ctx context.Context) engine.Finding {
	some := false
	_, err := c.eachUser(ctx, 1, func(u *admin.User) (bool, error) {
		some = true
		_, err := c.readUser(u)
		if single(err) {
			err = nil
		}
		return false, err
	})
	if err == nil && !some {
		err = errors.New("Google shows nobody: " + c.role("Users, Read"))
	}
	return finding("people", err, "can be read")
}

func (c *Connector) probeGroups(ctx context.Context) (engine.Finding, engine.GroupID) {
	var one engine.GroupID
	n := 0
	whole, err := c.eachGroup(ctx, 1, func(g *admin.Group) (bool, error) {
		info, err := c.readGroup(g)
		one = info.ID
		n++
		return true, err
	})
	if err == nil && n == 0 {
		err = errors.New("Google shows no groups: " + c.role("Groups, Read"))
	}
	text := fmt.Sprintf("%d can be read", n)
	if !whole {
		text = fmt.Sprintf("%d and more can be read", n)
	}
	return finding("groups", err, text), one
}

// probeKinds tells whether dynamic groups can be told from others. That they
// cannot is no fault: Google refuses to change them.
func (c *Connector) probeKinds(ctx context.Context, one engine.GroupID) engine.Finding {
	if one == "" {
		return finding("kinds of groups", nil, "not examined: there is no group to look at")
	}
	_, err := c.labels(ctx, one)
	if err != nil && engine.KindOf(err) == engine.Denied {
		return finding("kinds of groups", nil, "cannot be read: dynamic and locked groups are noticed when Google refuses a change; for more, enable the Cloud Identity API and grant the scope "+
			scopeNames(forKinds.scopes()))
	}
	return finding("kinds of groups", err, "can be read: dynamic groups are known before a change")
}

// probeLog tells whether changes can be followed. Without the log, each run
// lists each group.
func (c *Connector) probeLog(ctx context.Context) engine.Finding {
	call := c.log.Activities.List("all", "groups_enterprise").MaxResults(1).Fields("items(id(time))")
	if c.cfg.Customer != defaultCustomer {
		call.CustomerId(c.cfg.Customer)
	}
	tctx, x := traced(ctx)
	got, err := call.Context(tctx).Do()
	err = x.fail(ctx, err)
	switch {
	case err != nil && engine.KindOf(err) == engine.Denied:
		return finding("log of changes", nil, "cannot be read, so each run lists every group; for fewer requests grant the scope "+
			scopeNames(forReports.scopes())+" and an admin role with the right \"Reports\"")
	case err == nil && (got == nil || len(got.Items) == 0):
		return finding("log of changes", nil, "can be read, and is empty: until it tells of a change, each run lists every group")
	}
	return finding("log of changes", err, "can be read")
}

func (c *Connector) probeClock(ctx context.Context) engine.Finding {
	t, err := c.Time(ctx)
	if err != nil {
		return finding("clock", err, "")
	}
	skew := c.cfg.Now().Sub(t).Round(time.Second)
	f := finding("clock", nil, fmt.Sprintf("this machine is %s from Google", skew))
	if f.OK = skew.Abs() < maxSkew; !f.OK {
		f.Message += "; set it by NTP, else Google takes no token request"
	}
	return f
}

// Time returns Google's clock, in UTC and to the second, as its last answer had
// it; it asks for a small one when there was none yet.
func (c *Connector) Time(ctx context.Context) (time.Time, error) {
	if t, ok := c.client.Time(); ok {
		return t, nil
	}
	tctx, x := traced(httpx.Urgent(ctx)) // ends wait for it
	call := c.dir.Groups.List().MaxResults(1).Fields("kind").Context(tctx)
	if c.cfg.Domain != "" {
		call.Domain(c.cfg.Domain)
	} else {
		call.Customer(c.cfg.Customer)
	}
	_, err := call.Do()
	if t, ok := c.client.Time(); ok { // a refusal has a date as well
		return t, nil
	}
	if err = x.fail(ctx, err); err == nil {
		err = trouble(engine.Unavailable, "the answer has no date")
	}
	return time.Time{}, c.op("read the clock", err)
}
