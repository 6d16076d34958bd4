package entra

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/daypass-dev/daypass/connectors/entra/entratest"
	"github.com/daypass-dev/daypass/engine"
)

// wantDoubt wants no profile of a person, and a reason of a kind that holds words.
func wantDoubt(t *testing.T, what string, c *Connector, p engine.Person, kind engine.Kind, words string) {
	t.Helper()
	got, err := c.Describe(t.Context(), p)
	if engine.KindOf(err) != kind || !strings.Contains(err.Error(), words) || got.Name != "" || got.Attributes != nil || got.Manager != "" {
		t.Errorf("Describe, %s: got %+v and error %v, want nothing, kind %s and %q", what, got, err, kind, words)
	}
}

// wantManager wants a manager of a person.
func wantManager(t *testing.T, what string, c *Connector, p, want engine.Person) {
	t.Helper()
	if got, err := c.Describe(t.Context(), p); err != nil || got.Manager != want {
		t.Errorf("Describe, %s: got manager %q and error %v, want %q", what, got.Manager, err, want)
	}
}

const ada engine.Person = "ada@example.org"

// Values of every type are told as text; what has none is not told.
func TestPropertiesOfEveryType(t *testing.T) {
	t.Parallel()
	l := newLab(t, entratest.Options{})
	l.user(entratest.User{UPN: string(ada), Name: "Ada Lovelace", Properties: map[string]any{
		"department": "R&D", "jobTitle": nil, "otherMails": []string{"z@x.org", "a@x.org", "z@x.org", ""},
		"employeeOrgData": map[string]any{"costCenter": "4711", "division": nil}, "onPremisesSyncEnabled": true,
		"extension_00000000000000000000000000000000_floor": 7, "extension_00000000000000000000000000000000_share": 0.5,
	}})
	l.user(entratest.User{UPN: "bo@example.org", Mail: "-"})
	names := map[string]string{
		"dept": "department", "title": "jobTitle", "mails": "otherMails", "cost": "employeeOrgData/costCenter", "division": "employeeOrgData.division",
		"synced": "onPremisesSyncEnabled", "floor": "extension_00000000000000000000000000000000_floor", "share": "extension_00000000000000000000000000000000_share",
		"attr": "onPremisesExtensionAttributes/extensionAttribute1", "id": "id", "phones": "businessPhones",
	}
	c := l.connect(func(cfg *Config) { cfg.ProfileAttributes = names })
	got, err := c.Describe(t.Context(), ada)
	want := map[string][]string{
		"dept": {"R&D"}, "mails": {"a@x.org", "z@x.org"}, "cost": {"4711"}, "synced": {"true"}, "floor": {"7"}, "share": {"0.5"}, "id": {l.UserID(string(ada))},
	}
	if err != nil || got.Name != "Ada Lovelace" || !maps.EqualFunc(got.Attributes, want, slices.Equal) {
		t.Errorf("Describe: got %+v and error %v, want %v", got, err, want)
	}
	got, err = c.Describe(t.Context(), "bo@example.org")
	if err != nil || got.Name != "bo" || len(got.Attributes) != 1 || got.Manager != "" {
		t.Errorf("Describe of one with nothing: got %+v and error %v, want the name and the id", got, err)
	}
	own := l.connect(func(cfg *Config) { cfg.ProfileName = "department" })
	if got, err := own.Describe(t.Context(), ada); err != nil || got.Name != "R&D" {
		t.Errorf("Describe with another name: got %+v and error %v, want the department", got, err)
	}
	for name, words := range map[string]string{"employeeOrgData": "is an object", "department.head": "no field"} {
		c := l.connect(func(cfg *Config) { cfg.ProfileAttributes = map[string]string{"x": name} })
		wantDoubt(t, name, c, ada, engine.Partial, words)
	}
}

// Graph refuses a name that it does not know; who wrote it is told.
func TestUnknownPropertyIsRefused(t *testing.T) {
	t.Parallel()
	c, _ := talk(t, func(_ int, a asked) canned {
		return batchAnswers(a, func(s step) (int, string, string) {
			if strings.HasPrefix(s.URL, "/users?") {
				return 200, "", `{"value":[{"id":"` + userA + `","userPrincipalName":"ada@example.org","mail":"ada@example.org","accountEnabled":true}]}`
			}
			return 400, "", refused(400, "BadRequest", "Could not find a property named 'departement' on type 'microsoft.graph.user'.").body
		})
	}, func(cfg *Config) { cfg.ProfileAttributes = map[string]string{"department": "departement"} })
	wantDoubt(t, "with a misspelt property", c, ada, engine.Rejected, "departement")
	for _, name := range []string{"a,b", "x)", "", "$select", "a..b"} {
		_, err := New(Config{Name: "corp", Tenant: "contoso.com", ManagedIdentity: true, ProfileAttributes: map[string]string{"x": name}})
		if err == nil || !strings.Contains(err.Error(), "profile attribute") {
			t.Errorf("attribute %q: got error %v, want a refusal", name, err)
		}
	}
	if _, err := New(Config{Name: "corp", Tenant: "contoso.com", ManagedIdentity: true, ProfileManager: "b&c"}); err == nil {
		t.Error("manager b&c: got no error")
	}
}

