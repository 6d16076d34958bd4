package googletest

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/sim"
)

const (
	vpn    = "vpn@example.org"
	prodDB = "prod-db@example.org"
	ada    = "ada@example.org"
	ken    = "ken@example.org"
)

func TestEmptyGroupHasNoList(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	_, err := w.AddGroup(Group{Email: "empty@example.org"})
	w.must(err)
	a := w.want(200, "", "GET", groupPath("empty@example.org")+"/members?maxResults=200", "")
	if _, has := a.json["members"]; has || a.json["kind"] != "admin#directory#members" {
		t.Errorf("members of an empty group: got %s, want no member list", a.text)
	}
}

func TestPagesOfTwoHundredAtMost(t *testing.T) {
	t.Parallel()
	for _, n := range []int{199, 200, 201, 400, 401} {
		w := newWorld(t, Options{})
		w.crowd("crowd@example.org", n)
		seen := map[any]bool{}
		token, pages := "", 0
		for {
			a := w.want(200, "", "GET", groupPath("crowd@example.org")+"/members?maxResults=1000&pageToken="+token, "")
			for _, m := range a.list("members") {
				seen[m["id"]] = true
			}
			pages++
			next, more := a.json["nextPageToken"].(string)
			if !more {
				break
			}
			if len(a.list("members")) != 200 {
				t.Fatalf("%d members: got a page of %d, want 200", n, len(a.list("members")))
			}
			token = next
		}
		if len(seen) != n || pages != (n+199)/200 {
			t.Errorf("%d members: got %d in %d pages, want all in %d", n, len(seen), pages, (n+199)/200)
		}
	}
}

// crowd makes a group of n users.
func (w *world) crowd(group string, n int) {
	w.t.Helper()
	g := Group{Email: group}
	for i := range n {
		email := fmt.Sprintf("c%d@example.org", i)
		_, err := w.AddUser(User{Email: email, Name: "Crowd"})
		w.must(err)
		g.Members = append(g.Members, Member{Email: email})
	}
	_, err := w.AddGroup(g)
	w.must(err)
}

func TestPageTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	first := w.want(200, "", "GET", groupPath(vpn)+"/members?maxResults=2", "")
	token := first.json["nextPageToken"].(string)
	w.want(400, "invalid", "GET", groupPath(vpn)+"/members?pageToken=junk", "")
	w.want(400, "invalid", "GET", groupPath("staging@example.org")+"/members?maxResults=2&pageToken="+token, "")
	w.want(400, "invalidParameter", "GET", groupPath(vpn)+"/members?maxResults=0", "")
	w.Clock.Advance(59 * time.Minute)
	w.Grant("all")
	w.want(200, "", "GET", groupPath(vpn)+"/members?maxResults=2&pageToken="+token, "")
	w.Clock.Advance(time.Minute)
	w.want(503, "backendError", "GET", groupPath(vpn)+"/members?maxResults=2&pageToken="+token, "")
}

func TestPageTokenThatRepeats(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.must(w.Loop(vpn, 2))
	path := groupPath(vpn) + "/members?maxResults=2&pageToken="
	var tokens []string
	token := ""
	for range 3 {
		a := w.want(200, "", "GET", path+token, "")
		token, _ = a.json["nextPageToken"].(string)
		tokens = append(tokens, token)
	}
	if tokens[0] != tokens[1] || tokens[1] == tokens[2] {
		t.Errorf("page tokens: got %v, want the first one twice", tokens)
	}
}

