package google

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/daypass-dev/daypass/connectors/google/googletest"
	"github.com/daypass-dev/daypass/engine"
)

const ada engine.Person = "ada" + home

// wantDoubt wants no profile of ada, and a reason that holds words.
func (l *lab) wantDoubt(what string, c *Connector, words ...string) {
	l.t.Helper()
	got, err := c.Describe(l.ctx(), ada)
	wantKind(l.t, "Describe, "+what, err, engine.Partial, append(words, "describe ada"+home)...)
	if got.Name != "" || got.Attributes != nil || got.Manager != "" {
		l.t.Errorf("Describe, %s: got %+v beside the error, want nothing", what, got)
	}
}

// wantManager wants a manager of ada.
func (l *lab) wantManager(what string, c *Connector, want engine.Person) {
	l.t.Helper()
	if got, err := c.Describe(l.ctx(), ada); err != nil || got.Manager != want {
		l.t.Errorf("Describe, %s: got manager %q and error %v, want %q", what, got.Manager, err, want)
	}
}

// managed gives ada these relations, by type and value in turn.
func (l *lab) managed(pairs ...string) {
	l.t.Helper()
	var p googletest.Profile
	for i := 0; i < len(pairs); i += 2 {
		p.Relations = append(p.Relations, googletest.Relation{Type: pairs[i], Value: pairs[i+1]})
	}
	l.must(l.sim.SetProfile(string(ada), "", p))
}

// Values of every type are told as text; what has none is not told.
func TestFieldsOfEveryType(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	l.must(l.sim.SetProfile(string(ada), "Ada Lovelace", googletest.Profile{
		Organizations: []googletest.Organization{{Department: "R&D", Title: "Countess", CostCenter: "4711"}},
		Custom: map[string]map[string]any{
			"HR-data": {"floor": 7, "big": 12345678901234567, "share": 0.5, "remote": true, "text": "x", "empty": "", "teams": []string{"z", "a", "z", ""}, "levels": []int{3}},
		},
	}))
	names := map[string]string{
		"dept": "department", "title": "title", "cost": "costCenter", "site": "location", "unit": "orgUnitPath", "given": "name.givenName", "family": "name.familyName",
		"shown": "name.displayName", "floor": "HR-data.floor", "big": "customSchemas.HR-data.big", "share": "HR-data/share", "remote": "HR-data.remote", "text": "HR-data.text",
		"empty": "HR-data.empty", "teams": "HR-data.teams", "levels": "HR-data.levels", "none": "HR-data.none", "schema": "Other.text",
	}
	c := l.connect(func(c *Config) { c.ProfileAttributes = names })
	got, err := c.Describe(t.Context(), ada)
	want := map[string][]string{
		"dept": {"R&D"}, "title": {"Countess"}, "cost": {"4711"}, "unit": {"/"}, "given": {"Ada"}, "family": {"Lovelace"},
		"floor": {"7"}, "big": {"12345678901234567"}, "share": {"0.5"}, "remote": {"true"}, "text": {"x"}, "teams": {"a", "z"}, "levels": {"3"},
	}
	if err != nil || got.Name != "Ada Lovelace" || !maps.EqualFunc(got.Attributes, want, slices.Equal) {
		t.Errorf("Describe: got %+v and error %v, want %v", got, err, want)
	}
	got, err = c.Describe(t.Context(), "bob"+home)
	if err != nil || got.Name != "bob" || len(got.Attributes) != 3 {
		t.Errorf("Describe of one with nothing: got %+v and error %v, want the names and the unit", got, err)
	}
	for name, want := range map[string]string{"name.givenName": "Ada", "HR-data.text": "x", "location": ""} {
		if got, err := l.connect(func(c *Config) { c.ProfileName = name }).Describe(t.Context(), ada); err != nil || got.Name != want {
			t.Errorf("the name by %s: got %q and error %v, want %q", name, got.Name, err, want)
		}
	}
}

