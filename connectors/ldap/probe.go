package ldap

import (
	"context"
	"crypto/tls"
	"fmt"
	"strings"
	"time"

	"github.com/daypass-dev/daypass/connectors/ldap/internal/wire"
	"github.com/daypass-dev/daypass/engine"
)

// maxSkew is how far Active Directory's clock may be from ours before Kerberos,
// and with it much else, breaks.
const maxSkew = 5 * time.Minute

// Probe looks at what daypass needs: the connection, the accounts, the groups.
// It changes nothing, and so can not prove the right to change groups where
// the server does not tell.
func (c *Connector) Probe(ctx context.Context) []engine.Finding {
	var findings []engine.Finding
	err := c.read(ctx, func(s *session) error {
		findings = []engine.Finding{
			{OK: true, What: "bind", Message: c.boundAs()},
			c.probeEncryption(s),
			probeServer(s.srv),
		}
		findings = append(findings, c.probePeople(ctx, s))
		findings = append(findings, c.probeGroups(ctx, s)...)
		if s.srv.ad() {
			findings = append(findings, c.probeClock(ctx, s))
		}
		findings = append(findings, c.probeEnds(ctx, s))
		if s.Err() != nil {
			return s.Err()
		}
		return nil
	})
	if err != nil {
		return []engine.Finding{{What: "connect", Message: c.fail("connect", err).Error()}}
	}
	return findings
}

func (c *Connector) boundAs() string {
	if c.cfg.External {
		return "authenticated by the connection (SASL EXTERNAL)"
	}
	return "as " + c.cfg.BindDN
}

func (c *Connector) probeEncryption(s *session) engine.Finding {
	f := engine.Finding{OK: true, What: "encryption"}
	state, encrypted := s.TLS()
	switch {
	case encrypted:
		f.Message = tls.VersionName(state.Version) + ", " + tls.CipherSuiteName(state.CipherSuite)
	case c.pool.target.network == "unix":
		f.Message = "a unix socket, which stays on this machine"
	case loopback(c.pool.target.host):
		f.Message = "none, which stays on this machine"
	default:
		f.Message = "none: the password and all memberships cross the network in clear text (plaintext is set)"
	}
	return f
}

func probeServer(s *server) engine.Finding {
	f := engine.Finding{OK: true, What: "server", Message: fmt.Sprintf("%s, ids from %s", s.flavour, s.id)}
	if !s.ad() {
		f.Lacks = engine.PowerClock
	}
	if s.vendor != "" {
		f.Message += ", " + s.vendor
	}
	if !s.can(wire.PagedOID) {
		f.OK = false
		f.Message += "; it has no paged results, so listings fail above its size limit"
	}
	return f
}

// probePeople counts the accounts that could be found.
func (c *Connector) probePeople(ctx context.Context, s *session) engine.Finding {
	attr := c.match.attr
	if attr == "" {
		attr = c.login(s.srv)
	}
	n := 0
	err := c.all(ctx, s, c.cfg.People.Base, "("+attr+"=*)", []string{"1.1"}, func(*wire.Entry) error {
		n++
		return nil
	})
	f := engine.Finding{OK: err == nil && n > 0, What: "people"}
	switch {
	case err != nil:
		f.Message = c.fail("search below "+c.cfg.People.Base, err).Error()
	case n == 0:
		f.Message = fmt.Sprintf("nobody below %s has a readable %s; check people.base, people.match and the rights of the bind DN", c.cfg.People.Base, attr)
	default:
		f.Message = fmt.Sprintf("%d entries below %s have %s", n, c.cfg.People.Base, attr)
	}
	return f
}

// census is what a look at all groups finds.
type census struct {
	total, writable, told   int
	dynamic, system, unread []string
}

func (c *Connector) probeGroups(ctx context.Context, s *session) []engine.Finding {
	var n census
	attrs := append(c.groupAttrs(s.srv), "isCriticalSystemObject", "allowedAttributesEffective")
	if !s.srv.ad() {
		attrs = attrs[:len(attrs)-2]
	}
	err := c.all(ctx, s, c.cfg.Groups.Base, c.groupFilter(s.srv), attrs, func(e *wire.Entry) error {
		c.count(s.srv, &n, e)
		return nil
	})
	if err != nil {
		return []engine.Finding{{What: "groups", Message: c.fail("search below "+c.cfg.Groups.Base, err).Error()}}
	}
	findings := []engine.Finding{{OK: n.total > 0 && len(n.unread) == 0, What: "groups", Message: n.text(c.cfg.Groups.Base)}}
	return append(findings, n.writeAccess(s.srv))
}

