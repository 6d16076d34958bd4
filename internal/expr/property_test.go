package expr_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/expr"
)

// condition draws an expression that is right.
func condition(depth int) *rapid.Generator[string] {
	who := rapid.SampledFrom([]string{"person", "requester", "approver"})
	group := rapid.SampledFrom([]string{"corp/oncall", "corp/leads", "corp/silent"})
	return rapid.Custom(func(t *rapid.T) string {
		w, pick := who.Draw(t, "who"), rapid.IntRange(0, 12)
		if depth == 0 {
			pick = rapid.IntRange(0, 8)
		}
		inner := func() string { return condition(depth-1).Draw(t, "inner") }
		switch pick.Draw(t, "form") {
		case 0:
			return rapid.SampledFrom([]string{"true", "false", "request.breakGlass", `now.within("mon", "08:00", "09:00", "UTC")`}).Draw(t, "plain")
		case 1, 2, 3:
			return fmt.Sprintf("%s.memberOf(%q)", w, group.Draw(t, "group"))
		case 4:
			return w + `.manager == "cyd@example.org"`
		case 5:
			return w + `.has("department", "data")`
		case 6:
			return fmt.Sprintf("has(%s.attributes.department)", w)
		case 7:
			return w + `.attributes["department"].exists(x, x != "data")`
		case 8:
			return w + `.name == "" || ` + w + `.mail.endsWith("@example.org")`
		case 9:
			return "!(" + inner() + ")"
		case 10:
			return fmt.Sprintf("(%s) && (%s)", inner(), inner())
		case 11:
			return fmt.Sprintf("(%s) || (%s)", inner(), inner())
		default:
			return fmt.Sprintf("(%s) ? (%s) : [1, 2].all(n, n > 1 || (%s))", inner(), inner(), inner())
		}
	})
}

// someone draws a subject of which a part is not known.
func someone(t *rapid.T, name string) access.Subject {
	s := access.Subject{Person: engine.Person(name + "@example.org"), Groups: map[engine.GroupRef]access.Answer{}}
	for _, g := range []string{"oncall", "leads", "silent"} {
		a := access.Answer{Yes: rapid.Bool().Draw(t, "in "+g)}
		if rapid.IntRange(0, 3).Draw(t, "silent") == 0 {
			a.Err = errSilent
		}
		s.Groups[group(g)] = a
	}
	if rapid.IntRange(0, 3).Draw(t, "described") == 0 {
		s.ProfileErr = errSilent
		return s
	}
	s.Profile = &engine.Profile{Name: rapid.SampledFrom([]string{"", "Ada"}).Draw(t, "name"), Manager: rapid.SampledFrom([]engine.Person{"", "cyd@example.org"}).Draw(t, "manager")}
	if all := rapid.SliceOfN(rapid.SampledFrom([]string{"data", "web"}), 0, 2).Draw(t, "department"); len(all) > 0 {
		s.Profile.Attributes = map[string][]string{"department": all}
	}
	return s
}

func drawn(t *rapid.T) access.Case {
	c := morning()
	c.Deciding = rapid.IntRange(0, 3).Draw(t, "deciding") > 0
	c.Request.BreakGlass = rapid.Bool().Draw(t, "breakGlass")
	c.Facts = &access.Facts{Person: someone(t, "ada"), Requester: someone(t, "bob")}
	if c.Deciding {
		c.Facts.Approver = someone(t, "cyd")
	}
	return c
}

// TestNeedsIsAllThatJudgeAsks holds that whoever finds out what is needed finds
// out enough: more facts give no other answer.
func TestNeedsIsAllThatJudgeAsks(t *testing.T) {
	t.Parallel()
	r := rules(t)
	rapid.Check(t, func(t *rapid.T) {
		expression, c := condition(3).Draw(t, "expression"), drawn(t)
		if _, err := r.Check(expr.Deciding, expression); err != nil {
			if strings.Contains(err.Error(), "more than") {
				return
			}
			t.Fatalf("%s: %v", expression, err)
		}
		all, some := r.Judge(expression, c), r.Judge(expression, restricted(c, r.Needs(expression)))
		if verdict(all) != verdict(some) {
			t.Fatalf("%s: %s by everything, %s by %+v", expression, verdict(all), verdict(some), r.Needs(expression))
		}
	})
}

// TestADoubtDecidesNothing holds that an answer that is given in doubt is the
// one that is given when the doubt is cleared, whichever way.
func TestADoubtDecidesNothing(t *testing.T) {
	t.Parallel()
	r := rules(t)
	rapid.Check(t, func(t *rapid.T) {
		expression, c := condition(3).Draw(t, "expression"), drawn(t)
		before := r.Judge(expression, c)
		if before.Err != nil {
			if before.Yes {
				t.Fatalf("%s: a yes with an error", expression)
			}
			return
		}
		for _, s := range []*access.Subject{&c.Facts.Person, &c.Facts.Requester, &c.Facts.Approver} {
			cleared := someone(t, strings.TrimSuffix(string(s.Person), "@example.org"))
			for g, a := range s.Groups {
				if a.Err != nil {
					s.Groups[g] = access.Answer{Yes: cleared.Groups[g].Yes}
				}
			}
			if s.ProfileErr != nil && cleared.Profile != nil {
				s.Profile, s.ProfileErr = cleared.Profile, nil
			}
		}
		if after := r.Judge(expression, c); verdict(after) != verdict(before) {
			t.Fatalf("%s: %s in doubt, %s without", expression, verdict(before), verdict(after))
		}
	})
}
