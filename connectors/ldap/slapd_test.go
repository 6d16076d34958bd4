package ldap

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/beds"
)

// slapdNook starts an OpenLDAP of its own for a test that treats it badly.
func slapdNook(t *testing.T, class, attr string, opts beds.SlapdOptions) (*beds.SlapdServer, *nook) {
	t.Helper()
	l := &lab{class: class, attr: attr, full: class == "groupOfNames" || class == "groupOfUniqueNames"}
	s := slapdLab(t, opts, l)
	return s, l.newNook(t)
}

func TestConnectionsAreEncryptedAndVerified(t *testing.T) {
	t.Parallel()
	s, n := slapdNook(t, "groupOfMembers", "member", beds.SlapdOptions{})
	works := func(what string, edit func(*Config)) {
		t.Helper()
		if _, err := n.connector(edit).Group(t.Context(), "prod-db"); err != nil {
			t.Errorf("Group over %s: got error %v, want none", what, err)
		}
	}
	works("ldaps", func(*Config) {})
	works("StartTLS", func(c *Config) { c.URL, c.StartTLS = s.URL, true })
	works("ldaps by the name on the certificate", func(c *Config) { c.ServerName = "localhost" })

	refused := func(what, want string, edit func(*Config)) {
		t.Helper()
		_, err := n.connector(edit).Group(t.Context(), "prod-db")
		wantKind(t, "Group over "+what, err, engine.Denied)
		if err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("Group over %s: got error %q, want the way out %q", what, err, want)
		}
	}
	refused("ldaps with another name", "set serverName", func(c *Config) { c.ServerName = "ldap.example.org" })
	refused("StartTLS with another name", "set serverName", func(c *Config) { c.URL, c.StartTLS, c.ServerName = s.URL, true, "ldap.example.org" })
	refused("ldaps with an unknown authority", "set ca", func(c *Config) { c.CAFile = "" })
	refused("a missing authority", "ca file", func(c *Config) { c.CAFile = "/nowhere.pem" })

	_, err := n.connector(func(c *Config) { c.URL = strings.Replace(s.URL, "ldap:", "ldaps:", 1) }).Group(t.Context(), "prod-db")
	wantKind(t, "Group over ldaps on the port of ldap", err, engine.Unavailable)
	if err != nil && !strings.Contains(err.Error(), "does it speak tls") {
		t.Errorf("Group over ldaps on the port of ldap: got error %q, want it to ask for the port", err)
	}
}

func TestServerKilledBetweenReads(t *testing.T) {
	t.Parallel()
	s, n := slapdNook(t, "groupOfMembers", "member", beds.SlapdOptions{})
	c := n.connector()
	g := n.id(c, n.group)
	n.put(n.crowd[:900]...)
	if ms, err := c.Members(t.Context(), g); err != nil || len(ms) != 900 {
		t.Fatalf("Members: got %d and %v, want 900", len(ms), err)
	}
	failures := make(chan error, 1)
	go func() {
		for {
			ms, err := c.Members(t.Context(), g)
			if err != nil || len(ms) != 900 {
				failures <- fmt.Errorf("%d members: %w", len(ms), err)
				return
			}
		}
	}()
	s.Kill()
	err := <-failures
	wantKind(t, "Members of a server that was killed", err, engine.Unavailable)
	if !strings.HasPrefix(err.Error(), "0 members") {
		t.Errorf("Members of a server that was killed: got %v, want nobody beside the error", err)
	}
	s.Restart()
	if ms, err := c.Members(t.Context(), g); err != nil || len(ms) != 900 {
		t.Errorf("Members after the server is back: got %d and %v, want 900", len(ms), err)
	}
}

// A stopped process keeps its connections open and answers nothing; a large
// change does not even fit into the socket's buffers.
func TestPausedServerDoesNotHangChanges(t *testing.T) {
	t.Parallel()
	s, n := slapdNook(t, "groupOfMembers", "member", beds.SlapdOptions{})
	c := n.connector(func(c *Config) { c.Timeout = 2 * time.Second; c.URL = s.URL; c.Connections = 1 })
	g := n.id(c, n.group)
	var all edits
	for i := range 60000 {
		all = append(all, &edit{value: fmt.Sprintf("uid=long-%s-%d,ou=people,%s", strings.Repeat("x", 200), i, n.root)})
	}
	ref, _ := c.groups.get(g)
	s.Pause()
	for what, es := range map[string]edits{"small": all[:1], "12 MB": all} {
		began := time.Now()
		err := c.fail("change", c.modify(t.Context(), ref, es))
		wantKind(t, what+" change on a paused server", err, engine.Unavailable)
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("%s change on a paused server: got an error after %s, want one after a few seconds", what, took)
		}
	}
	s.Resume()
	if _, err := c.Members(t.Context(), g); err != nil {
		t.Errorf("Members after the pause: got error %v, want none", err)
	}
}

// limited edits a config to bind as the reader with small limits.
func limited(c *Config) {
	c.BindDN, c.Password, c.PageSize = "cn=limited,dc=lab,dc=test", static("limited"), 500
}

