package expr_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/expr"
)

var update = flag.Bool("update", false, "write testdata/refused.golden")

var (
	// It is 09:30 on a Monday in Zurich.
	now       = time.Date(2026, 11, 23, 8, 30, 0, 0, time.UTC)
	errSilent = errors.New("the directory does not answer")
)

func group(name string) engine.GroupRef { return engine.GroupRef{Directory: "corp", Name: name} }

// morning is a case of which everything is known but what is in corp/silent,
// and what a directory says about the requester.
func morning() access.Case {
	return access.Case{
		Now: now, Deciding: true,
		Request: &access.Request{
			ID: "r1", Resource: "prod-db", Person: "ada@example.org", By: access.Actor{Person: "bob@example.org"},
			Reason: "migrate billing", Ticket: "CHG-1234", Answers: map[string]string{"data": "none", "rows": "12"},
			For: 2 * time.Hour, Status: access.Asked, Template: "nightly",
		},
		Facts: &access.Facts{
			Person: access.Subject{
				Person: "ada@example.org",
				Groups: map[engine.GroupRef]access.Answer{group("oncall"): {Yes: true}, group("leads"): {}, group("silent"): {Yes: true, Err: errSilent}},
				Profile: &engine.Profile{
					Name: "Ada Lovelace", Manager: "cyd@example.org",
					Attributes: map[string][]string{"department": {"platform", "data"}, "empty": {}},
				},
			},
			Requester: access.Subject{Person: "bob@example.org", ProfileErr: errSilent},
			Approver: access.Subject{
				Person: "cyd@example.org", Groups: map[engine.GroupRef]access.Answer{group("leads"): {Yes: true}},
				Profile: &engine.Profile{},
			},
		},
	}
}

