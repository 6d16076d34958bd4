package entra

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	abs "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoft/kiota-abstractions-go/serialization"

	"github.com/daypass-dev/daypass/engine"
)

// Privileged Identity Management (PIM) for Groups, by Microsoft's reference of
// privilegedAccessGroupAssignmentScheduleRequest. What it does on paths that
// the reference leaves open is not relied on.

// Permissions of what is done for groups that ask for it only.
const (
	termsRight    = "PrivilegedAssignmentSchedule.ReadWrite.AzureADGroup"
	policyRight   = "RoleManagementPolicy.Read.AzureADGroup"
	sessionsRight = "User.RevokeSessions.All"
)

const termsPath = "/identityGovernance/privilegedAccess/group/assignmentSchedule"

// Actions of a request.
const (
	assign   = "adminAssign"
	update   = "adminUpdate"
	unassign = "adminRemove"
)

// justification is wanted by the policy that a group has from the start, and
// stands in the audit log of the tenant.
const justification = "temporary membership, by daypass"

// termRequest asks PIM for something. Without a start it begins at once.
func termRequest(action string, g engine.GroupID, id engine.MemberID, start, end time.Time) request {
	body := map[string]any{
		"accessId": "member", "groupId": string(g), "principalId": string(id), "action": action, "justification": justification,
	}
	if !end.IsZero() {
		info := map[string]any{"expiration": map[string]any{"type": "afterDateTime", "endDateTime": stamp(end)}}
		if !start.IsZero() {
			info["startDateTime"] = stamp(start)
		}
		body["scheduleInfo"] = info
	}
	return request{method: abs.POST, path: termsPath + "Requests", body: body, weight: writing(), creates: true}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999Z") }

// requestTerm sends a request for a term, and returns where the end is by the
// answer.
func (c *Connector) requestTerm(ctx context.Context, r request, end time.Time) (time.Time, error) {
	v, err := c.wire.create(ctx, r, newAssignment)
	if err != nil {
		return time.Time{}, err
	}
	a := v.(*assignment)
	switch strings.ToLower(a.status) {
	case "provisioned", "granted", "schedulecreated", "pendingprovisioning", "pendingschedulecreation", "provisioningstarted", "accepted":
	case "failed", "denied", "canceled", "revoked", "timedout", "invalid", "admindenied":
		return time.Time{}, trouble(engine.Rejected, "PIM for Groups took the request and answers that it is %s", a.status)
	default:
		return time.Time{}, trouble(engine.Unknown, "PIM for Groups took the request and answers that it is %q; what becomes of it is not known", a.status)
	}
	if !a.end.IsZero() {
		end = a.end
	}
	return end.UTC(), nil
}

// assignment is a request for one, as far as its answer matters.
type assignment struct {
	readOnly
	status string
	end    time.Time
}

func newAssignment(serialization.ParseNode) (serialization.Parsable, error) {
	return &assignment{}, nil
}

func (a *assignment) GetFieldDeserializers() fields {
	return fields{
		"status": text(&a.status),
		"scheduleInfo": inside(fields{
			"expiration": inside(fields{"endDateTime": moment(&a.end)}),
		}),
	}
}

// inside reads the fields of an object in an object.
func inside(fs fields) func(serialization.ParseNode) error {
	return func(n serialization.ParseNode) error {
		_, err := n.GetObjectValue(func(serialization.ParseNode) (serialization.Parsable, error) { return part{fs: fs}, nil })
		return err
	}
}

type part struct {
	readOnly
	fs fields
}

func (p part) GetFieldDeserializers() fields { return p.fs }

// moment reads a time that may be null, and then is zero.
func moment(t *time.Time) func(serialization.ParseNode) error {
	return func(n serialization.ParseNode) error {
		v, err := n.GetTimeValue()
		if v != nil {
			*t = v.UTC()
		}
		return err
	}
}

// instance is an active assignment of PIM. Members whom it does not hold are
// there as well, without a start and an end.
type instance struct {
	readOnly
	principal, access, via, kind string
	start, end                   time.Time
}

func newInstance(serialization.ParseNode) (serialization.Parsable, error) { return &instance{}, nil }

func (i *instance) GetFieldDeserializers() fields {
	return fields{
		"principalId": text(&i.principal), "accessId": text(&i.access), "memberType": text(&i.via), "assignmentType": text(&i.kind),
		"startDateTime": moment(&i.start), "endDateTime": moment(&i.end),
	}
}

// assigned reports whether an administrator, or an app, assigned it. What a
// person activated is theirs.
func (i *instance) assigned() bool { return strings.EqualFold(i.kind, "assigned") }

// instances returns the active assignments of direct members of g, of one of
// them when id is given. A tenant without the licence, and a group that PIM
// cannot be used for, have none.
func (c *Connector) instances(ctx context.Context, g engine.GroupID, id engine.MemberID) ([]*instance, error) {
	filter := "groupId eq " + quote(string(g))
	if id != "" {
		filter += " and principalId eq " + quote(string(id))
	}
	r := request{method: abs.GET, path: termsPath + "Instances", query: query("$filter", filter), weight: reading(1)}
	all, err := list(ctx, c.wire, r, newInstance, func(v serialization.Parsable) (*instance, error) {
		i, ok := v.(*instance)
		if !ok || !isID(i.principal) {
			return nil, errors.New("an assignment without a principal")
		}
		return i, nil
	})
	if err != nil {
		return nil, c.noTerms(ctx, g, err)
	}
	var direct []*instance
	for _, i := range all {
		i.principal = lower(i.principal)
		if strings.EqualFold(i.access, "member") && !strings.EqualFold(i.via, "group") && (id == "" || i.principal == string(id)) {
			direct = append(direct, i)
		}
	}
	return direct, nil
}

// noTerms returns no error where the answer to a listing says that there can be
// no assignments, and otherwise why there is no listing.
func (c *Connector) noTerms(ctx context.Context, g engine.GroupID, err error) error {
	var marked *engine.Error // it broke off, or there was no token
	f := asFault(err)
	switch {
	case f == nil || errors.As(err, &marked):
		return err
	case f.unlicensed():
		return nil
	case f.status == http.StatusForbidden:
		f.needs = termsRight
	case f.status == http.StatusNotFound:
		_, err := c.lookAgain(ctx, g)
		return err
	}
	return err
}

// refuses reports a refusal of PIM with a code, which stands in its place or in
// the text (the services of PIM put their own error into that of Graph).
func (f *fault) refuses(code string) bool {
	return f.status == http.StatusBadRequest && (strings.EqualFold(f.code, code) || f.says(strings.ToLower(code)))
}

func (f *fault) unlicensed() bool {
	return f.refuses("AadPremiumLicenseRequired") || f.status == http.StatusBadRequest && f.says("tenant", "license")
}

// againstPolicy reports a refusal by the group's policy, and whether of the
// term alone.
func (f *fault) againstPolicy() (refused, term bool) {
	if !f.refuses("RoleAssignmentRequestPolicyValidationFailed") {
		return false, false
	}
	return true, f.says("expirationrule") && strings.Count(strings.ToLower(f.text), "rule\"") <= 1
}

// policyMost reads the longest term that the policy of g allows, zero where it
// cannot be read: that takes a permission of its own, without which shorter
// terms are tried.
func (c *Connector) policyMost(ctx context.Context, g engine.GroupID) time.Duration {
	r := request{
		method: abs.GET, path: "/policies/roleManagementPolicyAssignments",
		query: query("$filter", "scopeId eq "+quote(string(g))+" and scopeType eq 'Group' and roleDefinitionId eq 'member'",
			"$expand", "policy($expand=rules)"),
		weight: reading(1),
	}
	p, err := readPage(ctx, c.wire, r, newLimits)
	if err != nil {
		return 0
	}
	for _, v := range p.values {
		for _, rule := range v.(*limits).rules {
			if rule, ok := rule.(*expiration); ok && strings.EqualFold(rule.id, "Expiration_Admin_Assignment") {
				return isoDuration(rule.most)
			}
		}
	}
	return 0
}

// limits is what a group's policy says about assignments, and expiration one
// of its rules.
type limits struct {
	readOnly
	rules []serialization.Parsable
}

func newLimits(serialization.ParseNode) (serialization.Parsable, error) { return &limits{}, nil }

func (p *limits) GetFieldDeserializers() fields {
	return fields{"policy": inside(fields{"rules": func(n serialization.ParseNode) (err error) {
		p.rules, err = n.GetCollectionOfObjectValues(newExpiration)
		return err
	}})}
}

type expiration struct {
	readOnly
	id, most string
}

func newExpiration(serialization.ParseNode) (serialization.Parsable, error) {
	return &expiration{}, nil
}

func (e *expiration) GetFieldDeserializers() fields {
	return fields{"id": text(&e.id), "maximumDuration": text(&e.most)}
}

// isoDuration reads a duration such as P180D or PT8H, zero where it is none.
// Of months and years it takes the shortest.
func isoDuration(s string) time.Duration {
	const day = 24 * time.Hour
	date, clock, timed := strings.Cut(strings.ToUpper(s), "T")
	date, isOne := strings.CutPrefix(date, "P")
	days, fine := sum(date, map[byte]time.Duration{'Y': 365 * day, 'M': 28 * day, 'W': 7 * day, 'D': day})
	hours, fineToo := sum(clock, map[byte]time.Duration{'H': time.Hour, 'M': time.Minute, 'S': time.Second})
	if !isOne || !fine || !fineToo || timed && clock == "" {
		return 0
	}
	return days + hours
}

func sum(s string, units map[byte]time.Duration) (d time.Duration, ok bool) {
	for s != "" {
		n := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
		if n < 1 {
			return 0, false
		}
		count, err := strconv.Atoi(s[:n])
		unit, known := units[s[n]]
		if err != nil || !known || count > 10_000_000 {
			return 0, false
		}
		d += time.Duration(count) * unit
		s = s[n+1:]
	}
	return d, true
}

// unsupported is a refusal with a way out, of what the directory cannot do.
func unsupported(format string, args ...any) error {
	return trouble(engine.Unsupported, "the directory cannot end memberships here: "+format, args...)
}