func TestShapesOfMembers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	_, err := w.AddGroup(Group{Email: "odd@example.org", Members: []Member{
		{Email: ada},
		{Email: ken, Role: "OWNER"},
		{Email: "grace@example.org", Role: "MANAGER"},
		{Email: vpn},
		{Email: "CUSTOMER"},
		{Email: "Out.Sider@gmail.com"},
	}})
	w.must(err)
	w.must(w.Suspend(ada))
	w.must(w.Archive("grace@example.org"))
	ghost, err := w.AddGhost("odd@example.org", ken)
	w.must(err)
	external, err := w.AddExternal("odd@example.org", "x@elsewhere.test")
	w.must(err)
	type shape struct{ email, role, kind, status any }
	want := map[any]shape{
		w.ID(ada):                  {ada, "MEMBER", "USER", "SUSPENDED"},
		w.ID(ken):                  {ken, "OWNER", "USER", "ACTIVE"},
		w.ID("grace@example.org"):  {"grace@example.org", "MANAGER", "USER", "ARCHIVED"},
		w.ID(vpn):                  {vpn, "MEMBER", "GROUP", "ACTIVE"},
		"C03demo01":                {nil, "MEMBER", "CUSTOMER", nil},
		w.ID("outsider@gmail.com"): {"Out.Sider@gmail.com", "MEMBER", "USER", nil},
		any(ghost):                 {ken, "MEMBER", "USER", nil},
		any(external):              {"x@elsewhere.test", "MEMBER", "EXTERNAL", nil},
	}
	got := w.want(200, "", "GET", groupPath("odd@example.org")+"/members", "").list("members")
	for _, m := range got {
		s := shape{m["email"], m["role"], m["type"], m["status"]}
		if want[m["id"]] != s {
			t.Errorf("member %v: got %v, want %v", m["id"], s, want[m["id"]])
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %d members, want %d", len(got), len(want))
	}
}

func TestInsertAndDelete(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	path := groupPath(prodDB) + "/members"
	a := w.want(200, "", "POST", path, `{"email":"ADA@Example.org","role":"MEMBER"}`)
	if a.json["email"] != ada || a.json["id"] != w.ID(ada) || a.json["role"] != "MEMBER" {
		t.Errorf("insert: got %s, want ada as a member", a.text)
	}
	w.want(409, "duplicate", "POST", path, `{"email":"ada@example.org","role":"OWNER"}`)
	w.want(200, "", "POST", path, `{"id":"`+w.ID(ken)+`"}`)
	w.want(404, "Resource Not Found: memberKey", "POST", path, `{"email":"nobody@example.org"}`)
	w.want(404, "Resource Not Found: groupKey", "POST", groupPath("none@example.org")+"/members", `{"email":"ada@example.org"}`)
	w.want(404, "Domain not found.", "POST", groupPath("x@elsewhere.test")+"/members", `{"email":"ada@example.org"}`)
	w.want(400, "Missing required field: memberKey", "POST", path, `{}`)
	w.want(400, "parseError", "POST", path, `{`)
	w.want(400, "Unknown name", "POST", path, `{"mail":"ada@example.org"}`)
	w.want(400, "invalid", "POST", path, `{"email":"ada@example.org","role":"BOSS"}`)
	w.want(400, "Invalid Input: memberKey", "POST", path, `{"email":"vpn@example.org","role":"OWNER"}`)
	w.want(200, "", "GET", memberPath(prodDB, w.ID(ada)), "")
	if a := w.want(204, "", "DELETE", memberPath(w.ID(prodDB), w.ID(ada)), ""); a.text != "" {
		t.Errorf("delete: got body %q, want none", a.text)
	}
	w.want(404, "Resource Not Found: memberKey", "DELETE", memberPath(prodDB, ada), "")
	w.want(404, "Resource Not Found: groupKey", "DELETE", memberPath("none@example.org", ada), "")
	w.want(404, "Resource Not Found: memberKey", "GET", memberPath(prodDB, ada), "")
	if v := w.Violations(); len(v) > 0 {
		t.Errorf("violations: got %v, want none", v)
	}
}

func TestPreconditions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Precondition: true, EmptyOK: true})
	w.want(412, "conditionNotMet", "POST", groupPath(vpn)+"/members", `{"email":"ada@example.org"}`)
	w.want(412, "conditionNotMet", "DELETE", memberPath(vpn, ken), "")
	w.want(404, "memberKey", "DELETE", memberPath(vpn, "nobody@example.org"), "")
	w.want(200, "", "DELETE", memberPath(vpn, ada), "")
}

