package entratest

import (
	"net/http"
	"strings"
)

func (c *call) listUsers() (reply, *failure) {
	if !c.claims.reads(UserType) {
		return reply{}, denied()
	}
	return c.list("users", UserType)
}

// getUser finds by id or userPrincipalName.
func (c *call) getUser() (reply, *failure) {
	if !c.claims.reads(UserType) {
		return reply{}, denied()
	}
	selected, f := c.selection(UserType)
	if f != nil {
		return reply{}, f
	}
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	n, ok := c.user(c.params[0])
	switch {
	case !ok:
		return reply{}, notFound(c.params[0])
	case c.query.Has("$expand"):
		c.violation("$expand=%s is not simulated", c.query.Get("$expand"))
		return reply{}, unsupported("The query specified in the URI is not valid.")
	}
	return c.single("users", c.append(nil, n, selected, false)), nil
}

// getManager finds the user or the contact who manages a user. That there is
// none is a 404, which names the relationship.
func (c *call) getManager() (reply, *failure) {
	if !c.claims.reads(UserType) {
		return reply{}, denied()
	}
	selected, f := c.selection(UserType, ContactType)
	if f != nil {
		return reply{}, f
	}
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	n, ok := c.user(c.params[0])
	if !ok {
		return reply{}, notFound(c.params[0])
	}
	boss, ok := c.s.tenant.managers[n]
	if !ok {
		return reply{}, notFound("manager")
	}
	return c.single("directoryObjects", c.append(nil, boss, selected, true)), nil
}

func (c *call) user(ref string) (uint32, bool) {
	t := c.s.tenant
	id, isID := parseGUID(ref)
	if !isID {
		n, ok := t.byLogin[strings.ToLower(ref)]
		return n, ok && t.objects[n].born <= c.now.UnixNano()
	}
	n, o, ok := t.look(id, c.now)
	return n, ok && o.kind == UserType
}

// getByIDs finds up to 1,000 objects; those that are not there are left out.
func (c *call) getByIDs() (reply, *failure) {
	var body struct {
		IDs   []string `json:"ids"`
		Types []Type   `json:"types"`
	}
	if f := c.read(&body); f != nil {
		return reply{}, f
	}
	switch {
	case len(body.IDs) == 0:
		c.violation("ids is empty")
		return reply{}, badRequest("Request body must have a non-empty ids collection.")
	case len(body.IDs) > 1000:
		c.violation("%d ids, more than 1,000", len(body.IDs))
		return reply{}, badRequest("Too many ids were specified. The maximum is 1000.")
	}
	wanted := make(map[Type]bool)
	kinds := types()
	for _, t := range body.Types {
		if !contains(kinds, t) && t != "directoryObject" {
			c.violation("type %q is not known", t)
			return reply{}, badRequest("Invalid type '" + string(t) + "'.")
		}
		wanted[t] = true
	}
	selected, f := c.selection(kinds...)
	if f != nil {
		return reply{}, f
	}
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	var found []uint32
	for _, ref := range body.IDs {
		id, ok := parseGUID(ref)
		if !ok {
			c.violation("%q is not an id", ref)
			return reply{}, badRequest("Invalid GUID: '" + ref + "'.")
		}
		n, o, ok := c.s.tenant.look(id, c.now)
		if ok && (len(wanted) == 0 || wanted["directoryObject"] || wanted[o.kind]) {
			found = append(found, n)
		}
	}
	return c.page("directoryObjects", "", -1, c.entries(found, selected, true)), nil
}

func contains(kinds []Type, t Type) bool {
	for _, k := range kinds {
		if k == t {
			return true
		}
	}
	return false
}

func (c *call) getObject() (reply, *failure) {
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	selected, f := c.selection(types()...)
	if f != nil {
		return reply{}, f
	}
	id, ok := parseGUID(c.params[0])
	if !ok {
		c.violation("%q is not an id", c.params[0])
		return reply{}, badRequest("Invalid object identifier '" + c.params[0] + "'.")
	}
	n, o, ok := c.s.tenant.look(id, c.now)
	switch {
	case !ok:
		return reply{}, notFound(c.params[0])
	case !c.claims.reads(o.kind):
		return reply{}, denied()
	}
	return c.single("directoryObjects", c.append(nil, n, selected, true)), nil
}

// getDeleted finds what was deleted softly.
func (c *call) getDeleted() (reply, *failure) {
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	id, ok := parseGUID(c.params[0])
	n, found := c.s.tenant.byID[id]
	if !ok || !found || !c.s.tenant.objects[n].deleted {
		return reply{}, notFound(c.params[0])
	}
	if !c.claims.reads(c.s.tenant.objects[n].kind) {
		return reply{}, denied()
	}
	return c.single("directoryObjects", c.append(nil, n, nil, true)), nil
}

// deleteObject is the catastrophe: the account or the group itself goes, where
// somebody meant a membership. It is told even when the rights are missing.
func (c *call) deleteObject() (reply, *failure) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	ref := c.params[len(c.params)-1]
	c.s.catastrophe("%s %s would delete the object %s itself", c.r.Method, c.r.URL.Path, ref)
	n, ok := c.user(ref)
	if id, isID := parseGUID(ref); !ok && isID {
		n, _, ok = c.s.tenant.look(id, c.now)
	}
	if !ok {
		return reply{}, notFound(ref)
	}
	role := map[Type]string{
		UserType: "User.ReadWrite.All", GroupType: "Group.ReadWrite.All", DeviceType: "Device.ReadWrite.All",
		ServicePrincipalType: "Application.ReadWrite.All", ContactType: "OrgContact.ReadWrite.All",
	}[c.s.tenant.objects[n].kind]
	if !c.claims.has(role) {
		return reply{}, denied()
	}
	c.s.drop(n)
	return reply{status: http.StatusNoContent}, nil
}
