package okta

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/okta/oktatest"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/sim"
)

const ada engine.Person = "ada" + testMail

// wantDoubt wants no profile of ada, and a reason that holds words.
func wantDoubt(t *testing.T, what string, c *Connector, words ...string) {
	t.Helper()
	got, err := c.Describe(t.Context(), ada)
	wantKind(t, "Describe, "+what, err, engine.Partial, append(words, "corp: describe ada@example.org")...)
	if got.Name != "" || got.Attributes != nil || got.Manager != "" {
		t.Errorf("Describe, %s: got %+v beside the error, want nothing", what, got)
	}
}

// wantManager wants a manager of ada.
func wantManager(t *testing.T, what string, c *Connector, want engine.Person) {
	t.Helper()
	if got, err := c.Describe(t.Context(), ada); err != nil || got.Manager != want {
		t.Errorf("Describe, %s: got manager %q and error %v, want %q", what, got.Manager, err, want)
	}
}

func (b *bench) managed(attr string, value any) {
	b.t.Helper()
	b.must(b.s.SetProfile(string(ada), map[string]any{"managerId": nil, "manager": nil, attr: value}))
}

// Values of every type are told as text; what has none is not told.
func TestAttributesOfEveryType(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{})
	b.userOf(oktatest.User{Login: string(ada), First: "Ada", Last: "Lovelace", Profile: map[string]any{
		"department": "R&D", "floor": 7, "big": 12345678901234567, "share": 0.5, "remote": true, "none": "", "cleared": []any{},
		"teams": []any{"z", "a", "z", 3}, "nested": map[string]any{"a": "b"},
	}})
	names := map[string]string{
		"dept": "department", "floor": "floor", "big": "big", "share": "share", "remote": "remote", "none": "none", "cleared": "cleared", "teams": "teams",
		"missing": "division", "login": "login",
	}
	got, err := b.connector(func(cfg *Config) { cfg.ProfileAttributes = names }).Describe(t.Context(), ada)
	want := map[string][]string{
		"dept": {"R&D"}, "floor": {"7"}, "big": {"12345678901234567"}, "share": {"0.5"}, "remote": {"true"}, "teams": {"3", "a", "z"}, "login": {string(ada)},
	}
	if err != nil || got.Name != "Ada Lovelace" || !maps.EqualFunc(got.Attributes, want, slices.Equal) {
		t.Errorf("Describe: got %+v and error %v, want %v", got, err, want)
	}
	b.must(b.s.SetProfile(string(ada), map[string]any{"displayName": "The Countess"}))
	for attr, want := range map[string]string{"": "The Countess", "department": "R&D", "division": ""} {
		if got, err := b.connector(func(cfg *Config) { cfg.ProfileName = attr }).Describe(t.Context(), ada); err != nil || got.Name != want {
			t.Errorf("the name by %q: got %q and error %v, want %q", attr, got.Name, err, want)
		}
	}
	wantDoubt(t, "with an object", b.connector(func(cfg *Config) { cfg.ProfileAttributes = map[string]string{"x": "nested"} }), "nested is neither")
	for _, edit := range []func(*Config){
		func(cfg *Config) { cfg.ProfileAttributes = map[string]string{"x": "a.b"} },
		func(cfg *Config) { cfg.ProfileName = "a b" },
		func(cfg *Config) { cfg.ProfileManager = "profile/manager" },
	} {
		cfg := b.config()
		edit(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "profile attribute") {
			t.Errorf("got error %v, want one about the name of an attribute", err)
		}
	}
}