func rules(t testing.TB) *expr.Rules {
	t.Helper()
	r, err := expr.New()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// verdict is an answer in one word.
func verdict(a access.Answer) string {
	switch {
	case a.Err != nil && a.Yes:
		return "a yes with an error"
	case a.Err != nil:
		return "not known"
	case a.Yes:
		return "yes"
	}
	return "no"
}

func TestJudge(t *testing.T) {
	t.Parallel()
	r := rules(t)
	for expression, want := range map[string]string{
		`true`:  "yes",
		`false`: "no",

		`person.mail == "ada@example.org"`:                             "yes",
		`person.mail == requester.mail`:                                "no",
		`person.name.startsWith("Ada") && person.machine == ""`:        "yes",
		`person.manager == approver.mail`:                              "yes",
		`approver.manager == ""`:                                       "yes",
		`person.memberOf("corp/oncall")`:                               "yes",
		`person.memberOf("corp/leads")`:                                "no",
		`approver.memberOf("corp/leads")`:                              "yes",
		`person.has("department", "data")`:                             "yes",
		`person.has("department", "Data")`:                             "no",
		`person.has("department", request.reason)`:                     "no",
		`"platform" in person.attributes.department`:                   "yes",
		`person.attributes["department"].exists(d, d.contains("lat"))`: "yes",
		`person.attribute("department") == ["platform", "data"]`:       "yes",
		`person.attributes.department.size() == 2`:                     "yes",

		// What a person certainly has not is empty, and no error.
		`person.attributes.title == []`:              "yes",
		`person.attribute("title").size() > 0`:       "no",
		`person.has("title", "boss")`:                "no",
		`!person.has("title", "boss")`:               "yes",
		`has(person.attributes.title)`:               "no",
		`has(person.attributes.empty)`:               "no",
		`has(person.attributes.department)`:          "yes",
		`"boss" in person.attributes.title`:          "no",
		`person.attributes.title.all(x, x == "no")`:  "yes",
		`person.attributes.title[0] == "boss"`:       "not known", // there is no first one
		`request.answers.customer == ""`:             "yes",
		`has(request.answers.customer)`:              "no",
		`has(request.answers.data)`:                  "yes",
		`request.answers.data != "personal"`:         "yes",
		`int(request.answers["rows"]) <= 100`:        "yes",
		`int(request.answers.customer) <= 100`:       "not known",
		`request.answers["data"] in ["none", "all"]`: "yes",

		// What is not known makes only that not known which depends on it.
		`person.memberOf("corp/silent")`:                                        "not known",
		`!person.memberOf("corp/silent")`:                                       "not known",
		`person.memberOf("corp/nobody-asked")`:                                  "not known",
		`person.memberOf("corp/silent") || true`:                                "yes",
		`true || person.memberOf("corp/silent")`:                                "yes",
		`person.memberOf("corp/silent") && false`:                               "no",
		`person.memberOf("corp/silent") && true`:                                "not known",
		`person.memberOf("corp/silent") || false`:                               "not known",
		`person.memberOf("corp/silent") == person.memberOf("corp/silent")`:      "not known",
		`person.memberOf("corp/silent") ? true : true`:                          "not known",
		`request.breakGlass ? person.memberOf("corp/silent") : true`:            "yes",
		`requester.name == "Bob"`:                                               "not known",
		`requester.name != "Bob"`:                                               "not known",
		`requester.has("department", "data")`:                                   "not known",
		`requester.attributes.department == []`:                                 "not known",
		`has(requester.attributes.department)`:                                  "not known",
		`!has(requester.attributes.department)`:                                 "not known",
		`["a"].exists(x, requester.name == x)`:                                  "not known",
		`["a"].all(x, requester.name != x)`:                                     "not known",
		`["a", "b"].exists(x, requester.name == x || x == "b")`:                 "yes",
		`requester.mail == "bob@example.org"`:                                   "yes",
		`requester.manager == person.manager || person.memberOf("corp/oncall")`: "yes",

		`request.resource == "prod-db" && request.template == "nightly"`:      "yes",
		`request.reason.lowerAscii().contains("billing")`:                     "yes",
		`request.ticket.matches("^CHG-[0-9]+$")`:                              "yes",
		`request.duration <= duration("2h")`:                                  "yes",
		`request.duration < duration("120m")`:                                 "no",
		`request.duration.getHours() == 2`:                                    "yes",
		`request.start == now && !request.breakGlass && !request.extension`:   "yes",
		`request.start - now > duration("24h")`:                               "no",
		`now.getHours("Europe/Zurich") == 9 && now.getHours() == 8`:           "yes",
		`now.getDayOfWeek("Europe/Zurich") == 1`:                              "yes",
		`now.within("Mon-Fri", "09:00", "17:00", "Europe/Zurich")`:            "yes",
		`now.within("Mon-Fri", "09:00", "17:00", "UTC")`:                      "no",
		`now.within("sat,sun", "00:00", "24:00", "UTC")`:                      "no",
		`now.within("sun", "22:00", "10:00", "Europe/Zurich")`:                "yes",
		`(now + duration("7h30m")).within("mon", "09:00", "17:00", "+02:00")`: "not known", // Weekly knows names only
		`now > timestamp("2026-11-23T08:29:59Z")`:                             "yes",

		``:                  "not known",
		`person.mail`:       "not known",
		`persn.mail == "a"`: "not known",
		`1 / 0 == 1`:        "not known",
	} {
		if got := verdict(r.Judge(expression, morning())); got != want {
			t.Errorf("%s: %s, want %s (%v)", expression, got, want, r.Judge(expression, morning()).Err)
		}
	}
}

func TestWhatIsNotThereIsNotKnown(t *testing.T) {
	t.Parallel()
	r := rules(t)
	change := func(f func(*access.Case)) access.Case {
		c := morning()
		f(&c)
		return c
	}
	asking := change(func(c *access.Case) { c.Deciding = false })
	bare := change(func(c *access.Case) { c.Request = nil })
	blank := change(func(c *access.Case) { c.Facts = &access.Facts{} })
	nothing := change(func(c *access.Case) { c.Facts = nil })
	machine := change(func(c *access.Case) { c.Facts.Requester = access.Subject{Machine: "ci"} })
	for _, test := range []struct {
		expression string
		c          access.Case
		want       string
	}{
		{`approver.mail == ""`, asking, "not known"},
		{`approver.memberOf("corp/leads")`, asking, "not known"},
		{`approver.mail == "" || true`, asking, "yes"},
		{`request.breakGlass`, bare, "not known"},
		{`!request.breakGlass`, bare, "not known"},
		{`request.breakGlass || true`, bare, "yes"},
		{`request.answers.data == ""`, bare, "not known"},
		{`person.memberOf("corp/oncall")`, bare, "yes"},
		{`person.mail == ""`, blank, "not known"},
		{`person.name == ""`, blank, "not known"},
		{`true`, nothing, "not known"},
		{`requester.machine == "ci" && requester.mail == ""`, machine, "yes"},
		{`requester.memberOf("corp/leads")`, machine, "not known"},
	} {
		if got := verdict(r.Judge(test.expression, test.c)); got != test.want {
			t.Errorf("%s: %s, want %s", test.expression, got, test.want)
		}
	}
}

// The cause of a doubt is for operators: it names what is silent.
func TestTheCauseIsKept(t *testing.T) {
	t.Parallel()
	r := rules(t)
	for _, expression := range []string{`person.memberOf("corp/silent")`, `requester.name == "Bob"`, `requester.has("a", "b")`, `false || requester.attributes.x == []`} {
		if a := r.Judge(expression, morning()); !errors.Is(a.Err, errSilent) {
			t.Errorf("%s: %v, want the silence behind it", expression, a.Err)
		}
	}
}

func TestAnExtensionIsWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	r := rules(t)
	from := now.Add(-time.Hour)
	c := morning()
	q := *c.Request
	c.Request = &q
	judge := func(expression string) {
		t.Helper()
		if got := verdict(r.Judge(expression, c)); got != "yes" {
			t.Errorf("%s: %s, want yes", expression, got)
		}
	}
	q.From = now.Add(time.Hour)
	judge(`request.start - now == duration("1h")`)
	q.From = now.Add(-time.Minute) // it was to begin while it waited
	judge(`request.start == now`)

	q.Status, q.Grant = access.Approved, &access.Grant{From: from, Until: from.Add(2 * time.Hour)}
	judge(`!request.extension && request.duration == duration("2h") && request.start - now == duration("-1h")`)
	q.Extensions = []access.Extension{{For: 30 * time.Minute, Reason: "slow disk", Status: access.Asked}}
	judge(`request.extension && request.duration == duration("30m") && request.reason == "slow disk" && request.start - now == duration("1h")`)
	q.Extensions[0].Status = access.Approved
	judge(`!request.extension && request.duration == duration("2h")`)
}

