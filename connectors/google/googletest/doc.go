// Package googletest is a Google Workspace customer in memory: people and
// groups to try daypass against without an account at Google, and a directory
// that misbehaves on demand for tests.
//
// It serves what Google's reference of the Directory API, the Reports API
// (groups_enterprise) and the Cloud Identity Groups API say of group
// memberships, and the token endpoint for service accounts: page sizes,
// quotas, error bodies, groups that are dynamic or locked, entries that lack
// an address or a status, memberships that end by themselves, and writes that
// readers see late. What Google does not document is said where it is decided.
//
// It knows nothing of devices, licences or organizational units, writes no
// mail, and keeps no order of listings that is asked for.
//
//	s := googletest.New(googletest.Options{})
//	err := s.Demo(20)
//	err = s.Start("127.0.0.1:8080")
//	defer s.Close()
//
// It shares no code with the connector, and nothing here depends on testing.
package googletest
