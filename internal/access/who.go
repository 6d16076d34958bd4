package access

import (
	"errors"
	"slices"
	"strings"

	"github.com/daypass-dev/daypass/engine"
)

// Belongs reports whether s is among w. One line that certainly says yes is
// enough; otherwise one that is not known makes the whole not known.
func (w Who) Belongs(s Subject, c Case, x Expressions) Answer {
	if s.Machine != "" { // whatever groups its accounts are in
		return Answer{Yes: slices.Contains(w.Machines, s.Machine)}
	}
	if s.Person == "" {
		return Answer{}
	}
	if w.Anyone || slices.Contains(w.People, s.Person) {
		return Answer{Yes: true}
	}
	var answers []Answer
	for _, g := range w.Groups {
		answers = append(answers, s.in(g))
	}
	if w.Owners {
		owners := c.Facts.Resource.Owners
		owners.Owners = false
		answers = append(answers, owners.Belongs(s, c, x))
	}
	if w.Manager {
		answers = append(answers, c.Facts.manages(s.Person))
	}
	if w.When != "" {
		answers = append(answers, x.Judge(w.When, c))
	}
	return anyOf(answers)
}

func anyOf(answers []Answer) Answer {
	var errs []error
	for _, a := range answers {
		switch {
		case a.Err != nil:
			errs = append(errs, a.Err)
		case a.Yes:
			return Answer{Yes: true}
		}
	}
	return Answer{Err: errors.Join(errs...)}
}

// in reports whether the subject is a direct member of a group.
func (s Subject) in(g engine.GroupRef) Answer {
	a, asked := s.Groups[g]
	if !asked {
		return Answer{Err: unknownf("whether %s is in %s", s.Person, g)}
	}
	return a
}

// manages reports whether p is the manager of the person who is to have the
// access.
func (f *Facts) manages(p engine.Person) Answer {
	switch {
	case f.Person.ProfileErr != nil:
		return Answer{Err: f.Person.ProfileErr}
	case f.Person.Profile == nil:
		return Answer{Err: unknownf("the manager of %s", f.Person.Person)}
	}
	return Answer{Yes: f.Person.Profile.Manager == p}
}

// holds judges an expression that may be empty, which never holds.
func holds(expression string, c Case, x Expressions) Answer {
	if expression == "" {
		return Answer{}
	}
	return x.Judge(expression, c)
}

// String names the people as they are written for people.
func (w Who) String() string {
	var parts []string
	if w.Anyone {
		parts = append(parts, "anyone who is signed in")
	}
	for _, p := range w.People {
		parts = append(parts, string(p))
	}
	for _, g := range w.Groups {
		parts = append(parts, "members of "+g.String())
	}
	for _, m := range w.Machines {
		parts = append(parts, "the machine "+m)
	}
	if w.Owners {
		parts = append(parts, "the owners")
	}
	if w.Manager {
		parts = append(parts, "the person's manager")
	}
	if w.When != "" {
		parts = append(parts, "whoever fits "+w.When)
	}
	if len(parts) == 0 {
		return "nobody"
	}
	return strings.Join(parts, ", ")
}
