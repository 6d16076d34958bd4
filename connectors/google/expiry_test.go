package google

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daypass-dev/daypass/connectors/google/googletest"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/sim"
)

// at is an instant of the customer's.
func (l *lab) at(d time.Duration) time.Time { return l.sim.Clock.Now().Add(d) }

func (l *lab) addUntil(name string, t time.Time) time.Time {
	l.t.Helper()
	changed, end, err := l.AddUntil(l.ctx(), l.g, l.who(name), t)
	if !changed || err != nil {
		l.t.Fatalf("AddUntil(%s): got %t and error %v, want true and none", name, changed, err)
	}
	return end
}

func (l *lab) until(name string) time.Time { return l.sim.Until(string(l.g), l.ids[name+home]) }

// wantEnds wants Expiries to tell exactly these ends.
func (l *lab) wantEnds(want map[string]time.Time) {
	l.t.Helper()
	got, err := l.Expiries(l.ctx(), l.g)
	l.must(err)
	ids := map[engine.MemberID]time.Time{}
	for name, end := range want {
		ids[l.who(name).ID] = end
	}
	if !maps.EqualFunc(got, ids, time.Time.Equal) {
		l.t.Errorf("Expiries: got %v, want %v", got, want)
	}
}

// Access ends while daypass is stopped, and the log says when.
func TestGoogleEndsItWhileWeAreAway(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	_, err := l.Group(l.ctx(), "prod-db"+home)
	l.must(err)
	l.put("eli", "MEMBER")
	l.wantAdd("bob", true)
	l.addUntil("ada", l.at(time.Hour))
	l.later()
	mark := l.changed(l.all(""))
	l.pass(time.Hour)
	if l.has("ada") || !l.has("bob") {
		t.Errorf("after the end: ada is there %t and bob %t, want false and true", l.has("ada"), l.has("bob"))
	}
	l.pass(8 * time.Hour)
	l.Connector = l.connect() // a new process
	_, err = l.Group(l.ctx(), "prod-db"+home)
	l.must(err)
	l.changed(mark, l.g)
	l.wantList("bob", "eli")
	l.wantEnds(nil)
	l.wantRemove("ada", false)
	if v := l.sim.Writes(); len(v) > 3 {
		t.Errorf("got the writes %+v, want none that ended it", v[2:])
	}
}

// Google holds whole seconds; access must not end before it was to.
func TestEndsAreRoundedUp(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	sharp := l.at(time.Hour)
	for d, want := range map[time.Duration]time.Duration{0: 0, 1: time.Second, time.Second - 1: time.Second, time.Second: time.Second} {
		if got := whole(sharp.Add(d)); !got.Equal(sharp.Add(want)) {
			t.Errorf("%s after a whole second: got %s, want %s", d, got.Sub(sharp), want)
		}
	}
	end := l.addUntil("ada", sharp.Add(time.Millisecond))
	if !end.Equal(sharp.Add(time.Second)) || !l.until("ada").Equal(end) {
		t.Errorf("AddUntil: got %s, and Google holds %s, want %s", end, l.until("ada"), sharp.Add(time.Second))
	}
	end, err := l.Expire(l.ctx(), l.g, l.who("ada"), sharp.Add(-time.Minute+1))
	if l.must(err); !end.Equal(sharp.Add(-time.Minute+time.Second)) || !l.until("ada").Equal(end) {
		t.Errorf("Expire: got %s, and Google holds %s", end, l.until("ada"))
	}
}

