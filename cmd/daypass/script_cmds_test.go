package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/daypass-dev/daypass/connectors/ldap/ldaptest"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/store"
)

// exits CODE COMMAND ARGS... runs a command and asserts its exit code exactly.
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

// members [VENDOR/]GROUP [LOGIN...] asserts who is in a group, no more and no
// less.
func cmdMembers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: members [VENDOR/]GROUP [LOGIN...]")
	}
	got := ldapMembers(ts, args[0])
	if v, group := cloudGroup(ts, args[0]); v != nil {
		got = v.members(group)
	}
	want := slices.Sorted(slices.Values(args[1:]))
	slices.Sort(got)
	if !slices.Equal(got, want) {
		ts.Fatalf("members of %s: got %v, want %v", args[0], got, want)
	}
}

// cloudGroup divides VENDOR/GROUP; nil where it is a group of the LDAP server.
func cloudGroup(ts *testscript.TestScript, name string) (*vendor, string) {
	kind, group, _ := strings.Cut(name, "/")
	return of(ts).clouds[kind], group
}

func ldapMembers(ts *testscript.TestScript, group string) (got []string) {
	for _, m := range of(ts).server.Members(group) {
		if m == "" {
			continue // the placeholder of an empty groupOfNames
		}
		rdn, _, _ := strings.Cut(m, ",")
		if _, value, ok := strings.Cut(rdn, "="); ok {
			rdn = value
		}
		got = append(got, rdn)
	}
	return got
}

// put GROUP LOGIN... adds members behind daypass' back.
func cmdPut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: put [VENDOR/]GROUP LOGIN...")
	}
	if v, group := cloudGroup(ts, args[0]); v != nil {
		for _, login := range args[1:] {
			ts.Check(v.put(group, login))
		}
		return
	}
	ts.Check(of(ts).server.AddMembers(args[0], dns(args[1:])...))
}

// take GROUP LOGIN... removes members behind daypass' back.
func cmdTake(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: take [VENDOR/]GROUP LOGIN...")
	}
	if v, group := cloudGroup(ts, args[0]); v != nil {
		for _, login := range args[1:] {
			ts.Check(v.take(group, login))
		}
		return
	}
	ts.Check(of(ts).server.RemoveMembers(args[0], dns(args[1:])...))
}

const ldapUsage = `usage: ldap stop
       ldap start
       ldap await OP
       ldap person LOGIN MAIL
       ldap disable LOGIN
       ldap delete LOGIN
       ldap group NAME [KIND [LOGIN...]]
       ldap drop NAME`

// ldap changes the directory, or takes it down and up again.
func cmdLDAP(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	switch {
	case neg || len(args) == 0:
		ts.Fatalf("%s", ldapUsage)
	case args[0] == "stop":
		ts.Check(s.gate.shut())
		s.server.Disconnect()
	case args[0] == "start":
		ts.Check(s.gate.open())
	case args[0] == "await" && len(args) == 2:
		await(ts, "the directory was never asked to "+args[1], func() bool {
			return s.server.Requests()[ldaptest.Op(args[1])] > 0
		})
	case args[0] == "person" && len(args) == 3:
		_, err := s.server.AddPerson(ldaptest.Person{Login: args[1], Mail: args[2]})
		ts.Check(err)
	case args[0] == "disable" && len(args) == 2:
		ts.Check(s.server.Modify(dns(args[1:])[0], ldaptest.Change{
			Kind: ldaptest.ReplaceValues, Attr: "pwdAccountLockedTime", Values: []string{"000001010000Z"},
		}))
	case args[0] == "delete" && len(args) == 2:
		ts.Check(s.server.Remove(dns(args[1:])[0]))
	case args[0] == "group" && len(args) >= 2:
		ts.Check(newGroup(s.server, args[1:]))
	case args[0] == "drop" && len(args) == 2:
		ts.Check(s.server.Remove("cn=" + args[1] + ",ou=groups,dc=example,dc=org"))
	default:
		ts.Fatalf("%s", ldapUsage)
	}
}

// newGroup makes a group of a kind and with members; root alone where none are
// given and the kind may not be empty.
func newGroup(s *ldaptest.Server, args []string) error {
	g := ldaptest.Group{Name: args[0], Kind: ldaptest.GroupOfNames, Members: dns([]string{"root"})}
	if len(args) > 1 {
		g.Kind, g.Members = ldaptest.GroupKind(args[1]), dns(args[2:])
	}
	if g.Kind == ldaptest.PosixGroup {
		g.Members = args[2:]
	}
	_, err := s.AddGroup(g)
	return err
}

// fault OP CODE [GROUP] answers requests with a result code, until fault none.
// With a group, only requests on that group's entry. With slow for a code, the
// answer is right, and takes a minute.
func cmdFault(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts).server
	switch {
	case !neg && slices.Equal(args, []string{"none"}):
		s.ClearFaults()
		return
	case neg || len(args) < 2:
		ts.Fatalf("usage: fault none | fault OP CODE|slow [GROUP]")
	}
	f := ldaptest.Fault{Op: ldaptest.Op(args[0]), Times: -1}
	if args[1] == "slow" {
		f.Delay = time.Minute
	} else {
		code, err := strconv.ParseUint(args[1], 10, 16)
		ts.Check(err)
		f.Code = uint16(code)
	}
	if len(args) > 2 {
		f.DN = "cn=" + args[2] + ",ou=groups,dc=example,dc=org"
	}
	s.ResetRequests()
	s.Fail(f)
}

