package google

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/daypass-dev/daypass/connectors/connectortest"
	"github.com/daypass-dev/daypass/connectors/google/googletest"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/sim"
)

const (
	home   = "@example.org"
	bearer = "ya29.a0-very-secret"
)

// lab is a simulated customer and a connector to it.
type lab struct {
	*Connector
	t   testing.TB
	sim *googletest.Server
	ids map[string]string // of people, by their first address
	g   engine.GroupID    // prod-db@example.org
}

// newLab makes a customer with some people and an empty group. Its clock
// stands, by default.
func newLab(t testing.TB, opt googletest.Options, edit ...func(*Config)) *lab {
	t.Helper()
	if opt.Clock == nil {
		opt.Clock = sim.Frozen(time.Now().Truncate(time.Second))
	}
	if opt.PerMinute == 0 {
		opt.PerMinute = -1
	}
	l := &lab{t: t, sim: googletest.New(opt), ids: map[string]string{}}
	l.sim.Grant(bearer)
	for _, name := range []string{"root", "ada", "bob", "cyd", "dee", "eli"} {
		l.person(name)
	}
	l.g = l.group("prod-db")
	l.Connector = l.connect(edit...)
	t.Cleanup(func() {
		if v := l.sim.Violations(); len(v) > 0 {
			t.Errorf("the customer saw what daypass must never do: %q", v)
		}
	})
	return l
}