// An edition without ends is asked once, and Add still works.
func TestEditionWithoutEnds(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{Endless: true})
	l.put("bob", "MEMBER")
	for range 2 {
		changed, end, err := l.AddUntil(l.ctx(), l.g, l.who("ada"), l.at(time.Hour))
		wantKind(t, "AddUntil", err, engine.Unsupported, "Enterprise", "Premium")
		if changed || !end.IsZero() || l.has("ada") {
			t.Errorf("AddUntil: got %t and %s, and present %t, want nothing changed", changed, end, l.has("ada"))
		}
	}
	_, err := l.Expire(l.ctx(), l.g, l.who("bob"), l.at(time.Hour))
	wantKind(t, "Expire", err, engine.Unsupported)
	l.wantEnds(nil)
	if n := l.count(routeCreate) + l.count(routeModify) + l.count(routeEnds); n != 1 {
		t.Errorf("got %d requests, want one: the edition is remembered", n)
	}
	l.wantAdd("ada", true)
	l.pass(noEndsPause)
	_, err = l.Expire(l.ctx(), l.g, l.who("bob"), l.at(time.Hour))
	wantKind(t, "Expire an hour later", err, engine.Unsupported)
	if n := l.count(routeModify); n != 1 {
		t.Errorf("an hour later: got %d requests to move an end, want one", n)
	}
}

// Owners and managers have no end, and nobody asks for one.
func TestOwnersHaveNoEnd(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"OWNER", "MANAGER"} {
		l := newLab(t, googletest.Options{})
		l.put("ada", role)
		changed, end, err := l.AddUntil(l.ctx(), l.g, l.who("ada"), l.at(time.Hour))
		if changed || !end.IsZero() || err != nil {
			t.Errorf("AddUntil of an %s: got %t, %s and error %v, want false, none and none", role, changed, end, err)
		}
		_, err = l.Expire(l.ctx(), l.g, l.who("ada"), l.at(time.Hour))
		wantKind(t, "Expire of an "+role, err, engine.Unsupported, role)
		l.addUntil("bob", l.at(time.Hour))
		l.later()
		l.put("bob", role) // which takes the end away
		_, err = l.Expire(l.ctx(), l.g, l.who("bob"), l.at(2*time.Hour))
		wantKind(t, "Expire of one who became "+role, err, engine.Unsupported, role)
		l.wantEnds(nil)
		if n := l.count(routeModify); n != 0 {
			t.Errorf("got %d requests to move an end, want none", n)
		}
	}
}

func TestEndInThePast(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	changed, _, err := l.AddUntil(l.ctx(), l.g, l.who("ada"), l.at(-time.Second))
	wantKind(t, "AddUntil", err, engine.Rejected)
	if changed || l.has("ada") {
		t.Errorf("AddUntil: got %t and present %t, want nothing changed", changed, l.has("ada"))
	}
	end := l.addUntil("ada", l.at(time.Hour))
	_, err = l.Expire(l.ctx(), l.g, l.who("ada"), l.at(-time.Second))
	wantKind(t, "Expire", err, engine.Rejected)
	l.wantEnds(map[string]time.Time{"ada": end})
}

// The Cloud Identity API takes addresses, and an address may be somebody
// else's by now.
func TestAddUntilIsByTheAccountNotTheAddress(t *testing.T) {
	t.Parallel()
	for _, lag := range []time.Duration{0, time.Minute} {
		l := newLab(t, googletest.Options{Lag: lag, Steady: true})
		l.must(l.sim.RenameUser("ada"+home, "ada.lovelace"+home))
		l.must(l.sim.DropAlias("ada" + home))
		other, err := l.sim.AddUser(googletest.User{Email: "ada" + home})
		l.must(err)
		end := l.addUntil("ada", l.at(time.Hour))
		if !l.has("ada") || l.sim.Has(string(l.g), other) {
			t.Errorf("the account is in the group %t, the one that has its address %t, want true and false", l.has("ada"), l.sim.Has(string(l.g), other))
		}
		l.wantEnds(map[string]time.Time{"ada": end})
		end, err = l.Expire(l.ctx(), l.g, l.who("ada"), l.at(2*time.Hour))
		l.must(err)
		l.wantEnds(map[string]time.Time{"ada": end})
	}
}

// What Google ended within the grace of our addition is not believed any more.
func TestEndWithinTheGrace(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	l.addUntil("ada", l.at(30*time.Second))
	l.wantList("ada")
	l.pass(30 * time.Second)
	l.wantList()
	l.wantEnds(nil)
	_, err := l.Expire(l.ctx(), l.g, l.who("ada"), l.at(time.Hour))
	wantKind(t, "Expire", err, engine.NotFound)
	l.wantAdd("ada", true)
	l.wantList("ada")
}

