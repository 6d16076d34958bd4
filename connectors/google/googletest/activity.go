package googletest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Events of the audit log of groups, named as in the reference of the Reports
// API.
const (
	addMember    = "add_member"
	removeMember = "remove_member"
	createGroup  = "create_group"
	deleteGroup  = "delete_group"
	changeInfo   = "change_info_setting"
)

// event is one line of the audit log. Addresses are as they were.
type event struct {
	at     time.Time
	name   string
	group  string
	id     string // of the group
	member string
	kind   string
	by     string
	number int
}

// tell writes into the audit log, unless this is one of the lines that it
// loses. Before Google shows a line, its lag goes by.
func (s *Server) tell(name string, g *group, n uint32, by string) {
	s.tellAt(s.Clock.Now(), name, g, n, by)
}

func (s *Server) tellAt(at time.Time, name string, g *group, n uint32, by string) {
	s.heard++
	if s.opt.Reports.Lose > 0 && s.heard%s.opt.Reports.Lose == 0 {
		return
	}
	e := event{at: at, name: name, group: s.objects[g.n].addr, id: s.id(g.n), by: by, number: s.heard}
	if n != g.n {
		e.member, e.kind = s.label(n), strings.ToLower(s.memberType(n))
	}
	s.events = append(s.events, e)
}

// listActivities is GET activity/users/all/applications/groups_enterprise,
// newest first.
func (s *Server) listActivities(c *call) (any, error) {
	if c.path["userKey"] != "all" || c.path["applicationName"] != "groups_enterprise" {
		return nil, invalid("applicationName: only groups_enterprise of all users is simulated")
	}
	size, err := c.size("maxResults", 1000, 1000, true)
	if err != nil {
		return nil, err
	}
	at, err := c.cursor()
	if err != nil {
		return nil, err
	}
	fits, err := s.eventFilter(c, at)
	if err != nil {
		return nil, err
	}
	last := len(s.events)
	if at.after > uint64(last)+1 {
		return nil, invalid("pageToken") // of another customer
	}
	if at.after > 0 {
		last = int(at.after) - 1
	}
	var items []obj
	next := ""
	for i := last - 1; i >= 0; i-- {
		if !fits(s.events[i]) {
			continue
		}
		if len(items) == size {
			next = at.token(uint64(i) + 2) // 0 is the beginning
			break
		}
		items = append(items, s.activity(s.events[i]))
	}
	return obj{{"kind", "admin#reports#activities"}, {"etag", listTag(items)}}.
		opt("items", items).opt("nextPageToken", next), nil
}

// eventFilter says which lines are asked for and to be seen. Later pages see
// what the first one saw.
func (s *Server) eventFilter(c *call, at cursor) (func(event) bool, error) {
	from, err := c.instant("startTime")
	if err != nil {
		return nil, err
	}
	until, err := c.instant("endTime")
	if err != nil {
		return nil, err
	}
	if until.IsZero() {
		until = c.now
	}
	if !from.IsZero() && !from.Before(until) || from.After(c.now) {
		return nil, invalid("startTime must be before endTime and before now")
	}
	filters, ok := parseFilters(c.query.Get("filters"))
	if !ok || len(filters) > 0 && c.query.Get("eventName") == "" {
		return nil, invalid("filters")
	}
	name := c.query.Get("eventName")
	return func(e event) bool {
		if e.at.Add(s.opt.Reports.Lag).After(at.began) || e.at.Before(from) || e.at.After(until) || name != "" && e.name != name {
			return false
		}
		return !slices.ContainsFunc(filters, func(f [2]string) bool { return s.parameter(e, f[0]) != f[1] })
	}, nil
}

func (c *call) instant(name string) (time.Time, error) {
	text := c.query.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, refuse(http.StatusBadRequest, "invalid", "Invalid value for "+name)
	}
	return t, nil
}

// parseFilters reads "group_id==x,member_id==y". Other comparisons are not
// simulated.
func parseFilters(text string) ([][2]string, bool) {
	if text == "" {
		return nil, true
	}
	var all [][2]string
	for part := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(part, "==")
		if !ok {
			return nil, false
		}
		all = append(all, [2]string{name, value})
	}
	return all, true
}

func (s *Server) parameter(e event, name string) string {
	switch name {
	case "group_id":
		if s.opt.Reports.ByID {
			return e.id
		}
		return e.group
	case "member_id":
		return e.member
	case "member_role":
		return "member"
	case "member_type":
		return e.kind
	}
	return ""
}

// actor is who did it; what ended by itself was done by nobody.
func (e event) actor() obj {
	if e.by == "" {
		return obj{{"callerType", "KEY"}, {"key", "SYSTEM"}}
	}
	return obj{{"callerType", "USER"}, {"email", e.by}}
}

func (s *Server) activity(e event) obj {
	params := []obj{{{"name", "group_id"}, {"value", s.parameter(e, "group_id")}}}
	switch e.name {
	case addMember, removeMember:
		for _, name := range []string{"member_id", "member_role", "member_type"} {
			params = append(params, obj{{"name", name}, {"value", s.parameter(e, name)}})
		}
	case changeInfo:
		params = append(params, obj{{"name", "info_setting"}, {"value", "email"}})
	}
	return obj{
		{"kind", "admin#reports#activity"},
		{"id", obj{
			{"time", e.at.UTC().Format("2006-01-02T15:04:05.000Z")},
			{"uniqueQualifier", strconv.Itoa(-e.number)},
			{"applicationName", "groups_enterprise"},
			{"customerId", s.opt.Customer},
		}},
		{"etag", etag(e.number)},
		{"actor", e.actor()},
		{"events", []obj{{{"type", "moderator_action"}, {"name", e.name}, {"parameters", params}}}},
	}
}
