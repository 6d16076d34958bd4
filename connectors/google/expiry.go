package google

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// noEndsPause is how long an edition without memberships that end is believed
// to stay one.
const noEndsPause = time.Hour

// membership is an entry as the Cloud Identity API has it.
type membership struct {
	Name               string         `json:"name,omitempty"`
	PreferredMemberKey memberKey      `json:"preferredMemberKey"`
	Roles              []memberOfRole `json:"roles"`
}

type memberKey struct {
	ID string `json:"id"`
}

// memberOfRole is a role of a membership; only MEMBER can end.
type memberOfRole struct {
	Name         string        `json:"name"`
	ExpiryDetail *expiryDetail `json:"expiryDetail,omitempty"`
}

type expiryDetail struct {
	ExpireTime time.Time `json:"expireTime"`
}

// until is the role MEMBER with an end.
func until(end time.Time) memberOfRole {
	return memberOfRole{Name: roleMember, ExpiryDetail: &expiryDetail{end}}
}

// end is when the membership ends; zero is never.
func (m membership) end() time.Time {
	for _, r := range m.Roles {
		if r.Name == roleMember && r.ExpiryDetail != nil {
			return r.ExpiryDetail.ExpireTime
		}
	}
	return time.Time{}
}

// whole rounds up to what Google can hold.
func whole(t time.Time) time.Time {
	if s := t.Truncate(time.Second); !s.Equal(t) {
		t = s.Add(time.Second)
	}
	return t.UTC()
}

// noEnds reports whether the customer's edition has no memberships that end.
func (a answer) noEnds() bool {
	return a.status == http.StatusForbidden && (strings.Contains(a.message, "3005") || strings.Contains(a.message, "3006"))
}

func (c *Connector) unsupported() error {
	return trouble(engine.Unsupported, "the customer's edition has no memberships that end by themselves: "+
		"Google has them in Enterprise Standard and Plus, in Education, and in Cloud Identity Premium")
}

// learnNoEnds remembers for a while that the edition lacks it.
func (c *Connector) learnNoEnds() error {
	c.noEnds.begin(c.cfg.Now().Add(noEndsPause))
	return c.unsupported()
}

// AddUntil makes the account m a plain member of g whom Google takes out by
// itself, through the Cloud Identity API. That takes people by their address,
// so it is asked for right before: an address may have passed to somebody
// else. Who is in g already stays as they are.
//
// Google mails the owners of the group three days before the end, at once when
// it is nearer.
func (c *Connector) AddUntil(ctx context.Context, g engine.GroupID, m engine.Member, t time.Time) (bool, time.Time, error) {
	var end time.Time
	t = whole(t)
	changed, err := c.write(ctx, g, m, func(ctx context.Context, g engine.GroupID, m engine.Member) (changed bool, err error) {
		changed, end, err = c.addUntil(ctx, g, m, t)
		if last, _ := c.writes.Last(g, m.ID); err != nil && !engine.KindOf(err).Refusal() && last == engine.Remove {
			c.writes.Forget(g, m.ID) // else it would hide a member whom we may have added
		}
		return changed, err
	})
	return changed, end, c.op("add "+who(m)+" to "+c.names.of(g)+" until "+t.Format(time.RFC3339), err)
}

// operation is the envelope of a write's answer.
type operation struct {
	Done  bool
	Error *struct {
		Code    int
		Message string
	}
	Response membership
}

