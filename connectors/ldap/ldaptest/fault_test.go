package ldaptest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/daypass-dev/daypass/connectors/ldap/ldaptest"
)

func people(limit int) *ldap.SearchRequest {
	req := query("dc=example,dc=org", ldap.ScopeWholeSubtree, "(objectClass=person)", "1.1")
	req.SizeLimit = limit
	return req
}

func TestSearchFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		fault   ldaptest.Fault
		entries int
		code    int
	}{
		{"an answer", ldaptest.Fault{Op: ldaptest.OpSearch, Code: 51, Message: "busy"}, 0, 51},
		{"cut short", ldaptest.Fault{Op: ldaptest.OpSearch, Entries: 3, Code: 4}, 3, 4},
		{"cut off", ldaptest.Fault{Op: ldaptest.OpSearch, Entries: 3, Drop: true}, 3, -1},
		{"a referral", ldaptest.Fault{Code: 10, Referrals: []string{"ldap://other/"}}, 0, 10},
		{"everything, then an error", ldaptest.Fault{Apply: true, Code: 80}, 4, 80},
		{"at that base only", ldaptest.Fault{DN: "DC=Example, dc=org", Code: 1}, 0, 1},
		{"at another base", ldaptest.Fault{DN: "ou=groups,dc=example,dc=org", Code: 1}, 4, 0},
		{"on another kind", ldaptest.Fault{Op: ldaptest.OpModify, Code: 1}, 4, 0},
		{"later", ldaptest.Fault{Op: ldaptest.OpSearch, After: 1, Code: 1}, 4, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, ldaptest.Options{})
			w.server.Fail(tt.fault)
			res, err := w.conn.Search(people(0))
			if code(err) != tt.code || len(res.Entries) != tt.entries {
				t.Errorf("%d entries, %v; want %d, code %d", len(res.Entries), err, tt.entries, tt.code)
			}
		})
	}
}

func TestReferenceFault(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ldaptest.Options{})
	w.server.Fail(ldaptest.Fault{References: []string{"ldap://other/dc=example,dc=org"}})
	res, err := w.conn.Search(people(0))
	if err != nil || len(res.Referrals) != 1 || len(res.Entries) != 4 {
		t.Errorf("%v, %v", res, err)
	}
}

// A page without its mark: the client cannot know whether it was the last.
func TestUnmarkedPage(t *testing.T) {
	t.Parallel()
	for _, f := range flavors {
		s, c := crowd(t, 9, ldaptest.Options{Flavor: f})
		s.Fail(ldaptest.Fault{Op: ldaptest.OpSearch, After: 1, Unmarked: true})
		var cookie []byte
		for i, marked := range []bool{true, false, true} {
			p := ldap.NewControlPaging(4)
			p.SetCookie(cookie)
			req := people(0)
			req.Controls = []ldap.Control{p}
			res := must[*ldap.SearchResult](t)(c.Search(req))
			end, ok := ldap.FindControl(res.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
			if len(res.Entries) != 4 || ok != marked {
				t.Errorf("%s: page %d: %d entries, mark %t; want 4, %t", f, i+1, len(res.Entries), ok, marked)
			}
			cookie = nil // the second page's is not known, so the third begins again
			if ok {
				cookie = end.Cookie
			}
		}
	}
}

// A write may fail before it happened or after; a client cannot tell.
func TestWriteFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		fault   ldaptest.Fault
		code    int
		members int
	}{
		{"refused", ldaptest.Fault{Op: ldaptest.OpModify, Code: 53}, 53, 2},
		{"done, and refused", ldaptest.Fault{Op: ldaptest.OpModify, Code: 80, Apply: true}, 80, 3},
		{"dropped", ldaptest.Fault{Op: ldaptest.OpModify, Drop: true}, -1, 2},
		{"done, and dropped", ldaptest.Fault{Op: ldaptest.OpModify, Drop: true, Apply: true}, -1, 3},
		{"slow", ldaptest.Fault{Op: ldaptest.OpModify, Delay: time.Millisecond}, 0, 3},
		{"by its changes", ldaptest.Fault{Match: func(cs []ldaptest.Change) bool { return len(cs) == 1 && cs[0].Kind == ldaptest.AddValues }, Code: 51}, 51, 2},
		{"by other changes", ldaptest.Fault{Match: func(cs []ldaptest.Change) bool { return len(cs) == 1 && cs[0].Kind == ldaptest.DeleteValues }, Code: 51}, 0, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, ldaptest.Options{})
			w.server.Fail(tt.fault)
			if got := code(modifyMember(w.conn, w.group, add, "member", w.people[2])); got != tt.code {
				t.Errorf("code %d, want %d", got, tt.code)
			}
			if got := w.server.Members("g"); len(got) != tt.members {
				t.Errorf("%d members, want %d", len(got), tt.members)
			}
		})
	}
}

