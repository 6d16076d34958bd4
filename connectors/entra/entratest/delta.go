package entratest

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"sort"
	"strings"
	"time"
)

// what happened to a group.
type what uint8

const (
	created what = iota
	renamed      // its own properties
	deleted
	joined   // a member
	unlinked // a member left, or was deleted
)

func linked(present bool) what {
	if present {
		return joined
	}
	return unlinked
}

// event is one change, for groups/delta.
type event struct {
	at            int64
	group, member uint32
	what          what
}

// changes are the events since somebody first asked for them.
type changes struct {
	tracking bool
	events   []event
	first    int   // the number of events[0]; older ones are forgotten
	epoch    int64 // tokens of another one were forced out, or come of another tenant
}

// deltaLife is how long tokens of directory objects live.
const deltaLife = 7 * 24 * time.Hour

// note remembers an event; the server is locked.
func (s *Server) note(e event) {
	e.at = s.Clock.Now().UnixNano()
	s.noteAt(e)
}

// noteAt remembers an event of its time, or of that of the one before.
func (s *Server) noteAt(e event) {
	s.revision++
	if !s.changes.tracking {
		return
	}
	es := s.changes.events
	if n := len(es); n > 0 {
		e.at = max(e.at, es[n-1].at)
	}
	if n := len(es); n > 0 && n%4096 == 0 {
		old := sort.Search(n, func(i int) bool { return es[i].at > e.at-int64(deltaLife) })
		s.changes.events, s.changes.first = slices.Clone(es[old:]), s.changes.first+old
	}
	s.changes.events = append(s.changes.events, e)
}

// seen is the number of events that a reader sees as of a time.
func (ch *changes) seen(at time.Time) int {
	return ch.first + sort.Search(len(ch.events), func(i int) bool { return ch.events[i].at > at.UnixNano() })
}

// ResetDelta forces whoever holds a delta token to start again: 410 Gone.
func (s *Server) ResetDelta() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes.epoch++
}

// told is the number of all events, seen or not.
func (ch *changes) told() int { return ch.first + len(ch.events) }

// deltaPlace is what a token of a delta query says. The options of the first
// request are in it.
type deltaPlace struct {
	Select []string `json:"s,omitempty"`
	IDs    []guid   `json:"i,omitempty"`
	Seq    int      `json:"q"`           // events before it were told
	End    int      `json:"e,omitempty"` // of the round, while it has pages
	Full   bool     `json:"f,omitempty"` // the round tells everything
	Group  int      `json:"g,omitempty"` // of a full round: where it is
	After  int64    `json:"m,omitempty"`
	At     int64    `json:"t"` // seconds
	Epoch  int64    `json:"o,omitempty"`
}

// lies reports whether the token says what this tenant never told.
func (d deltaPlace) lies(s *Server) bool {
	all := s.changes.told()
	return d.Epoch != s.changes.epoch || min(d.Seq, d.End, d.Group) < 0 || max(d.Seq, d.End) > all || d.Group > len(s.tenant.groups)
}