func (c *Connector) addUntil(ctx context.Context, g engine.GroupID, m engine.Member, t time.Time) (bool, time.Time, error) {
	if c.noEnds.on(c.cfg.Now()) {
		return false, time.Time{}, c.unsupported()
	}
	address, err := c.address(ctx, m)
	if err != nil {
		return false, time.Time{}, err
	}
	tctx, x := traced(ctx)
	var op operation
	err = c.post(tctx, c.identity+"v1/groups/"+string(g)+"/memberships",
		membership{PreferredMemberKey: memberKey{address}, Roles: []memberOfRole{until(t)}}, &op)
	a := x.answered(err)
	switch {
	case ctx.Err() != nil && err != nil:
	case err == nil && op.Error != nil:
		a = answer{status: statusOf(op.Error.Code), message: clip(op.Error.Message), lost: x.Lost}
		err = &engine.Error{Kind: a.kind(), Err: errors.New(a.text())}
	case err == nil:
		end, err := c.added(g, m, address, t, op)
		return err == nil, end, err
	}
	switch {
	case ctx.Err() != nil:
	case a.status == http.StatusConflict && a.reason != "ABORTED":
		if a.lost {
			c.ends.note(g, m.ID, ending{at: t, address: address, guess: true})
		}
		return false, time.Time{}, a.doubt(c.present(ctx, g, m, a))
	case a.noEnds():
		return false, time.Time{}, a.doubt(c.learnNoEnds())
	case op.Error != nil:
		return false, time.Time{}, a.doubt(err)
	}
	return false, time.Time{}, c.unwritten(ctx, g, x, err)
}

// statusOf is what HTTP says for a code of google.rpc.
func statusOf(code int) int {
	switch code {
	case 3, 9, 11: // INVALID_ARGUMENT, FAILED_PRECONDITION, OUT_OF_RANGE
		return http.StatusBadRequest
	case 5: // NOT_FOUND
		return http.StatusNotFound
	case 6: // ALREADY_EXISTS
		return http.StatusConflict
	case 7: // PERMISSION_DENIED
		return http.StatusForbidden
	case 8: // RESOURCE_EXHAUSTED
		return http.StatusTooManyRequests
	}
	return http.StatusServiceUnavailable
}

// added reads the answer to an addition that was carried out.
func (c *Connector) added(g engine.GroupID, m engine.Member, address string, t time.Time, op operation) (time.Time, error) {
	got := op.Response
	switch {
	case !op.Done:
		return time.Time{}, trouble(engine.Unavailable, "Google took the change, and the effect may come later; the next reading will tell")
	case !strings.EqualFold(got.PreferredMemberKey.ID, address), !ofGroup(got.Name, g):
		return time.Time{}, trouble(engine.Unknown, "Google took the change and did not answer with the member; the next reading will tell")
	case !got.end().IsZero():
		t = got.end().UTC()
	}
	c.writes.Note(g, m, engine.Add)
	c.ends.note(g, m.ID, ending{at: t, name: got.Name})
	return t, nil
}

// address is the primary address that an account has now.
func (c *Connector) address(ctx context.Context, m engine.Member) (string, error) {
	now, err := c.account(ctx, string(m.ID))
	switch {
	case err != nil && engine.KindOf(err) != engine.Disabled:
		return "", err
	case now.ID != m.ID:
		return "", malformed("the user that was asked for")
	}
	return now.Login, nil
}

var membershipName = regexp.MustCompile(`^groups/([0-9A-Za-z_-]{1,128})/memberships/([0-9A-Za-z_-]{1,128})$`)

// ofGroup reports whether name is that of a membership of g.
func ofGroup(name string, g engine.GroupID) bool {
	parts := membershipName.FindStringSubmatch(name)
	return parts != nil && parts[1] == string(g)
}

// unwritten is refused for the Cloud Identity API, which does not tell a group
// that is not there from one that may not be changed.
func (c *Connector) unwritten(ctx context.Context, g engine.GroupID, x *exchange, err error) error {
	if a := x.answered(err); !a.lost && ctx.Err() == nil && a.missing() {
		if _, gerr := c.group(ctx, string(g)); engine.KindOf(gerr) == engine.NotFound {
			return gerr
		}
	}
	return c.refused(ctx, g, x, err)
}

// missing reports whether the Cloud Identity API may mean that something is not
// there.
func (a answer) missing() bool {
	return a.status == http.StatusNotFound || a.status == http.StatusForbidden && !a.quota()
}

// Expire moves the end of a plain membership, or gives it one. An owner or a
// manager has no end ([engine.Unsupported]).
func (c *Connector) Expire(ctx context.Context, g engine.GroupID, m engine.Member, t time.Time) (time.Time, error) {
	var end time.Time
	t = whole(t)
	_, err := c.write(ctx, g, m, func(ctx context.Context, g engine.GroupID, m engine.Member) (_ bool, err error) {
		end, err = c.expire(ctx, g, m, t)
		if err != nil && !engine.KindOf(err).Refusal() {
			c.ends.forget(g, m.ID)
		}
		return false, err
	})
	return end, c.op("end the membership of "+who(m)+" in "+c.names.of(g)+" at "+t.Format(time.RFC3339), err)
}

