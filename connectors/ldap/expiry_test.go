package ldap

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/daypass-dev/daypass/connectors/ldap/ldaptest"
	"github.com/daypass-dev/daypass/engine"
)

// timed is a small world on a server that ends memberships by its own clock,
// which is a minute and a half behind ours, and what was written there.
type timed struct {
	*small
	*clock

	mu     sync.Mutex
	writes []ldaptest.Write
}

func newTimed(t *testing.T, links ldaptest.LinkTTL, opt ldaptest.Options, edit ...func(*Config)) *timed {
	t.Helper()
	w := &timed{clock: newClock()}
	w.pass(-90 * time.Second)
	opt.Flavor, opt.LinkTTL, opt.Now = ldaptest.ActiveDirectory, links, w.now
	opt.OnWrite = func(x ldaptest.Write) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.writes = append(w.writes, x)
	}
	w.small = newSmall(t, opt, "group", edit...)
	return w
}

// written returns the modifies of the group since it was asked last, as
// "delete member ada; add member <TTL=60>,ada = 0".
func (w *timed) written() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, x := range w.writes {
		if x.Op != ldaptest.OpModify || !strings.HasPrefix(x.DN, "<GUID=") {
			continue
		}
		var parts []string
		for _, ch := range x.Changes {
			kind := map[ldaptest.ChangeKind]string{ldaptest.AddValues: "add ", ldaptest.DeleteValues: "delete "}[ch.Kind]
			parts = append(parts, kind+strings.Join(ch.Values, "|"))
		}
		text := strings.NewReplacer(w.ada.Ref, "ada", w.bob.Ref, "bob").Replace(strings.Join(parts, "; "))
		all = append(all, fmt.Sprint(text, " = ", x.Code))
	}
	w.writes = nil
	return all
}

func (w *timed) wrote(want ...string) {
	w.t.Helper()
	if got := w.written(); !slices.Equal(got, want) {
		w.t.Errorf("written: got %q, want %q", got, want)
	}
}

// addUntil wants a membership that ends no earlier than asked, and within the
// second by the server's clock.
func (w *timed) addUntil(m engine.Member, until time.Time) time.Time {
	w.t.Helper()
	changed, end, err := w.AddUntil(w.t.Context(), w.id, m, until)
	if late := end.Sub(until); !changed || err != nil || late < 0 || late >= time.Second {
		w.t.Fatalf("AddUntil %s: got %t, %s and %v, want an end within a second", until, changed, end, err)
	}
	return end
}

func (w *timed) ends(want map[engine.MemberID]time.Time) {
	w.t.Helper()
	got, err := w.Expiries(w.t.Context(), w.id)
	if err != nil || len(got) != len(want) {
		w.t.Fatalf("Expiries: got %v and %v, want %v", got, err, want)
	}
	for id, end := range want {
		if got[id].Sub(end).Abs() > time.Second {
			w.t.Errorf("Expiries: got %s of %s, want %s", got[id], id, end)
		}
	}
}

// The form that the server does not take is tried once, and then no more.
func TestFormOfAnEndIsFoundOut(t *testing.T) {
	t.Parallel()
	for links, first := range map[ldaptest.LinkTTL][]string{
		ldaptest.LinkTTLOutside: {"add <TTL=60>,ada = 0"},
		ldaptest.LinkTTLInside:  {"add <TTL=60>,ada = 21", "add <TTL=60,ada> = 0"},
	} {
		w := newTimed(t, links, ldaptest.Options{})
		until := w.now().Truncate(time.Second).Add(59*time.Second + time.Millisecond)
		ada := w.addUntil(w.ada, until)
		w.wrote(first...)
		bob := w.addUntil(w.bob, until)
		w.wrote(strings.ReplaceAll(first[len(first)-1], "ada", "bob"))
		w.list(w.ada, w.bob)
		w.ends(map[engine.MemberID]time.Time{w.ada.ID: ada, w.bob.ID: bob})
		w.pass(58 * time.Second)
		w.list(w.ada, w.bob)
		w.pass(2 * time.Second)
		w.list()
		w.ends(nil)
	}
}