func TestCycles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.want(200, "", "POST", groupPath(vpn)+"/members", `{"email":"staging@example.org"}`)
	w.want(412, "Cyclic memberships not allowed", "POST", groupPath("staging@example.org")+"/members", `{"email":"vpn@example.org"}`)
	w.want(412, "Cyclic memberships not allowed", "POST", groupPath(vpn)+"/members", `{"email":"vpn@example.org"}`)
	a := w.want(200, "", "GET", groupPath(vpn)+"/hasMember/linus@example.org", "")
	if a.json["isMember"] != true {
		t.Errorf("hasMember: got %s, want true", a.text)
	}
	w.want(400, "Invalid Input: memberKey", "GET", groupPath(vpn)+"/hasMember/x@elsewhere.test", "")
}

func TestDynamicAndLockedGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.want(412, "conditionNotMet", "POST", groupPath("engineers@example.org")+"/members", `{"email":"ken@example.org"}`)
	w.want(412, "conditionNotMet", "DELETE", memberPath("engineers@example.org", ada), "")
	w.want(403, "forbidden", "POST", groupPath("break-glass@example.org")+"/members", `{"email":"ken@example.org"}`)
	if w.Has("engineers@example.org", ken) || !w.Has("engineers@example.org", ada) || w.Has("break-glass@example.org", ken) {
		t.Error("a refused write took effect")
	}
}

func TestAddressesFold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.must(w.AddAlias(ada, "countess@example.org"))
	w.want(409, "duplicate", "POST", groupPath("VPN@example.org")+"/members", `{"email":"Countess@Example.org"}`)
	w.want(200, "", "POST", groupPath(vpn)+"/members", `{"email":"a.b@gmail.com"}`)
	w.want(409, "duplicate", "POST", groupPath(vpn)+"/members", `{"email":"ab@googlemail.com"}`)
	if got := w.emails(vpn); slices.Contains(got, "countess@example.org") || !slices.Contains(got, ada) {
		t.Errorf("members: got %v, want the primary address and no alias", got)
	}
	w.want(204, "", "DELETE", memberPath(vpn, "countess@example.org"), "")
	if w.Has(vpn, ada) {
		t.Error("a removal by alias left the account in")
	}
}

// TestGhostTwin: deleting by address takes the wrong one.
func TestGhostTwin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	ghost, err := w.AddGhost(vpn, ada)
	w.must(err)
	w.want(204, "", "DELETE", memberPath(vpn, ada), "")
	if !w.Has(vpn, ada) {
		t.Error("a removal by address took the account, want the ghost")
	}
	if a := w.want(404, "memberKey", "GET", memberPath(vpn, ghost), ""); a.status == 200 {
		t.Errorf("the ghost: got %s, want it gone", a.text)
	}
}

func TestPendingInvitation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.must(w.Invite(prodDB, ada))
	w.want(409, "duplicate", "POST", groupPath(prodDB)+"/members", `{"email":"ada@example.org"}`)
	w.want(404, "memberKey", "GET", memberPath(prodDB, ada), "")
	w.want(204, "", "DELETE", memberPath(prodDB, ada), "")
	w.want(200, "", "POST", groupPath(prodDB)+"/members", `{"email":"ada@example.org"}`)
}

func TestConflictTakesEffectLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.must(w.Delay(prodDB, 30*time.Second))
	for range 2 {
		w.want(409, "conflict", "POST", groupPath(prodDB)+"/members", `{"email":"ada@example.org"}`)
		w.want(404, "memberKey", "GET", memberPath(prodDB, ada), "")
	}
	w.Clock.Advance(30 * time.Second)
	w.want(200, "", "GET", memberPath(prodDB, ada), "")
	w.must(w.Delay(prodDB, 30*time.Second))
	w.want(409, "conflict", "DELETE", memberPath(prodDB, ada), "")
	if !w.Has(prodDB, ada) {
		t.Error("a late removal took effect at once")
	}
	w.Clock.Advance(30 * time.Second)
	w.want(404, "memberKey", "GET", memberPath(prodDB, ada), "")
}