func (c *Connector) expire(ctx context.Context, g engine.GroupID, m engine.Member, t time.Time) (time.Time, error) {
	if c.noEnds.on(c.cfg.Now()) {
		return time.Time{}, c.unsupported()
	}
	address, err := c.plain(ctx, g, m)
	if err != nil {
		return time.Time{}, err
	}
	name, err := c.nameOf(ctx, g, m, address)
	if err != nil {
		return time.Time{}, err
	}
	var got struct{ Membership membership }
	tctx, x := traced(ctx)
	err = c.post(tctx, c.identity+"v1/"+name+":modifyMembershipRoles", modification{[]update{{
		FieldMask: "expiryDetail.expireTime", MembershipRole: until(t),
	}}}, &got)
	switch a := x.answered(err); {
	case ctx.Err() != nil:
	case err == nil && got.Membership.Name != name:
		return time.Time{}, trouble(engine.Unknown, "Google took the change and did not answer with the membership; the next reading will tell")
	case err == nil:
		if end := got.Membership.end(); !end.IsZero() {
			t = end.UTC()
		}
		c.ends.note(g, m.ID, ending{at: t, name: name})
		return t, nil
	case a.noEnds():
		return time.Time{}, a.doubt(c.learnNoEnds())
	case a.status == http.StatusConflict, a.status == http.StatusNotFound:
		return time.Time{}, trouble(engine.Unavailable, "%s: the membership is changing just now; the next reading will tell", a.text())
	}
	return time.Time{}, c.unwritten(ctx, g, x, err)
}

// modification is the body of modifyMembershipRoles.
type modification struct {
	UpdateRolesParams []update `json:"updateRolesParams"`
}

type update struct {
	FieldMask      string       `json:"fieldMask"`
	MembershipRole memberOfRole `json:"membershipRole"`
}

// plain wants m to be a plain member of g, and returns the address.
func (c *Connector) plain(ctx context.Context, g engine.GroupID, m engine.Member) (string, error) {
	last, _ := c.writes.Last(g, m.ID)
	e, err := c.member(ctx, g, m.ID)
	switch {
	case err == nil && last == engine.Remove, err != nil && engine.KindOf(err) == engine.NotFound && !gone(err) && last != engine.Add:
		return "", trouble(engine.NotFound, "%s is not a member", who(m))
	case err != nil && engine.KindOf(err) == engine.NotFound && !gone(err):
		return c.address(ctx, m) // we added it a moment ago; the reading is older
	case err != nil:
		return "", err
	case e.Type != typeUser || e.Role != roleMember:
		return "", trouble(engine.Unsupported, "the member is of type %s and has the role %s; only plain members can end", clip(e.Type), clip(e.Role))
	}
	return strings.ToLower(e.Email), nil
}

// nameOf finds the name of a membership that the Directory API shows, or that
// we made. Where the Cloud Identity API does not show it yet, it is called by
// the member's id, as all that were seen are; a wrong name is refused.
func (c *Connector) nameOf(ctx context.Context, g engine.GroupID, m engine.Member, address string) (string, error) {
	if name := c.ends.name(g, m.ID); name != "" {
		return name, nil
	}
	var got struct{ Name string }
	tctx, x := traced(ctx)
	err := c.fetch(tctx, c.identity+"v1/groups/"+string(g)+"/memberships:lookup", url.Values{"memberKey.id": {address}}, &got)
	switch a := x.answered(err); {
	case err != nil && a.status == http.StatusNotFound && ctx.Err() == nil:
		return "groups/" + string(g) + "/memberships/" + string(m.ID), nil
	case err != nil:
		return "", c.unread(ctx, g, x, err)
	case !ofGroup(got.Name, g):
		return "", malformed("the name of a membership")
	}
	return got.Name, nil
}

