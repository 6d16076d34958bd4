package entra

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/connectortest"
	"github.com/daypass-dev/daypass/connectors/entra/entratest"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/sim"
)

// lab is a simulated tenant and a connector to it. Its clock stands still, and
// moves on when a test says so.
type lab struct {
	*entratest.Server
	t testing.TB
	c *Connector
}

const graceOfTests = 2 * time.Minute

// teamsProperty is one that an app extended the directory by; it takes several
// values.
const teamsProperty = "extension_0123456789abcdef0123456789abcdef_teams"

// newLab makes a tenant. What it was told to hold against the documented rules
// must be empty in the end.
func newLab(t testing.TB, opts entratest.Options, edits ...func(*Config)) *lab {
	t.Helper()
	opts.Clock, opts.Extensions = sim.Frozen(time.Now()), []string{teamsProperty}
	s := entratest.New(opts)
	t.Cleanup(func() {
		if c := s.Catastrophes(); len(c) > 0 {
			t.Errorf("catastrophes: got %q, want none", c)
		}
		if v := s.Violations(); len(v) > 0 {
			t.Errorf("violations of the documented rules: got %q, want none", v)
		}
	})
	l := &lab{Server: s, t: t}
	l.c = l.connect(edits...)
	return l
}

// connect makes another connector to the tenant.
func (l *lab) connect(edits ...func(*Config)) *Connector {
	l.t.Helper()
	cfg := Config{
		Name: "corp", Tenant: l.Tenant(), ClientID: entratest.DefaultApp, Secret: static(entratest.DefaultSecret),
		// In clear text as to a simulator on this machine, and in memory.
		URL: "http://localhost", Authority: "http://localhost",
		ProfileAttributes: map[string]string{"teams": teamsProperty, "site": "onPremisesExtensionAttributes.extensionAttribute7"},
		Grace:             graceOfTests, Now: l.Clock.Now, Transport: l.Transport(),
	}
	for _, edit := range edits {
		edit(&cfg)
	}
	c, err := New(cfg)
	l.must(err)
	return c
}