func TestNeeds(t *testing.T) {
	t.Parallel()
	r := rules(t)
	oncall, leads := group("oncall"), group("leads")
	for _, test := range []struct {
		expression string
		want       access.Wants
	}{
		{`request.duration < duration("1h") && now.getHours() > 3`, access.Wants{}},
		{`person.mail == "a" || requester.machine == "ci"`, access.Wants{}},
		{`person.memberOf("corp/oncall") || person.memberOf("corp/leads") || person.memberOf("corp/oncall")`, access.Wants{Person: access.Want{Groups: []engine.GroupRef{leads, oncall}}}},
		{`requester.name == "x"`, access.Wants{Requester: access.Want{Profile: true}}},
		{`requester.manager == approver.mail`, access.Wants{Requester: access.Want{Profile: true}}},
		{`approver.attributes.x == [] && person.attributes["y"] == []`, access.Wants{Approver: access.Want{Profile: true}, Person: access.Want{Profile: true}}},
		{`has(approver.attributes.x)`, access.Wants{Approver: access.Want{Profile: true}}},
		{`approver.has("x", person.name)`, access.Wants{Approver: access.Want{Profile: true}, Person: access.Want{Profile: true}}},
		{`["a"].all(x, approver.attribute(".").exists(y, y == x && approver.memberOf("corp/leads")))`, access.Wants{Approver: access.Want{Profile: true, Groups: []engine.GroupRef{leads}}}},
		{`.person.memberOf("corp/oncall")`, access.Wants{Person: access.Want{Groups: []engine.GroupRef{oncall}}}},
		{`request.breakGlass ? person.memberOf("corp/oncall") : (requester.memberOf("corp/leads"))`, access.Wants{Person: access.Want{Groups: []engine.GroupRef{oncall}}, Requester: access.Want{Groups: []engine.GroupRef{leads}}}},
		{`person.memberOf("corp/a/b c")`, access.Wants{Person: access.Want{Groups: []engine.GroupRef{group("a/b c")}}}},
		{`this is no expression`, access.Wants{}},
	} {
		got := r.Needs(test.expression)
		if fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("%s: needs %+v, want %+v", test.expression, got, test.want)
		}
	}
}

