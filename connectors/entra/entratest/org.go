package entratest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// graphApp is the app id of Microsoft Graph itself.
const graphApp = "00000003-0000-0000-c000-000000000000"

func (c *call) organization() (reply, *failure) {
	if !c.claims.any("Organization.Read.All", "Organization.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All") {
		return reply{}, denied()
	}
	return c.json(map[string]any{
		"@odata.context": c.context("organization"),
		"value": []any{map[string]any{
			"id": c.s.opts.Tenant, "displayName": "Simulated tenant", "tenantType": "AAD",
			"verifiedDomains": []any{map[string]any{"name": c.s.opts.Domain, "isDefault": true, "isInitial": true, "type": "Managed"}},
		}},
	}), nil
}

func (c *call) json(v any) reply {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of plain values
	}
	return reply{body: b}
}

// roleID is the id of an application permission; those that daypass has to do
// with are the documented ones.
func (s *Server) roleID(role string) string {
	for _, r := range appRoles() {
		if r.value == role {
			return r.id
		}
	}
	return newGUID(s.opts.Seed, "role "+role, 0).String()
}

type appRole struct{ id, value string }

// appRoles are application permissions by Graph's permissions reference.
func appRoles() []appRole {
	return []appRole{
		{"98830695-27a2-44f7-8c18-0c3ebc9698f6", "GroupMember.Read.All"},
		{"dbaae8cf-10b5-4b86-a4a1-f871c94c6695", "GroupMember.ReadWrite.All"},
		{"5b567255-7703-4780-807c-7be8301ae99b", "Group.Read.All"},
		{"62a82d76-70ea-41e2-9197-370581804d09", "Group.ReadWrite.All"},
		{"df021288-bdef-4463-88db-98f22de89214", "User.Read.All"},
		{"741f803b-c850-494e-b5df-cde7c675a1ca", "User.ReadWrite.All"},
		{"7ab1d382-f21e-4acd-a863-ba3e13f7da61", "Directory.Read.All"},
		{"19dbc75e-c2e2-444c-a770-ec69d8559fc7", "Directory.ReadWrite.All"},
		{"658aa5d8-239f-45c4-aa12-864f4fc7e490", "Member.Read.Hidden"},
		{"498476ce-e0fe-48b0-b801-37ba7e2685c6", "Organization.Read.All"},
		{"9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30", "Application.Read.All"},
		{"9e3f62cf-ca93-4989-b6ce-bf83c28f9fe8", "RoleManagement.ReadWrite.Directory"},
		{"41202f2c-f7ab-45be-b001-85c9728b9d69", writesTerms},
		{"69e67828-780e-47fd-b28c-7b27d14864e6", readsPolicy},
		{"77f3a031-c388-4f99-b373-dc68676a979e", "User.RevokeSessions.All"},
	}
}

// principal finds a service principal by its own id or appId='...'.
func (c *call) principal() (App, *failure) {
	if !c.claims.any("Application.Read.All", "Application.ReadWrite.All", "Application.ReadWrite.OwnedBy", "Directory.Read.All", "Directory.ReadWrite.All") {
		return App{}, denied()
	}
	key, byApp := strings.CutPrefix(c.params[0], "appId=")
	key = strings.Trim(key, "'")
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	for _, a := range append(slices.Clone(c.s.apps), App{ID: graphApp}) {
		if byApp && strings.EqualFold(a.ID, key) || !byApp && strings.EqualFold(c.s.principalID(a.ID), key) {
			return a, nil
		}
	}
	return App{}, notFound(key)
}

func (s *Server) principalID(app string) string {
	return newGUID(s.opts.Seed, "principal of "+app, 0).String()
}

func (c *call) servicePrincipal() (reply, *failure) {
	if _, f := c.selection(ServicePrincipalType); f != nil {
		return reply{}, f
	}
	app, f := c.principal()
	if f != nil {
		return reply{}, f
	}
	v := map[string]any{
		"@odata.context": c.context("servicePrincipals/$entity"), "id": c.s.principalID(app.ID), "appId": app.ID, "displayName": app.ID, "appRoles": []any{},
		"servicePrincipalType": "Application", "accountEnabled": true,
	}
	if app.ID == graphApp {
		var roles []any
		for _, r := range appRoles() {
			roles = append(roles, map[string]any{"id": r.id, "value": r.value, "isEnabled": true, "allowedMemberTypes": []string{"Application"}})
		}
		v["displayName"], v["appRoles"] = "Microsoft Graph", roles
	}
	switch expand := c.query.Get("$expand"); expand {
	case "":
	case "appRoleAssignments":
		v[expand] = c.assignments(app)
	default:
		c.violation("$expand=%s is not simulated", expand)
		return reply{}, unsupported("The query specified in the URI is not valid.")
	}
	return c.json(v), nil
}

func (c *call) roleAssignments() (reply, *failure) {
	for name := range c.query {
		if name != "$top" && name != "$select" {
			c.violation("%s is not simulated", name)
			return reply{}, fail(http.StatusBadRequest, "Request_UnsupportedQuery", "The query specified in the URI is not valid.")
		}
	}
	app, f := c.principal()
	if f != nil {
		return reply{}, f
	}
	return c.json(map[string]any{"@odata.context": c.context("appRoleAssignments"), "value": c.assignments(app)}), nil
}

func (c *call) assignments(app App) []any {
	all := []any{}
	for _, role := range app.Roles {
		all = append(all, map[string]any{
			"id": newGUID(c.s.opts.Seed, "assignment "+role, 0).String(), "appRoleId": c.s.roleID(role), "principalId": c.s.principalID(app.ID),
			"principalType": "ServicePrincipal", "resourceId": c.s.principalID(graphApp), "resourceDisplayName": "Microsoft Graph",
		})
	}
	return all
}