func TestManagersAreToldForCertainOrNotAtAll(t *testing.T) {
	t.Parallel()
	l := newLab(t, entratest.Options{})
	boss := l.user(entratest.User{UPN: "bo@example.org", Mail: "Bo.Bossy@Example.org"})
	l.user(entratest.User{UPN: string(ada), Manager: boss})
	l.user(entratest.User{UPN: "cy@example.org"})
	byMail, byUPN := l.connect(func(cfg *Config) { cfg.Match = matchMail }), l.connect(func(cfg *Config) { cfg.Match = matchUPN })
	wantManager(t, "by either", l.c, ada, "bo.bossy@example.org")
	wantManager(t, "by mail", byMail, ada, "bo.bossy@example.org")
	wantManager(t, "by login", byUPN, ada, "bo@example.org")
	l.must(l.Disable(boss, true)) // a manager all the same
	wantManager(t, "who is disabled", l.c, ada, "bo.bossy@example.org")
	wantManager(t, "who is disabled, by login", byUPN, ada, "bo@example.org")

	l.must(l.SetMail("cy@example.org", "bo.bossy@example.org"))
	wantDoubt(t, "whose mail two have", l.c, ada, engine.Partial, "2 accounts")
	wantDoubt(t, "whose mail two have", byMail, ada, engine.Partial, "2 accounts")
	wantManager(t, "whose mail two have, by login", byUPN, ada, "bo@example.org")
	l.must(l.SetMail("cy@example.org", "cy@example.org"))
	l.must(l.SetMail(boss, ""))
	wantManager(t, "without a mail", l.c, ada, "bo@example.org")
	wantDoubt(t, "without a mail", byMail, ada, engine.Partial, "no work address (mail)")

	contact, err := l.AddObject(entratest.Object{Name: "Carl", Type: entratest.ContactType})
	l.must(err)
	l.must(l.SetManager(string(ada), contact))
	wantDoubt(t, "by a contact", l.c, ada, engine.Partial, "no account but an orgContact")
	l.must(l.SetManager(string(ada), string(ada)))
	wantManager(t, "by oneself", l.c, ada, ada)
	l.must(l.SetManager(string(ada), ""))
	wantManager(t, "by nobody", l.c, ada, "")
}

// The exceptions of the configuration say whose an account is, in both
// directions.
func TestManagersFollowTheExceptions(t *testing.T) {
	t.Parallel()
	l := newLab(t, entratest.Options{})
	boss := l.user(entratest.User{UPN: "bo@example.org"})
	l.user(entratest.User{UPN: string(ada), Manager: boss})
	l.user(entratest.User{UPN: "cy@example.org"})
	with := func(match string, accounts map[engine.Person]string) *Connector {
		return l.connect(func(cfg *Config) { cfg.Match, cfg.Accounts = match, accounts })
	}
	for _, match := range []string{"", matchUPN, matchMail} {
		for _, name := range []string{strings.ToUpper(boss), "BO@example.org"} {
			wantManager(t, "named by "+name, with(match, map[engine.Person]string{"boss@example.org": name}), ada, "boss@example.org")
		}
		c := with(match, map[engine.Person]string{"boss@example.org": boss, "chief@example.org": "bo@example.org"})
		wantDoubt(t, "named twice", c, ada, engine.Partial, "boss@example.org")
		c = with(match, map[engine.Person]string{"bo@example.org": "cy@example.org"})
		wantDoubt(t, "whose address is another's", c, ada, engine.Partial, "another account's")
	}
}

func TestManagersByProperty(t *testing.T) {
	t.Parallel()
	l := newLab(t, entratest.Options{})
	boss := l.user(entratest.User{UPN: "bo@example.org"})
	gone := l.user(entratest.User{UPN: "gone@example.org"})
	l.must(l.DeleteUser(gone))
	l.user(entratest.User{UPN: string(ada)})
	c := l.connect(func(cfg *Config) { cfg.ProfileManager = "onPremisesExtensionAttributes/extensionAttribute3" })
	write := func(value any) {
		l.must(l.SetProperties(string(ada), map[string]any{"onPremisesExtensionAttributes": map[string]any{"extensionAttribute3": value}}))
	}
	wantManager(t, "by an empty property", c, ada, "")
	for _, value := range []string{boss, strings.ToUpper(boss), "Bo@Example.org"} {
		write(value)
		wantManager(t, "by "+value, c, ada, "bo@example.org")
	}
	l.must(l.Disable(boss, true))
	wantManager(t, "who is disabled", c, ada, "bo@example.org")
	for value, words := range map[string]string{gone: "no such account any more", "gone@example.org": "no account has this", "Bo Bossy": "neither the id"} {
		write(value)
		wantDoubt(t, "by "+value, c, ada, engine.Partial, words)
	}
	write([]string{"bo@example.org", "ada@example.org"})
	wantDoubt(t, "by two", c, ada, engine.Partial, "several managers")
}