// A manager may be written in each way that leads to one user, and in no other.
func TestManagersAreToldForCertainOrNotAtAll(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{})
	b.userOf(oktatest.User{Login: string(ada), Email: string(ada)})
	boss := b.userOf(oktatest.User{Login: "bob.login@corp.test", Email: "Bob" + testMail, Profile: map[string]any{"employeeNumber": "0042", "displayName": "Bob Boss"}})
	short := b.userOf(oktatest.User{Login: "cyd", Email: "cyd" + testMail})
	b.userOf(oktatest.User{Login: "dee@corp.test", Email: "dee" + testMail, Profile: map[string]any{"employeeNumber": "7"}})
	b.userOf(oktatest.User{Login: "eli@corp.test", Email: "eli" + testMail, Profile: map[string]any{"employeeNumber": "7"}})
	b.userOf(oktatest.User{Login: "11", Profile: map[string]any{"employeeNumber": "12"}, Email: "fay" + testMail})
	b.userOf(oktatest.User{Login: "gus@corp.test", Profile: map[string]any{"employeeNumber": "11"}, Email: "gus" + testMail})
	gone := b.userOf(oktatest.User{Login: "gone@corp.test"})
	b.must(b.s.DeleteUser(string(gone)))
	byLogin, byEmail := b.connector(), b.connector(func(cfg *Config) { cfg.Match = MatchEmail })

	wantManager(t, "without a manager", byLogin, "")
	for _, value := range []any{string(boss), "bob.login@corp.test", "BOB.Login@corp.test", "bob@example.org", "0042", []any{string(boss)}} {
		for _, attr := range []string{"managerId", "manager"} {
			b.managed(attr, value)
			// By login, the address of an e-mail is looked for as a login first.
			wantManager(t, "by login", byLogin, "bob.login@corp.test")
			wantManager(t, "by e-mail", byEmail, "bob@example.org")
		}
	}
	b.must(b.s.SetStatus(string(boss), oktatest.Deprovisioned)) // a manager all the same
	wantManager(t, "who is deactivated", byLogin, "bob.login@corp.test")
	wantManager(t, "who is deactivated", byEmail, "bob@example.org")

	for value, words := range map[string]string{
		string(gone): "managerId names the manager", "gone@corp.test": "no user has the", "42": "no user has this", "Bob Boss": "set the profile's manager",
		"7": "several users", "11": "several users", "bob.login": "no user has this",
	} {
		b.managed("managerId", value)
		wantDoubt(t, "by "+value, byLogin, words)
		wantDoubt(t, "by "+value, byEmail, words)
	}
	b.managed("managerId", []any{string(boss), string(short)})
	wantDoubt(t, "by two", byLogin, "several managers")
	b.managed("managerId", "cyd")
	wantDoubt(t, "by a login that is no address", byLogin, "no work address as the login")
	wantManager(t, "by a login that is no address", byEmail, "cyd@example.org")

	// managerId goes first, and where another attribute is set no other counts.
	b.must(b.s.SetProfile(string(ada), map[string]any{"managerId": string(boss), "manager": "Nobody Known", "boss": "dee@corp.test"}))
	wantManager(t, "by both", byLogin, "bob.login@corp.test")
	wantManager(t, "by an attribute of one's own", b.connector(func(cfg *Config) { cfg.ProfileManager = "boss" }), "dee@corp.test")
	wantManager(t, "by an empty one", b.connector(func(cfg *Config) { cfg.ProfileManager = "chief" }), "")
	wantDoubt(t, "by the name", b.connector(func(cfg *Config) { cfg.ProfileManager = "manager" }), "manager names the manager")
}

// An e-mail that two have is nobody's.
func TestManagersEMailOfTwo(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{})
	b.userOf(oktatest.User{Login: string(ada)})
	boss := b.userOf(oktatest.User{Login: "bob@corp.test", Email: "bob" + testMail})
	b.userOf(oktatest.User{Login: "bob-admin@corp.test", Email: "BOB" + testMail})
	byEmail := b.connector(func(cfg *Config) { cfg.Match = MatchEmail })
	for _, value := range []string{string(boss), "bob" + testMail} {
		b.managed("managerId", value)
		wantDoubt(t, "by "+value, byEmail, "several users have the email")
	}
	wantDoubt(t, "by an e-mail of two", b.connector(), "several users")
	b.managed("managerId", string(boss))
	wantManager(t, "by login", b.connector(), "bob@corp.test")
}