// An end moves with one change, so that nobody sees the member gone.
func TestEndMovesInOneChange(t *testing.T) {
	t.Parallel()
	w := newTimed(t, ldaptest.LinkTTLOutside, ldaptest.Options{})
	w.put(w.bob.Ref)
	until := w.now().Truncate(time.Second).Add(time.Minute)
	w.addUntil(w.ada, until)
	w.written()
	want := map[engine.MemberID]time.Time{}
	for _, m := range []engine.Member{w.ada, w.bob} {
		end, err := w.Expire(t.Context(), w.id, m, until.Add(time.Minute))
		w.must(err)
		want[m.ID] = end
	}
	w.wrote("delete ada; add <TTL=120>,ada = 0", "delete bob; add <TTL=120>,bob = 0")
	w.ends(want)
	// One who is gone meanwhile is not brought back.
	w.pass(3 * time.Minute)
	_, err := w.Expire(t.Context(), w.id, w.ada, w.now().Add(time.Hour))
	wantKind(t, "Expire of one whose time was over", err, engine.NotFound)
	w.list()
	// An end that has passed is the next second.
	w.put(w.bob.Ref)
	if end, err := w.Expire(t.Context(), w.id, w.bob, w.now().Add(-time.Hour)); err != nil || end.After(w.now().Add(time.Second)) {
		t.Errorf("Expire in the past: got %s and %v, want an end in a second", end, err)
	}
	w.pass(time.Second)
	w.list()
}

// A member with an end is removed like others, and others are removed beside.
func TestMemberWithAnEndIsRemoved(t *testing.T) {
	t.Parallel()
	w := newTimed(t, ldaptest.LinkTTLOutside, ldaptest.Options{})
	w.addUntil(w.ada, w.now().Add(time.Hour))
	end := w.addUntil(w.bob, w.now().Add(time.Hour))
	changes(t, "Remove", w.Remove, w.id, w.ada)
	w.list(w.bob)
	w.ends(map[engine.MemberID]time.Time{w.bob.ID: end})
	changes(t, "Add", w.Add, w.id, w.ada)
	w.ends(map[engine.MemberID]time.Time{w.bob.ID: end})
}

// Ends are found in every window of a large group, and listing its members
// does not see them.
func TestEndsInWindows(t *testing.T) {
	t.Parallel()
	w := newTimed(t, ldaptest.LinkTTLOutside, ldaptest.Options{MaxValRange: 7}, func(c *Config) { c.People.Base = "dc=lab,dc=test" })
	crowd, err := w.server.Crowd("crowd", 30)
	w.must(err)
	want := map[engine.MemberID]time.Time{}
	for i, dn := range crowd {
		if i%3 > 0 {
			w.put(dn)
			continue
		}
		w.put(fmt.Sprintf("<TTL=%d>,%s", 600+i, dn))
	}
	ms, err := w.Members(t.Context(), w.id)
	w.must(err)
	for _, m := range ms {
		if i := slices.Index(crowd, m.Ref); i%3 == 0 {
			want[m.ID] = w.now().Add(time.Duration(600+i) * time.Second)
		}
		if strings.Contains(m.Ref+string(m.ID), "TTL") || m.Kind != engine.AccountMember {
			t.Errorf("Members: got %+v, want an account", m)
		}
	}
	if len(ms) != 30 || len(want) != 10 {
		t.Fatalf("Members: got %d and %d with an end, want 30 and 10", len(ms), len(want))
	}
	w.ends(want)
}