func (l *lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// allRoles are what an app needs for all that daypass can do.
func allRoles() []string {
	return append(entratest.DefaultRoles(), termsRight, policyRight, sessionsRight)
}

// unseen does something behind the connector's back, long after what it did
// itself: it must not take its own memory for the directory.
func (l *lab) unseen(f func() error) {
	l.t.Helper()
	l.settle()
	l.must(f())
	l.settle()
}

// settle lets lag and grace pass.
func (l *lab) settle() { l.Clock.Advance(2 * graceOfTests) }

func (l *lab) user(u entratest.User) string {
	l.t.Helper()
	id, err := l.AddUser(u)
	l.must(err)
	return id
}

// people makes users of these names and returns them as persons.
func (l *lab) people(names ...string) []engine.Person {
	l.t.Helper()
	var ps []engine.Person
	for _, n := range names {
		l.user(entratest.User{UPN: n + "@example.org"})
		ps = append(ps, engine.Person(n+"@example.org"))
	}
	return ps
}

func (l *lab) group(name string, kind entratest.Kind, members ...string) engine.GroupID {
	l.t.Helper()
	id, err := l.AddGroup(entratest.Group{Name: name, Kind: kind, Members: members})
	l.must(err)
	return engine.GroupID(id)
}

// member resolves a person.
func (l *lab) member(p engine.Person) engine.Member {
	l.t.Helper()
	m, err := l.c.Resolve(l.t.Context(), p)
	l.must(err)
	return m
}

// graph matches requests to Graph, and not those for tokens.
func graph(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/v1.0/") }

func isWrite(r *http.Request) bool {
	return graph(r) && r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "/$batch")
}

func isPage(r *http.Request) bool {
	return graph(r) && strings.HasSuffix(r.URL.Path, "/members") && strings.Contains(r.URL.RawQuery, "skiptoken")
}

func statusOf(k engine.Kind) int {
	switch k {
	case engine.Denied:
		return http.StatusForbidden
	case engine.Throttled:
		return http.StatusTooManyRequests
	case engine.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}

const noReason = `{"error":{"code":"Unknown","message":"no."}}`

// world is a tenant that lacks nothing of what the suite asks for.
func (l *lab) world() connectortest.World {
	l.t.Helper()
	people := l.people("ada", "bo", "cy", "dee", "eve")
	ids := map[engine.Person]string{}
	for _, p := range people {
		ids[p] = l.UserID(string(p))
	}
	odd := l.oddPeople(ids)
	l.user(entratest.User{UPN: "twins@example.org"})
	l.user(entratest.User{UPN: "other@example.org", Mail: "twins@example.org"})
	l.user(entratest.User{UPN: "gone@example.org", Disabled: true})
	g := l.group("prod-db", entratest.Security)
	w := connectortest.World{
		Connector: l.c, Directory: "corp", Group: g, GroupName: "prod-db",
		People: people, Stranger: "nobody@example.org", Twins: "twins@example.org", Disabled: "gone@example.org", Odd: odd,
		OddGroups:  []string{`R&D, "north" (east)`, "50% off + more", "it's o'clock", `a/b\c`, "Ünïcode #1", "name? x=y;z", " two  spaces", "in ('a','b')", "$filter"},
		MoreGroups: []engine.GroupID{l.group("on-call", entratest.Microsoft365), l.group("sales", entratest.CloudManaged)},
		Ambiguous:  "same", Unmanageable: "by-rule",
		Secrets:    []string{entratest.DefaultSecret},
		Sizes:      []int{1998, 1999, 2000},
		Attributes: []string{"teams", "site"}, Forgets: true,
		MaxTerm: 12 * time.Hour, Endless: l.group("endless", entratest.Security), Now: l.Clock.Now,
	}
	l.must(l.SetTerms(string(g), w.MaxTerm, false))
	l.must(l.SetTerms("endless", 0, true))
	for _, name := range w.OddGroups {
		l.group(name, entratest.Security)
	}
	l.group("same", entratest.Security)
	l.group("same", entratest.Microsoft365)
	l.group("by-rule", entratest.Dynamic, "bo@example.org")
	l.group("inner", entratest.Security, "bo@example.org")
	l.meddling(&w, ids)
	l.faults(&w)
	return w
}

// oddPeople have names that would break a filter, a URL or a path that does
// not quote them.
func (l *lab) oddPeople(ids map[engine.Person]string) []engine.Person {
	l.t.Helper()
	var odd []engine.Person
	for i, mail := range []string{
		"o'neil@example.org", "ada+test@example.org", "müller@example.org", `a,b(c)*d\e@example.org`,
		"100%&more=yes@example.org", `"quoted"@example.org`, "hash#tag@example.org", "semi;colon/slash?@example.org",
	} {
		p := engine.Person(mail)
		ids[p] = l.user(entratest.User{UPN: fmt.Sprintf("odd%d@example.org", i), Mail: mail})
		odd = append(odd, p)
	}
	guest := engine.Person("guest@partner.example")
	ids[guest] = l.user(entratest.User{UPN: "guest_partner.example#EXT#@example.org", Mail: "Guest@Partner.example", Guest: true})
	return append(odd, guest, l.upperCase(ids))
}

// upperCase is a person whose login is not written in lower case.
func (l *lab) upperCase(ids map[engine.Person]string) engine.Person {
	l.t.Helper()
	ids["grace.hopper@example.org"] = l.user(entratest.User{UPN: "Grace.Hopper@Example.org"})
	return "grace.hopper@example.org"
}

// meddling fills in what others do.
func (l *lab) meddling(w *connectortest.World, ids map[engine.Person]string) {
	g := string(w.Group)
	w.Crowd = func(n int) {
		l.unseen(func() error {
			if more := n - len(l.Members(g)); more > 0 {
				crowd, err := l.Server.Crowd("crowd", more)
				if err != nil {
					return err
				}
				return l.Fill(g, crowd...)
			}
			return nil
		})
	}
	w.Nest = func() { l.unseen(func() error { return l.Put(g, l.GroupID("inner")) }) }
	w.Put = func(p engine.Person) { l.unseen(func() error { return l.Put(g, ids[p]) }) }
	w.Take = func(p engine.Person) { l.unseen(func() error { return l.Take(g, ids[p]) }) }
	w.Delete = func(p engine.Person) { l.unseen(func() error { return l.DeleteUser(ids[p]) }) }
	w.Rename = func(p engine.Person, login string) { l.unseen(func() error { return l.RenameUser(ids[p], login) }) }
	w.RenameGroup = func(name string) { l.unseen(func() error { return l.Server.RenameGroup(g, name) }) }
	w.DeleteGroup = func() { l.unseen(func() error { return l.Server.DeleteGroup(g) }) }
	w.Has = func(p engine.Person) bool { return l.Has(g, ids[p]) }
	w.Profile = func(p engine.Person, tells engine.Profile) {
		l.must(l.SetManager(ids[p], ids[tells.Manager]))
		l.must(l.SetProperties(ids[p], map[string]any{
			"displayName": tells.Name, teamsProperty: tells.Attributes["teams"],
			"onPremisesExtensionAttributes": map[string]any{"extensionAttribute7": strings.Join(tells.Attributes["site"], "")},
		}))
	}
	w.Mark = l.Mark
	w.Pass = func(d time.Duration) {
		l.Clock.Advance(d)
		l.settle()
	}
	w.Logon = func(p engine.Person) func() bool {
		good, err := l.Logon(ids[p])
		l.must(err)
		return good
	}
}

// faults fills in what goes wrong.
func (l *lab) faults(w *connectortest.World) {
	w.Fail = func(n int, k engine.Kind) {
		// A time to wait that is over at once: what is tested is not how long.
		l.Faults.Inject(sim.Fault{Match: graph, Skip: n - 1, Status: statusOf(k), Header: http.Header{"Retry-After": {"0"}}, Body: noReason})
	}
	w.Truncate = func() {
		l.Faults.Inject(sim.Fault{Match: isPage, Times: restarts + 1, Status: http.StatusBadRequest, Body: forgotPage})
	}
	w.Lose = func() { l.lose() }
	w.Stall = func() func() {
		l.Faults.Inject(sim.Fault{Match: graph, Effect: sim.Hang})
		return l.Faults.Clear
	}
}

// lose loses the answer to the next write. Nobody knows what to believe then
// until the lag is over: the listing that follows comes so much later.
func (l *lab) lose() {
	var written, listed atomic.Bool
	l.Faults.Inject(sim.Fault{Effect: sim.Lose, Match: func(r *http.Request) bool {
		write := isWrite(r)
		written.CompareAndSwap(false, write)
		return write
	}})
	l.Faults.Inject(sim.Fault{Times: -1, Match: func(r *http.Request) bool { // it never strikes
		if written.Load() && strings.HasSuffix(r.URL.Path, "/members") && !listed.Swap(true) {
			l.settle()
		}
		return false
	}})
}

// background makes part of all reads fail once or be throttled, in an order
// that a seed gives.
func (l *lab) background(seed uint64) {
	var n atomic.Uint64
	n.Store(seed)
	for _, f := range []sim.Fault{
		{Status: http.StatusServiceUnavailable},
		{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"0"}}},
		{Effect: sim.Drop},
		{Effect: sim.Half},
	} {
		f.Times = -1
		f.Match = func(r *http.Request) bool {
			const every = 53 // of the draws; each read draws up to four times
			return graph(r) && r.Method == http.MethodGet && (n.Add(1)*2654435761>>7)%every == 0
		}
		l.Faults.Inject(f)
	}
}
