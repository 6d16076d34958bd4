package entratest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Roles of PIM for Groups.
const (
	writesTerms = "PrivilegedAssignmentSchedule.ReadWrite.AzureADGroup"
	readsTerms  = "PrivilegedAssignmentSchedule.Read.AzureADGroup"
	readsPolicy = "RoleManagementPolicy.Read.AzureADGroup"
)

// unscoped is how the services of PIM tell that a permission is missing: their
// own error stands in the text of another.
func unscoped(role string) *failure {
	text, err := json.Marshal(map[string]string{
		"errorCode": "PermissionScopeNotGranted", "message": "Authorization failed due to missing permission scope " + role + ".",
	})
	if err != nil {
		panic(err) // strings
	}
	return fail(http.StatusForbidden, "UnknownError", string(text))
}

// licensed refuses what a tenant without the licence cannot do.
func (c *call) licensed() *failure {
	if !c.s.opts.Unlicensed {
		return nil
	}
	return badRequestOf("AadPremiumLicenseRequired", "The tenant needs to have Microsoft Entra ID P2 or Microsoft Entra ID Governance license.")
}

// assignment is a request for an assignment, as it is asked for and answered.
type assignment struct {
	ID            string `json:"id,omitempty"`
	Status        string `json:"status,omitempty"`
	Action        string `json:"action"`
	AccessID      string `json:"accessId"`
	GroupID       string `json:"groupId"`
	PrincipalID   string `json:"principalId"`
	Justification string `json:"justification"`
	Created       string `json:"createdDateTime,omitempty"`
	Completed     string `json:"completedDateTime,omitempty"`
	Schedule      string `json:"targetScheduleId,omitempty"`
	Info          *terms `json:"scheduleInfo,omitempty"`
}

type terms struct {
	Start      *time.Time `json:"startDateTime"`
	Expiration struct {
		Type string     `json:"type"`
		End  *time.Time `json:"endDateTime"`
	} `json:"expiration"`
}

