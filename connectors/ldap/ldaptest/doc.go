// Package ldaptest is an LDAP v3 server in memory: people and groups to try
// daypass against with nothing installed, and a directory that misbehaves on
// demand for tests.
//
// It answers as OpenLDAP, 389 Directory Server or Active Directory does, in
// the result codes and quirks that matter to whoever manages groups: which code an
// add of a present member gets, what happens to the last member of a
// groupOfNames, how Active Directory hides members above its range limit.
// It knows nothing of replication, access control lists or password policy,
// and its schema is the few classes that people and groups are made of.
//
//	s, err := ldaptest.New(ldaptest.Options{Suffix: "dc=example,dc=org", BindDN: "cn=admin,dc=example,dc=org", Password: "secret"})
//	err = s.Demo(20)
//	err = s.Listen("127.0.0.1:3389")
//	defer s.Close()
//
// It is linked into the daypass program, so nothing here depends on testing.
package ldaptest