// The primary organization is the one that counts; none of several is no guess.
func TestOrganizations(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	c := l.connect(func(c *Config) { c.ProfileAttributes = map[string]string{"dept": "department"} })
	write := func(orgs ...googletest.Organization) {
		l.must(l.sim.SetProfile(string(ada), "", googletest.Profile{Organizations: orgs}))
	}
	write(googletest.Organization{Department: "Data"}, googletest.Organization{Department: "R&D", Primary: true})
	if got, err := c.Describe(t.Context(), ada); err != nil || !slices.Equal(got.Attributes["dept"], []string{"R&D"}) {
		t.Errorf("a primary one: got %+v and error %v, want R&D", got, err)
	}
	for _, primary := range []bool{false, true} {
		write(googletest.Organization{Department: "Data", Primary: primary}, googletest.Organization{Department: "R&D", Primary: primary})
		l.wantDoubt("with several organizations", c, "several organizations")
		if _, err := l.Describe(t.Context(), ada); err == nil {
			t.Error("with the location asked for: got no error")
		}
		if _, err := l.connect(func(c *Config) { c.ProfileAttributes = nil }).Describe(t.Context(), ada); err != nil {
			t.Errorf("with none asked for: got error %v", err)
		}
	}
}

func TestNamesOfFields(t *testing.T) {
	t.Parallel()
	for name, good := range map[string]bool{
		"department": true, "HR.team": true, "HR/team": true, "customSchemas.HR.team": true, "customSchemas.name.team": true, "name.fullName": true, "name.nick": false,
		"departement": false, "a.b.c": false, "customSchemas.HR": false, "organizations": false, "": false,
	} {
		_, err := New(Config{Name: "corp", Ambient: true, ProfileAttributes: map[string]string{"x": name}})
		if refused := err != nil && strings.Contains(err.Error(), "profile field"); refused == good {
			t.Errorf("attribute %q: got error %v, want it taken: %t", name, err, good)
		}
	}
	for name, good := range map[string]bool{"dotted_line_manager": true, "HR.boss": true, "a.b.c": false} {
		if _, err := New(Config{Name: "corp", Ambient: true, ProfileManager: name}); (err == nil) != good {
			t.Errorf("manager %q: got error %v, want it taken: %t", name, err, good)
		}
	}
}

func TestManagersAreToldForCertainOrNotAtAll(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	l.must(l.sim.AddAlias("bob"+home, "robert"+home))
	c := l.Connector
	l.wantManager("without a manager", c, "")
	l.managed("assistant", "cyd"+home, "manager", "")
	l.wantManager("with an assistant", c, "")
	for _, value := range []string{"bob" + home, " Bob@Example.org ", "robert" + home} {
		l.managed("assistant", "cyd"+home, "manager", value)
		l.wantManager("by "+value, c, "bob"+home)
	}
	l.managed("manager", "bob"+home, "manager", "BOB"+home)
	l.wantManager("twice the same", c, "bob"+home)
	l.must(l.sim.Suspend("bob" + home)) // a manager all the same
	l.wantManager("who is suspended", c, "bob"+home)

	l.must(l.sim.DeleteUser("eli" + home))
	for value, words := range map[string]string{
		"eli" + home: "no such account", "boss@partner.example": "no such account", "Bob Boss": "not an address", "prod-db" + home: "no such account", l.ids["bob"+home]: "not an address",
	} {
		l.managed("manager", value)
		l.wantDoubt("by "+value, c, words)
	}
	l.managed("manager", "bob"+home, "manager", "cyd"+home)
	l.wantDoubt("by two", c, "several managers")

	l.must(l.sim.SetProfile(string(ada), "", googletest.Profile{
		Relations: []googletest.Relation{
			{Type: "manager", Value: "eli" + home}, {Type: "dotted_line_manager", Value: "cyd" + home}, {Type: "custom", CustomType: "mentor", Value: "dee" + home},
		},
		Custom: map[string]map[string]any{"HR": {"boss": "Bob" + home, "many": []string{"bob" + home, "cyd" + home}, "odd": "x"}},
	}))
	for name, want := range map[string]engine.Person{"dotted_line_manager": "cyd" + home, "mentor": "dee" + home, "HR.boss": "bob" + home, "HR.none": "", "partner": ""} {
		l.wantManager("by "+name, l.connect(func(c *Config) { c.ProfileManager = name }), want)
	}
	l.wantDoubt("by a field of several", l.connect(func(c *Config) { c.ProfileManager = "HR.many" }), "several managers")
	l.wantDoubt("by a field that is no address", l.connect(func(c *Config) { c.ProfileManager = "HR.odd" }), "not an address")
}

