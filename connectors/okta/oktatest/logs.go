package oktatest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Types of events.
const (
	added    = "group.user_membership.add"
	removed  = "group.user_membership.remove"
	excluded = "group.user_membership.rule.add_exclusion"
)

// systemPrincipal is who acts when Okta does something by itself.
const systemPrincipal = "system@okta.com"

func memberEvent(present bool) string {
	if present {
		return added
	}
	return removed
}

// event is a line of the System Log.
type event struct {
	serial          int64
	published, seen time.Time // when it happened, and when it is in the log
	kind            string
	actor           string // a login or a client id
	app             bool   // the actor is a service app
	user            *user
	group           *group
	rule            *rule
}

// record puts an event into the log, which may show it later.
func (s *Server) record(now time.Time, e event) {
	s.org.events++
	e.serial, e.published, e.seen = s.org.events, now, now
	if s.opts.LogLag > 0 {
		e.seen = now.Add(time.Duration(s.chance() * float64(s.opts.LogLag)))
	}
	log := s.org.log
	i := len(log)
	for i > 0 && log[i-1].seen.After(e.seen) {
		i--
	}
	s.org.log = slices.Insert(log, i, e)
}

type logShape struct {
	UUID        string      `json:"uuid"`
	Published   string      `json:"published"`
	Type        string      `json:"eventType"`
	Version     string      `json:"version"`
	Severity    string      `json:"severity"`
	Message     string      `json:"displayMessage"`
	Actor       logParty    `json:"actor"`
	Outcome     logOutcome  `json:"outcome"`
	Target      []logParty  `json:"target"`
	Transaction logTransact `json:"transaction"`
	Debug       logDebug    `json:"debugContext"`
	Legacy      string      `json:"legacyEventType"`
}

type logParty struct {
	ID        string         `json:"id"`
	Type      string         `json:"type"`
	Alternate string         `json:"alternateId"`
	Name      string         `json:"displayName"`
	Detail    map[string]any `json:"detailEntry,omitempty"`
}

type logOutcome struct {
	Result string  `json:"result"`
	Reason *string `json:"reason,omitempty"`
}

type logTransact struct {
	Type   string         `json:"type"`
	ID     string         `json:"id"`
	Detail map[string]any `json:"detail"`
}

type logDebug struct {
	Data map[string]any `json:"debugData"`
}

var messages = map[string][2]string{ //nolint:gochecknoglobals // a table
	added:    {"Add user to group membership", "core.user_group_member.user_add"},
	removed:  {"Remove user from group membership", "core.user_group_member.user_remove"},
	excluded: {"Add user to group rule exclusion list", "core.user.added_to_rule_exclusion"},
}

func (s *Server) actor(e event) logParty {
	switch {
	case e.actor == systemPrincipal:
		return logParty{ID: systemPrincipal, Type: "SystemPrincipal", Alternate: systemPrincipal, Name: "Okta System"}
	case e.app:
		return logParty{ID: e.actor, Type: "PublicClientApp", Alternate: "unknown", Name: "daypass"}
	}
	p := logParty{Type: "User", Alternate: e.actor, Name: e.actor}
	if u := s.org.userByLogin(e.actor); u != nil {
		p.ID, p.Name = u.id, strings.TrimSpace(u.first+" "+u.last)
	}
	return p
}

// targets are the user, the group and the rule. Their order tells nothing, so
// it changes from event to event.
func (e event) targets() []logParty {
	ts := []logParty{{ID: e.user.id, Type: "User", Alternate: e.user.login, Name: strings.TrimSpace(e.user.first + " " + e.user.last)}}
	if e.kind == excluded {
		ts = append(ts, logParty{ID: e.rule.id, Type: "GroupRule", Alternate: "unknown", Name: e.rule.name})
	}
	ts = append(ts, logParty{ID: e.group.id, Type: "UserGroup", Alternate: "unknown", Name: e.group.name})
	if e.serial%2 == 0 {
		slices.Reverse(ts)
	}
	return ts
}

func (s *Server) logShape(e event) logShape {
	return logShape{
		UUID: e.uuid(), Published: e.published.Format(stampLayout), Type: e.kind, Version: "0", Severity: "INFO",
		Message: messages[e.kind][0], Actor: s.actor(e), Outcome: logOutcome{Result: "SUCCESS"}, Target: e.targets(),
		Transaction: logTransact{Type: "WEB", ID: fmt.Sprintf("sim%016d", e.serial), Detail: map[string]any{}},
		Debug:       logDebug{Data: map[string]any{}}, Legacy: messages[e.kind][1],
	}
}

func (e event) uuid() string { return fmt.Sprintf("00000000-0000-11ef-8000-%012x", e.serial) }

