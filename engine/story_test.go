package engine_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// story is a world read from the sections of a txtar file.
type story struct {
	t        *testing.T
	now      time.Time
	stages   map[engine.Directory]*stage
	accounts map[engine.Person]engine.Resolution
	rules    map[engine.GroupRef]engine.Rules
	run      engine.Limits
	grants   []engine.Grant
	unread   bool
	ledger   *memLedger
}

// stage is one directory of a story.
type stage struct {
	s      *story
	name   engine.Directory
	mu     sync.Mutex
	groups map[engine.GroupID]*stageGroup
	names  map[string]engine.GroupID
	absent bool                            // not in the configuration
	ends   map[engine.Membership]time.Time // of memberships that it ends by itself; nil when it does not
}

type stageGroup struct {
	info    engine.GroupInfo
	members []engine.Member
	err     error // of every listing
}

func newStory(t *testing.T, sections map[string]string) *story {
	t.Helper()
	s := &story{
		t: t, stages: make(map[engine.Directory]*stage), accounts: make(map[engine.Person]engine.Resolution),
		rules: make(map[engine.GroupRef]engine.Rules), run: engine.DefaultLimits(), ledger: newLedger(),
	}
	s.now = s.time(strings.TrimSpace(sections["now"]))
	each := func(name string, line func([]string)) {
		for l := range strings.Lines(sections[name]) {
			if fields := strings.Fields(l); len(fields) > 0 {
				line(fields)
			}
		}
	}
	each("actual", s.actual)
	each("names", func(f []string) { // alias of group
		ref, group := s.ref(f[0]), s.ref(f[2])
		s.stage(ref.Directory).names[ref.Name] = engine.GroupID(group.Name)
		s.rules[ref] = engine.DefaultRules()
	})
	each("rules", s.rule)
	each("accounts", s.account)
	each("grants", s.grant)
	each("owned", s.owned)
	each("noticed", func(f []string) { // group member since
		ref := s.ref(f[0])
		s.ledger.noticed[engine.Membership{Group: groupOf(ref), Member: member(f[1]).ID}] = s.time(f[3])
	})
	each("trust", s.trust)
	each("ends", func(f []string) { // directory, or group member at T
		d, _, ofGroup := strings.Cut(f[0], "/")
		st := s.stage(engine.Directory(d))
		if st.ends == nil {
			st.ends = make(map[engine.Membership]time.Time)
		}
		if ofGroup {
			st.ends[engine.Membership{Group: groupOf(s.ref(f[0])), Member: member(f[1]).ID}] = s.time(f[3])
		}
	})
	return s
}

// time reads RFC 3339, or hours and minutes of the day of the story.
func (s *story) time(v string) time.Time {
	s.t.Helper()
	at, err := time.Parse(time.RFC3339, v)
	if err == nil {
		return at
	}
	clock, err := time.Parse("15:04", v)
	if err != nil {
		s.t.Fatalf("%q is no time", v)
	}
	y, m, d := s.now.Date()
	return time.Date(y, m, d, clock.Hour(), clock.Minute(), 0, 0, time.UTC)
}

func (s *story) ref(v string) engine.GroupRef {
	s.t.Helper()
	ref, err := engine.ParseGroupRef(v)
	if err != nil {
		s.t.Fatal(err)
	}
	return ref
}

func groupOf(ref engine.GroupRef) engine.Group {
	return engine.Group{Directory: ref.Directory, ID: engine.GroupID(ref.Name)}
}

func (s *story) stage(d engine.Directory) *stage {
	if s.stages[d] == nil {
		s.stages[d] = &stage{s: s, name: d, groups: make(map[engine.GroupID]*stageGroup), names: make(map[string]engine.GroupID)}
	}
	return s.stages[d]
}

// member reads id, id<ref>, <ref> (a ghost) and id:kind.
func member(v string) engine.Member {
	id, ref, _ := strings.Cut(strings.TrimSuffix(v, ">"), "<")
	id, kind, _ := strings.Cut(id, ":")
	id = cmp.Or(id, ref)
	return engine.Member{ID: engine.MemberID(id), Login: id, Ref: ref, Kind: engine.MemberKind(kind)}
}

