// Package oktatest is an Okta org in memory: users, groups and group rules to
// try daypass against with nothing installed, and a directory that misbehaves
// on demand for tests.
//
// It is written from Okta's public contract (the management OpenAPI file, the
// developer documentation, and recordings of real traffic), and knows nothing
// of the connector. It answers the calls that a manager of group memberships
// needs: groups, their members, group rules, users, the System Log, the token
// endpoint, and what tells an administrator's rights. Page sizes, headers,
// error bodies, rate limits and the quirks are Okta's: a PUT or DELETE of a
// membership answers 204 whether or not it made a difference, a member whom a
// rule holds can be removed only at a lasting price, deactivated users stay in
// their groups, and listings may lag behind writes.
//
//	s := oktatest.New(oktatest.Options{Token: "secret"})
//	err := s.Demo(20)
//	err = s.Start("127.0.0.1:8080")
//	defer s.Close()
//
// It is linked into the daypass program, so nothing here depends on testing.
// It does not check DPoP proofs: an app that demands them gets no token.
package oktatest