// The exceptions of the configuration say whose an account is, in both
// directions.
func TestManagersFollowTheExceptions(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{})
	b.userOf(oktatest.User{Login: string(ada)})
	boss := b.userOf(oktatest.User{Login: "bob" + testMail})
	b.userOf(oktatest.User{Login: "cyd" + testMail})
	b.managed("managerId", string(boss))
	for _, match := range []string{MatchLogin, MatchEmail} {
		with := func(accounts map[engine.Person]string) *Connector {
			return b.connector(func(cfg *Config) { cfg.Match, cfg.Accounts = match, accounts })
		}
		for _, name := range []string{string(boss), "BOB" + testMail} {
			wantManager(t, "named by "+name, with(map[engine.Person]string{"boss@example.org": name}), "boss@example.org")
		}
		wantDoubt(t, "named twice", with(map[engine.Person]string{"boss@example.org": string(boss), "chief@example.org": "bob" + testMail}), "for several")
		wantDoubt(t, "whose address is another's", with(map[engine.Person]string{"bob@example.org": "cyd" + testMail}), "another account's")
	}
}

// The index behind search lags: nobody is somebody's manager by what was.
func TestNumbersInTheIndexAreNotBelieved(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{SearchLag: time.Minute})
	b.userOf(oktatest.User{Login: string(ada), Profile: map[string]any{"managerId": "0042"}})
	boss := b.userOf(oktatest.User{Login: "bob" + testMail, Profile: map[string]any{"employeeNumber": "0042"}})
	old := b.userOf(oktatest.User{Login: "old" + testMail, Profile: map[string]any{"employeeNumber": "0042"}})
	b.clock.Advance(2 * time.Minute) // now the index has them
	wantDoubt(t, "by a number of two", b.connector(), "several users")
	b.must(b.s.SetProfile(string(old), map[string]any{"employeeNumber": "43"}))
	wantManager(t, "by a number that another had", b.connector(), "bob@example.org")
	b.must(b.s.SetProfile(string(boss), map[string]any{"employeeNumber": nil}))
	wantDoubt(t, "by a number that nobody has any more", b.connector(), "no user has this")
}

// What goes wrong with the manager is no fault of the person's; what is wrong
// with the directory stays what it is.
func TestReadingTheManagerFails(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{})
	b.userOf(oktatest.User{Login: string(ada)})
	boss := b.userOf(oktatest.User{Login: "bob" + testMail})
	for _, value := range []string{string(boss), "bob" + testMail, "0042"} {
		b.managed("managerId", value)
		c := b.connector()
		for _, f := range []struct {
			fault sim.Fault
			want  engine.Kind
		}{
			{answered(403, "E0000006", "You do not have permission"), engine.Denied},
			{answered(400, "E0000031", "Invalid search criteria"), engine.Rejected},
			{sim.Fault{Effect: sim.Answer, Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: "null"}, engine.Unavailable},
		} {
			f.fault.Skip = 1
			b.s.Faults.Inject(f.fault)
			got, err := c.Describe(t.Context(), ada)
			wantKind(t, "Describe, manager "+value, err, f.want)
			if got.Attributes != nil {
				t.Errorf("Describe, manager %s: got %+v beside the error", value, got)
			}
		}
	}
}

// TestRequestsOfDescribe counts: one for the person and one for the manager, and
// more where people are matched by what is not unique.
func TestRequestsOfDescribe(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{})
	b.userOf(oktatest.User{Login: string(ada)})
	boss := b.userOf(oktatest.User{Login: "bob" + testMail, Profile: map[string]any{"employeeNumber": "0042"}})
	byEmail := func(cfg *Config) { cfg.Match = MatchEmail }
	for _, tc := range []struct {
		what  string
		value any
		edit  func(*Config)
		want  int
	}{
		{"without a manager", nil, func(*Config) {}, 1},
		{"by id", string(boss), func(*Config) {}, 2},
		{"by login", "bob" + testMail, func(*Config) {}, 2},
		{"by number", "0042", func(*Config) {}, 3},
		{"people by e-mail, without a manager", nil, byEmail, 3},
		{"people by e-mail, by id", string(boss), byEmail, 3 + 3},
		{"people by e-mail, by e-mail", "bob" + testMail, byEmail, 3 + 2},
	} {
		b.managed("managerId", tc.value)
		c := b.connector(tc.edit)
		b.s.Log.Reset()
		if _, err := c.Describe(t.Context(), ada); err != nil {
			t.Errorf("%s: %v", tc.what, err)
		}
		if got := b.s.Log.Total(); got != tc.want {
			t.Errorf("%s: got %d requests, want %d: %v", tc.what, got, tc.want, b.s.Log.Counts())
		}
	}
}