// unread judges a reading of the Cloud Identity API that failed.
func (c *Connector) unread(ctx context.Context, g engine.GroupID, x *exchange, err error) error {
	if a := x.answered(err); ctx.Err() == nil && a.missing() {
		if _, gerr := c.group(ctx, string(g)); engine.KindOf(gerr) == engine.NotFound {
			return gerr
		}
	}
	return x.fail(ctx, err)
}

// Expiries returns when Google is going to end memberships of g.
func (c *Connector) Expiries(ctx context.Context, g engine.GroupID) (map[engine.MemberID]time.Time, error) {
	ends, err := c.expiries(ctx, g)
	return ends, c.op("list the ends of memberships of "+c.names.of(g), err)
}

const membershipsPage = 500 // the most that Google gives in full

func (c *Connector) expiries(ctx context.Context, g engine.GroupID) (map[engine.MemberID]time.Time, error) {
	if !plainID.MatchString(string(g)) {
		return nil, trouble(engine.NotFound, "%q is no id of a group at Google", clip(string(g)))
	}
	read := map[engine.MemberID]time.Time{}
	if c.noEnds.on(c.cfg.Now()) {
		return read, nil
	}
	all, err := c.memberships(ctx, g)
	if err != nil {
		return nil, err
	}
	shown := make(map[string]bool, len(all))
	var ending []membership
	for _, m := range all {
		shown[strings.ToLower(m.PreferredMemberKey.ID)] = true
		if m.end().After(c.cfg.Now()) {
			ending = append(ending, m)
		}
	}
	if len(ending) > 0 {
		ms, err := c.list(ctx, g)
		if err != nil {
			return nil, err
		}
		c.lapse(g)
		read = whose(ending, c.writes.Lay(g, ms))
	}
	c.lapse(g)
	c.ends.lay(g, read, func(address string) bool { return shown[address] })
	return read, nil
}

// memberships lists g as the Cloud Identity API has it, ends and all. An
// edition without ends has none.
func (c *Connector) memberships(ctx context.Context, g engine.GroupID) ([]membership, error) {
	var all []membership
	var extent extent
	_, err := c.each(ctx, &extent, pagesMax, func(_ context.Context, token string) (page, error) {
		query := url.Values{
			"view": {"FULL"}, "pageSize": {strconv.Itoa(membershipsPage)},
			"fields": {"memberships(name,preferredMemberKey,roles),nextPageToken"},
		}
		if token != "" {
			query.Set("pageToken", token)
		}
		var got struct {
			Memberships   []membership
			NextPageToken string
		}
		tctx, x := traced(ctx)
		if err := c.fetch(tctx, c.identity+"v1/groups/"+string(g)+"/memberships", query, &got); err != nil {
			if x.answered(err).noEnds() && ctx.Err() == nil {
				return page{}, c.learnNoEnds()
			}
			return page{}, c.unread(ctx, g, x, err)
		}
		return page{got.NextPageToken, len(got.Memberships), func(i int) (bool, error) {
			if !ofGroup(got.Memberships[i].Name, g) {
				return false, malformed("a list of memberships with names")
			}
			all = append(all, got.Memberships[i])
			return true, nil
		}}, nil
	})
	if engine.KindOf(err) == engine.Unsupported {
		return nil, nil
	}
	return all, err
}

// whose finds the members of memberships that end: by address, and where
// several have one address, or none has, by the last part of the name, which is
// the member's id in all that were seen.
func whose(ending []membership, ms []engine.Member) map[engine.MemberID]time.Time {
	ids := make(map[engine.MemberID]bool, len(ms))
	byLogin := make(map[string][]engine.MemberID, len(ms))
	for _, m := range ms {
		ids[m.ID] = true
		byLogin[m.Login] = append(byLogin[m.Login], m.ID)
	}
	out := make(map[engine.MemberID]time.Time, len(ending))
	for _, m := range ending {
		id := engine.MemberID(m.Name[strings.LastIndexByte(m.Name, '/')+1:])
		if same := byLogin[strings.ToLower(m.PreferredMemberKey.ID)]; len(same) == 1 {
			id = same[0]
		}
		if ids[id] {
			out[id] = m.end().UTC()
		}
	}
	return out
}
