package ldaptest_test

import (
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/daypass-dev/daypass/connectors/ldap/ldaptest"
)

func TestBind(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name           string
		flavor         ldaptest.Flavor
		user, password string
		want           int
	}{
		{"administrator", ldaptest.OpenLDAP, adminDN, password, 0},
		{"administrator, spelled otherwise", ldaptest.OpenLDAP, "CN=Admin, DC=example,DC=org", password, 0},
		{"wrong password", ldaptest.OpenLDAP, adminDN, "wrong", 49},
		{"unknown name", ldaptest.OpenLDAP, "uid=nobody,ou=people,dc=example,dc=org", password, 49},
		{"person", ldaptest.OpenLDAP, "uid=eve,ou=people,dc=example,dc=org", "hunter2", 0},
		{"person by principal name", ldaptest.ActiveDirectory, "eve@example.org", "hunter2", 0},
		{"person by domain name", ldaptest.ActiveDirectory, `EXAMPLE\eve`, "hunter2", 0},
		{"wrong password", ldaptest.ActiveDirectory, "eve@example.org", "wrong", 49},
		{"no principal names", ldaptest.DS389, "eve@example.org", "hunter2", 49},
	}
	for _, tt := range tests {
		t.Run(tt.name+"/"+tt.flavor.String(), func(t *testing.T) {
			t.Parallel()
			s := start(t, ldaptest.Options{Flavor: tt.flavor})
			if _, err := s.AddPerson(ldaptest.Person{Login: "eve", Mail: "eve@example.org", Password: "hunter2"}); err != nil {
				t.Fatal(err)
			}
			if got := code(dial(t, s).Bind(tt.user, tt.password)); got != tt.want {
				t.Errorf("code %d, want %d", got, tt.want)
			}
		})
	}
}

// A name without a password must never look like a login that worked.
func TestUnauthenticatedBind(t *testing.T) {
	t.Parallel()
	for _, f := range flavors {
		c := dial(t, start(t, ldaptest.Options{Flavor: f, AllowAnonymous: true}))
		if got := code(c.UnauthenticatedBind(adminDN)); got != 53 {
			t.Errorf("%s: code %d, want 53", f, got)
		}
	}
}

// Who did not bind reads only where that is allowed, and never writes. A bind
// that fails takes away what an earlier one gave.
func TestRights(t *testing.T) {
	t.Parallel()
	tests := []struct {
		flavor            ldaptest.Flavor
		read, write, weak int // anonymous read where it is not allowed, anonymous write, a person's write
	}{
		{ldaptest.OpenLDAP, 8, 8, 50},
		{ldaptest.DS389, 48, 50, 50},
		{ldaptest.ActiveDirectory, 1, 1, 50},
	}
	for _, tt := range tests {
		t.Run(tt.flavor.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, ldaptest.Options{Flavor: tt.flavor})
			eve := must[string](t)(w.server.AddPerson(ldaptest.Person{Login: "eve", Password: "hunter2"}))
			read := query(w.group, ldap.ScopeBaseObject, "(objectClass=*)")
			if err := w.conn.Bind(adminDN, "wrong"); code(err) != 49 {
				t.Fatal(err)
			}
			if _, err := w.conn.Search(read); code(err) != tt.read {
				t.Errorf("anonymous read: %v, want %d", err, tt.read)
			}
			if err := modifyMember(w.conn, w.group, add, "member", eve); code(err) != tt.write {
				t.Errorf("anonymous write: %v, want %d", err, tt.write)
			}
			if err := w.conn.Bind(eve, "hunter2"); err != nil {
				t.Fatal(err)
			}
			if _, err := w.conn.Search(read); err != nil {
				t.Errorf("a person reads: %v", err)
			}
			if err := modifyMember(w.conn, w.group, add, "member", eve); code(err) != tt.weak {
				t.Errorf("a person writes: %v, want %d", err, tt.weak)
			}
		})
	}
}

func TestAnonymousRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ldaptest.Options{AllowAnonymous: true})
	c := dial(t, w.server)
	if err := c.UnauthenticatedBind(""); err != nil {
		t.Fatal(err)
	}
	if got := len(find(t, c, "(cn=g)")); got != 1 {
		t.Errorf("found %d, want 1", got)
	}
}

func TestWhoAmI(t *testing.T) {
	t.Parallel()
	for i, f := range flavors {
		c := connect(t, start(t, ldaptest.Options{Flavor: f}))
		res, err := c.WhoAmI(nil)
		if want := []int{0, 0, 2}[i]; code(err) != want {
			t.Errorf("%s: %v, want code %d", f, err, want)
		}
		if err == nil && res.AuthzID != "dn:"+adminDN {
			t.Errorf("%s: %q", f, res.AuthzID)
		}
	}
}

func TestRequireTLS(t *testing.T) {
	t.Parallel()
	for i, f := range flavors {
		opt := ldaptest.Options{Flavor: f, RequireTLS: true, TLS: serverTLS(t), BindDN: adminDN, Password: password}
		c := dial(t, start(t, opt))
		if got, want := code(c.Bind(adminDN, password)), []int{13, 13, 8}[i]; got != want {
			t.Errorf("%s: code %d, want %d", f, got, want)
		}
		if err := c.StartTLS(clientTLS(t, opt.TLS)); err != nil {
			t.Fatal(err)
		}
		if err := c.Bind(adminDN, password); err != nil {
			t.Errorf("%s: after StartTLS: %v", f, err)
		}
		if _, err := c.Search(query("", ldap.ScopeBaseObject, "(objectClass=*)")); err != nil {
			t.Errorf("%s: search over TLS: %v", f, err)
		}
	}
}

func TestLDAPS(t *testing.T) {
	t.Parallel()
	conf := serverTLS(t)
	s := must[*ldaptest.Server](t)(ldaptest.New(ldaptest.Options{BindDN: adminDN, Password: password, TLS: conf}))
	defer s.Close()
	if err := s.ListenTLS("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	c, err := ldap.DialURL(s.URL(), ldap.DialWithTLSConfig(clientTLS(t, conf)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Bind(adminDN, password); err != nil {
		t.Fatal(err)
	}
	if err := c.StartTLS(clientTLS(t, conf)); err == nil {
		t.Error("StartTLS on ldaps worked")
	}
}

func TestStartTLSNotConfigured(t *testing.T) {
	t.Parallel()
	c := dial(t, start(t, ldaptest.Options{}))
	if got := code(c.StartTLS(clientTLS(t, serverTLS(t)))); got != 52 {
		t.Errorf("code %d, want 52", got)
	}
}