// span reads m1..m9 as nine words; any other word is itself.
func (s *story) span(v string) []string {
	s.t.Helper()
	first, last, found := strings.Cut(v, "..")
	if !found {
		return []string{v}
	}
	prefix := strings.TrimRight(first, "0123456789")
	digits := first[len(prefix):]
	from, err := strconv.Atoi(digits)
	to, err2 := strconv.Atoi(strings.TrimPrefix(last, prefix))
	if err := errors.Join(err, err2); err != nil {
		s.t.Fatalf("%q: %v", v, err)
	}
	var words []string
	for i := from; i <= to; i++ {
		words = append(words, fmt.Sprintf("%s%0*d", prefix, len(digits), i))
	}
	return words
}

// actual: group member...
func (s *story) actual(f []string) {
	ref := s.ref(f[0])
	g := &stageGroup{info: engine.GroupInfo{ID: engine.GroupID(ref.Name), Name: ref.Name}}
	for _, word := range f[1:] {
		for _, id := range s.span(word) {
			g.members = append(g.members, member(id))
		}
	}
	engine.SortMembers(g.members)
	d := s.stage(ref.Directory)
	d.groups[g.info.ID], d.names[ref.Name] = g, g.info.ID
	s.rules[ref] = engine.DefaultRules()
}

// rule: group key=value..., or run key=value...
func (s *story) rule(f []string) {
	s.t.Helper()
	if f[0] == "run" {
		for _, kv := range f[1:] {
			s.limit(&s.run, kv)
		}
		return
	}
	ref := s.ref(f[0])
	r, ok := s.rules[ref]
	if !ok {
		s.t.Fatalf("%s has rules and is not in actual", ref)
	}
	for _, kv := range f[1:] {
		k, v, _ := strings.Cut(kv, "=")
		switch k {
		case "foreign":
			r.Foreign = engine.ForeignRule(v)
		case "removed":
			r.Removed = engine.RemovedRule(v)
		case "notice":
			d, err := time.ParseDuration(v)
			if err != nil {
				s.t.Fatal(err)
			}
			r.Notice = d
		case "expire":
			r.Expire = v == "true"
		case "standing":
			r.Standing = append(r.Standing, engine.Person(v))
		case "protect":
			r.Protect = append(r.Protect, engine.Person(v))
		case "unmanageable":
			s.stage(ref.Directory).groups[engine.GroupID(ref.Name)].info.Unmanageable = strings.ReplaceAll(v, "_", " ")
		default:
			s.limit(&r.Limits, kv)
		}
	}
	s.rules[ref] = r
}

func (s *story) limit(l *engine.Limits, kv string) {
	s.t.Helper()
	k, v, _ := strings.Cut(kv, "=")
	n, err := strconv.Atoi(v)
	if err != nil {
		s.t.Fatalf("%q: %v", kv, err)
	}
	switch k {
	case "remove":
		l.Remove = n
	case "removePercent":
		l.RemovePercent = n
	case "removeFree":
		l.RemoveFree = n
	case "add":
		l.Add = n
	default:
		s.t.Fatalf("no rule is called %q", k)
	}
}

// account: person none | two | disabled | silent | member
func (s *story) account(f []string) {
	p := engine.Person(f[0])
	fail := func(k engine.Kind, why string) {
		s.accounts[p] = engine.Resolution{Err: &engine.Error{Op: "resolve " + f[0], Kind: k, Err: errors.New(why)}}
	}
	switch f[1] {
	case "none":
		fail(engine.NotFound, "no such account")
	case "two":
		fail(engine.Ambiguous, "2 accounts")
	case "disabled":
		fail(engine.Disabled, "the account is disabled")
		r := s.accounts[p]
		login, _, _ := strings.Cut(f[0], "@")
		r.Member = member(login)
		s.accounts[p] = r
	case "silent":
		fail(engine.Unavailable, "no answer")
	default:
		s.accounts[p] = engine.Resolution{Member: member(f[1])}
	}
}