// A membership that ended and is still in the way is no present member.
func TestEndedMembershipInTheWay(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{Linger: 10 * time.Minute})
	l.addUntil("ada", l.at(time.Hour))
	l.pass(time.Hour)
	l.wantList()
	changed, end, err := l.AddUntil(l.ctx(), l.g, l.who("ada"), l.at(time.Hour))
	wantKind(t, "AddUntil", err, engine.Rejected, "ended a moment ago")
	if changed || !end.IsZero() {
		t.Errorf("AddUntil: got %t and %s, want false and none", changed, end)
	}
	l.pass(10 * time.Minute)
	l.addUntil("ada", l.at(time.Hour))
	l.wantList("ada")
}

// Answers that Google's documents allow, and that leave the outcome open.
func TestOpenAnswersToAddUntil(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]engine.Kind{
		`<html>`: engine.Unknown,

		`{"done":true}`: engine.Unknown,

		`{"done":false,"name":"operations/1"}`: engine.Unavailable,

		`{"done":true,"response":{"name":"groups/x/memberships/1"}}`: engine.Unknown,

		`{"done":true,"error":{"code":7,"message":"Error(3006): not in this edition"}}`:    engine.Unsupported,
		`{"done":true,"error":{"code":3,"message":"no"}}`:                                  engine.Rejected,
		`{"done":true,"error":{"code":14,"message":"later"}}`:                              engine.Unavailable,
		`{"done":true,"error":{"code":6,"message":"Error(4003): it exists","details":[]}}`: "", // and is there
	} {
		l := newLab(t, googletest.Options{})
		if want == "" {
			l.put("ada", "MEMBER")
		}
		l.fault(routeCreate, sim.Fault{Effect: sim.Answer, Status: http.StatusOK, Body: body, Header: http.Header{"Content-Type": {"application/json"}}})
		changed, end, err := l.AddUntil(l.ctx(), l.g, l.who("ada"), l.at(time.Hour))
		if changed || !end.IsZero() || want == "" && err != nil {
			t.Errorf("%s: got %t, %s and error %v", body, changed, end, err)
		}
		if want != "" {
			wantKind(t, body, err, want)
		}
	}
}

// A listing goes on beyond its first page, and one that stops early is none.
func TestEndsAreListedWhole(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	want := map[string]time.Time{}
	for i := range membershipsPage + 3 {
		name := fmt.Sprintf("crowd%d", i)
		l.person(name)
		want[name] = l.addUntil(name, l.at(time.Hour+time.Duration(i)*time.Minute))
	}
	l.later()
	l.wantEnds(want)
	if n := l.count(routeEnds); n != 2 {
		t.Errorf("got %d pages, want 2", n)
	}
	f := refusal(http.StatusBadRequest, "invalid", "Invalid Input: pageToken")
	f.Skip = 1
	l.fault(routeEnds, f)
	got, err := l.Expiries(l.ctx(), l.g)
	wantKind(t, "Expiries that break off", err, engine.Partial)
	if len(got) > 0 {
		t.Errorf("Expiries that break off: got %d, want none", len(got))
	}
	l.must(l.sim.Loop(string(l.g), 5))
	if _, err = l.Expiries(l.ctx(), l.g); engine.KindOf(err) != engine.Partial {
		t.Errorf("Expiries that go in circles: got error %v, want kind partial", err)
	}
}

// Two entries with one address are told apart by the end of the name.
func TestWhoseEndItIs(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	end := l.addUntil("ada", l.at(time.Hour))
	_, err := l.sim.AddGhost(string(l.g), "ada"+home)
	l.must(err)
	l.later()
	l.wantEnds(map[string]time.Time{"ada": end})
	ms := []engine.Member{{ID: "1", Login: "a@x"}, {ID: "2", Login: "b@x"}}
	m := func(name, address string) membership {
		return membership{Name: "groups/g/memberships/" + name, PreferredMemberKey: memberKey{address}, Roles: []memberOfRole{until(end)}}
	}
	got := whose([]membership{m("0xa", "A@x"), m("2", "former@x"), m("3", "gone@x")}, ms)
	if len(got) != 2 || !got["1"].Equal(end) || !got["2"].Equal(end) {
		t.Errorf("got %v, want those of 1 and 2", got)
	}
}

