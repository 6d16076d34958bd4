package oktatest

import (
	"encoding/json"
	"maps"
	"slices"
	"time"
	"unicode/utf8"
)

// stampLayout is how Okta writes a time.
const stampLayout = "2006-01-02T15:04:05.000Z"

func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format(stampLayout) }

func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // shapes of our own
	}
	return text
}

type href struct {
	Href string `json:"href"`
}

type logo struct {
	Name string `json:"name"`
	Href string `json:"href"`
	Type string `json:"type"`
}

type groupShape struct {
	ID       string         `json:"id"`
	Created  string         `json:"created"`
	Updated  string         `json:"lastUpdated"`
	Filled   string         `json:"lastMembershipUpdated"`
	Class    []string       `json:"objectClass"`
	Type     string         `json:"type"`
	Profile  groupProfile   `json:"profile"`
	Embedded map[string]any `json:"_embedded,omitempty"`
	Links    groupLinks     `json:"_links"`
}

type groupProfile struct {
	Name  string  `json:"name"`
	About *string `json:"description"`
}

type groupLinks struct {
	Logo  []logo `json:"logo"`
	Users href   `json:"users"`
	Apps  href   `json:"apps"`
}

func (c *call) groupShape(g *group) groupShape {
	class := "okta:user_group"
	if g.kind == appGroup {
		class = "okta:windows_security_principal"
	}
	root := c.base + "/api/v1/groups/" + g.id
	s := groupShape{
		ID: g.id, Created: stamp(g.created), Updated: stamp(g.updated), Filled: stamp(g.mark(c.at, c.opts.MarkLag)),
		Class: []string{class}, Type: g.kind, Profile: groupProfile{Name: g.name},
		Links: groupLinks{
			Logo: []logo{
				{"medium", "https://ok14static.oktacdn.com/assets/img/logos/groups/odyssey/okta-medium.png", "image/png"},
				{"large", "https://ok14static.oktacdn.com/assets/img/logos/groups/odyssey/okta-large.png", "image/png"},
			},
			Users: href{root + "/users"}, Apps: href{root + "/apps"},
		},
	}
	if g.about != "" {
		s.Profile.About = &g.about
	}
	return s
}

type ruleShape struct {
	Type       string         `json:"type"`
	ID         string         `json:"id"`
	Status     string         `json:"status"`
	Name       string         `json:"name"`
	Created    string         `json:"created"`
	Updated    string         `json:"lastUpdated"`
	Conditions ruleConditions `json:"conditions"`
	Actions    ruleActions    `json:"actions"`
	Valid      bool           `json:"allGroupsValid"`
}

type ruleConditions struct {
	People struct {
		Users  ruleExclude `json:"users"`
		Groups ruleExclude `json:"groups"`
	} `json:"people"`
	Expression struct {
		Value string `json:"value"`
		Type  string `json:"type"`
	} `json:"expression"`
}

type ruleExclude struct {
	Exclude []string `json:"exclude"`
}

type ruleActions struct {
	Assign struct {
		Groups []string `json:"groupIds"`
	} `json:"assignUserToGroups"`
}

func (c *call) ruleShape(r *rule) ruleShape {
	s := ruleShape{
		Type: "group_rule", ID: r.id, Status: r.status, Name: r.name, Created: stamp(r.created), Updated: stamp(r.updated),
		Valid: r.status != "INVALID",
	}
	s.Conditions.People.Users.Exclude = append([]string{}, r.excluded...)
	s.Conditions.People.Groups.Exclude = []string{}
	s.Conditions.Expression.Value, s.Conditions.Expression.Type = r.expression, "urn:okta:expression:1.0"
	s.Actions.Assign.Groups = append([]string{}, r.groups...)
	return s
}

// appendUser writes a user as lists have it. Hundreds of thousands of them make
// a full reading of a large org, so this is by hand.
func (c *call) appendUser(b []byte, u *user) []byte {
	at := func(b []byte, ms int64) []byte { return time.UnixMilli(ms).UTC().AppendFormat(b, stampLayout) }
	b = append(b, `{"id":"`...)
	b = append(b, u.id...)
	b = append(b, `","status":"`...)
	b = append(b, u.status...)
	b = append(b, `","created":"`...)
	b = at(b, u.created)
	b = append(b, `","activated":`...)
	if u.status == Staged {
		b = append(b, `null`...)
	} else {
		b = append(at(append(b, '"'), u.created), '"')
	}
	b = append(b, `,"statusChanged":"`...)
	b = at(b, u.statusAt)
	b = append(b, `","lastLogin":null,"lastUpdated":"`...)
	b = at(b, u.updated)
	b = append(b, `","passwordChanged":null,"type":{"id":"oty1sim00000000000001"},"profile":{"firstName":`...)
	b = appendText(b, orNull(u.first))
	b = append(b, `,"lastName":`...)
	b = appendText(b, orNull(u.last))
	b = append(b, `,"mobilePhone":null,"secondEmail":null,"login":`...)
	b = appendText(b, &u.login)
	b = append(b, `,"email":`...)
	b = appendText(b, &u.email)
	for _, name := range slices.Sorted(maps.Keys(u.further)) {
		b = append(append(append(b, `,"`...), name...), `":`...)
		b = append(b, encode(u.further[name])...)
	}
	b = append(b, `},"credentials":{"provider":{"type":"OKTA","name":"OKTA"}},"_links":{"self":{"href":"`...)
	b = append(b, c.base...)
	b = append(b, `/api/v1/users/`...)
	b = append(b, u.id...)
	return append(b, `"}}}`...)
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func appendText(b []byte, s *string) []byte {
	if s == nil {
		return append(b, `null`...)
	}
	for _, r := range *s {
		if r < ' ' || r == '"' || r == '\\' || r == utf8.RuneError || r == '<' || r == '>' || r == '&' || r > 0x2027 {
			return append(b, encode(*s)...)
		}
	}
	b = append(b, '"')
	b = append(b, *s...)
	return append(b, '"')
}

// users writes a list of users.
func (c *call) usersShape(us []*user) []byte {
	b := make([]byte, 0, 2+len(us)*(640+len(c.base)))
	b = append(b, '[')
	for i, u := range us {
		if i > 0 {
			b = append(b, ',')
		}
		b = c.appendUser(b, u)
	}
	return append(b, ']')
}