func TestReadersLag(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Lag: time.Minute, Steady: true})
	w.insert(prodDB, ada)
	w.want(409, "duplicate", "POST", groupPath(prodDB)+"/members", `{"email":"ada@example.org"}`)
	w.must(w.Put(prodDB, ken))
	if got := w.emails(prodDB); slices.Contains(got, ada) || !slices.Contains(got, ken) {
		t.Errorf("at once: got %v, want ken, whom another added, and not ada", got)
	}
	w.want(404, "memberKey", "GET", memberPath(prodDB, ada), "")
	w.Clock.Advance(time.Minute)
	if got := w.emails(prodDB); !slices.Contains(got, ada) {
		t.Errorf("a minute later: got %v, want ada", got)
	}
	w.want(204, "", "DELETE", memberPath(prodDB, ada), "")
	w.want(404, "memberKey", "DELETE", memberPath(prodDB, ada), "")
	if got := w.emails(prodDB); !slices.Contains(got, ada) {
		t.Errorf("after the removal: got %v, want ada still", got)
	}
	w.Clock.Advance(time.Minute)
	if got := w.emails(prodDB); slices.Contains(got, ada) {
		t.Errorf("a minute later: got %v, want ada gone", got)
	}
}

// TestViolations: what must never be asked is done, and on record.
func TestViolations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.want(204, "", "DELETE", memberPath(vpn, "root@example.org"), "")
	w.want(200, "", "PATCH", memberPath(vpn, ada), `{"role":"OWNER"}`)
	w.want(200, "", "PUT", memberPath(vpn, ada), `{"role":"MANAGER"}`)
	w.want(204, "", "DELETE", groupPath(vpn), "")
	w.want(204, "", "DELETE", directoryRoot+"/users/ada@example.org", "")
	if got := w.Violations(); len(got) != 5 {
		t.Errorf("violations: got %v, want 5", got)
	}
	w.want(404, "groupKey", "GET", groupPath(vpn), "")
	w.want(404, "userKey", "GET", directoryRoot+"/users/ada@example.org", "")
	var ops []string
	for _, x := range w.Writes() {
		ops = append(ops, x.Op)
	}
	if want := []string{"remove", "role", "role", "delete-group", "delete-user"}; !slices.Equal(ops, want) {
		t.Errorf("writes: got %v, want %v", ops, want)
	}
	for _, path := range []string{groupPath(vpn) + "/members/", directoryRoot + "/groups//members/x"} {
		if a := w.do("DELETE", path, ""); a.status != http.StatusNotFound || a.json != nil {
			t.Errorf("DELETE %s: got %d %s, want a 404 page", path, a.status, a.text)
		}
	}
}

func TestDeletedUsersLeaveTheirGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	id := w.ID(ada)
	w.must(w.DeleteUser(ada))
	if got := w.emails(vpn); slices.Contains(got, ada) {
		t.Errorf("members: got %v, want ada gone", got)
	}
	w.want(404, "userKey", "GET", directoryRoot+"/users/"+id, "")
	w.want(404, "memberKey", "DELETE", memberPath(vpn, id), "")
	_, err := w.AddUser(User{Email: ada, Name: "Another Ada"})
	w.must(err)
	if w.ID(ada) == id {
		t.Error("a new account has the id of a deleted one")
	}
}

func TestManyClientsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{PerMinute: -1, Lag: time.Second, Clock: &sim.Clock{}})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			email := fmt.Sprintf("out%d@elsewhere.test", i)
			for range 20 {
				w.want(200, "", "POST", groupPath(prodDB)+"/members", `{"email":"`+email+`"}`)
				w.want(200, "", "GET", groupPath(prodDB)+"/members?maxResults=3", "")
				w.must(w.Put(vpn, email))
				w.must(w.Take(vpn, email))
				w.want(204, "", "DELETE", memberPath(prodDB, email), "")
			}
		})
	}
	wg.Wait()
	if ms, err := w.Members(prodDB); err != nil || len(ms) != 1 || w.Written() != 320 {
		t.Errorf("got %v, error %v and %d writes, want the owner alone and 320", ms, err, w.Written())
	}
}