// requestAssignment is POST assignmentScheduleRequests.
func (c *call) requestAssignment() (reply, *failure) {
	if !c.claims.has(writesTerms) {
		return reply{}, unscoped(writesTerms)
	}
	var a assignment
	if f := c.read(&a); f != nil {
		return reply{}, f
	}
	if !strings.EqualFold(a.AccessID, "member") {
		c.violation("it assigns %q of a group, not a member", a.AccessID)
		return reply{}, invalidAssignment()
	}
	if f := c.licensed(); f != nil {
		return reply{}, f
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	l, o, f := c.assignable(a)
	if f != nil {
		return reply{}, f
	}
	switch strings.ToLower(a.Action) {
	case "adminassign":
		f = c.assign(l, o, &a)
	case "adminupdate", "adminextend":
		f = c.reassign(l, o, &a)
	case "adminremove":
		f = c.dismiss(l)
	default:
		c.violation("the action %q is not simulated", a.Action)
		f = invalidAssignment()
	}
	if f != nil {
		return reply{}, f
	}
	a.ID, a.Status = newGUID(c.s.opts.Seed, "assignment request", int(c.s.serial.Add(1))).String(), "Provisioned"
	a.Created, a.Completed = stamp(c.now.UnixNano()), stamp(c.now.UnixNano())
	if sc, ok := c.s.tenant.schedules[l]; ok {
		a.Schedule = scheduleID(o, sc)
	}
	c.s.revision++
	r := c.json(a)
	r.status = http.StatusCreated
	return r, nil
}

func invalidAssignment() *failure {
	return badRequestOf("InvalidRoleAssignmentRequest", "The role assignment request is invalid.")
}

// assignable finds the group and the object of an assignment, if PIM can be
// used for it.
func (c *call) assignable(a assignment) (link, *object, *failure) {
	id, ok := parseGUID(a.GroupID)
	g, o, found := c.s.tenant.look(id, c.now)
	switch {
	case !ok || !found || o.kind != GroupType || o.group.pim.off:
		return link{}, nil, fail(http.StatusNotFound, "ResourceNotFound", "The resource is not found.")
	case o.group.traits.restricted, o.group.traits.refusal(c.claims) != nil && !o.group.traits.role:
		return link{}, nil, invalidAssignment()
	}
	id, ok = parseGUID(a.PrincipalID)
	m, who, found := c.s.tenant.look(id, c.now)
	if !ok || !found {
		return link{}, nil, badRequestOf("SubjectNotFound", "The subject is not found.")
	}
	if f := o.group.traits.holds(who); f != nil {
		return link{}, nil, invalidAssignment()
	}
	return link{g, m}, o, nil
}

// span reads when an assignment begins and ends, within what the policy of the
// group allows.
func (c *call) span(o *object, a *assignment) (start, end int64, f *failure) {
	var failed []string
	if a.Justification == "" {
		c.violation("an assignment has no justification")
		failed = append(failed, "JustificationRule")
	}
	start = c.now.UnixNano()
	if a.Info == nil || !strings.EqualFold(a.Info.Expiration.Type, "afterDateTime") || a.Info.Expiration.End == nil {
		c.violation("an assignment has no end")
		failed = append(failed, "ExpirationRule")
		return 0, 0, policyFailed(failed)
	}
	end = a.Info.Expiration.End.UnixNano()
	if a.Info.Start != nil {
		start = min(start, a.Info.Start.UnixNano())
		if a.Info.Start.After(c.now) {
			c.violation("an assignment begins later, which is not simulated")
			return 0, 0, invalidAssignment()
		}
	}
	if time.Duration(end-start) > o.group.longest() {
		failed = append(failed, "ExpirationRule")
	}
	switch {
	case len(failed) > 0:
		return 0, 0, policyFailed(failed)
	case end <= c.now.UnixNano():
		return 0, 0, invalidAssignment()
	case time.Duration(end-start) < shortest:
		return 0, 0, tooShort()
	}
	return start, end, nil
}

func policyFailed(rules []string) *failure {
	text, err := json.Marshal(rules)
	if err != nil {
		panic(err) // strings
	}
	return badRequestOf("RoleAssignmentRequestPolicyValidationFailed", "The following policy rules failed: "+string(text))
}

func tooShort() *failure {
	return badRequestOf("ActiveDurationTooShort", "The active duration is too short. The minimum duration is 5 minutes.")
}

func (c *call) assign(l link, o *object, a *assignment) *failure {
	start, end, f := c.span(o, a)
	if f != nil {
		return f
	}
	_, scheduled := c.s.tenant.schedules[l]
	if scheduled || o.group.members.Has(l.member) && !c.s.opts.TakesOver {
		return badRequestOf("RoleAssignmentExists", "The Role assignment already exists.")
	}
	c.s.assign(l, &schedule{id: newGUID(c.s.opts.Seed, "schedule", int(c.s.serial.Add(1))), start: start, end: end, touched: c.now.UnixNano()})
	c.link1(l.group, l.member, true)
	return nil
}

func (c *call) reassign(l link, o *object, a *assignment) *failure {
	sc, ok := c.s.tenant.schedules[l]
	if !ok || !o.group.members.Has(l.member) {
		return noAssignment()
	}
	start, end, f := c.span(o, a)
	if f != nil {
		return f
	}
	if strings.EqualFold(a.Action, "adminExtend") && end < sc.end {
		return invalidAssignment()
	}
	c.s.assign(l, &schedule{id: sc.id, start: start, end: end, touched: c.now.UnixNano()})
	return nil
}

func noAssignment() *failure {
	return badRequestOf("RoleAssignmentDoesNotExist", "The Role assignment does not exist.")
}

// dismiss is adminRemove.
func (c *call) dismiss(l link) *failure {
	sc, ok := c.s.tenant.schedules[l]
	switch {
	case !ok && !c.s.tenant.objects[l.group].group.members.Has(l.member):
		return noAssignment()
	case ok && c.now.Sub(time.Unix(0, sc.touched)) < shortest:
		return tooShort()
	}
	delete(c.s.tenant.schedules, l)
	c.link1(l.group, l.member, false)
	return nil
}

func scheduleID(o *object, sc *schedule) string { return o.id.String() + "_member_" + sc.id.String() }

func stamp(nanos int64) string {
	return time.Unix(0, nanos).UTC().Format("2006-01-02T15:04:05.000Z")
}

// entry is a schedule or an instance of one. Members without a schedule are
// there too, without a start and an end.
type entry struct {
	ID        string  `json:"id"`
	Principal string  `json:"principalId"`
	Group     string  `json:"groupId"`
	Access    string  `json:"accessId"`
	Member    string  `json:"memberType"`
	Type      string  `json:"assignmentType"`
	Start     *string `json:"startDateTime"`
	End       *string `json:"endDateTime"`
	Schedule  string  `json:"assignmentScheduleId"`
}

// listInstances is GET assignmentScheduleInstances.
func (c *call) listInstances() (reply, *failure) {
	if !c.claims.any(writesTerms, readsTerms) {
		return reply{}, unscoped(readsTerms)
	}
	if f := c.licensed(); f != nil {
		return reply{}, f
	}
	group, principal, ok := c.scope()
	if !ok {
		c.violation("$filter is %q, not groupId eq '...' with or without principalId eq '...'", c.query.Get("$filter"))
		return reply{}, badRequestOf("MissingProvider", "The filter must name a groupId or a principalId.")
	}
	at, f := c.place("terms" + group.String()[:8])
	if f != nil {
		return reply{}, f
	}
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	g, o, found := c.s.tenant.look(group, c.now)
	if !found || o.kind != GroupType || o.group.pim.off {
		return reply{}, fail(http.StatusNotFound, "ResourceNotFound", "The resource is not found.")
	}
	var keys []uint32
	if o.group.pim.onboarded {
		keys = o.group.members.At(c.s.lag.Cut(c.now))
	}
	if principal != (guid{}) {
		m := c.s.tenant.byID[principal]
		keys = slices.DeleteFunc(slices.Clone(keys), func(k uint32) bool { return k != m })
	}
	page, next, more := c.rest(keys, at, c.size())
	all := []entry{}
	for _, m := range page {
		all = append(all, c.instance(link{g, m}, o))
	}
	body := map[string]any{"@odata.context": c.context("identityGovernance/privilegedAccess/group/assignmentScheduleInstances"), "value": all}
	if more {
		body["@odata.nextLink"] = c.link(next)
	}
	return c.json(body), nil
}

func (c *call) instance(l link, o *object) entry {
	who := c.s.tenant.objects[l.member].id
	e := entry{Principal: who.String(), Group: o.id.String(), Access: "member", Member: "Direct", Type: "Assigned"}
	sc, ok := c.s.tenant.schedules[l]
	if !ok {
		e.ID = o.id.String() + "_member_" + who.String()
		e.Schedule = e.ID
		return e
	}
	start, end := stamp(sc.start), stamp(sc.end)
	e.ID, e.Start, e.End = scheduleID(o, sc), &start, &end
	e.Schedule = e.ID
	return e
}

// scope reads the only filters that there are: groupId eq 'G', and principalId
// eq 'P' with it.
func (c *call) scope() (group, principal guid, ok bool) {
	ok = true
	for part := range strings.SplitSeq(c.query.Get("$filter"), " and ") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), " eq ")
		id, isID := parseGUID(strings.Trim(strings.TrimSpace(value), "'"))
		switch {
		case isID && name == "groupId":
			group = id
		case isID && name == "principalId":
			principal = id
		default:
			ok = false
		}
	}
	return group, principal, ok && group != guid{}
}

