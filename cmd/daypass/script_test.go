package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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
// of its own.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("..", "..", "testdata", "script"),
		Setup:               setupScript,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"members": cmdMembers,
			"put":     cmdPut,
			"take":    cmdTake,
			"ldap":    cmdLDAP,
			"fault":   cmdFault,
			"exits":   cmdExits,
		},
	})
}

// script is the directory behind one script.
type script struct {
	server *ldaptest.Server
	addr   string
}

type scriptKey struct{}

// setupScript starts a directory and says where it is. Scripts find it in
// $LDAP; a configuration for it in $CONFIG, to be written with cp.
func setupScript(env *testscript.Env) error {
	s, err := ldaptest.New(ldaptest.Options{
		BindDN: simulatedDN, Password: simulatedPassword, MemberOf: true, RefInt: true,
	})
	if err != nil {
		return err
	}
	if err := s.Demo(20); err != nil {
		return err
	}
	if err := s.Listen("127.0.0.1:0"); err != nil {
		return err
	}
	env.Defer(func() { _ = s.Close() })
	env.Values[scriptKey{}] = &script{server: s, addr: s.Addr().String()}
	env.Setenv("LDAP", s.URL())
	env.Setenv("PASSWORD", simulatedPassword)
	env.Setenv("TOMORROW", time.Now().Add(24*time.Hour).UTC().Format(time.RFC3339))
	env.Setenv("YESTERDAY", time.Now().Add(-24*time.Hour).UTC().Format(time.RFC3339))
	env.Setenv("LASTWEEK", time.Now().Add(-7*24*time.Hour).UTC().Format(time.RFC3339))
	return expand(env)
}

// expand replaces $LDAP, $TOMORROW, $YESTERDAY and $LASTWEEK in the script's
// files, for a file cannot know them.
func expand(env *testscript.Env) error {
	values := strings.NewReplacer(
		"$LDAP", env.Getenv("LDAP"), "$TOMORROW", env.Getenv("TOMORROW"),
		"$YESTERDAY", env.Getenv("YESTERDAY"), "$LASTWEEK", env.Getenv("LASTWEEK"),
	)
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

func of(ts *testscript.TestScript) *script { return ts.Value(scriptKey{}).(*script) }

// members GROUP [LOGIN...] asserts who is in a group, no more and no less.
func cmdMembers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: members GROUP [LOGIN...]")
	}
	got := []string{}
	for _, dn := range of(ts).server.Members(args[0]) {
		if dn == "" {
			continue // the placeholder of an empty groupOfNames
		}
		rdn, _, _ := strings.Cut(dn, ",")
		_, login, _ := strings.Cut(rdn, "=")
		got = append(got, login)
	}
	want := slices.Sorted(slices.Values(args[1:]))
	slices.Sort(got)
	if !slices.Equal(got, want) {
		ts.Fatalf("members of %s: got %v, want %v", args[0], got, want)
	}
}

// put GROUP LOGIN... adds members behind daypass' back.
func cmdPut(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(of(ts).server.AddMembers(args[0], dns(args[1:])...))
}

// take GROUP LOGIN... removes members behind daypass' back.
func cmdTake(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(of(ts).server.RemoveMembers(args[0], dns(args[1:])...))
}

func dns(logins []string) []string {
	out := make([]string, len(logins))
	for i, l := range logins {
		out[i] = fmt.Sprintf("uid=%s,ou=people,dc=example,dc=org", l)
	}
	return out
}

// ldap stop|start|delete LOGIN changes the directory.
func cmdLDAP(ts *testscript.TestScript, _ bool, args []string) {
	s := of(ts)
	switch args[0] {
	case "stop":
		ts.Check(s.server.Close())
	case "delete":
		ts.Check(s.server.Remove(dns(args[1:])[0]))
	case "group": // a group without members of its own but root
		_, err := s.server.AddGroup(ldaptest.Group{Name: args[1], Members: dns([]string{"root"})})
		ts.Check(err)
	default:
		ts.Fatalf("usage: ldap stop | delete LOGIN | group NAME")
	}
}

// fault modify CODE [TIMES] refuses the next modifies with a result code.
func cmdFault(ts *testscript.TestScript, _ bool, args []string) {
	code, err := strconv.ParseUint(args[1], 10, 16)
	ts.Check(err)
	f := ldaptest.Fault{Code: uint16(code)}
	switch args[0] {
	case "modify":
		f.Op = ldaptest.OpModify
	case "search":
		f.Op = ldaptest.OpSearch
	case "none":
		of(ts).server.ClearFaults()
		return
	}
	of(ts).server.Fail(f)
}

// exits CODE daypass ARGS... runs daypass and asserts its exit code exactly.
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		var coded interface{ ExitCode() int }
		if !errors.As(err, &coded) {
			ts.Fatalf("%v", err)
		}
		got = coded.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