func TestFaultTimes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ldaptest.Options{})
	run := func(want ...int) {
		t.Helper()
		for i, code2 := range want {
			if _, err := w.conn.Search(people(0)); code(err) != code2 {
				t.Errorf("search %d: %v, want %d", i+1, err, code2)
			}
		}
	}
	w.server.Fail(ldaptest.Fault{After: 1, Times: 2, Code: 51})
	run(0, 51, 51, 0, 0)
	disarm := w.server.Fail(ldaptest.Fault{Times: -1, Code: 52})
	run(52, 52, 52)
	disarm()
	run(0)
	w.server.Fail(ldaptest.Fault{Times: -1, Code: 52})
	w.server.ClearFaults()
	run(0)
}

// An abandoned request gets no answer, and its delay ends.
func TestAbandon(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ldaptest.Options{})
	w.server.Fail(ldaptest.Fault{Op: ldaptest.OpSearch, Delay: time.Hour})
	raw := dialRaw(t, w.server)
	raw.write(bindRequest(1))
	raw.expect(1, 0x61)
	raw.write(searchRequest(2))
	raw.write([]byte{0x30, 6, 2, 1, 3, 0x50, 1, 2}) // abandon 2
	raw.write(searchRequest(4))
	raw.expect(4, 0x65)
	if got := w.server.Requests()[ldaptest.OpAbandon]; got != 1 {
		t.Errorf("%d abandons counted", got)
	}
}

// Close ends delays and connections; goleak sees to the goroutines.
func TestCloseWhileBusy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ldaptest.Options{})
	arrived := make(chan struct{})
	w.server.Fail(ldaptest.Fault{Op: ldaptest.OpSearch, Delay: time.Hour, Match: func([]ldaptest.Change) bool { close(arrived); return true }})
	failed := make(chan error, 1)
	go func() {
		_, err := w.conn.Search(people(0))
		failed <- err
	}()
	<-arrived
	if err := w.server.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; code(err) != -1 {
		t.Errorf("search: %v, want a lost connection", err)
	}
	if err := w.server.Listen("127.0.0.1:0"); !errors.Is(err, ldaptest.ErrClosed) {
		t.Errorf("listen after close: %v", err)
	}
}

// A slow server makes the change although nobody waits for it any more.
func TestWriteOutlivesClient(t *testing.T) {
	t.Parallel()
	wrote, gone := make(chan ldaptest.Write, 1), make(chan struct{})
	w := newWorld(t, ldaptest.Options{OnWrite: func(x ldaptest.Write) { wrote <- x }})
	arrived := make(chan struct{})
	w.server.Fail(ldaptest.Fault{Op: ldaptest.OpModify, Match: func([]ldaptest.Change) bool { close(arrived); <-gone; return true }, Delay: time.Millisecond})
	failed := make(chan error, 1)
	go func() { failed <- modifyMember(w.conn, w.group, add, "member", w.people[2]) }()
	<-arrived
	w.server.Disconnect()
	if err := <-failed; code(err) != -1 {
		t.Errorf("the client saw %v, want a lost connection", err)
	}
	close(gone)
	select {
	case x := <-wrote:
		if x.Code != 0 || len(w.server.Members("g")) != 3 {
			t.Errorf("wrote %+v, members %v", x, w.server.Members("g"))
		}
	case <-time.After(20 * time.Second):
		t.Error("nothing was written")
	}
}

func TestDisconnect(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ldaptest.Options{})
	w.server.Disconnect()
	if _, err := w.conn.Search(people(0)); code(err) != -1 {
		t.Errorf("search on a cut connection: %v", err)
	}
	if got := len(find(t, connect(t, w.server), "(cn=g)")); got != 1 {
		t.Errorf("found %d after connecting again", got)
	}
}

func TestCountersAndHook(t *testing.T) {
	t.Parallel()
	var writes []ldaptest.Write
	w := newWorld(t, ldaptest.Options{OnWrite: func(x ldaptest.Write) { writes = append(writes, x) }})
	w.server.ResetRequests()
	find(t, w.conn, "(cn=g)")
	_ = modifyMember(w.conn, w.group, add, "member", w.people[2])
	_ = modifyMember(w.conn, w.group, add, "member", w.people[2])
	_ = w.conn.Del(ldap.NewDelRequest(w.people[3], nil))
	if got := w.server.Requests(); got[ldaptest.OpSearch] != 1 || got[ldaptest.OpModify] != 2 || got[ldaptest.OpDelete] != 1 || got[ldaptest.OpBind] != 0 {
		t.Errorf("counted %v", got)
	}
	if err := w.server.Close(); err != nil { // also orders the hook's writes before our reads
		t.Fatal(err)
	}
	if len(writes) != 3 || writes[0].Code != 0 || writes[1].Code != 20 || writes[2].Op != ldaptest.OpDelete || writes[0].By != adminDN {
		t.Errorf("hook saw %+v", writes)
	}
}
