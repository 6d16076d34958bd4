package main

import (
	"cmp"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/daypass-dev/daypass/connectors/entra/entratest"
	"github.com/daypass-dev/daypass/connectors/google/googletest"
	"github.com/daypass-dev/daypass/connectors/okta/oktatest"
	"github.com/daypass-dev/daypass/internal/sim"
)

// vendor is a simulated cloud as the scripts see it: people and groups by
// what stands before the @ where they have one.
type vendor struct {
	simulated
	addr   string // once it was started
	faults *sim.Faults
	log    *sim.Log
	// wrong are the things that no program may do and this one did.
	wrong func() []string
	// refusal is the body that goes with a status.
	refusal func(status int) string

	members     func(group string) []string
	put, take   func(group, login string) error
	person      func(login, mail string) error
	disable     func(login string) error
	remove      func(login string) error
	rename      func(login, to string) error
	group       func(name, kind string, members []string) error
	renameGroup func(name, to string) error
	drop        func(name string) error
}

// domain is that of everybody in the simulated directories.
const domain = "@example.org"

// full is a login with its domain.
func full(login string) string {
	if strings.Contains(login, "@") {
		return login
	}
	return login + domain
}

func fullAll(logins []string) []string {
	out := make([]string, len(logins))
	for i, l := range logins {
		out[i] = full(l)
	}
	return out
}

// bare is what scripts call somebody.
func bare(login string) string { return strings.TrimSuffix(login, domain) }

// cast are the logins that scripts call somebody by. The simulators tell
// members by their ids.
type cast struct {
	logins []string
	id     func(login string) string
}

func newCast(id func(login string) string) *cast {
	return &cast{id: id, logins: []string{
		"root", "ada", "grace", "linus", "margaret", "ken", "barbara", "dennis", "radia", "edsger", "frances",
		"donald", "katherine", "alan", "hedy", "tim", "karen", "guido", "sophie", "brian", "adele",
	}}
}

func (c *cast) join(login string) { c.logins = append(c.logins, login) }

// names are those behind the ids; of somebody not in the cast, the id.
func (c *cast) names(ids []string) []string {
	by := make(map[string]string)
	for _, login := range c.logins {
		by[c.id(full(login))] = login
	}
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = cmp.Or(by[id], id)
	}
	return out
}

// openClouds makes the vendors that a script has use for. Each mentions the
// address of those in its files.
func openClouds(env *testscript.Env) (map[string]*vendor, error) {
	all := make(map[string]*vendor)
	for name, open := range map[string]func(*testscript.Env) (*vendor, error){"entra": openEntra, "okta": openOkta, "google": openGoogle} {
		used, err := mentions(env.WorkDir, "$"+strings.ToUpper(name))
		if err != nil {
			return nil, err
		}
		if !used {
			continue
		}
		v, err := open(env)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all[name] = v
		env.Defer(func() { _ = v.Close() }) // nothing in it is kept
	}
	return all, nil
}

// begin starts a simulator with the usual people and groups.
func (v *vendor) begin() error {
	if err := v.Demo(20); err != nil {
		return err
	}
	if err := v.Start(""); err != nil {
		return err
	}
	v.addr = strings.TrimPrefix(v.URL(), "http://")
	return nil
}

func mentions(dir, text string) (found bool, err error) {
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		found = found || strings.Contains(string(b), text)
		return err
	})
	return found, err
}

