// Package beds starts real servers for tests: OpenLDAP, a Samba domain
// controller and PostgreSQL, on loopback, in temporary folders, from the packages that
// `make deps` installs. A server that is not installed fails the test.
//
// Only tests import it. It knows nothing of daypass, and neither LDAP nor SQL: it hands out
// addresses and files, and can stop, kill, pause and restart what it started.
// Servers end with the test, and with the test process when that is killed.
package beds
