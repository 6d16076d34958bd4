package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// someManager stands for the manager of whoever it is for: one who is not known
// before. It is no address.
const someManager engine.Person = "manager"

// candidates returns who belongs to w at most, when only people are named, and
// the manager.
func candidates(w access.Who) (map[engine.Person]bool, bool) {
	manager := w.Manager
	w.Manager = false
	people, known := certain(w)
	if known && manager {
		people[someManager] = true
	}
	return people, known
}

// staffed reports whether steps can have all their approvals without somebody.
// Each counts in one step, but with twice. A step that groups, owners or an
// expression decide is taken to have enough others.
func staffed(steps []access.Step, twice bool, without engine.Person) bool {
	s := staff{in: make(map[engine.Person]int)}
	for i, step := range steps {
		people, known := candidates(both(step))
		delete(people, without)
		s.may = append(s.may, people)
		if twice {
			clear(s.in)
		}
		if known && step.Quorum > len(people) {
			return false
		}
		for range step.Quorum {
			if known && !s.seat(i, make(map[engine.Person]bool)) {
				return false
			}
		}
	}
	return true
}

// staff is who counts in which step.
type staff struct {
	may []map[engine.Person]bool // by step: who could
	in  map[engine.Person]int
}

// seat finds one more for a step, who may leave another step to somebody else;
// asked are those who cannot.
func (s *staff) seat(step int, asked map[engine.Person]bool) bool {
	for p := range s.may[step] {
		if asked[p] {
			continue
		}
		asked[p] = true
		if other, taken := s.in[p]; !taken || s.seat(other, asked) {
			s.in[p] = step
			return true
		}
	}
	return false
}

// stuck returns those who decide, and certainly may ask, when for none of them
// enough others are left to decide.
func stuck(p access.Policy, steps []access.Step) []engine.Person {
	if p.SelfApproval || !staffed(steps, p.Twice, "") {
		return nil
	}
	deciders := make(map[engine.Person]bool)
	for _, s := range steps {
		for _, who := range both(s).People {
			deciders[who] = p.Ask.Anyone || slices.Contains(p.Ask.People, who)
		}
	}
	maps.DeleteFunc(deciders, func(_ engine.Person, asks bool) bool { return !asks })
	for who := range deciders {
		if staffed(steps, p.Twice, who) {
			return nil
		}
	}
	return slices.Sorted(maps.Keys(deciders))
}

// few names people, the first ones where they are many.
func few(people []engine.Person) string {
	const shown = 5
	var names []string
	for _, p := range people[:min(len(people), shown)] {
		names = append(names, string(p))
	}
	if more := len(people) - shown; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names, ", "), more)
	}
	return strings.Join(names, ", ")
}
