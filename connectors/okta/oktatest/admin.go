package oktatest

import (
	"net/http"
	"strings"
)

type roleShape struct {
	ID         string         `json:"id"`
	Label      string         `json:"label"`
	Type       string         `json:"type"`
	Status     string         `json:"status"`
	Created    string         `json:"created"`
	Updated    string         `json:"lastUpdated"`
	Assignment string         `json:"assignmentType"`
	Links      map[string]any `json:"_links"`
}

// labels are how the console calls the types of roles.
var labels = map[string]string{ //nolint:gochecknoglobals // a table
	"SUPER_ADMIN":            "Super Administrator",
	"ORG_ADMIN":              "Organization Administrator",
	"USER_ADMIN":             "Group Administrator",
	"GROUP_MEMBERSHIP_ADMIN": "Group Membership Administrator",
	"HELP_DESK_ADMIN":        "Help Desk Administrator",
	"READ_ONLY_ADMIN":        "Read-Only Administrator",
	"REPORT_ADMIN":           "Report Administrator",
	"CUSTOM":                 "daypass",
}

func (c *call) roles(types []string, path, assignment string) answer {
	shapes := []roleShape{}
	at := stamp(c.org.groups[0].created)
	for i, t := range types {
		label := labels[t]
		if label == "" {
			label = strings.ToLower(t)
		}
		id := native("ra1", i+1)
		shapes = append(shapes, roleShape{
			ID: id, Label: label, Type: t, Status: "ACTIVE", Created: at, Updated: at, Assignment: assignment,
			Links: map[string]any{"assignee": href{c.base + path}},
		})
	}
	return answer{body: encode(shapes)}
}

// userRoles are the administrator roles of a user: those of the API token for
// its owner, none for others. Only an administrator of the org may ask.
func (c *call) userRoles() (answer, *failure) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	u, f := c.find(c.vars[0])
	switch {
	case f != nil:
		return answer{}, f
	case !c.rolesVisible():
		return answer{}, fail(http.StatusForbidden, "E0000006")
	case u.login == AdminLogin && !c.who.bearer:
		return c.roles(c.who.Roles, "/api/v1/users/"+u.id, "USER"), nil
	}
	return c.roles(nil, "", ""), nil
}

// rolesVisible reports whether the role lets one look at roles.
func (c *call) rolesVisible() bool {
	for _, r := range c.who.Roles {
		if r == "SUPER_ADMIN" || r == "ORG_ADMIN" || r == "READ_ONLY_ADMIN" {
			return true
		}
	}
	return false
}

func (c *call) clientRoles() (answer, *failure) {
	if !c.rolesVisible() {
		return answer{}, fail(http.StatusForbidden, "E0000006")
	}
	c.auth.mu.Lock()
	app := c.auth.apps[c.vars[0]]
	c.auth.mu.Unlock()
	if app == nil {
		return answer{}, missing(c.vars[0], "OAuth2Client")
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.roles(app.Roles, "/oauth2/v1/clients/"+app.ClientID, "CLIENT"), nil
}
