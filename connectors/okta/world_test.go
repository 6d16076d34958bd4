package okta

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/connectortest"
	"github.com/daypass-dev/daypass/connectors/okta/oktatest"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/sim"
)

const (
	testToken = "00T0ken-that-nobody-may-see"
	testMail  = "@example.org"
)

// bench is an org under test, and a connector on it.
type bench struct {
	t     testing.TB
	s     *oktatest.Server
	clock *sim.Clock
	opts  oktatest.Options
	skip  time.Duration // how far the harness moves the clock on, so that it acts at once
}

// newBench makes an org by opts. Whatever a test does, no catastrophe and no
// request that Okta does not document may be left behind.
func newBench(t testing.TB, opts oktatest.Options) *bench {
	t.Helper()
	if opts.Token == "" {
		opts.Token = testToken
	}
	if opts.Clock == nil {
		opts.Clock = &sim.Clock{}
	}
	b := &bench{t: t, s: oktatest.New(opts), clock: opts.Clock, opts: opts}
	t.Cleanup(func() {
		for _, what := range append(b.s.Catastrophes(), b.s.Violations()...) {
			t.Errorf("the org suffered: %s", what)
		}
	})
	return b
}

func static(s string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return s, nil }
}

func (b *bench) config() Config {
	return Config{Name: "corp", URL: b.s.URL(), Token: static(b.opts.Token), Now: b.clock.Now, Transport: b.s.Transport()}
}

// connector opens a connector, with its settings changed by edit.
func (b *bench) connector(edit ...func(*Config)) *Connector {
	b.t.Helper()
	cfg := b.config()
	for _, e := range edit {
		e(&cfg)
	}
	c, err := New(cfg)
	b.must(err)
	if b.skip == 0 {
		b.skip = c.Grace() + b.opts.Lag + time.Second
	}
	return c
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// user makes a user whose login is not the e-mail, and returns the id.
func (b *bench) user(name string) engine.MemberID {
	b.t.Helper()
	return b.userOf(oktatest.User{Login: name + ".login@corp.test", Email: name + testMail})
}

func (b *bench) userOf(u oktatest.User) engine.MemberID {
	b.t.Helper()
	id, err := b.s.AddUser(u)
	b.must(err)
	return engine.MemberID(id)
}

func (b *bench) group(name string, members ...string) engine.GroupID {
	b.t.Helper()
	id, err := b.s.AddGroup(oktatest.Group{Name: name, Members: members})
	b.must(err)
	return engine.GroupID(id)
}

// later moves the clock on until no lag and no grace is left of what was done.
func (b *bench) later() { b.clock.Advance(b.skip) }

// wantKind wants an error of a kind whose text holds some words.
func wantKind(t testing.TB, call string, err error, want engine.Kind, words ...string) {
	t.Helper()
	if err == nil || engine.KindOf(err) != want {
		t.Errorf("%s: got error %v of kind %s, want kind %s", call, err, engine.KindOf(err), want)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: got error %v, want one that says %q", call, err, w)
		}
	}
	if strings.Contains(err.Error(), testToken) {
		t.Errorf("%s: the error holds the token: %v", call, err)
	}
}

// answered makes faults of answers as Okta's.
func answered(status int, code, text string) sim.Fault {
	return sim.Fault{
		Effect: sim.Answer, Status: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: fmt.Sprintf(`{"errorCode":%q,"errorSummary":%q,"errorLink":%q,"errorId":"oae1","errorCauses":[]}`, code, text, code),
	}
}

// rough is the weather of the run with faults: one reading in so many fails.
func (b *bench) rough(oneIn int) {
	var mu sync.Mutex
	dice := rand.New(rand.NewPCG(1, uint64(oneIn)))
	for i, f := range []sim.Fault{answered(503, "E0000010", "read only"), answered(429, "E0000047", "slow down"), {Effect: sim.Drop}, {Effect: sim.Half}} {
		f.Times = -1
		f.Match = func(r *http.Request) bool {
			mu.Lock()
			defer mu.Unlock()
			return r.Method == http.MethodGet && dice.IntN(4*oneIn) == i
		}
		b.s.Faults.Inject(f)
	}
}