func openEntra(env *testscript.Env) (*vendor, error) {
	weak := func(id string, roles ...string) entratest.App {
		return entratest.App{ID: id, Secret: entratest.DefaultSecret, Roles: roles}
	}
	s := entratest.New(entratest.Options{Apps: []entratest.App{
		{ID: entratest.DefaultApp, Secret: entratest.DefaultSecret, Roles: entratest.DefaultRoles()},
		weak("00000000-0000-4000-8000-000000000001", "GroupMember.Read.All", "User.Read.All"),
		weak("00000000-0000-4000-8000-000000000002", "GroupMember.ReadWrite.All"),
		{ID: "00000000-0000-4000-8000-000000000003", Secret: entratest.DefaultSecret, Expired: true, Roles: entratest.DefaultRoles()},
	}})
	people := newCast(s.UserID)
	v := &vendor{
		simulated: s, faults: s.Faults, log: s.Log,
		wrong: func() []string { return slices.Concat(s.Catastrophes(), s.Violations()) },
		refusal: func(status int) string {
			code := map[int]string{
				401: "InvalidAuthenticationToken", 403: "Authorization_RequestDenied", 404: "Request_ResourceNotFound",
				429: "TooManyRequests", 503: "ServiceUnavailable",
			}[status]
			return fmt.Sprintf(`{"error":{"code":%q,"message":"simulated","innerError":{}}}`, code)
		},
		members: func(group string) []string { return people.names(s.Members(group)) },
		put:     func(group, login string) error { return s.Put(group, full(login)) },
		take:    func(group, login string) error { return s.Take(group, full(login)) },
		person: func(login, mail string) error {
			people.join(login)
			_, err := s.AddUser(entratest.User{UPN: full(login), Mail: mail, Guest: strings.Contains(login, "#EXT#")})
			return err
		},
		disable: func(login string) error { return s.Disable(full(login), true) },
		remove:  func(login string) error { return s.DeleteUser(full(login)) },
		rename: func(login, to string) error {
			people.join(to)
			return s.RenameUser(full(login), full(to))
		},
		group: func(name, kind string, members []string) error {
			_, err := s.AddGroup(entratest.Group{Name: name, Kind: entratest.Kind(kind), Members: fullAll(members)})
			return err
		},
		renameGroup: s.RenameGroup,
		drop:        s.DeleteGroup,
	}
	if err := v.begin(); err != nil {
		return nil, err
	}
	env.Setenv("ENTRA", s.URL())
	env.Setenv("ENTRA_SECRET", entratest.DefaultSecret)
	return v, nil
}

func openOkta(env *testscript.Env) (*vendor, error) {
	s := oktatest.New(oktatest.Options{Credentials: []oktatest.Credential{
		{Token: "00usual"},
		{Token: "00no-role", Roles: []string{}},
		{Token: "00reader", Roles: []string{"READ_ONLY_ADMIN"}},
	}})
	people := newCast(s.UserID)
	v := &vendor{
		simulated: s, faults: s.Faults, log: s.Log,
		wrong: func() []string { return slices.Concat(s.Catastrophes(), s.Violations()) },
		refusal: func(status int) string {
			code := map[int]string{401: "E0000011", 403: "E0000006", 404: "E0000007", 429: "E0000047", 503: "E0000010"}[status]
			return fmt.Sprintf(`{"errorCode":%q,"errorSummary":"simulated","errorLink":%q,"errorId":"oae1","errorCauses":[]}`, code, code)
		},
		members: func(group string) []string { return people.names(s.Members(group)) },
		put:     func(group, login string) error { return s.Put(group, full(login)) },
		take:    func(group, login string) error { return s.Take(group, full(login)) },
		person: func(login, mail string) error {
			people.join(login)
			_, err := s.AddUser(oktatest.User{Login: full(login), Email: mail})
			return err
		},
		disable: func(login string) error { return s.SetStatus(full(login), oktatest.Deprovisioned) },
		remove:  func(login string) error { return s.DeleteUser(full(login)) },
		rename: func(login, to string) error {
			people.join(to)
			return s.RenameUser(full(login), full(to))
		},
		group: func(name, kind string, members []string) error {
			_, err := s.AddGroup(oktatest.Group{Name: name, Type: kind, Members: fullAll(members)})
			return err
		},
		renameGroup: s.RenameGroup,
		drop:        s.DeleteGroup,
	}
	if err := v.begin(); err != nil {
		return nil, err
	}
	env.Setenv("OKTA", s.URL())
	env.Setenv("OKTA_TOKEN", "00usual")
	return v, nil
}

func openGoogle(env *testscript.Env) (*vendor, error) {
	s := googletest.New(googletest.Options{})
	v := &vendor{
		simulated: s, faults: s.Faults, log: s.Log, wrong: s.Violations,
		refusal: func(status int) string {
			reason := map[int]string{401: "authError", 403: "forbidden", 404: "notFound", 429: "rateLimitExceeded", 503: "backendError"}[status]
			return fmt.Sprintf(`{"error":{"code":%d,"message":"simulated","errors":[{"message":"simulated","domain":"global","reason":%q}]}}`, status, reason)
		},
		members: func(group string) (logins []string) {
			ms, err := s.Members(full(group))
			if err != nil {
				return []string{err.Error()}
			}
			for _, m := range ms {
				logins = append(logins, bare(m.Email))
			}
			return logins
		},
		put:  func(group, login string) error { return s.Put(full(group), full(login)) },
		take: func(group, login string) error { return s.Take(full(group), full(login)) },
		person: func(login, _ string) error { // the login is the address
			_, err := s.AddUser(googletest.User{Email: full(login)})
			return err
		},
		disable: func(login string) error { return s.Suspend(full(login)) },
		remove:  func(login string) error { return s.DeleteUser(full(login)) },
		rename:  func(login, to string) error { return s.RenameUser(full(login), full(to)) },
		group: func(name, kind string, members []string) error {
			g := googletest.Group{Email: full(name), Kind: googletest.Kind(kind)}
			for _, m := range members {
				g.Members = append(g.Members, googletest.Member{Email: full(m)})
			}
			_, err := s.AddGroup(g)
			return err
		},
		renameGroup: func(name, to string) error { return s.RenameGroup(full(name), full(to)) },
		drop:        func(name string) error { return s.DeleteGroup(full(name)) },
	}
	if err := v.begin(); err != nil {
		return nil, err
	}
	env.Setenv("GOOGLE", s.URL())
	return v, os.WriteFile(filepath.Join(env.WorkDir, "google.json"), s.Credentials(), 0o600)
}