// lock FILE holds the lock of a store as another run would, until lock none.
func cmdLock(ts *testscript.TestScript, neg bool, args []string) {
	held := &of(ts).lock
	switch {
	case neg || len(args) != 1 || (*held != nil) != (args[0] == "none"):
		ts.Fatalf("usage: lock FILE, and then lock none")
	case args[0] == "none":
		(*held)()
		*held = nil
		return
	}
	s, err := store.Open(context.Background(), ts.MkAbs(args[0]))
	ts.Check(err)
	unlock, err := s.Lock(context.Background(), time.Now())
	ts.Check(err)
	*held = func() {
		unlock()
		_ = s.Close() // nothing was written
	}
}

// sql FILE STATEMENT changes a store behind daypass' back.
func cmdSQL(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sql FILE STATEMENT")
	}
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	_, err = db.Exec(args[1])
	ts.Check(errors.Join(err, db.Close()))
}

// token NAME PERSON puts a token of a person, by which a verb asks a daypass that
// serves, into a variable.
func cmdToken(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: token NAME PERSON")
	}
	s, err := store.Open(context.Background(), ts.MkAbs("daypass.db"))
	ts.Check(err)
	secret, now := "dp_"+rand.Text()+rand.Text(), time.Now()
	err = s.AddToken(context.Background(), store.Token{
		ID: "t" + rand.Text(), Person: engine.Person(args[1]), Name: "script", Scopes: []string{"read", "request", "approve"},
		Made: now, Expires: now.Add(time.Hour),
	}, secret)
	ts.Check(errors.Join(err, s.Close()))
	ts.Setenv(args[0], secret)
}

// fill FILE BYTES [TEXT] appends a text, or spaces, until FILE has so many bytes.
func cmdFill(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fill FILE BYTES [TEXT]")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	text := []byte(" \n")
	if len(args) > 2 {
		text = []byte(args[2] + "\n")
	}
	b := []byte(ts.ReadFile(args[0]))
	b = append(b, bytes.Repeat(text, max(0, n-len(b))/len(text)+1)...)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o600))
}

// capture NAME REGEXP puts what the first group of a regular expression finds
// in the standard output into a variable.
func cmdCapture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: capture NAME REGEXP")
	}
	re, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	found := re.FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) < 2 {
		ts.Fatalf("no match for %q in the standard output", args[1])
	}
	ts.Setenv(args[0], found[1])
}

// until FILE REGEXP waits until a file holds a match.
func cmdUntil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: until FILE REGEXP")
	}
	re, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	await(ts, args[0]+" never had "+args[1], func() bool {
		b, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && re.Match(b)
	})
}

// await waits until something is so.
func await(ts *testscript.TestScript, never string, so func() bool) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); !so(); <-tick.C {
		if time.Now().After(deadline) {
			ts.Fatalf("%s", never)
		}
	}
}

// page FILE writes what the last command showed to a file, with all that
// differs between two runs masked, to be held against a golden page with cmp.
func cmdPage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: page FILE")
	}
	text := ts.ReadFile("stdout") + ts.ReadFile("stderr")
	text = strings.ReplaceAll(text, ts.Getenv("WORK"), "$WORK")
	for _, m := range masks() {
		text = m.find.ReplaceAllString(text, m.show)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

type mask struct {
	find *regexp.Regexp
	show string
}

func masks() []mask {
	var ms []mask
	for _, m := range [][2]string{
		{`\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?Z`, "TIME"},
		{`\br\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{8}\b`, "RUN"},
		{`\br[a-z2-7]{20}\b`, "REQUEST"},
		{`sha256:[0-9a-f]{64}`, "sha256:DIGEST"},
		{`sha256:[0-9a-f]{12}\b`, "sha256:DIGEST"},
		{`\b[0-9]+:[0-9a-f]{64}\b`, "HEAD"},
		{`\bg[0-9a-f]{20}\b`, "GRANT"},
		{`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`, "ID"},
		{`\bin [0-9,]+ (s|min|h|days)\b`, "in N $1"},
		{`TIME, (now|[0-9,]+ (s|min) ago)\b`, "TIME, just now"}, // as quick as the machine is
		{`\b[0-9,]+ (h|days) ago\b`, "N $1 ago"},
		{`127\.0\.0\.1:\d+`, "127.0.0.1:PORT"},
		{`\bby [^\s)]+@[^\s)]+`, "by ADMIN"},
		{`by hand, \S+`, "by hand, ADMIN"},
		{`(\S)  +`, "$1  "}, // columns are as wide as the names in them
	} {
		ms = append(ms, mask{regexp.MustCompile(m[0]), m[1]})
	}
	return ms
}