// connect opens a connector.
func (l *lab) connect(edit ...func(*Config)) *Connector {
	l.t.Helper()
	cfg := Config{
		Name: "corp", ProfileAttributes: map[string]string{"teams": "HR-data.teams", "site": "location"}, Transport: l.sim.Transport(), Now: l.sim.Clock.Now, PerMinute: 1e9,
		TokenSource: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: bearer}),
	}
	for _, e := range edit {
		e(&cfg)
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

func (l *lab) ctx() context.Context { return l.t.Context() }

func (l *lab) person(name string) {
	l.t.Helper()
	id, err := l.sim.AddUser(googletest.User{Email: name + home, Name: name})
	l.must(err)
	l.ids[name+home] = id
}

func (l *lab) group(name string) engine.GroupID {
	l.t.Helper()
	id, err := l.sim.AddGroup(googletest.Group{Email: name + home})
	l.must(err)
	return engine.GroupID(id)
}

// who is somebody's account as the connector would name it.
func (l *lab) who(name string) engine.Member {
	return engine.Member{ID: engine.MemberID(l.ids[name+home]), Login: name + home}
}

// later lets every lag pass.
func (l *lab) later() { l.sim.Clock.Advance(2 * max(l.Grace(), time.Minute)) }

// pass lets time go by, and the token stay good.
func (l *lab) pass(d time.Duration) {
	l.sim.Clock.Advance(d)
	l.sim.Grant(bearer)
}

func (l *lab) put(name, role string) {
	l.t.Helper()
	l.must(l.sim.PutAs(string(l.g), l.ids[name+home], role))
}

func (l *lab) has(name string) bool { return l.sim.Has(string(l.g), l.ids[name+home]) }

// count is how many requests a route got since the last reset.
func (l *lab) count(route string) int { return l.sim.Log.Count(route) }

// Routes that faults and counts are about.
const (
	routeList   = "GET /admin/directory/v1/groups/{groupKey}/members"
	routeInsert = "POST /admin/directory/v1/groups/{groupKey}/members"
	routeGet    = "GET /admin/directory/v1/groups/{groupKey}/members/{memberKey}"
	routeDelete = "DELETE /admin/directory/v1/groups/{groupKey}/members/{memberKey}"
	routeGroup  = "GET /admin/directory/v1/groups/{groupKey}"
	routeGroups = "GET /admin/directory/v1/groups"
	routeUser   = "GET /admin/directory/v1/users/{userKey}"
	routeUsers  = "GET /admin/directory/v1/users"
	routeLog    = "GET /admin/reports/v1/activity/users/{userKey}/applications/{applicationName}"
	routeKind   = "GET /v1/groups/{group}"
	routeSearch = "GET /v1/groups:search"
	routeCreate = "POST /v1/groups/{group}/memberships"
	routeEnds   = "GET /v1/groups/{group}/memberships"
	routeLookup = "GET /v1/groups/{group}/memberships:lookup"
	routeModify = "POST /v1/groups/{group}/memberships/{membership}:modifyMembershipRoles"
)

func (l *lab) fault(route string, f sim.Fault) {
	l.sim.Faults.Inject(googletest.On(route, f))
}

func refusal(status int, reason, message string) sim.Fault {
	return googletest.Refuse(status, reason, message)
}

// listed returns the listing as "login kind", sorted by id.
func (l *lab) listed() []engine.Member {
	l.t.Helper()
	ms, err := l.Members(l.ctx(), l.g)
	l.must(err)
	return ms
}

// wantList wants exactly these people in the group, as accounts.
func (l *lab) wantList(names ...string) {
	l.t.Helper()
	var got []string
	for _, m := range l.listed() {
		if m.Kind == engine.AccountMember {
			got = append(got, strings.TrimSuffix(m.Login, home))
		}
	}
	slices.Sort(got)
	slices.Sort(names)
	if !slices.Equal(got, names) {
		l.t.Errorf("Members: got accounts %q, want %q", got, names)
	}
}

func (l *lab) wantAdd(name string, want bool) {
	l.t.Helper()
	if got, err := l.Add(l.ctx(), l.g, l.who(name)); got != want || err != nil {
		l.t.Errorf("Add(%s): got %t and error %v, want %t and none", name, got, err, want)
	}
}

func (l *lab) wantRemove(name string, want bool) {
	l.t.Helper()
	if got, err := l.Remove(l.ctx(), l.g, l.who(name)); got != want || err != nil {
		l.t.Errorf("Remove(%s): got %t and error %v, want %t and none", name, got, err, want)
	}
}

// wantKind wants an error of a kind that says each of the words, begins with
// the directory's name, and holds no secret.
func wantKind(t testing.TB, what string, err error, want engine.Kind, words ...string) {
	t.Helper()
	if err == nil || engine.KindOf(err) != want {
		t.Errorf("%s: got error %v of kind %s, want kind %s", what, err, engine.KindOf(err), want)
		return
	}
	var e *engine.Error
	if errors.As(err, &e) && !strings.HasPrefix(e.Op, "corp: ") {
		t.Errorf("%s: got %q, want it to begin with the directory's name", what, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: got %q, want it to say %q", what, err, w)
		}
	}
	if strings.Contains(err.Error(), bearer) {
		t.Errorf("%s: got the token in %q", what, err)
	}
}

// world is the conformance suite's view of a lab. What others do happens when
// every lag is over: the suite wants it seen at once.
func (l *lab) world() connectortest.World {
	l.t.Helper()
	w := connectortest.World{
		Connector: l.Connector, Directory: "corp", Group: l.g, GroupName: "prod-db" + home,
		Stranger: "eve" + home, Secrets: []string{bearer},
		NoGroup: "010000000000099", NoAccount: "100000000000000000099",
		Attributes: []string{"teams", "site"},
		Sizes:      []int{199, 200, 201, 400, 401}, Now: l.sim.Clock.Now, Pass: l.pass,
	}
	for _, name := range []string{"ada", "bob", "cyd", "dee", "eli"} {
		w.People = append(w.People, engine.Person(name+home))
	}
	l.person("dan")
	l.must(l.sim.Suspend("dan" + home))
	w.Disabled = "dan" + home
	for _, name := range []string{"o'neil", "a+b", "x_y", "-dash-", "dots.in.it", "(paren)", "ümlaut", "a=b&c", "semi;colon", "10"} {
		l.person(name)
		w.Odd = append(w.Odd, engine.Person(name+home))
		l.group("g-" + name)
		w.OddGroups = append(w.OddGroups, "g-"+name+home)
	}
	w.MoreGroups = []engine.GroupID{l.group("more-1"), l.group("more-2")}
	_, err := l.sim.AddGroup(googletest.Group{Email: "dynamic" + home, Kind: googletest.Dynamic, Members: []googletest.Member{{Email: "bob" + home}}})
	l.must(err)
	w.Unmanageable = "dynamic" + home
	l.hands(&w)
	l.faults(&w)
	return w
}

// hands are the things that others do.
func (l *lab) hands(w *connectortest.World) {
	does := func(do func() error) {
		l.t.Helper()
		l.later()
		l.must(do())
	}
	id := func(p engine.Person) string { return l.ids[string(p)] }
	g := string(l.g)
	w.Put = func(p engine.Person) { does(func() error { return l.sim.Put(g, id(p)) }) }
	w.Take = func(p engine.Person) { does(func() error { return l.sim.Take(g, id(p)) }) }
	w.Delete = func(p engine.Person) { does(func() error { return l.sim.DeleteUser(id(p)) }) }
	w.Rename = func(p engine.Person, login string) {
		does(func() error {
			if l.sim.ID(login) != "" { // somebody's former address
				l.must(l.sim.DropAlias(login))
			}
			return l.sim.RenameUser(id(p), login)
		})
	}
	w.RenameGroup = func(name string) {
		if !strings.Contains(name, "@") { // every group at Google is called by an address
			name += home
		}
		does(func() error { return l.sim.RenameGroup(g, name) })
	}
	w.DeleteGroup = func() { does(func() error { return l.sim.DeleteGroup(g) }) }
	w.Has = func(p engine.Person) bool { return l.sim.Has(g, id(p)) }
	w.Mark = func() string { return fmt.Sprint(l.sim.Written()) }
	w.Profile = func(p engine.Person, tells engine.Profile) {
		profile := googletest.Profile{
			Organizations: []googletest.Organization{{Primary: true, Location: strings.Join(tells.Attributes["site"], "")}},
			Custom:        map[string]map[string]any{"HR-data": {"teams": tells.Attributes["teams"]}},
		}
		if tells.Manager != "" {
			profile.Relations = []googletest.Relation{{Type: "manager", Value: string(tells.Manager)}}
		}
		does(func() error { return l.sim.SetProfile(id(p), tells.Name, profile) })
	}
	w.Logon = func(p engine.Person) func() bool {
		l.t.Helper()
		good, err := l.sim.Logon(id(p))
		l.must(err)
		return good
	}
	w.Nest = func() {
		does(func() error { return l.sim.Put(g, string(l.group("nested"))) })
	}
	held := 0
	w.Crowd = func(n int) {
		for ; held < n; held++ {
			name := fmt.Sprintf("crowd%d", held)
			l.person(name)
			l.must(l.sim.Put(g, l.ids[name+home]))
		}
	}
}

// faults are what can go wrong.
func (l *lab) faults(w *connectortest.World) {
	refusals := map[engine.Kind]sim.Fault{
		engine.Denied:      refusal(http.StatusForbidden, "forbidden", "Not Authorized to access this resource/api"),
		engine.Throttled:   refusal(http.StatusForbidden, "quotaExceeded", "Quota exceeded"),
		engine.Unavailable: refusal(http.StatusServiceUnavailable, "backendError", "Service unavailable. Please try again"),
		engine.Rejected:    refusal(http.StatusBadRequest, "invalid", "Invalid Input: resource"),
	}
	w.Fail = func(n int, k engine.Kind) {
		f := refusals[k]
		f.Skip = n - 1
		l.sim.Faults.Inject(f)
	}
	w.Truncate = func() {
		f := refusal(http.StatusBadRequest, "invalid", "Invalid Input: pageToken")
		f.Skip = 1
		l.fault(routeList, f)
	}
	w.Lose = func() {
		l.sim.Faults.Inject(sim.Fault{Effect: sim.Lose, Match: func(r *http.Request) bool { return r.Method != http.MethodGet }})
	}
	w.Stall = func() func() {
		l.sim.Faults.Inject(sim.Fault{Effect: sim.Hang})
		return l.sim.Faults.Clear
	}
}