// Where one ends between two windows, those behind it move up: the listing
// begins again, and nobody is missed.
func TestEndBetweenWindows(t *testing.T) {
	t.Parallel()
	clock, armed := newClock(), false
	s := newSmall(t, ldaptest.Options{
		Flavor: ldaptest.ActiveDirectory, LinkTTL: ldaptest.LinkTTLOutside, Now: clock.now, MaxValRange: 7,
	}, "group", func(c *Config) {
		c.People.Base = "dc=lab,dc=test"
		c.Observe = func(context.Context, string, int, time.Duration) {
			if armed {
				armed = false
				clock.pass(time.Minute)
			}
		}
	})
	crowd, err := s.server.Crowd("crowd", 30)
	s.must(err)
	for i, dn := range crowd {
		if i == 3 {
			dn = "<TTL=30>," + dn
		}
		s.put(dn)
	}
	armed = true
	ms, err := s.Members(t.Context(), s.id)
	s.must(err)
	var got []string
	for _, m := range ms {
		got = append(got, m.Ref)
	}
	want := slices.Delete(crowd, 3, 4)
	slices.Sort(got)
	slices.Sort(want)
	if armed || !slices.Equal(got, want) {
		t.Errorf("Members while one ends: got %d: %q, want %d: %q", len(got), got, len(want), want)
	}
}

// A directory that cannot end memberships says so, with the way out, and is not
// written to.
func TestNoEndsHere(t *testing.T) {
	t.Parallel()
	for _, kind := range []struct {
		class string
		opt   ldaptest.Options
		says  string
	}{
		{"group", ldaptest.Options{Flavor: ldaptest.ActiveDirectory}, "Samba does not"},
		{"group", ldaptest.Options{Flavor: ldaptest.ActiveDirectory, LinkTTL: ldaptest.LinkTTLOff}, "Enable-ADOptionalFeature"},
		{"groupOfMembers", ldaptest.Options{}, "OpenLDAP ends no memberships"},
		{"groupOfNames", ldaptest.Options{Flavor: ldaptest.DS389}, "389 Directory Server ends no memberships"},
	} {
		kind.opt.OnWrite = func(x ldaptest.Write) {
			if strings.Contains(fmt.Sprint(x.Changes), "TTL") {
				t.Errorf("%s: written %v, want nothing", kind.says, x.Changes)
			}
		}
		s := newSmall(t, kind.opt, kind.class)
		s.refusesEnds(t, kind.says)
		s.probesEnds(kind.says)
	}
	w := newTimed(t, ldaptest.LinkTTLInside, ldaptest.Options{})
	w.probesEnds("the directory ends memberships too")
}

// probesEnds wants the probe to tell whether there are ends, as no failure.
func (s *small) probesEnds(says string) {
	s.t.Helper()
	fs := s.Probe(s.t.Context())
	i := slices.IndexFunc(fs, func(f engine.Finding) bool { return f.What == "ends" })
	if i < 0 || !fs[i].OK || !strings.Contains(fs[i].Message, says) {
		s.t.Errorf("Probe: got %+v, want ends that are well and say %q", fs, says)
	}
}

func (s *small) refusesEnds(t *testing.T, says string) {
	t.Helper()
	until := time.Now().Add(time.Hour)
	changed, end, err := s.AddUntil(t.Context(), s.id, s.ada, until)
	wantKind(t, "AddUntil", err, engine.Unsupported)
	if changed || !end.IsZero() || err != nil && (!strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "leave expire out")) {
		t.Errorf("AddUntil: got %t, %s and %v, want %q and the way out", changed, end, err, says)
	}
	s.list()
	s.put(s.bob.Ref)
	end, err = s.Expire(t.Context(), s.id, s.bob, until)
	wantKind(t, "Expire", err, engine.Unsupported)
	if !end.IsZero() {
		t.Errorf("Expire: got the end %s, want none", end)
	}
	s.list(s.bob)
	if ends, err := s.Expiries(t.Context(), s.id); len(ends) > 0 || err != nil {
		t.Errorf("Expiries: got %v and %v, want none and no error", ends, err)
	}
}

