package entratest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// bindsMost is how many members one PATCH can add.
const bindsMost = 20

// addMember is POST members/$ref.
func (c *call) addMember() (reply, *failure) {
	var body struct {
		ID string `json:"@odata.id"`
	}
	if f := c.read(&body); f != nil {
		return reply{}, f
	}
	if body.ID == "" {
		c.violation("the body has no @odata.id")
		return reply{}, badRequest("A value without a type name was found and no expected type is available.")
	}
	return c.bind([]string{body.ID})
}

// patchGroup is PATCH with members@odata.bind: all or none are added.
func (c *call) patchGroup() (reply, *failure) {
	var body map[string]json.RawMessage
	if f := c.read(&body); f != nil {
		return reply{}, f
	}
	for _, name := range slices.Sorted(maps.Keys(body)) {
		if name != "members@odata.bind" && name != "@odata.type" {
			c.violation("it changes %s of a group", name)
			return reply{}, denied()
		}
	}
	var binds []string
	if raw, ok := body["members@odata.bind"]; !ok || json.Unmarshal(raw, &binds) != nil || len(binds) == 0 {
		c.violation("the body has no members@odata.bind with references")
		return reply{}, badRequest("Invalid value specified for property 'members' of resource 'Group'.")
	}
	if len(binds) > bindsMost {
		c.violation("%d references, more than %d", len(binds), bindsMost)
		return reply{}, badRequest(fmt.Sprintf("The number of members to add, %d, exceeds the maximum of %d.", len(binds), bindsMost))
	}
	return c.bind(binds)
}

// bind adds members, all of them or none.
func (c *call) bind(references []string) (reply, *failure) {
	if !c.claims.writesMembers() {
		return reply{}, denied()
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	g, o, f := c.writable()
	if f != nil {
		return reply{}, f
	}
	var members []uint32
	for _, reference := range references {
		m, f := c.target(g, o, reference)
		if f != nil {
			return reply{}, f
		}
		if slices.Contains(members, m) {
			c.violation("one member stands there twice")
			return reply{}, badRequest("Invalid value specified for property 'members' of resource 'Group'.")
		}
		members = append(members, m)
	}
	for _, m := range members {
		if o.group.members.Has(m) {
			return reply{}, badRequest(alreadyThere)
		}
	}
	for _, m := range members {
		c.link1(g, m, true)
	}
	return reply{status: http.StatusNoContent}, nil
}

// writable finds the group of a write, if its members can be changed.
func (c *call) writable() (uint32, *object, *failure) {
	id, ok := parseGUID(c.params[0])
	if ok && c.s.tenant.newborn(id, c.now) {
		return 0, nil, badRequest(notReplicated)
	}
	g, o, f := c.group()
	if f == nil {
		f = o.group.traits.refusal(c.claims)
	}
	if f == nil {
		f = c.conflict(g)
	}
	return g, o, f
}

// target finds what a reference leads to, if the group can hold it.
func (c *call) target(g uint32, group *object, reference string) (uint32, *failure) {
	id, ok := c.reference(reference)
	if !ok {
		c.violation("%q is no reference to an object of this tenant", reference)
		return 0, badRequest("The reference '" + reference + "' is invalid.")
	}
	if c.s.tenant.newborn(id, c.now) {
		return 0, badRequest(notReplicated)
	}
	m, o, ok := c.s.tenant.look(id, c.now)
	switch {
	case !ok:
		return 0, notFound(id.String())
	case m == g:
		return 0, badRequest("A group cannot be a member of itself.")
	case !c.claims.binds(o.kind):
		return 0, denied()
	}
	return m, group.group.traits.holds(o)
}

// hosts are those under which references may be written, besides the one that
// the client speaks to.
func hosts() []string {
	return []string{"graph.microsoft.com", "graph.microsoft.us", "dod-graph.microsoft.us", "microsoftgraph.chinacloudapi.cn"}
}

func (c *call) reference(s string) (guid, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Host != c.r.Host && !slices.Contains(hosts(), u.Host) {
		return guid{}, false
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	if len(parts) != 3 || parts[0] != "v1.0" && parts[0] != "beta" {
		return guid{}, false
	}
	switch parts[1] {
	case "directoryObjects", "users", "groups", "devices", "servicePrincipals":
		return parseGUID(parts[2])
	}
	return guid{}, false
}

// removeMember is DELETE members/{id}/$ref.
func (c *call) removeMember() (reply, *failure) {
	if !c.claims.writesMembers() {
		return reply{}, denied()
	}
	id, ok := parseGUID(c.params[1])
	if !ok {
		c.violation("%q is not an id", c.params[1])
		return reply{}, badRequest("Invalid object identifier '" + c.params[1] + "'.")
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	g, o, f := c.writable()
	if f != nil {
		return reply{}, f
	}
	m, member, ok := c.s.tenant.look(id, c.now)
	switch {
	case !ok || !o.group.members.Has(m):
		return reply{}, notFound(c.params[1])
	case !c.claims.binds(member.kind):
		return reply{}, denied()
	}
	c.link1(g, m, false)
	c.s.unassign(link{g, m})
	return reply{status: http.StatusNoContent}, nil
}

// link1 makes one object a member, or takes it out, for those who see it.
func (c *call) link1(g, m uint32, present bool) {
	t := c.s.tenant
	members := &t.objects[g].group.members
	if !members.Set(m, c.now, present) {
		return
	}
	members.Forget(c.s.horizon())
	c.s.note(event{group: g, member: m, what: linked(present)})
	c.s.wrote(Write{
		At: c.now.Round(0), Added: present, Group: t.objects[g].id.String(), Member: t.objects[m].id.String(),
		Name: t.objects[g].name, Login: cmp.Or(t.objects[m].login, t.objects[m].name),
	})
}

// conflict refuses every n-th of several writes to one group in one batch,
// where the tenant is such a one.
func (c *call) conflict(g uint32) *failure {
	batch, ok := c.r.Context().Value(batchKey{}).(*batchState)
	if !ok || c.s.opts.BatchConflicts <= 0 || batch.sequential {
		return nil
	}
	if batch.groups[g]++; batch.groups[g] < 2 {
		return nil
	}
	c.s.notes.Lock()
	defer c.s.notes.Unlock()
	if c.s.notes.conflicts++; c.s.notes.conflicts%c.s.opts.BatchConflicts != 0 {
		return nil
	}
	return fail(http.StatusConflict, "Directory_ConcurrencyViolation", "The resource has been modified by another request. Retry it after "+time.Second.String()+".")
}