func (c *Connector) count(s *server, n *census, e *wire.Entry) {
	n.total++
	g, err := c.readGroup(s, e)
	switch {
	case err != nil:
		n.unread = append(n.unread, g.name)
	case g.shape.why != "":
		n.dynamic = append(n.dynamic, g.name)
	case strings.EqualFold(e.First("isCriticalSystemObject"), "true"):
		n.system = append(n.system, g.name)
	}
	if e.Has("allowedAttributesEffective") {
		n.told++
	}
	for _, v := range e.Values("allowedAttributesEffective") {
		if strings.EqualFold(string(v), g.shape.attr) {
			n.writable++
		}
	}
}

func (n census) text(base string) string {
	if n.total == 0 {
		return fmt.Sprintf("no group below %s; check groups.base, groups.filter and the rights of the bind DN", base)
	}
	text := fmt.Sprintf("%d below %s", n.total, base)
	add := func(names []string, what string) {
		if len(names) > 0 {
			text += fmt.Sprintf("; %d %s: %s", len(names), what, some(names))
		}
	}
	add(n.unread, "without a readable id")
	add(n.dynamic, "unmanageable")
	add(n.system, "belonging to the system itself")
	return text
}

// some names the first few.
func some(names []string) string {
	const few = 5
	if len(names) > few {
		return strings.Join(names[:few], ", ") + ", ..."
	}
	return strings.Join(names, ", ")
}

// writeAccess tells what Active Directory computes for the bind account
// (allowedAttributesEffective, MS-ADTS 3.1.1.4.5.21); others do not tell.
func (n census) writeAccess(s *server) engine.Finding {
	f := engine.Finding{OK: true, What: "write access"}
	switch {
	case !s.ad() || n.told == 0:
		f.Message = "can not be tested without writing; the first change will tell"
	case n.writable == 0:
		f.OK = false
		f.Message = "the bind account may not write the members of any group; delegate \"write members\" to it"
	default:
		f.Message = fmt.Sprintf("the bind account may write the members of %d of %d groups", n.writable, n.total)
	}
	return f
}

func (c *Connector) probeClock(ctx context.Context, s *session) engine.Finding {
	t, err := c.clock(ctx, s)
	if err != nil {
		return engine.Finding{What: "clock", Message: c.fail("read the clock", err).Error()}
	}
	skew := time.Since(t).Round(time.Second)
	f := engine.Finding{OK: skew.Abs() < maxSkew, What: "clock", Message: fmt.Sprintf("this machine is %s from the server", skew)}
	if !f.OK {
		f.Message += "; set both by NTP"
	}
	return f
}

// probeEnds tells whether the directory can end memberships. That it cannot is
// nothing to mend.
func (c *Connector) probeEnds(ctx context.Context, s *session) engine.Finding {
	f := engine.Finding{OK: true, What: "ends", Message: "the directory ends memberships too, in groups with expire"}
	why, err := c.askLinks(ctx, s)
	switch {
	case err != nil:
		f.OK, f.Message = false, c.fail("look for the Privileged Access Management Feature", err).Error()
	case why != "":
		f.Message, f.Lacks = why, engine.PowerExpirer
	}
	return f
}

// Time returns the server's clock, in UTC and to the second, where the server
// tells it: Active Directory does (currentTime). Others are an error of kind
// [engine.NotFound], which says nothing about any clock.
func (c *Connector) Time(ctx context.Context) (time.Time, error) {
	var t time.Time
	if srv := c.pool.server(); srv != nil && !srv.ad() { // nobody waits for a server to say so again
		return t, c.fail("read the clock", untold(srv))
	}
	err := c.read(ctx, func(s *session) error {
		var err error
		t, err = c.clock(ctx, s)
		return err
	})
	return t, c.fail("read the clock", err)
}

func untold(srv *server) error {
	return trouble(engine.NotFound, "%s does not tell its time", srv.flavour)
}

func (c *Connector) clock(ctx context.Context, s *session) (time.Time, error) {
	if !s.srv.ad() {
		return time.Time{}, untold(s.srv)
	}
	text := ""
	if _, err := s.base(ctx, "", "", []string{"currentTime"}, func(e *wire.Entry) error {
		text = e.First("currentTime")
		return nil
	}); err != nil {
		return time.Time{}, err
	}
	t, ok := generalizedTime(text)
	if !ok {
		return time.Time{}, trouble(engine.Rejected, "currentTime %q is not a time", text)
	}
	return t, nil
}