// A forest that hides its features is tried; when it takes neither form that
// is an answer, and once it took one a refusal is about the member.
func TestForestThatHidesItsFeatures(t *testing.T) {
	t.Parallel()
	for links, want := range map[ldaptest.LinkTTL]engine.Kind{ldaptest.LinkTTLOff: engine.Unsupported, ldaptest.LinkTTLInside: engine.Rejected} {
		w := newTimed(t, links, ldaptest.Options{})
		w.server.Fail(ldaptest.Fault{Op: ldaptest.OpSearch, DN: "CN=Partitions,CN=Configuration,dc=lab,dc=test", Code: goldap.LDAPResultNoSuchObject})
		if want == engine.Rejected {
			w.addUntil(w.bob, w.now().Add(time.Hour))
			w.server.Fail(ldaptest.Fault{Op: ldaptest.OpModify, Code: goldap.LDAPResultInvalidDNSyntax, Times: -1})
		}
		_, _, err := w.AddUntil(t.Context(), w.id, w.ada, w.now().Add(time.Hour))
		wantKind(t, "AddUntil", err, want)
	}
}

// The server's answer to a member who is there is 68 on Active Directory, and
// may be 20.
func TestEndOfAPresentMember(t *testing.T) {
	t.Parallel()
	w := newTimed(t, ldaptest.LinkTTLOutside, ldaptest.Options{})
	w.put(w.ada.Ref)
	for _, code := range []uint16{0, 20, 68} {
		w.written()
		if code != 0 {
			w.server.Fail(ldaptest.Fault{Op: ldaptest.OpModify, Code: code})
		}
		changed, end, err := w.AddUntil(t.Context(), w.id, w.ada, w.now().Add(time.Hour))
		if changed || !end.IsZero() || err != nil {
			t.Errorf("AddUntil of a present member, code %d: got %t, %s and %v, want false and nothing", code, changed, end, err)
		}
		if got := w.written(); len(got) != 1 {
			t.Errorf("written: got %q, want one attempt", got)
		}
	}
	w.ends(nil)
}

func TestSplitTTL(t *testing.T) {
	t.Parallel()
	for v, want := range map[string]string{
		"<TTL=600>,CN=a,DC=b":            "10m0s CN=a,DC=b true",
		"<TTL=600,CN=a,DC=b>":            "10m0s CN=a,DC=b true",
		"<TTL=0>,CN=a":                   "0s CN=a true",
		"<TTL=9>,<GUID=00>;CN=a":         "9s <GUID=00>;CN=a true",
		"CN=a,DC=b":                      "0s CN=a,DC=b false",
		"<GUID=00>;CN=<TTL=1>":           "0s <GUID=00>;CN=<TTL=1> false",
		"<TTL=x>,CN=a":                   "0s <TTL=x>,CN=a false",
		"<TTL=>,CN=a":                    "0s <TTL=>,CN=a false",
		"<TTL=-1>,CN=a":                  "0s <TTL=-1>,CN=a false",
		"<TTL=5>CN=a":                    "0s <TTL=5>CN=a false",
		"<TTL=99999999999999999999>,C=a": "0s <TTL=99999999999999999999>,C=a false",
		"<TTL=9999999999999>,C=a":        maxTTL.String() + " C=a true",
	} {
		ttl, dn, ok := splitTTL([]byte(v))
		if got := fmt.Sprint(ttl, " ", string(dn), " ", ok); got != want {
			t.Errorf("%s: got %q, want %q", v, got, want)
		}
	}
}

func TestTTLIsRoundedUp(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)
	for ahead, want := range map[time.Duration]time.Duration{
		time.Minute: time.Minute, time.Minute + 1: time.Minute + time.Second, 0: time.Second, -time.Hour: time.Second,
		1: time.Second, time.Second: time.Second, 100 * 365 * 24 * time.Hour: maxTTL,
	} {
		if got := ttlUntil(now, now.Add(ahead)); got != want {
			t.Errorf("%s: got %s, want %s", ahead, got, want)
		}
	}
}