// That there is no manager has to be Graph's word about the manager.
func TestWhatIsNotAManagersAbsence(t *testing.T) {
	t.Parallel()
	const account = `{"id":"` + userA + `","userPrincipalName":"ada@example.org","mail":"ada@example.org","accountEnabled":true,"displayName":"Ada"}`
	none := "Resource 'manager' does not exist or one of its queried reference-property objects are not present."
	for what, tc := range map[string]struct {
		status     int
		body       string
		want       engine.Kind // "" is no manager
		properties string
	}{
		"none":              {404, refused(404, "Request_ResourceNotFound", none).body, "", account},
		"the user is gone":  {404, refused(404, "Request_ResourceNotFound", strings.Replace(none, "manager", userA, 1)).body, engine.Unavailable, account},
		"a proxy's 404":     {404, `"not found: 'manager'"`, engine.Unavailable, account},
		"another code":      {404, refused(404, "UnknownError", none).body, engine.Unavailable, account},
		"nothing shown":     {200, `{"@odata.type":"#microsoft.graph.user","id":"` + userB + `","userPrincipalName":null,"mail":null}`, engine.Denied, account},
		"an empty answer":   {200, `{}`, engine.Unavailable, account},
		"null":              {200, `null`, engine.Unavailable, account},
		"no right":          {403, refused(403, "Authorization_RequestDenied", "Insufficient privileges").body, engine.Denied, account},
		"somebody else":     {404, refused(404, "Request_ResourceNotFound", none).body, engine.Unavailable, strings.Replace(account, userA, userB, 1)},
		"nobody in between": {404, refused(404, "Request_ResourceNotFound", none).body, engine.Unavailable, `{}`},
	} {
		c, f := talk(t, func(n int, a asked) canned {
			if n == 0 {
				return ok(`{"value":[` + account + `]}`)
			}
			return batchAnswers(a, func(s step) (int, string, string) {
				if strings.Contains(s.URL, "/manager?") {
					return tc.status, "", tc.body
				}
				return http.StatusOK, "", tc.properties
			})
		}, func(cfg *Config) { cfg.Match = matchUPN })
		if tc.want != "" {
			wantDoubt(t, what, c, ada, tc.want, "describe ada")
			continue
		}
		if got, err := c.Describe(t.Context(), ada); err != nil || got.Manager != "" || got.Name != "Ada" {
			t.Errorf("%s: got %+v and error %v, want a name and no manager", what, got, err)
		}
		if got := f.requests(); len(got) != 2 {
			t.Errorf("%s: got requests %v, want 2", what, got)
		}
	}
}

// TestRequestsOfDescribe counts: what Resolve takes and one more, and a third
// one where a mail has to lead back to its account.
func TestRequestsOfDescribe(t *testing.T) {
	t.Parallel()
	l := newLab(t, entratest.Options{})
	boss := l.user(entratest.User{UPN: "bo@example.org"})
	l.user(entratest.User{UPN: string(ada), Manager: boss, Properties: map[string]any{"department": boss}})
	for what, tc := range map[string]struct {
		edit func(*Config)
		p    engine.Person
		want int
	}{
		"by login":                    {func(cfg *Config) { cfg.Match = matchUPN }, ada, 2},
		"by login, without a manager": {func(cfg *Config) { cfg.Match = matchUPN }, "bo@example.org", 2},
		"by mail":                     {func(cfg *Config) { cfg.Match = matchMail }, ada, 3},
		"by either":                   {func(*Config) {}, ada, 3},
		"by either, without one":      {func(*Config) {}, "bo@example.org", 2},
		"by a property":               {func(cfg *Config) { cfg.Match, cfg.ProfileManager = matchUPN, "department" }, ada, 3},
		"with the manager an exception": {func(cfg *Config) {
			cfg.Accounts = map[engine.Person]string{"boss@example.org": boss}
		}, ada, 2},
	} {
		c := l.connect(tc.edit)
		if _, err := c.Resolve(t.Context(), ada); err != nil { // a token
			t.Fatal(err)
		}
		before := l.Log.Total()
		if _, err := c.Describe(t.Context(), tc.p); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if got := l.Log.Total() - before; got != tc.want {
			t.Errorf("%s: got %d requests, want %d", what, got, tc.want)
		}
	}
}