// The exceptions of the configuration say whose an account is, in both
// directions.
func TestManagersFollowTheExceptions(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	l.must(l.sim.AddAlias("bob"+home, "robert"+home))
	l.managed("manager", "bob"+home)
	with := func(accounts map[engine.Person]string) *Connector {
		return l.connect(func(c *Config) { c.Accounts = accounts })
	}
	for _, name := range []string{l.ids["bob"+home], "Bob" + home, "robert" + home} {
		l.wantManager("named by "+name, with(map[engine.Person]string{"boss@example.org": name}), "boss@example.org")
	}
	l.wantDoubt("named twice", with(map[engine.Person]string{"boss@example.org": "bob" + home, "chief@example.org": "robert" + home}), "for several")
	l.wantDoubt("whose address is another's", with(map[engine.Person]string{"bob@example.org": "cyd" + home}), "another account's")
}

// What is not as Google gives it is nobody's profile.
func TestGarbledProfiles(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	c := l.connect(func(c *Config) { c.ProfileAttributes = map[string]string{"team": "HR.team", "dept": "department"} })
	const user = `{"kind":"admin#directory#user","id":"123456","primaryEmail":"ada@example.org",`
	for _, rest := range []string{
		`"organizations":"x"}`, `"relations":{"type":"manager"}}`, `"relations":[{"type":7}]}`, `"customSchemas":{"HR":[]}}`,
		`"customSchemas":{"HR":{"team":["x"]}}}`, `"customSchemas":{"HR":{"team":{"value":"x"}}}}`, `"customSchemas":{"HR":{"team":[{"value":{}}]}}}`,
	} {
		f := refusal(http.StatusOK, "", "")
		f.Body = user + rest
		l.fault(routeUser, f)
		got, err := c.Describe(t.Context(), ada)
		wantKind(t, rest, err, engine.Unavailable)
		if got.Attributes != nil {
			t.Errorf("%s: got %+v beside the error", rest, got)
		}
	}
}

// What is wrong with reading the manager stays what it is.
func TestReadingTheManagerFails(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	l.managed("manager", "bob"+home)
	for want, f := range map[engine.Kind]int{engine.Denied: http.StatusForbidden, engine.Rejected: http.StatusBadRequest} {
		fault := refusal(f, "forbidden", "Not Authorized to access this resource/api")
		fault.Skip = 1
		l.fault(routeUser, fault)
		_, err := l.Describe(t.Context(), ada)
		wantKind(t, "Describe", err, want)
	}
}

// TestRequestsOfDescribe counts: one for the person, one for the manager.
func TestRequestsOfDescribe(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	for i, pairs := range [][]string{nil, {"manager", "bob" + home}} {
		l.managed(pairs...)
		l.sim.Log.Reset()
		if _, err := l.Describe(t.Context(), ada); err != nil {
			t.Fatal(err)
		}
		if got := l.sim.Log.Total(); got != i+1 || l.count(routeUser) != i+1 {
			t.Errorf("with %d managers: got %d requests, want %d", i, got, i+1)
		}
	}
}
