package ldaptest_test

import (
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/daypass-dev/daypass/connectors/ldap/ldaptest"
)

// What a newcomer does, on each flavor: bind, look, add, look, remove.
func TestDemo(t *testing.T) {
	t.Parallel()
	for _, f := range flavors {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			s := start(t, ldaptest.Options{Flavor: f})
			if err := s.Demo(25); err != nil {
				t.Fatal(err)
			}
			c := connect(t, s)
			ada := find(t, c, "(mail=ADA@example.org)", "1.1")
			group := find(t, c, "(cn=prod-db)", "member")
			if len(ada) != 1 || len(group) != 1 || len(group[0].GetAttributeValues("member")) != 1 {
				t.Fatalf("found %d ada, groups %v", len(ada), group)
			}
			if err := modifyMember(c, group[0].DN, ldap.AddAttribute, "member", ada[0].DN); err != nil {
				t.Fatal(err)
			}
			if got := s.Members("prod-db"); len(got) != 2 {
				t.Errorf("members after add: %v", got)
			}
			if err := modifyMember(c, group[0].DN, ldap.DeleteAttribute, "member", ada[0].DN); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(group[0].GetAttributeValues("member"), s.Members("prod-db")); diff != "" {
				t.Error(diff)
			}
		})
	}
}