// grant: id person group [from T] until T [because word...], or unreadable
func (s *story) grant(f []string) {
	s.t.Helper()
	if f[0] == "unreadable" {
		s.unread = true
		return
	}
	ids, people := s.span(f[0]), s.span(f[1])
	for i := range ids {
		g := engine.Grant{ID: engine.GrantID(ids[i]), Person: person(people[i]), Group: s.ref(f[2])}
		for rest := f[3:]; len(rest) > 1; rest = rest[2:] {
			switch rest[0] {
			case "from":
				g.When.From = s.time(rest[1])
			case "until":
				g.When.Until = s.time(rest[1])
			case "because":
				g.Reason = strings.Join(rest[1:], " ")
				rest = rest[len(rest)-2:]
			default:
				s.t.Fatalf("grant %s: %q?", f[0], rest[0])
			}
		}
		s.grants = append(s.grants, g)
	}
}

func person(v string) engine.Person {
	if strings.Contains(v, "@") {
		return engine.Person(v)
	}
	return engine.Person(v + "@example.org")
}

// owned: group member by grant until T [by grant until T] [state] [due T] [gone T] [expires T] [asked T] [person P]
func (s *story) owned(f []string) {
	s.t.Helper()
	ref := s.ref(f[0])
	for i, id := range s.span(f[1]) {
		o := engine.Owned{
			Group: groupOf(ref), GroupName: ref.Name, Member: member(id), State: engine.Added,
			Since: s.now.Add(-time.Hour), Confirmed: s.now.Add(-time.Hour),
		}
		o.Person = person(string(o.Member.ID))
		for rest := f[2:]; len(rest) > 0; {
			n := 2
			switch rest[0] {
			case "by":
				grants := s.span(rest[1])
				o.Anchors = append(o.Anchors, engine.Anchor{Grant: engine.GrantID(grants[i%len(grants)]), Until: s.time(rest[3])})
				n = 4
			case "due":
				o.Due = s.time(rest[1])
			case "gone":
				o.Gone = s.time(rest[1])
			case "expires": // asked for as much
				o.Expires = s.time(rest[1])
				if o.Asked.IsZero() {
					o.Asked = o.Expires
				}
			case "asked":
				o.Asked = s.time(rest[1])
			case "person":
				o.Person = person(rest[1])
			default:
				o.State, n = engine.State(rest[0]), 1
				if o.State == engine.Adding {
					o.Confirmed = time.Time{}
				}
			}
			rest = rest[n:]
		}
		s.ledger.owned[o.Key()] = o
	}
}

// trust: group had N | unread | gone | lost, or directory down | unconfigured
func (s *story) trust(f []string) {
	s.t.Helper()
	d, name, ofGroup := strings.Cut(f[0], "/")
	st := s.stage(engine.Directory(d))
	if !ofGroup {
		switch f[1] {
		case "unconfigured":
			st.absent = true
		default:
			s.t.Fatalf("trust %q?", f)
		}
		return
	}
	g := engine.Group{Directory: engine.Directory(d), ID: engine.GroupID(name)}
	fail := func(k engine.Kind, why string) {
		st.groups[g.ID].err = &engine.Error{Op: "list members of " + name, Kind: k, Err: errors.New(why)}
	}
	switch f[1] {
	case "had":
		n, err := strconv.Atoi(f[2])
		if err != nil {
			s.t.Fatal(err)
		}
		s.ledger.readings[g] = engine.Reading{Group: g, Name: name, Members: n, At: s.now.Add(-time.Hour)}
	case "unread":
		fail(engine.Partial, "the listing stopped early")
	case "gone":
		fail(engine.NotFound, "no such group")
	case "lost": // not even its name is found
		delete(st.names, name)
		fail(engine.NotFound, "no such group")
	default:
		s.t.Fatalf("trust %q?", f)
	}
}

