package ldap

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/daypass-dev/daypass/connectors/ldap/internal/wire"
	"github.com/daypass-dev/daypass/engine"
)

// oidLinkTTL is the control with which Active Directory tells the ends of
// memberships. Every Windows Server since 2016 has it, ends or not.
const oidLinkTTL = "1.2.840.113556.1.4.2309"

// pamFeature begins the name of the optional feature that ends need.
const pamFeature = "cn=privileged access management feature,"

const leaveOut = "leave expire out for the group: daypass ends its memberships by itself"

// links is what was found out about members with an end. It lives as long as
// the pool.
type links struct {
	mu    sync.Mutex
	asked bool
	why   string // why there are none
	form  ttlForm
	known bool // form is what the server takes
}

// ttlForm is a way of writing a member with an end. Sources disagree on the
// one that Active Directory takes.
type ttlForm int

const (
	ttlOutside ttlForm = iota // <TTL=600>,CN=...
	ttlInside                 // <TTL=600,CN=...>
)

func (f ttlForm) write(dn string, ttl time.Duration) string {
	seconds := strconv.FormatInt(int64(ttl/time.Second), 10)
	if f == ttlInside {
		return "<TTL=" + seconds + "," + dn + ">"
	}
	return "<TTL=" + seconds + ">," + dn
}

// forms are the forms to try, in this order.
func (l *links) forms() []ttlForm {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known {
		return []ttlForm{l.form}
	}
	return []ttlForm{ttlOutside, ttlInside}
}

func (l *links) took(f ttlForm) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.form, l.known = f, true
}

// sure reports whether the server took a form before.
func (l *links) sure() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known
}

// canBound is an error of kind [engine.Unsupported] where the directory cannot
// end memberships. The server is asked once.
func (c *Connector) canBound(ctx context.Context, s *session) error {
	l := &s.srv.links
	l.mu.Lock()
	asked, why := l.asked, l.why
	l.mu.Unlock()
	if !asked {
		var err error
		if why, err = c.askLinks(ctx, s); err != nil {
			return err
		}
		l.mu.Lock()
		l.asked, l.why = true, why
		l.mu.Unlock()
	}
	if why != "" {
		return trouble(engine.Unsupported, "%s; %s", why, leaveOut)
	}
	return nil
}

// askLinks finds out why the directory cannot end memberships; nothing if it
// can. A forest that does not let us see its features is tried.
func (c *Connector) askLinks(ctx context.Context, s *session) (why string, err error) {
	switch {
	case !s.srv.ad():
		return string(s.srv.flavour) + " ends no memberships of groups", nil
	case !s.srv.can(oidLinkTTL):
		return "this Active Directory ends no memberships: Windows Server does since 2016, Samba does not", nil
	}
	on := false
	found, err := s.base(ctx, "CN=Partitions,"+s.srv.configuration, "", []string{"msDS-EnabledFeature"}, func(e *wire.Entry) error {
		for _, v := range e.Values("msDS-EnabledFeature") {
			on = on || strings.HasPrefix(strings.ToLower(string(v)), pamFeature)
		}
		return nil
	})
	switch {
	case is(err, goldap.LDAPResultNoSuchObject, goldap.LDAPResultInsufficientAccessRights):
		return "", nil
	case err != nil:
		return "", err
	case found && !on:
		return "the Privileged Access Management Feature of the forest is off; turn it on with Enable-ADOptionalFeature, which cannot be undone", nil
	}
	return "", nil
}
