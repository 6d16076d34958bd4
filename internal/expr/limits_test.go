package expr_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/expr"
)

// crowded is a case with an attribute of many values.
func crowded(n int) access.Case {
	c := morning()
	for i := range n {
		c.Facts.Person.Profile.Attributes["many"] = append(c.Facts.Person.Profile.Attributes["many"], fmt.Sprintf("value %06d", i))
	}
	return c
}

// TestWhatIsTooDearIsNotKnown holds that no expression takes long, whatever it
// is written for.
func TestWhatIsTooDearIsNotKnown(t *testing.T) {
	t.Parallel()
	r := rules(t)
	many := crowded(2000)
	doubled := strings.Repeat(`.map(x, x + x)`, 40)
	for name, expression := range map[string]string{
		"loops within loops":  `person.attributes.many.all(a, person.attributes.many.all(b, person.attributes.many.all(c, a != b || b != c || a == c)))`,
		"loops that count":    `person.attributes.many.map(a, person.attributes.many.filter(b, b == a).size()).size() == 0`,
		"texts that double":   `["ab"]` + doubled + `.exists(x, x == "")`,
		"patterns over those": `["ab"]` + doubled + `.exists(x, x.matches("(a|b|ab)*c"))`,
		"a dear first half":   `person.attributes.many.all(a, person.attributes.many.exists(b, b == a)) || true`,
		"a dear second half":  `person.attributes.many.all(a, person.attributes.many.all(b, b != "x")) && false`,
	} {
		if _, err := r.Check(expr.Asking, expression); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		begun := time.Now()
		if got := verdict(r.Judge(expression, many)); got != "not known" {
			t.Errorf("%s: %s", name, got)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
	if got := verdict(r.Judge(`person.attributes.many.exists(a, a.endsWith("1999")) && person.has("many", "value 000000")`, many)); got != "yes" {
		t.Errorf("one look at 2000 values: %s", got)
	}
}

// TestWhatCouldGrowIsRefused holds what the bill does not see in time: lists
// that share what is in them have endless contents and few parts.
func TestWhatCouldGrowIsRefused(t *testing.T) {
	t.Parallel()
	r := rules(t)
	for _, expression := range []string{
		`[[1]]` + strings.Repeat(`.map(x, x + x)`, 40) + `.exists(x, 5 in x)`,
		`[1]` + strings.Repeat(`.map(x, [x, x])`, 40) + ` == []`,
		`[{"a": 1}]` + strings.Repeat(`.map(x, {"a": x, "b": x})`, 40) + ` == []`,
		`["a"].map(x, ["b"].map(y, y)).size() == 1`,
		strings.Repeat("(", 300) + "true" + strings.Repeat(")", 300),
		strings.Repeat("[", 300) + "1" + strings.Repeat("]", 300) + " == []",
		strings.Repeat(`true && `, 1000) + `true`,
		strings.Repeat("\u00e4", 5000),
	} {
		begun := time.Now()
		if _, err := r.Check(expr.Asking, expression); err == nil {
			t.Errorf("%.60s: not refused", expression)
		} else if len(err.Error()) > 200 {
			t.Errorf("%.60s: the message has %d characters: %.300s", expression, len(err.Error()), err)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("%.60s: took %v", expression, took)
		}
	}
	if _, err := r.Check(expr.Asking, strings.Repeat(`true && `, 400)+`true`); err != nil {
		t.Errorf("a long one: %v", err)
	}
}

var seeds = []string{
	`true`, `person.memberOf("corp/oncall")`, `person.memberOf("corp/silent") || true`, `approver.mail == requester.manager`,
	`request.duration <= duration("1h") && person.has("department", "platform")`, `has(person.attributes.title)`,
	`["a", "b"].map(x, x + person.name).exists(x, x.matches("^a"))`, `{"a": 1}["a"] == 1`, `request.answers["rows"].split("").size() > 1`,
	`now.within("mon-fri", "09:00", "17:00", "Europe/Zurich") && now.getHours("+01:00") > 3`, `person == approver`, `persn.nam == "ä`,
	`[1, 2].exists_one(x, x % 2 == 0) ? 1.5 > 2.0 : !false`, `request.start - now > -duration("1h")`, `"a" in person.attributes.x`,
}

// FuzzJudge holds that there is no way to a yes past a doubt, and none to stop
// the program: what Check refuses is not judged, and what is not known of
// anybody gives the same answer as what is known, or none.
func FuzzJudge(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	r := rules(f)
	f.Fuzz(func(t *testing.T, expression string) {
		begun := time.Now()
		_, refused := r.Check(expr.Deciding, expression)
		full := r.Judge(expression, crowded(50))
		if full.Err != nil && full.Yes {
			t.Errorf("%q: a yes with an error", expression)
		}
		if refused != nil && full.Err == nil {
			t.Errorf("%q: refused (%v), and judged", expression, refused)
		}
		want := r.Needs(expression)
		if less := r.Judge(expression, restricted(crowded(50), want)); verdict(less) != verdict(full) {
			t.Errorf("%q: %s by what it needs (%+v), %s by everything", expression, verdict(less), want, verdict(full))
		}
		blind := r.Judge(expression, restricted(crowded(50), access.Wants{}))
		if blind.Err == nil && (full.Err != nil || blind.Yes != full.Yes) {
			t.Errorf("%q: %s by nothing, %s by everything", expression, verdict(blind), verdict(full))
		}
		if took := time.Since(begun); took > 20*time.Second {
			t.Errorf("%q: took %v", expression, took)
		}
	})
}

// restricted leaves what is wanted of a case, and of everything else only that
// nobody asked.
func restricted(c access.Case, w access.Wants) access.Case {
	f := *c.Facts
	c.Facts = &f
	for _, one := range []struct {
		subject *access.Subject
		want    access.Want
	}{{&f.Person, w.Person}, {&f.Requester, w.Requester}, {&f.Approver, w.Approver}} {
		groups := make(map[string]bool)
		for _, g := range one.want.Groups {
			groups[g.String()] = true
		}
		kept := one.subject.Groups
		one.subject.Groups = nil
		for g, a := range kept {
			if groups[g.String()] {
				one.subject.Groups = with(one.subject.Groups, g, a)
			}
		}
		if !one.want.Profile {
			one.subject.Profile, one.subject.ProfileErr = nil, nil
		}
	}
	return c
}

func with[K comparable, V any](m map[K]V, k K, v V) map[K]V {
	if m == nil {
		m = make(map[K]V)
	}
	m[k] = v
	return m
}

func BenchmarkJudge(b *testing.B) {
	r := rules(b)
	c := crowded(100)
	for _, expression := range []string{
		`request.duration <= duration("30m")`,
		`person.memberOf("corp/oncall") && approver.memberOf("corp/leads") && person.has("department", "data") && request.ticket.matches("^CHG-[0-9]+$")`,
		`now.within("mon-fri", "09:00", "17:00", "Europe/Zurich")`,
		`now.getHours("Europe/Zurich") >= 9`,
		`person.attributes.many.all(v, v.startsWith("value "))`,
	} {
		b.Run(expression[:min(len(expression), 30)], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if a := r.Judge(expression, c); a.Err != nil || !a.Yes && !strings.HasPrefix(expression, "request.dur") {
					b.Fatal(a)
				}
			}
		})
	}
}
