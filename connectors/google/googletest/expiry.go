package googletest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// term is when a membership ends by itself.
type term struct {
	at      time.Time // zero: it does not
	was     time.Time // what readers see who are behind
	changed time.Time // when at was set, if not with the membership
}

// seen is the end that a reader of an earlier time sees.
func (t term) seen(cut time.Time) time.Time {
	if t.changed.After(cut) {
		return t.was
	}
	return t.at
}

// due is an end that is to come, if the membership still has it then.
type due struct {
	at     time.Time
	group  uint32
	member uint32
}

// until gives a membership an end, or takes it away.
func (s *Server) until(g *group, n uint32, t term) {
	if g.ends == nil {
		g.ends = make(map[uint32]term)
	}
	g.ends[n] = t
	if t.at.IsZero() {
		return
	}
	i, _ := slices.BinarySearchFunc(s.due, t.at, func(d due, at time.Time) int { return d.at.Compare(at) })
	s.due = slices.Insert(s.due, i, due{t.at, g.n, n})
}

// lapse ends what is over by now, as of its own time: nobody sees such a
// membership any more, and the audit log tells of it, by nobody. Requests and
// the harness find it done, whatever they ask.
func (s *Server) lapse(now time.Time) {
	n := 0
	for ; n < len(s.due) && !s.due[n].at.After(now); n++ {
		d := s.due[n]
		g := s.groups[d.group]
		if g == nil || !g.ends[d.member].at.Equal(d.at) {
			continue // deleted, moved or made anew since
		}
		delete(g.ends, d.member)
		e, held := g.holds(d.member)
		if !held {
			continue
		}
		g.members.Put(e, false)
		if g.ended == nil {
			g.ended = make(map[uint32]time.Time)
		}
		g.ended[d.member] = d.at.Add(s.opt.Linger)
		s.tellAt(d.at, removeMember, g, d.member, "")
		s.opt.Log.Info("ended by itself", "group", s.objects[g.n].addr, "member", s.label(d.member), "at", d.at)
	}
	s.due = slices.Delete(s.due, 0, n)
}

// lingers reports whether an ended membership is still in the way.
func (g *group) lingers(n uint32, now time.Time) bool {
	until, ok := g.ended[n]
	if ok && !now.Before(until) {
		delete(g.ended, n)
		return false
	}
	return ok
}

// membershipBody is what a membership to be made may hold.
type membershipBody struct {
	Name               string     `json:"name"`
	PreferredMemberKey memberKey  `json:"preferredMemberKey"`
	Roles              []roleBody `json:"roles"`
}

type memberKey struct {
	ID        string `json:"id"`
	Namespace string `json:"namespace"`
}

type roleBody struct {
	Name         string `json:"name"`
	ExpiryDetail *struct {
		ExpireTime *time.Time `json:"expireTime"`
	} `json:"expiryDetail"`
}

// end is when the role ends; zero is never.
func (r roleBody) end() time.Time {
	if r.ExpiryDetail == nil || r.ExpiryDetail.ExpireTime == nil {
		return time.Time{}
	}
	return r.ExpiryDetail.ExpireTime.Truncate(time.Second)
}

func argument(format string, args ...any) *refusal {
	return refuseAs(http.StatusBadRequest, "INVALID_ARGUMENT", "", fmt.Sprintf(format, args...))
}