func (d deltaPlace) token() string {
	b, err := json.Marshal(d)
	if err != nil {
		panic(err) // numbers and strings
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// Sizes of a page of delta: so many groups, and so many members or events.
const (
	deltaGroups  = 100
	deltaMembers = 1000
)

func (c *call) delta() (reply, *failure) {
	if !c.claims.readsGroups() {
		return reply{}, denied()
	}
	c.s.mu.Lock() // the first call begins the tracking
	defer c.s.mu.Unlock()
	d, f := c.deltaPlace()
	if f != nil {
		return reply{}, f
	}
	c.s.changes.tracking = true
	var value []byte
	more := false
	if d.Full {
		value, d, more = c.fullRound(d)
	} else {
		value, d, more = c.news(d)
	}
	d.At = c.now.Unix()
	link, token := `,"@odata.deltaLink":`, "$deltatoken="
	if more {
		link, token = `,"@odata.nextLink":`, "$skiptoken="
	} else {
		d.End, d.Full, d.Group, d.After = 0, false, 0, 0
	}
	b := append([]byte(`{"@odata.context":`), quote(nil, c.context("groups"))...)
	b = append(b, link...)
	b = quote(b, root(c.r)+"/"+c.version+"/groups/delta?"+token+d.token())
	b = append(b, `,"value":[`...)
	b = append(b, value...)
	return reply{body: append(b, "]}"...)}, nil
}

// deltaPlace is where a delta query is: at the beginning of everything, at the
// latest, or where its token says.
func (c *call) deltaPlace() (deltaPlace, *failure) {
	token := c.query.Get("$skiptoken")
	if token == "" {
		token = c.query.Get("$deltatoken")
	}
	switch {
	case token == "latest", token == "":
		d := deltaPlace{Seq: c.s.changes.seen(c.s.deltaLag.Cut(c.now)), Full: token == "", After: -1, Epoch: c.s.changes.epoch}
		var f *failure
		if d.Select, f = c.deltaSelection(); f == nil {
			d.IDs, f = c.deltaScope()
		}
		if token == "latest" {
			d.End = d.Seq
		}
		return d, f
	case c.query.Has("$select"), c.query.Has("$filter"):
		c.violation("options stand beside a token, which has them")
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	var d deltaPlace
	if err != nil || json.Unmarshal(b, &d) != nil {
		c.violation("the delta token is none")
		return d, badRequest("Badly formed token.")
	}
	switch {
	case c.now.Sub(time.Unix(d.At, 0)) > deltaLife:
		return d, badRequestOf("syncStateNotFound", "The sync state generation is not found; the delta token has expired. Start again.")
	case d.lies(c.s):
		f := fail(http.StatusGone, "resyncRequired", "Resync required. Replace any local items with the server's version.")
		f.header = http.Header{"Location": {root(c.r) + "/" + c.version + "/groups/delta?$deltatoken="}}
		return d, f
	}
	if d.End == 0 && !d.Full { // a new round
		d.End = max(d.Seq, c.s.changes.seen(c.s.deltaLag.Cut(c.now)))
	}
	return d, nil
}

func badRequestOf(code, message string) *failure { return fail(http.StatusBadRequest, code, message) }

func (c *call) deltaSelection() ([]string, *failure) {
	selected, f := c.selection(GroupType)
	if selected == nil && f == nil {
		selected = append(slices.Clone(defaults(GroupType)), "members")
	}
	return selected, f
}

// deltaScope reads the only filter of a delta query: id eq 'A' or id eq 'B',
// 50 at most.
func (c *call) deltaScope() ([]guid, *failure) {
	if !c.query.Has("$filter") {
		return nil, nil
	}
	var ids []guid
	for part := range strings.SplitSeq(c.query.Get("$filter"), " or ") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), " eq ")
		id, ok := parseGUID(strings.Trim(strings.TrimSpace(value), "'"))
		if name != "id" || !ok {
			c.violation("$filter of delta is %q, not ids", c.query.Get("$filter"))
			return nil, unsupported("Only filtering by id is supported for delta queries.")
		}
		ids = append(ids, id)
	}
	if len(ids) > 50 {
		c.violation("$filter of delta has %d ids, more than 50", len(ids))
		return nil, unsupported("Too many ids in the filter of a delta query. Max allowed: 50.")
	}
	return ids, nil
}