// world is the conformance suite's view of a bench. People are found by their
// e-mail, so that logins can change and two can have the same.
func (b *bench) world(edit ...func(*Config)) connectortest.World {
	b.t.Helper()
	w := connectortest.World{
		Directory: "corp", GroupName: "prod-db", Stranger: "eve" + testMail, Secrets: []string{b.opts.Token},
		NoGroup: engine.GroupID("00g" + strings.Repeat("0", 13) + "dead"), NoAccount: engine.MemberID("00u" + strings.Repeat("0", 13) + "dead"),
		Twins: "tim" + testMail, Disabled: "dan" + testMail, Ambiguous: "same", Unmanageable: "imported",
		Sizes: []int{199, 200, 201}, Attributes: []string{"teams", "site"},
	}
	for _, name := range []string{"ada", "bob", "cyd", "dee", "eli"} {
		b.user(name)
		w.People = append(w.People, engine.Person(name+testMail))
	}
	b.userOf(oktatest.User{Login: "tim@corp.test", Email: "tim" + testMail})
	b.userOf(oktatest.User{Login: "tim-admin@corp.test", Email: "Tim" + testMail})
	b.userOf(oktatest.User{Login: "dan@corp.test", Email: "dan" + testMail, Status: oktatest.Suspended})
	for i, name := range []string{"lovelace, ada", `"quoted"`, "a+b", "two  spaces", "(x)(y=z)", `back\slash`, "#hash;<>", "c=d", "åsa öberg", "李", "50%", "a&b?c", "sl/ash", "o'neill", "*"} {
		mail := strings.ReplaceAll(fmt.Sprintf("%s%d%s", name, i, testMail), " ", "_")
		b.userOf(oktatest.User{Login: name + "@corp.test", Email: mail})
		w.Odd = append(w.Odd, engine.Person(mail))
	}
	b.groups(&w)
	w.Connector = b.connector(append([]func(*Config){func(cfg *Config) {
		cfg.Match, cfg.ProfileAttributes = MatchEmail, map[string]string{"teams": "team_names", "site": "city"}
	}}, edit...)...)
	b.hands(&w)
	b.failures(&w)
	b.later()
	return w
}

func (b *bench) groups(w *connectortest.World) {
	w.Group = b.group(w.GroupName)
	b.group("prod-db-2") // a beginning is no name
	b.group("PROD-DB")
	for _, name := range []string{"more-1", "more-2"} {
		w.MoreGroups = append(w.MoreGroups, b.group(name))
	}
	w.OddGroups = []string{"a, b", "a+b", `c\d`, "(e)", "f*", "日本", "g=h,i=j", `"q"`, "x/y", "50% & more?", "#"}
	for _, name := range w.OddGroups {
		b.group(name)
	}
	b.group("same")
	for _, g := range []oktatest.Group{{Name: "same", Type: "APP_GROUP"}, {Name: "imported", Type: "APP_GROUP", Members: []string{"bob" + testMail}}} {
		_, err := b.s.AddGroup(g)
		b.must(err)
	}
}

// hands are the things that others do.
func (b *bench) hands(w *connectortest.World) {
	group := string(w.Group)
	act := func(err error) {
		b.t.Helper()
		b.must(err)
		b.later()
	}
	w.Put = func(p engine.Person) { b.t.Helper(); act(b.s.Put(group, string(p))) }
	w.Take = func(p engine.Person) { b.t.Helper(); act(b.s.Take(group, string(p))) }
	w.Delete = func(p engine.Person) { b.t.Helper(); act(b.s.DeleteUser(string(p))) }
	w.Rename = func(p engine.Person, login string) { b.t.Helper(); act(b.s.RenameUser(string(p), login)) }
	w.RenameGroup = func(name string) { b.t.Helper(); act(b.s.RenameGroup(group, name)) }
	w.DeleteGroup = func() { b.t.Helper(); act(b.s.DeleteGroup(group)) }
	w.Has = func(p engine.Person) bool { return b.s.Has(group, string(p)) }
	w.Profile = func(p engine.Person, tells engine.Profile) {
		b.t.Helper()
		profile := map[string]any{"displayName": tells.Name, "team_names": tells.Attributes["teams"], "city": strings.Join(tells.Attributes["site"], "")}
		if tells.Manager != "" {
			profile["managerId"] = b.s.UserID(string(tells.Manager))
		}
		act(b.s.SetProfile(string(p), profile))
	}
	w.Mark = func() string { return fmt.Sprint(len(b.s.Writes())) }
	w.Logon = func(p engine.Person) func() bool {
		b.t.Helper()
		good, err := b.s.Logon(string(p))
		b.must(err)
		return good
	}
	held := 0
	w.Crowd = func(size int) {
		b.t.Helper()
		var ids []string
		for ; held < size; held++ {
			ids = append(ids, string(b.userOf(oktatest.User{Login: fmt.Sprintf("crowd%d@corp.test", held)})))
		}
		act(b.s.Fill(group, ids...))
	}
}

// failures are what can be made to go wrong.
func (b *bench) failures(w *connectortest.World) {
	kinds := map[engine.Kind]sim.Fault{
		engine.Denied: answered(403, "E0000006", "You do not have permission"), engine.Throttled: answered(429, "E0000047", "API call exceeded rate limit"),
		engine.Unavailable: answered(503, "E0000010", "Service is in read only mode"), engine.Rejected: answered(400, "E0000001", "Api validation failed"),
	}
	w.Fail = func(nth int, k engine.Kind) {
		f := kinds[k]
		f.Skip = nth - 1
		b.s.Faults.Inject(f)
	}
	w.Truncate = func() {
		f := answered(400, "E0000001", "the cursor is not valid")
		f.Match = func(r *http.Request) bool {
			return strings.HasSuffix(r.URL.Path, string(w.Group)+"/users") && r.URL.Query().Has("after")
		}
		b.s.Faults.Inject(f)
	}
	w.Lose = func() {
		b.s.Faults.Inject(sim.Fault{Effect: sim.Lose, Match: func(r *http.Request) bool { return r.Method != http.MethodGet }})
	}
	w.Stall = func() func() {
		b.s.Faults.Inject(sim.Fault{Effect: sim.Hang})
		return b.s.Faults.Clear
	}
}