func logFilter() map[string]field {
	eq := field{ops: []string{"eq", "sw", "co"}}
	return map[string]field{
		"eventType": eq, "target.id": eq, "target.type": eq, "actor.id": eq, "actor.type": eq, "uuid": eq,
		"outcome.result": eq, "published": instant(),
	}
}

func (s *Server) logValues(e event) func(string) []string {
	return func(attr string) []string {
		switch attr {
		case "eventType":
			return []string{e.kind}
		case "uuid":
			return []string{e.uuid()}
		case "published":
			return []string{e.published.Format(stampLayout)}
		case "actor.id":
			return []string{s.actor(e).ID}
		case "actor.type":
			return []string{s.actor(e).Type}
		case "outcome.result":
			return []string{"SUCCESS"}
		}
		var values []string
		for _, t := range e.targets() {
			if attr == "target.id" {
				values = append(values, t.ID)
			} else {
				values = append(values, t.Type)
			}
		}
		return values
	}
}

// Bounds of the log.
const (
	kept     = 90 * 24 * time.Hour
	askable  = 180 * 24 * time.Hour
	usualAge = 7 * 24 * time.Hour
)

// logQuery is what one request asks of the log.
type logQuery struct {
	since, until time.Time
	keep         expr
	limit, from  int
	descending   bool
	// polling is a question without an end: it is answered in the order in
	// which events came into the log, and always has a next page.
	polling bool
}

func (c *call) logQuery() (q logQuery, f *failure) {
	if c.q.Has("since") && c.q.Has("after") {
		return q, invalid("since", "since: It cannot be combined with after.")
	}
	q.since, q.until = c.at.Add(-usualAge), c.at
	if q.since, f = c.instant("since", q.since); f != nil {
		return q, f
	}
	if q.until, f = c.instant("until", q.until); f != nil {
		return q, f
	}
	if q.since.Before(c.at.Add(-askable)) {
		return q, fail(http.StatusBadRequest, "E0000031", "since: It is more than 180 days ago.")
	}
	if c.q.Has("after") {
		q.since = time.Time{} // the cursor says where to begin
	}
	if old := c.at.Add(-kept); q.since.Before(old) {
		q.since = old
	}
	switch order := c.q.Get("sortOrder"); order {
	case "", "ASCENDING":
	case "DESCENDING":
		q.descending = true
	default:
		return q, invalid("sortOrder", "sortOrder: It must be ASCENDING or DESCENDING.")
	}
	q.polling = !q.descending && !c.q.Has("until")
	if q.limit, f = c.strict(100, 1000); f != nil {
		return q, f
	}
	if q.from, f = c.after(); f != nil {
		return q, f
	}
	q.keep = func(func(string) []string) bool { return true }
	if text := c.q.Get("filter"); text != "" {
		var err error
		if q.keep, err = parse(text, logFilter()); err != nil {
			return q, fail(http.StatusBadRequest, "E0000053", err.Error())
		}
	}
	return q, nil
}

func (c *call) instant(name string, usual time.Time) (time.Time, *failure) {
	text := c.q.Get(name)
	if text == "" {
		return usual, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, invalid(name, name+": The date format in your query is not recognized.")
	}
	return t, nil
}

func (c *call) listLogs() (answer, *failure) {
	q, f := c.logQuery()
	if f != nil {
		return answer{}, f
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	if len(c.who.Roles) == 0 {
		return answer{}, fail(http.StatusForbidden, "E0000006")
	}
	log := c.org.log
	if q.from > len(log) {
		return answer{}, badCursor() // it comes of another org
	}
	for len(log) > 0 && log[len(log)-1].seen.After(c.at) {
		log = log[:len(log)-1]
	}
	if !q.polling {
		log = slices.Clone(log)
		slices.SortStableFunc(log, func(a, b event) int {
			if q.descending {
				a, b = b, a
			}
			return a.published.Compare(b.published)
		})
	}
	shapes, next := c.logPage(log, q)
	a := answer{body: encode(shapes), self: true}
	if q.polling || next < len(log) {
		a.next = c.nextURL(next)
	}
	return a, nil
}

// logPage returns a page and the position after it.
func (c *call) logPage(log []event, q logQuery) (shapes []logShape, next int) {
	shapes = []logShape{}
	for i := q.from; i < len(log); i++ {
		e := log[i]
		if e.published.Before(q.since) || !q.polling && !e.published.Before(q.until) || !q.keep(c.logValues(e)) {
			continue
		}
		if len(shapes) == q.limit {
			return shapes, i
		}
		shapes = append(shapes, c.logShape(e))
	}
	return shapes, len(log)
}
