package config

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

const day = 24 * time.Hour

func TestPolicyFor(t *testing.T) {
	t.Parallel()
	c := load(t, "full.good.yaml")
	group := func(name string) []engine.GroupRef { return []engine.GroupRef{{Directory: "corp", Name: name}} }
	want := access.Policy{
		Name: "production",
		Ask: access.Who{
			Groups: group("engineers"), People: []engine.Person{"ada@example.org"}, Machines: []string{"deploy"},
			Owners: true, Manager: true, When: `person.has("department", "ops")`,
		},
		For: access.Anyone, Max: 8 * time.Hour, Default: 2 * time.Hour, Ahead: 14 * day,
		Reason: access.Text{Required: true, Pattern: "(?s).{10,}", Hint: "a sentence"},
		Ticket: access.Text{Required: true, Pattern: `CHG-\d+`, Hint: "CHG-1234"},
		Questions: []access.Question{
			{Name: "customer", Title: "Which customer?", Type: access.TypeChoice, Choices: []string{"a", "b"}, Text: access.Text{Required: true}},
			{Name: "note", Type: access.TypeText, Text: access.Text{Pattern: "[a-z]+", Hint: "a word"}},
			{Name: "rows", Type: access.TypeNumber, Min: new(float64), Max: new(1.5e6)},
			{Name: "personal", Type: access.TypeBool},
			{Name: "day", Type: access.TypeDate},
		},
		Steps: []access.Step{
			{
				Name: "lead", Quorum: 2, Within: 4 * time.Hour, Skip: `request.duration <= duration("30m")`,
				Approvers: access.Who{
					Groups: group("dba-leads"), People: []engine.Person{"linus@example.org"}, Owners: true, Manager: true,
					When: `approver.memberOf("corp/oncall")`,
				},
				Escalate: &access.Escalate{To: access.Who{Groups: group("oncall")}, Within: 2 * time.Hour},
			},
			{Name: "security", Approvers: access.Who{Groups: group("security")}, Quorum: 1, Within: day},
		},
		Auto: `person.memberOf("corp/oncall")`, Pending: 3 * day, NotWith: []string{"audit-db"},
		BreakGlass: &access.BreakGlass{
			Ask: access.Who{Groups: group("oncall")}, Max: time.Hour,
			Review: access.Review{By: access.Who{Groups: group("security")}, Within: day},
		},
		Extend: &access.Extend{
			Times: 2, Max: 4 * time.Hour, Auto: `request.duration <= duration("1h")`,
			Steps: []access.Step{{Name: "lead", Approvers: access.Who{Groups: group("dba-leads")}, Quorum: 1}},
		},
	}
	got, ok := c.PolicyFor("prod-db")
	if diff := cmp.Diff(want, got); diff != "" || !ok {
		t.Errorf("prod-db: %v (-want +got):\n%s", ok, diff)
	}
}

func TestPolicyDefaults(t *testing.T) {
	t.Parallel()
	c := load(t, "full.good.yaml")
	got, ok := c.Policy("low-risk")
	want := access.Policy{
		Name: "low-risk", Ask: access.Who{Anyone: true}, For: access.Self, Max: time.Hour, Default: time.Hour, Ahead: 30 * day,
		Reason: access.Text{Required: true}, Auto: "true", Pending: 7 * day,
	}
	if diff := cmp.Diff(want, got); diff != "" || !ok {
		t.Errorf("%v (-want +got):\n%s", ok, diff)
	}
	for _, resource := range []string{"prod", ""} {
		if got, ok := c.PolicyFor(resource); ok {
			t.Errorf("%q: got %v, want none", resource, got)
		}
	}
	if got, _ := c.Policy("loose"); !got.SelfApproval || !got.Twice {
		t.Errorf("got %+v, want what it allows", got)
	}
	if got, ok := c.Policy("prod-db"); ok {
		t.Errorf("got %v for a resource, want none", got)
	}
}