func (c *call) read(into any) error {
	d := json.NewDecoder(bytes.NewReader(c.body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return argument("Invalid JSON payload received. %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

// mayEnd refuses an end that cannot be. Google's numbers are known, its words
// are not.
func (s *Server) mayEnd(c *call, end time.Time) error {
	switch {
	case end.IsZero():
		return nil
	case s.opt.Endless:
		return refuseAs(http.StatusForbidden, "PERMISSION_DENIED", "", "Error(3005): Membership expiry is not available in the edition of this customer.")
	case !end.After(c.now):
		return argument("Error(2001): expireTime %s is in the past.", end.UTC().Format(time.RFC3339))
	}
	return nil
}

// createMembership is POST memberships. One that is there already stays as it
// is.
func (s *Server) createMembership(c *call) (any, error) {
	g, err := s.byIdentity(c)
	if err != nil {
		return nil, err
	}
	var body membershipBody
	if err := c.read(&body); err != nil {
		return nil, err
	}
	e, end, err := s.create(c, g, body)
	s.recordMembership(c, "add", g, e, end, err)
	if err != nil {
		return nil, err
	}
	response := obj{{"@type", typeRoot + "google.apps.cloudidentity.groups.v1.Membership"}}
	return operation(append(response, s.membershipObject(g, e, c.now, true)...)), nil
}

func (s *Server) create(c *call, g *group, body membershipBody) (entry, time.Time, error) {
	role, end, err := readRoles(body.Roles)
	if err != nil {
		return 0, end, err
	}
	n, err := s.newcomer(memberBody{Email: body.PreferredMemberKey.ID})
	if err != nil {
		return 0, end, absent()
	}
	e := newEntry(n, role)
	if err := s.identityMay(c, g); err != nil {
		return e, end, err
	}
	if err := s.mayEnd(c, end); err != nil {
		return e, end, err
	}
	if err := s.joins(g, e); err != nil {
		return e, end, identityJoins(err)
	}
	s.set(c, g, e, true)
	if !end.IsZero() {
		s.until(g, n, term{at: end})
	}
	s.tell(addMember, g, n, c.who.name)
	return e, end, nil
}

// readRoles reads the roles of a membership to be made: MEMBER, which alone may
// have an end, and perhaps one more.
func readRoles(list []roleBody) (role entry, end time.Time, err error) {
	plain := len(list) == 0
	for _, r := range list {
		one, ok := parseRole(r.Name)
		switch {
		case !ok || r.Name == "":
			return 0, end, argument("Error(2001): role %q is unknown.", r.Name)
		case one != member && r.ExpiryDetail != nil:
			return 0, end, argument("Error(2001): expiryDetail is for the role MEMBER only.")
		case one == member:
			plain, end = true, r.end()
		default:
			role = max(role, one)
		}
	}
	switch {
	case !plain:
		return 0, end, argument("Error(2001): the role MEMBER is missing.")
	case role != member && !end.IsZero():
		return 0, end, argument("Error(2001): an owner or manager has no end.")
	}
	return role, end, nil
}

// identityMay is mayChange in the words of the Cloud Identity API.
func (s *Server) identityMay(c *call, g *group) error {
	switch {
	case s.mayChange(c, g) == nil:
		return nil
	case g.kind == Locked:
		return hidden("groups/" + s.id(g.n))
	}
	return refuseAs(http.StatusBadRequest, "FAILED_PRECONDITION", "", "Cannot change the memberships of a dynamic group.")
}

// identityJoins is what joins refuses in the words of the Cloud Identity API.
func identityJoins(err error) error {
	if refused, ok := err.(*refusal); ok && (refused.status == http.StatusConflict || refused.message == "Condition not met") { //nolint:errorlint // handlers return their refusals as they are
		return refuseAs(http.StatusConflict, "ALREADY_EXISTS", "", "Error(4003): Cannot create membership because it already exists.")
	}
	return argument("Error(2001): %s", err)
}

// modifyBody is what modifyMembershipRoles may hold.
type modifyBody struct {
	AddRoles          []roleBody `json:"addRoles"`
	RemoveRoles       []string   `json:"removeRoles"`
	UpdateRolesParams []struct {
		FieldMask      string   `json:"fieldMask"`
		MembershipRole roleBody `json:"membershipRole"`
	} `json:"updateRolesParams"`
}

// modifyMembership is POST memberships/{membership}:modifyMembershipRoles: it
// moves an end. To change roles is never daypass's business, and is not
// simulated.
func (s *Server) modifyMembership(c *call) (any, error) {
	g, err := s.byIdentity(c)
	if err != nil {
		return nil, err
	}
	var body modifyBody
	if err := c.read(&body); err != nil {
		return nil, err
	}
	if len(body.AddRoles)+len(body.RemoveRoles) > 0 {
		s.violate("%s changed roles in %s", c.who.name, s.objects[g.n].addr)
		return nil, argument("roles cannot be changed here")
	}
	if len(body.UpdateRolesParams) != 1 {
		return nil, argument("updateRolesParams: want one")
	}
	p := body.UpdateRolesParams[0]
	if p.FieldMask != "expiryDetail.expireTime" && p.FieldMask != "expiry_detail.expire_time" || p.MembershipRole.Name != "MEMBER" {
		return nil, argument("updateRolesParams: only expiryDetail.expireTime of the role MEMBER can be updated")
	}
	end := p.MembershipRole.end()
	e, err := s.move(c, g, end)
	s.recordMembership(c, "expire", g, e, end, err)
	if err != nil {
		return nil, err
	}
	return obj{{"membership", s.membershipObject(g, e, c.now, true)}}, nil
}

func (s *Server) move(c *call, g *group, end time.Time) (entry, error) {
	e, err := s.membership(c, g.members.Keys())
	if err != nil {
		return 0, err
	}
	if err := s.identityMay(c, g); err != nil {
		return e, err
	}
	if err := s.mayEnd(c, end); err != nil {
		return e, err
	}
	if e&roleBits != member {
		return e, argument("Error(2001): an owner or manager has no end.")
	}
	t := g.ends[e.who()]
	if !t.changed.After(c.now.Add(-s.lag.Most())) {
		t.was = t.at
	}
	t.at, t.changed = end, c.now
	s.until(g, e.who(), t)
	return e, nil
}

// Until returns when a membership is going to end by itself; zero is never.
func (s *Server) Until(group, member string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.groupOf(group)
	if err != nil {
		return time.Time{}
	}
	n, err := s.memberOf(member)
	if err != nil {
		return time.Time{}
	}
	return g.ends[n].at
}