// fullRound tells every group and member there is, page by page.
func (c *call) fullRound(d deltaPlace) (value []byte, next deltaPlace, more bool) {
	t := c.s.tenant
	members := 0
	for groups := 0; d.Group < len(t.groups); d.Group++ {
		n := t.groups[d.Group]
		o := &t.objects[n]
		if o.deleted || !d.covers(o) {
			continue
		}
		if groups == deltaGroups || members == deltaMembers {
			return value, d, true
		}
		groups++
		var links []event
		for _, m := range o.group.members.Keys() {
			if int64(m) <= d.After || !slices.Contains(d.Select, "members") {
				continue
			}
			if members == deltaMembers {
				break
			}
			members++
			d.After = int64(m)
			links = append(links, event{group: n, member: m, what: joined})
		}
		value = c.changed(value, n, d.Select, links)
		if all := o.group.members.Keys(); members == deltaMembers && len(all) > 0 && d.After < int64(all[len(all)-1]) {
			return value, d, true
		}
		d.After = -1
	}
	return value, d, false
}

func (d deltaPlace) covers(o *object) bool { return len(d.IDs) == 0 || slices.Contains(d.IDs, o.id) }

// news tells the events of a round, page by page. One group may stand on
// several pages.
func (c *call) news(d deltaPlace) (value []byte, next deltaPlace, more bool) {
	ch := &c.s.changes
	from := max(d.Seq, ch.first)
	to := min(d.End, from+deltaMembers)
	type story struct {
		links         []event
		own, gone     bool
		lastOfMembers map[uint32]int
	}
	stories := make(map[uint32]*story)
	var order []uint32
	for _, e := range ch.events[from-ch.first : max(from, to)-ch.first] {
		if !d.covers(&c.s.tenant.objects[e.group]) {
			continue
		}
		member := e.what == joined || e.what == unlinked
		if member && !slices.Contains(d.Select, "members") || !member && e.what == renamed && onlyMembers(d.Select) {
			continue // not among what is followed
		}
		st := stories[e.group]
		if st == nil {
			st = &story{lastOfMembers: make(map[uint32]int)}
			stories[e.group] = st
			order = append(order, e.group)
		}
		switch {
		case e.what == deleted:
			st.gone = true
		case !member:
			st.own = true
		default: // the last word on a member counts
			if i, told := st.lastOfMembers[e.member]; told {
				st.links[i] = e
				continue
			}
			st.lastOfMembers[e.member] = len(st.links)
			st.links = append(st.links, e)
		}
	}
	for _, n := range order {
		st := stories[n]
		selected := d.Select
		if !st.own && strings.Contains(c.r.Header.Get("Prefer"), "return=minimal") {
			selected = []string{"id"}
		}
		if st.gone {
			value = c.comma(value)
			value = append(value, `{"id":`...)
			value = quote(value, c.s.tenant.objects[n].id.String())
			value = append(value, `,"@removed":{"reason":"changed"}}`...)
			continue
		}
		value = c.changed(value, n, selected, st.links)
	}
	d.Seq = max(from, to)
	return value, d, d.Seq < d.End
}

// onlyMembers reports whether none of a group's own properties are followed.
func onlyMembers(selected []string) bool {
	return !slices.ContainsFunc(selected, func(name string) bool { return name != "id" && name != "members" })
}

func (c *call) comma(b []byte) []byte {
	if len(b) > 0 {
		b = append(b, ',')
	}
	return b
}

// changed writes one group of a delta. Without links there is no members@delta.
func (c *call) changed(b []byte, n uint32, selected []string, links []event) []byte {
	b = c.comma(b)
	own := slices.DeleteFunc(slices.Clone(selected), func(name string) bool { return name == "members" })
	b = c.append(b, n, own, false)
	if len(links) == 0 {
		return b
	}
	b = append(b[:len(b)-1], `,"members@delta":[`...)
	for i, e := range links {
		if i > 0 {
			b = append(b, ',')
		}
		o := &c.s.tenant.objects[e.member]
		b = append(b, `{"@odata.type":"#microsoft.graph.`...)
		b = append(b, o.kind...)
		b = append(b, `","id":"`...)
		b = o.id.append(b)
		b = append(b, '"')
		if e.what == unlinked {
			b = append(b, `,"@removed":{"reason":"deleted"}`...)
		}
		b = append(b, '}')
	}
	return append(b, "]}"...)
}