func (s *story) directories() []engine.Directory { return slices.Sorted(maps.Keys(s.stages)) }

func (s *story) reconciler() *engine.Reconciler {
	cfg := engine.Config{
		Directories: make(map[engine.Directory]engine.Connector), Groups: s.rules, Defaults: engine.DefaultRules(),
		Limits: s.run, Sources: []engine.Source{s}, Ledger: s.ledger, Overdue: time.Hour,
		Now: func() time.Time { return s.now },
	}
	for d, st := range s.stages {
		switch {
		case st.absent:
		case st.ends != nil:
			cfg.Directories[d] = endingStage{st}
		default:
			cfg.Directories[d] = st
		}
	}
	return engine.New(cfg)
}

// Grants makes the story a source.
func (s *story) Grants(context.Context) ([]engine.Grant, error) {
	if s.unread {
		return nil, errors.New("grants.yaml:3:1: not a grant")
	}
	return slices.Clone(s.grants), nil
}

func (d *stage) sorted() []*stageGroup {
	return slices.SortedFunc(maps.Values(d.groups), func(a, b *stageGroup) int { return cmp.Compare(a.info.ID, b.info.ID) })
}

func (d *stage) Group(_ context.Context, name string) (engine.GroupInfo, error) {
	id, ok := d.names[name]
	if !ok {
		return engine.GroupInfo{}, &engine.Error{Op: "find group " + name, Kind: engine.NotFound, Err: errors.New("no such group")}
	}
	return d.groups[id].info, nil
}

func (d *stage) Resolve(_ context.Context, p engine.Person) (engine.Member, error) {
	if r, ok := d.s.accounts[p]; ok {
		return r.Member, r.Err
	}
	login, _, _ := strings.Cut(string(p), "@")
	return member(login), nil
}

func (d *stage) Members(_ context.Context, g engine.GroupID) ([]engine.Member, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.groups[g].members), d.groups[g].err
}

func (d *stage) Add(_ context.Context, g engine.GroupID, m engine.Member) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	gr := d.groups[g]
	if slices.ContainsFunc(gr.members, func(x engine.Member) bool { return x.ID == m.ID }) {
		return false, nil
	}
	gr.members = append(gr.members, m)
	engine.SortMembers(gr.members)
	return true, nil
}

func (d *stage) Remove(_ context.Context, g engine.GroupID, m engine.Member) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	gr := d.groups[g]
	n := len(gr.members)
	gr.members = slices.DeleteFunc(gr.members, func(x engine.Member) bool { return x.ID == m.ID })
	return len(gr.members) < n, nil
}

// endingStage is a stage that ends memberships by itself.
type endingStage struct{ *stage }

func (d endingStage) AddUntil(ctx context.Context, g engine.GroupID, m engine.Member, until time.Time) (bool, time.Time, error) {
	if changed, err := d.Add(ctx, g, m); err != nil || !changed {
		return false, time.Time{}, err
	}
	end, err := d.Expire(ctx, g, m, until)
	return true, end, err
}

func (d endingStage) Expire(_ context.Context, g engine.GroupID, m engine.Member, until time.Time) (time.Time, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ends[engine.Membership{Group: engine.Group{Directory: d.name, ID: g}, Member: m.ID}] = until
	return until, nil
}

func (d endingStage) Expiries(_ context.Context, g engine.GroupID) (map[engine.MemberID]time.Time, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	ends := make(map[engine.MemberID]time.Time)
	for m, at := range d.ends {
		if m.Group.ID == g {
			ends[m.Member] = at
		}
	}
	return ends, nil
}

// entries returns the ledger's entries in order.
func (l *memLedger) entries() []engine.Owned {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.SortedFunc(maps.Values(l.owned), func(a, b engine.Owned) int {
		return cmp.Or(cmp.Compare(a.Group.Directory, b.Group.Directory), cmp.Compare(a.Group.ID, b.Group.ID), cmp.Compare(a.Member.ID, b.Member.ID))
	})
}