func TestCheckTellsWhatIsNamed(t *testing.T) {
	t.Parallel()
	got, err := rules(t).Check(expr.Deciding, `approver.memberOf("okta/b") && person.memberOf("corp/a") && person.has("z", "1") &&
		has(person.attributes.y) && person.attributes["z"] == [] && request.answers.q2 == request.answers["q1"]`)
	want := expr.Uses{
		Groups:     []engine.GroupRef{group("a"), {Directory: "okta", Name: "b"}},
		Attributes: []string{"y", "z"}, Answers: []string{"q1", "q2"}, Profile: true,
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestOnlyDecidersHaveAnApprover(t *testing.T) {
	t.Parallel()
	r := rules(t)
	const expression = `true || approver.mail == "a"`
	if _, err := r.Check(expr.Deciding, expression); err != nil {
		t.Error(err)
	}
	if _, err := r.Check(expr.Asking, expression); err == nil || !strings.HasPrefix(err.Error(), "column 9: there is no approver here") {
		t.Errorf("got %v", err)
	}
}

// TestRefused holds what is said about expressions that are wrong. Each is
// refused by Judge as well, and needs nothing.
func TestRefused(t *testing.T) {
	t.Parallel()
	const file = "testdata/refused.golden"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r := rules(t)
	var out strings.Builder
	for block := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
		var lines []string
		for line := range strings.SplitSeq(block, "\n") {
			if !strings.HasPrefix(line, "# ") {
				lines = append(lines, line)
			}
		}
		expression := strings.Join(lines, "\n")
		_, err := r.Check(expr.Asking, expression)
		if err == nil {
			t.Errorf("%s: not refused", expression)
			continue
		}
		fmt.Fprintf(&out, "%s\n# %s\n\n", expression, err)
		if !strings.Contains(err.Error(), "no approver here") && verdict(r.Judge(expression, morning())) != "not known" {
			t.Errorf("%s: is judged", expression)
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(strings.TrimSuffix(out.String(), "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if got := strings.TrimSuffix(out.String(), "\n"); got != string(text) {
		t.Errorf("got\n%s\nwant what is in %s; go test ./internal/expr -update writes it", got, file)
	}
}

// What docs/policies.md shows is right, and all of it is known in a full case.
func TestPoliciesPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(page), "```cel\n")
	block, _, _ = strings.Cut(block, "```")
	lines := strings.Split(strings.TrimSpace(block), "\n")
	if len(lines) < 5 {
		t.Fatalf("found %d expressions", len(lines))
	}
	lines = append(lines, `person.attributes.team.exists(t, t.startsWith("db-"))`, `has(person.attributes.team)`,
		`has(person.attributes.team) && person.attributes.team == approver.attributes.team`, `!person.has("kind", "contractor")`,
		`request.breakGlass || person.memberOf("corp/oncall")`, `request.start - now > duration("1h30m") && now > timestamp("2026-11-23T09:00:00Z")`,
		`double(request.answers.rows) > 1.5 && request.reason.trim().substring(0, 3).upperAscii() == "MIG" && now.getDayOfWeek() == 0`)
	r := rules(t)
	for _, line := range lines {
		if _, err := r.Check(expr.Deciding, line); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if a := r.Judge(line, morning()); a.Err != nil {
			t.Errorf("%s: %v", line, a.Err)
		}
	}
}

func TestSeveralGoroutines(t *testing.T) {
	t.Parallel()
	r := rules(t)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for j := range 300 {
				e := fmt.Sprintf(`person.memberOf("corp/oncall") && %d >= 0 && now.within("mon", "00:%02d", "24:00", "UTC")`, j, j%60)
				if got := verdict(r.Judge(e, morning())); got != "yes" {
					t.Errorf("%s: %s", e, got)
				}
			}
		})
	}
	wait.Wait()
}