func TestLimitsOfSlapd(t *testing.T) {
	t.Parallel()
	_, n := slapdNook(t, "groupOfMembers", "member", beds.SlapdOptions{})
	for i := range 40 {
		n.newGroup(fmt.Sprintf("g%d", i))
	}
	c := n.connector(limited)
	total := 0
	for _, err := range c.Groups(t.Context()) {
		n.must(err)
		total++
	}
	if total != 41 || c.page.Load() > 20 {
		t.Errorf("Groups with pages of 20 at most: got %d by pages of %d, want 41 by smaller pages", total, c.page.Load())
	}
	_, n = slapdNook(t, "groupOfMembers", "member", beds.SlapdOptions{Limits: "size=10 size.pr=5 size.prtotal=15"})
	for i := range 20 {
		n.newGroup(fmt.Sprintf("g%d", i))
	}
	var last error
	for g, err := range n.connector(limited).Groups(t.Context()) {
		if last = err; err == nil {
			t.Errorf("Groups beyond a limit: got %v before the error, want none", g)
		}
	}
	wantKind(t, "Groups beyond a limit", last, engine.Partial)
}

// The placeholder, and what the memberof overlay makes of it.
func TestLastMemberOfSlapd(t *testing.T) {
	t.Parallel()
	for class, attr := range map[string]string{"groupOfNames": "member", "groupOfUniqueNames": "uniqueMember"} {
		for _, nobody := range []string{"", "cn=nobody,dc=lab,dc=test"} {
			t.Run(class+" "+nobody, func(t *testing.T) {
				t.Parallel()
				l := &lab{class: class, attr: attr, full: true, nobody: nobody}
				slapdLab(t, beds.SlapdOptions{Overlays: []string{"memberof", "refint"}}, l)
				n := l.newNook(t)
				c := n.connector()
				g := n.id(c, n.group)
				dn := n.person("ada", "ada", "ada"+labMail)
				ada, err := c.Resolve(t.Context(), "ada"+labMail)
				n.must(err)
				for range 2 {
					if ms, err := c.Members(t.Context(), g); len(ms) > 0 || err != nil {
						t.Errorf("Members: got %v and %v, want nobody", ms, err)
					}
					if changed, err := c.Add(t.Context(), g, ada); !changed || err != nil {
						t.Fatalf("Add: got %t and %v, want true", changed, err)
					}
					if got := n.values(n.group, attr); !slices.Equal(got, []string{dn}) {
						t.Errorf("values after Add: got %q, want %q", got, dn)
					}
					if changed, err := c.Remove(t.Context(), g, ada); !changed || err != nil {
						t.Fatalf("Remove: got %t and %v, want true", changed, err)
					}
					if got := n.values(n.group, attr); !slices.Equal(got, []string{nobody}) {
						t.Errorf("values after Remove: got %q, want %q", got, nobody)
					}
				}
			})
		}
	}
}

func TestGroupsOfSeveralClasses(t *testing.T) {
	t.Parallel()
	_, n := slapdNook(t, "groupOfMembers", "member", beds.SlapdOptions{Overlays: []string{"dynlist"}})
	n.dynamicGroup()
	c := n.connector()
	g, err := c.Group(t.Context(), "dynamic")
	if err != nil || !strings.Contains(g.Unmanageable, "memberURL") {
		t.Errorf("Group of a dynamic group: got %+v and %v, want it unmanageable", g, err)
	}
	dn := n.person("ada", "ada", "ada"+labMail)
	ada, err := c.Resolve(t.Context(), "ada"+labMail)
	n.must(err)
	_, err = c.Add(t.Context(), g.ID, ada)
	wantKind(t, "Add to a dynamic group", err, engine.Unmanageable)
	if ms, err := c.Members(t.Context(), g.ID); err != nil || len(ms) != 1 || ms[0].ID != ada.ID {
		t.Errorf("Members of a dynamic group: got %v and %v, want what it comes to", ms, err)
	}
	findings := c.Probe(t.Context())
	if i := slices.IndexFunc(findings, func(f engine.Finding) bool { return strings.Contains(f.Message, "unmanageable: dynamic") }); i < 0 {
		t.Errorf("Probe: got %+v, want the dynamic group named", findings)
	}
	// uniqueMember with a bit string behind the DN.
	n.must(n.add("cn=unique,ou=groups,"+n.root, map[string][]string{"objectClass": {"groupOfUniqueNames"}, "uniqueMember": {dn + "#'0101'B", ""}}))
	u := n.id(c, "cn=unique,ou=groups,"+n.root)
	ms, err := c.Members(t.Context(), u)
	if err != nil || len(ms) != 1 || ms[0].ID != ada.ID {
		t.Fatalf("Members of a uniqueMember with a bit string: got %v and %v, want ada", ms, err)
	}
	if changed, err := c.Remove(t.Context(), u, ms[0]); !changed || err != nil {
		t.Errorf("Remove of a uniqueMember with a bit string: got %t and %v, want true", changed, err)
	}
}

func TestManyChangesAreCutIntoParts(t *testing.T) {
	t.Parallel()
	var es edits
	for i := range 12001 {
		es = append(es, &edit{value: fmt.Sprint(i)})
	}
	if got := parts(es); len(got) != 3 || len(got[0]) != maxValues || len(got[2]) != 2001 {
		t.Errorf("parts of 12001 values: got %d, want 5000, 5000 and 2001", len(got))
	}
	big := edits{{value: strings.Repeat("x", maxBytes)}, {value: "y"}, {value: "z"}}
	if got := parts(big); len(got) != 2 || len(got[0]) != 1 || len(got[1]) != 2 {
		t.Errorf("parts of a large value and two small ones: got %v, want 1 and 2", got)
	}
}