// listPolicies is GET roleManagementPolicyAssignments for the members of one
// group, with the rules.
func (c *call) listPolicies() (reply, *failure) {
	if !c.claims.any(readsPolicy, "RoleManagementPolicy.ReadWrite.AzureADGroup") {
		return reply{}, unscoped(readsPolicy)
	}
	filter := c.query.Get("$filter")
	_, rest, _ := strings.Cut(filter, "scopeId eq '")
	ref, _, _ := strings.Cut(rest, "'")
	if filter != "scopeId eq '"+ref+"' and scopeType eq 'Group' and roleDefinitionId eq 'member'" || c.query.Get("$expand") != "policy($expand=rules)" {
		c.violation("a policy is asked for in a way that is not simulated: %s, %s", filter, c.query.Get("$expand"))
		return reply{}, unsupported("The query specified in the URI is not valid.")
	}
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	id, ok := parseGUID(ref)
	_, o, found := c.s.tenant.look(id, c.now)
	if !ok || !found || o.kind != GroupType {
		return reply{}, fail(http.StatusNotFound, "ResourceNotFound", "The resource is not found.")
	}
	policy := "Group_" + o.id.String() + "_" + newGUID(c.s.opts.Seed, "policy", 0).String()
	return c.json(map[string]any{
		"@odata.context": c.context("policies/roleManagementPolicyAssignments"),
		"value": []any{map[string]any{
			"id": policy + "_member", "policyId": policy, "scopeId": o.id.String(), "scopeType": "Group", "roleDefinitionId": "member",
			"policy": map[string]any{"id": policy, "rules": []any{
				map[string]any{
					"@odata.type": "#microsoft.graph.unifiedRoleManagementPolicyExpirationRule", "id": "Expiration_EndUser_Assignment",
					"isExpirationRequired": true, "maximumDuration": "PT8H",
				},
				map[string]any{
					"@odata.type": "#microsoft.graph.unifiedRoleManagementPolicyExpirationRule", "id": "Expiration_Admin_Assignment",
					"isExpirationRequired": true, "maximumDuration": duration(o.group.longest()),
				},
			}},
		}},
	}), nil
}

// duration writes one as ISO 8601 does.
func duration(d time.Duration) string {
	const day = 24 * time.Hour
	s := "P"
	if days := d / day; days > 0 {
		s += strconv.Itoa(int(days)) + "D"
	}
	if rest := d % day; rest > 0 || d == 0 {
		s += "T" + strconv.Itoa(int(rest/time.Minute)) + "M"
	}
	return s
}
