package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/daypass-dev/daypass/connectors/ldap/ldaptest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"daypass": main})
}

// Each script is a page of shell that a user could type, against a directory
// of its own. testdata/script/README.md lists the commands beyond testscript's.
func TestScripts(t *testing.T) {
	t.Parallel()
	certs := newCertificates(t)
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("..", "..", "testdata", "script"),
		Setup:               func(env *testscript.Env) error { return setupScript(env, certs) },
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"entra":    cmdCloud("entra"),
			"google":   cmdCloud("google"),
			"okta":     cmdCloud("okta"),
			"capture":  cmdCapture,
			"exits":    cmdExits,
			"fault":    cmdFault,
			"fill":     cmdFill,
			"ldap":     cmdLDAP,
			"lock":     cmdLock,
			"members":  cmdMembers,
			"page":     cmdPage,
			"postgres": cmdPostgres(t),
			"put":      cmdPut,
			"sql":      cmdSQL,
			"take":     cmdTake,
			"token":    cmdToken,
			"until":    cmdUntil,
		},
	})
}

// script is what stands behind one script: an LDAP server, and the clouds that
// its files name.
type script struct {
	server *ldaptest.Server
	gate   *gate
	clouds map[string]*vendor
	lock   func() // gives back the lock that the script holds, if it does
}

type scriptKey struct{}

func of(ts *testscript.TestScript) *script { return ts.Value(scriptKey{}).(*script) }

// setupScript starts a directory, says in the environment where it is, and
// puts the usual configuration beside a script that has none of its own.
func setupScript(env *testscript.Env, certs *certificates) error {
	s, err := ldaptest.New(ldaptest.Options{
		BindDN: simulatedDN, Password: simulatedPassword, MemberOf: true, RefInt: true, TLS: certs.server,
	})
	if err != nil {
		return err
	}
	env.Defer(func() { _ = s.Close() })
	if err := s.Demo(20); err != nil {
		return err
	}
	g, err := newGate()
	if err != nil {
		return err
	}
	go func() { _ = s.Serve(g) }() // until Close
	secure, err := serveTLS(s, certs)
	if err != nil {
		return err
	}
	clouds, err := openClouds(env)
	if err != nil {
		return err
	}
	env.Values[scriptKey{}] = &script{server: s, gate: g, clouds: clouds}
	env.Setenv("LDAP", "ldap://"+g.Addr().String())
	env.Setenv("ADDR", g.Addr().String())
	env.Setenv("LDAPS", "ldaps://127.0.0.1:"+secure)
	env.Setenv("LDAPSNAME", "ldaps://localhost:"+secure)
	env.Setenv("PASSWORD", simulatedPassword)
	env.Setenv("COLUMNS", "400") // pages without line breaks within a sentence
	for name, ahead := range map[string]time.Duration{
		"TOMORROW": 24, "NEXTWEEK": 7 * 24, "HOURAGO": -1, "YESTERDAY": -24, "LASTWEEK": -7 * 24,
	} {
		env.Setenv(name, time.Now().Add(ahead*time.Hour).UTC().Truncate(time.Minute).Format(time.RFC3339))
	}
	for name, pem := range map[string][]byte{"ca.pem": certs.ca, "other-ca.pem": certs.other} {
		if err := os.WriteFile(filepath.Join(env.WorkDir, name), pem, 0o600); err != nil {
			return err
		}
	}
	if err := usual(env.WorkDir); err != nil {
		return err
	}
	return expand(env)
}

// usualConfig is the configuration of a script that brings none.
const usualConfig = `version: 1
directories:
  corp:
    type: ldap
    url: $LDAP
    bind: {dn: "cn=daypass,ou=services,dc=example,dc=org", password: "env:PASSWORD"}
    people: {base: "ou=people,dc=example,dc=org", match: "(mail={person})"}
    groups: {base: "ou=groups,dc=example,dc=org"}
resources:
  prod-db: {title: Production databases, groups: [corp/prod-db]}
grants: [grants/*.yaml]
`

// usual writes the usual configuration, with what a script has in more.yaml
// below it.
func usual(dir string) error {
	path := filepath.Join(dir, "daypass.yaml")
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	more, err := os.ReadFile(filepath.Join(dir, "more.yaml"))
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	return os.WriteFile(path, append([]byte(usualConfig), more...), 0o600)
}

// expand replaces $LDAP, $TOMORROW and their like in the script's files, for a
// file cannot know them.
func expand(env *testscript.Env) error {
	var pairs []string
	// The longer name first: $LDAPSNAME begins with $LDAPS.
	for _, name := range []string{"LDAPSNAME", "LDAPS", "LDAP", "ENTRA", "OKTA", "GOOGLE", "TOMORROW", "NEXTWEEK", "HOURAGO", "YESTERDAY", "LASTWEEK"} {
		pairs = append(pairs, "$"+name, env.Getenv(name))
	}
	values := strings.NewReplacer(pairs...)
	return filepath.WalkDir(env.WorkDir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, []byte(values.Replace(string(b))), 0o600)
	})
}

func dns(logins []string) []string {
	out := make([]string, len(logins))
	for i, l := range logins {
		out[i] = fmt.Sprintf("uid=%s,ou=people,dc=example,dc=org", l)
	}
	return out
}