// Who holds one of two that exclude each other cannot get the other, whichever
// comes first.
func TestNotWithHoldsBothWays(t *testing.T) {
	t.Parallel()
	c := load(t, "full.good.yaml")
	for resource, want := range map[string][]string{
		"audit-db": {"prod-db", "vault"}, "prod-db": {"audit-db"}, "vault": {"audit-db"},
	} {
		if got, _ := c.PolicyFor(resource); !slices.Equal(got.NotWith, want) {
			t.Errorf("%s: got %v, want %v", resource, got.NotWith, want)
		}
	}
	if got, _ := c.Policy("low-risk"); len(got.NotWith) > 0 {
		t.Errorf("the policy itself says %v", got.NotWith)
	}
}

func TestResource(t *testing.T) {
	t.Parallel()
	c := load(t, "full.good.yaml")
	got, ok := c.Resource("prod-db")
	want := access.Resource{
		Name: "prod-db", Title: "Production databases",
		Groups: []engine.GroupRef{{Directory: "corp", Name: "prod-db"}, {Directory: "lab-1", Name: "dba"}},
		Owners: access.Who{People: []engine.Person{"grace@example.org"}, Groups: []engine.GroupRef{{Directory: "corp", Name: "dba-leads"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" || !ok {
		t.Errorf("%v (-want +got):\n%s", ok, diff)
	}
	if got, ok := c.Resource("prod"); ok {
		t.Errorf("got %v, want none", got)
	}
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	c := load(t, "full.good.yaml")
	for p, want := range map[engine.Person]engine.Person{
		"ada-admin@example.org": "ada@example.org", "ada@example.org": "ada@example.org", "eve@example.org": "eve@example.org",
	} {
		if got := c.Canonical(p); got != want {
			t.Errorf("%s: got %s, want %s", p, got, want)
		}
	}
	for _, p := range []engine.Person{"ada-admin@example.org", "ada@example.org"} {
		if got, want := c.Addresses(p), []engine.Person{"ada@example.org", "ada-admin@example.org"}; !slices.Equal(got, want) {
			t.Errorf("addresses of %s: got %s, want %s", p, got, want)
		}
	}
	if got := c.Addresses("eve@example.org"); !slices.Equal(got, []engine.Person{"eve@example.org"}) {
		t.Errorf("addresses of eve: got %s", got)
	}
	if got := c.Machines["deploy"].Person; got != "deploy-bot@example.org" {
		t.Errorf("the machine's person: got %s", got)
	}
}

func TestProfileDirectory(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]engine.Directory{"full.good.yaml": "corp", "minimal.good.yaml": "corp", "expire.good.yaml": ""} {
		if got, ok := load(t, file).ProfileDirectory(); got != want || ok != (want != "") {
			t.Errorf("%s: got %q, %v, want %q", file, got, ok, want)
		}
	}
}

func TestWebDefaults(t *testing.T) {
	t.Parallel()
	c := load(t, "full.good.yaml")
	if c.Web.URL != "https://daypass.example.org" {
		t.Errorf("url: got %s, want no slash at its end", c.Web.URL)
	}
	if want := []string{"email", "groups"}; !slices.Equal(c.Web.OIDC.Scopes, want) {
		t.Errorf("scopes: got %v, want %v", c.Web.OIDC.Scopes, want)
	}
	c = written(t, "web: {url: \"http://localhost:8760\", oidc: {issuer: \"http://127.0.0.1:5556/dex\", clientID: daypass}, session: {life: 20m}}")
	if got := c.Web; got.Listen != "127.0.0.1:8760" || got.OIDC.Person != "email" || !slices.Equal(got.OIDC.Scopes, []string{"profile", "email"}) ||
		got.Session.Idle.Std() != 20*time.Minute {
		t.Errorf("got %+v", got)
	}
}

// written loads a small configuration with some more lines.
func written(t *testing.T, lines string) *Config {
	t.Helper()
	minimal, err := os.ReadFile(configs + "minimal.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "daypass.yaml")
	if err := os.WriteFile(file, []byte(string(minimal)+"\n"+lines+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(file, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A folder's name is no pattern, whatever is in it.
func TestPolicyFilesInAnOddFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a[b]*c")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	minimal, err := os.ReadFile(configs + "minimal.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"daypass.yaml": string(minimal) + "\npolicyFiles: [p*.yaml]\n",
		"policy.yaml":  "policies: {open: {ask: {anyone: true}, max: 1h, auto: \"true\"}}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Load(filepath.Join(dir, "daypass.yaml"), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Policy("open"); !ok {
		t.Error("the policy of the file is not there")
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	web := "web: {url: \"https://daypass.example.org\", oidc: {issuer: \"https://login.example.org\", clientID: daypass}}\n"
	machines := `machines:
  main: {person: bot@example.org, issuer: "https://ci.example.org", audience: daypass, claims: {repository: app, ref: [main, release]}}
  tags: {person: bot@example.org, issuer: "https://ci.example.org", audience: daypass, claims: {repository: app, ref: v1}}
  elsewhere: {person: bot@example.org, issuer: "https://ci.example.net", audience: daypass, claims: {repository: app}}
  other: {person: bot@example.org, issuer: "https://ci.example.org", audience: other, claims: {repository: app}}
`
	open := `  any: {person: bot@example.org, issuer: "https://ci.example.org", audience: daypass, claims: {repository: app}}
`
	for lines, want := range map[string][]string{
		web: {"nobody is an administrator"},
		web + "roles: {auditors: {groups: [corp/audit]}}":                                 {"nobody is an administrator"},
		web + "roles: {administrators: {people: [a@example.org]}}":                        nil,
		web + "roles: {administrators: {groups: [corp/admins]}}":                          {"nobody administers; name a person in roles.administrators.people too"},
		web + "roles: {administrators: {people: [a@example.org], groups: [corp/admins]}}": nil,
		strings.Replace(web, "clientID: daypass", "clientID: daypass, secret: \"file:/etc/passwd\"", 1) + "roles: {administrators: {people: [a@example.org]}}": {"secret file:/etc/passwd can be read by everybody"},
		machines:        nil,
		machines + open: {"a token could be of any as well", "a token could be of any as well"},
	} {
		got := written(t, lines).Warnings
		if len(got) != len(want) {
			t.Errorf("%s: got %q, want %q", lines, got, want)
			continue
		}
		for i, w := range want {
			if !strings.Contains(got[i], w) {
				t.Errorf("%s: got %q, want %q", lines, got[i], w)
			}
		}
	}
}

// What docs/policies.md shows can be copied: each block of it takes the place of
// what the example says.
func TestPoliciesPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(page), "```yaml\n")[1:]
	if len(blocks) < 4 {
		t.Fatalf("got %d blocks", len(blocks))
	}
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		whole := asMap(t, "../../examples/approvals/daypass.yaml")
		whole["policies"] = asMap(t, "../../examples/approvals/policies/staging.yaml")["policies"]
		maps.Copy(whole["policies"].(map[string]any), asMap(t, "../../examples/approvals/policies/production.yaml")["policies"].(map[string]any))
		delete(whole, "policyFiles")
		var shown map[string]map[string]any
		if err := yaml.Load([]byte(block), &shown); err != nil {
			t.Fatalf("%v in\n%s", err, block)
		}
		for key, entries := range shown {
			maps.Copy(whole[key].(map[string]any), entries)
		}
		text, err := yaml.Dump(whole)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "daypass.yaml")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(file, noEnv); err != nil {
			t.Errorf("%v in\n%s", err, block)
		}
	}
}

func asMap(t *testing.T, file string) map[string]any {
	t.Helper()
	m, ok := instance(t, file).(map[string]any)
	if !ok {
		t.Fatalf("%s is no mapping", file)
	}
	return m
}