const cloudUsage = `usage: %[1]s stop | %[1]s start
       %[1]s person LOGIN MAIL
       %[1]s disable LOGIN
       %[1]s delete LOGIN
       %[1]s rename LOGIN LOGIN
       %[1]s group NAME [KIND [LOGIN...]]
       %[1]s name NAME NAME
       %[1]s drop NAME
       %[1]s fault METHOD PATH STATUS|lose|cut|empty [TIMES] | %[1]s fault none
       %[1]s requests REGEXP N
       %[1]s harmless`

// cmdCloud changes a simulated cloud, or takes it down and up again.
func cmdCloud(name string) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		v := of(ts).clouds[name]
		if neg || len(args) == 0 || v == nil {
			ts.Fatalf(cloudUsage, name)
		}
		do, known := v.verbs()[args[0]+" "+strconv.Itoa(len(args)-1)]
		switch {
		case args[0] == "fault":
			ts.Check(v.fault(args[1:]))
		case args[0] == "group" && len(args) > 1:
			kind, members := "", []string(nil)
			if len(args) > 2 {
				kind, members = args[2], args[3:]
			}
			ts.Check(v.group(args[1], kind, members))
		case known:
			ts.Check(do(args[1:]))
		default:
			ts.Fatalf(cloudUsage, name)
		}
	}
}

// verbs are by name and number of arguments.
func (v *vendor) verbs() map[string]func(args []string) error {
	return map[string]func([]string) error{
		"stop 0":     func([]string) error { return v.Close() },
		"start 0":    func([]string) error { return v.Start(v.addr) },
		"person 2":   func(a []string) error { return v.person(a[0], a[1]) },
		"disable 1":  func(a []string) error { return v.disable(a[0]) },
		"delete 1":   func(a []string) error { return v.remove(a[0]) },
		"rename 2":   func(a []string) error { return v.rename(a[0], a[1]) },
		"name 2":     func(a []string) error { return v.renameGroup(a[0], a[1]) },
		"drop 1":     func(a []string) error { return v.drop(a[0]) },
		"requests 2": func(a []string) error { return v.requests(a[0], a[1]) },
		"harmless 0": func([]string) error {
			if wrong := v.wrong(); len(wrong) > 0 {
				return fmt.Errorf("%s", strings.Join(wrong, "\n"))
			}
			return nil
		},
	}
}

// fault METHOD PATH EFFECT [TIMES] strikes requests whose path holds PATH, for
// ever when TIMES is not given.
func (v *vendor) fault(args []string) error {
	if slices.Equal(args, []string{"none"}) {
		v.faults.Clear()
		return nil
	}
	if len(args) < 3 {
		return fmt.Errorf("usage: fault METHOD PATH EFFECT [TIMES]")
	}
	f := sim.Fault{Times: -1, Match: func(r *http.Request) bool {
		return (args[0] == "ANY" || r.Method == args[0]) && strings.Contains(r.URL.Path, args[1])
	}}
	if len(args) > 3 {
		n, err := strconv.Atoi(args[3])
		if err != nil {
			return err
		}
		f.Times = n
	}
	switch args[2] {
	case "lose":
		f.Effect = sim.Lose
	case "cut":
		f.Effect = sim.Drop
	case "empty":
		f.Effect = sim.Empty
	default:
		status, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		f.Status, f.Body = status, v.refusal(status)
		f.Header = http.Header{"Content-Type": {"application/json"}}
	}
	v.faults.Inject(f)
	return nil
}

// requests ROUTE N asserts how many requests a route got since the last time
// that this was asked.
func (v *vendor) requests(route, n string) error {
	want, err := strconv.Atoi(n)
	if err != nil {
		return err
	}
	if got := v.log.Count(route); got != want {
		return fmt.Errorf("%s: got %d requests, want %d; all: %v", route, got, want, v.log.Counts())
	}
	v.log.Reset()
	return nil
}