// A membership that somebody made without an end stays as it is when the
// answer to an addition is lost.
func TestLostAdditionGivesNobodyAnEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, googletest.Options{})
		l.put("ada", "MEMBER")
		l.fault(routeCreate, sim.Fault{Effect: sim.Drop})
		changed, end, err := l.AddUntil(l.ctx(), l.g, l.who("ada"), l.at(time.Hour))
		wantKind(t, "AddUntil", err, engine.Unavailable, "lost")
		if changed || !end.IsZero() || !l.until("ada").IsZero() {
			t.Errorf("AddUntil: got %t and %s, and Google holds the end %s, want none of it", changed, end, l.until("ada"))
		}
		l.wantEnds(nil) // the reading shows one without an end
	})
}

// Scopes that only some customers grant are asked for when they are needed.
func TestScopesAreAskedForWhenTheyAreNeeded(t *testing.T) {
	t.Parallel()
	for _, granted := range []bool{false, true} {
		scopes := forDirectory.scopes()
		if granted {
			scopes = append(append(scopes, forExpiry.scopes()...), forSessions.scopes()...)
		}
		l := keyedLab(t, googletest.Options{Delegated: scopes}, func(c *Config) { c.Subject = "boss" + home })
		l.wantAdd("bob", true)
		if n := l.count("POST /token"); n != 1 {
			t.Errorf("tokens before anything is to end: got %d, want 1", n)
		}
		_, _, addErr := l.AddUntil(l.ctx(), l.g, l.who("ada"), time.Now().Add(time.Hour))
		endErr := l.EndSessions(l.ctx(), l.who("bob"))
		if granted {
			l.must(addErr)
			l.must(endErr)
			continue
		}
		wantKind(t, "AddUntil without the scope", addErr, engine.Denied, "cloud-identity.groups")
		wantKind(t, "EndSessions without the scope", endErr, engine.Denied, "admin.directory.user.security")
		l.wantList("bob")
		l.wantRemove("bob", true)
	}
}

func TestEndSessionsWithoutTheRight(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{Lacks: []googletest.Right{googletest.SecureUsers}})
	wantKind(t, "EndSessions", l.EndSessions(l.ctx(), l.who("ada")), engine.Denied, "User Security Management")
	wantKind(t, "EndSessions of what is no id", l.EndSessions(l.ctx(), engine.Member{ID: "../groups/x"}), engine.NotFound)
}

// Sign-outs are seen, and a lost answer is asked for again: it does no harm.
func TestEndSessions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, googletest.Options{})
		good, err := l.sim.Logon("ada" + home)
		l.must(err)
		l.fault("POST /admin/directory/v1/users/{userKey}/signOut", sim.Fault{Effect: sim.Lose})
		l.must(l.EndSessions(l.ctx(), l.who("ada")))
		if w := l.sim.Writes(); good() || len(w) != 2 || w[1].Op != "sign-out" || w[1].Member != "ada"+home {
			t.Errorf("got the session good %t and the writes %+v, want it ended by two sign-outs", good(), w)
		}
	})
}

// Nothing that Google does not show is written to by a name that was made up.
func TestExpireKeepsToTheGroup(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	l.put("ada", "MEMBER")
	l.fault(routeLookup, sim.Fault{
		Effect: sim.Answer, Status: http.StatusOK, Body: `{"name":"groups/other/memberships/1"}`, Header: http.Header{"Content-Type": {"application/json"}},
	})
	_, err := l.Expire(l.ctx(), l.g, l.who("ada"), l.at(time.Hour))
	wantKind(t, "Expire", err, engine.Unavailable)
	if n := l.count(routeModify); n != 0 {
		t.Errorf("got %d requests to move an end, want none", n)
	}
	ended, cancel := context.WithCancel(l.ctx())
	cancel()
	if _, err := l.Expiries(ended, l.g); err == nil {
		t.Error("Expiries with a context that had ended: got no error")
	}
}
