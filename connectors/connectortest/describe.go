package connectortest

import (
	"fmt"
	"maps"
	"slices"

	"github.com/daypass-dev/daypass/engine"
)

func (c *check) describe(p engine.Person) (engine.Profile, error) {
	return c.Connector.(engine.Describer).Describe(c.ctx, p)
}

// wantProfile wants exactly this to be told of p.
func (c *check) wantProfile(p engine.Person, want engine.Profile) {
	c.Helper()
	if got, err := c.describe(p); err != nil || !sameProfile(got, want) {
		c.Errorf("Describe(%q): got %+v and error %v, want %+v and no error", p, got, err, want)
	}
}

func sameProfile(a, b engine.Profile) bool {
	return a.Name == b.Name && a.Manager == b.Manager && maps.EqualFunc(a.Attributes, b.Attributes, slices.Equal)
}

// staff gives a profile to two of the people, the second of whom is the manager
// of the first, and returns what is to be told of them.
func (c *check) staff() (first, second engine.Profile) {
	tells := engine.Profile{
		Name: "Ada, Countess of Lovelace (née Byron)", Manager: c.People[1],
		Attributes: map[string][]string{c.Attributes[0]: {"Ωmega", "alpha", "Alpha+Beta"}, c.Attributes[1]: {"Zürich"}},
	}
	c.Profile(c.People[1], engine.Profile{Name: "Bob", Attributes: map[string][]string{c.Attributes[1]: {"*"}}})
	c.Profile(c.People[0], tells)
	first = tells
	first.Attributes = map[string][]string{c.Attributes[0]: {"Alpha+Beta", "alpha", "Ωmega"}, c.Attributes[1]: {"Zürich"}}
	return first, engine.Profile{Name: "Bob", Attributes: map[string][]string{c.Attributes[1]: {"*"}}}
}

// describe wants the name, the manager and the attributes, sorted; who has no
// manager has an empty one, and an attribute that is not there is not told.
func describe(c *check) {
	first, second := c.staff()
	for range 2 { // also after somebody else was described
		c.wantProfile(c.People[0], first)
		c.wantProfile(c.People[1], second)
	}
	if plain, err := c.describe(c.People[2]); err != nil || plain.Manager != "" || len(plain.Attributes) > 0 {
		c.Errorf("Describe(%q), of whom nothing is told: got %+v and error %v, want no manager and no attributes", c.People[2], plain, err)
	}
}

func describeNobody(c *check) {
	_, err := c.describe(c.Stranger)
	c.wantKind("Describe of a person without an account", err, engine.NotFound)
}

func describeTwins(c *check) {
	_, err := c.describe(c.Twins)
	c.wantKind("Describe of a person with two accounts", err, engine.Ambiguous)
}

func describeDisabled(c *check) {
	_, err := c.describe(c.Disabled)
	c.wantKind("Describe of a person whose account is disabled", err, engine.Disabled)
}

// deletedManager wants a manager who is gone to be no missing one, and no
// missing person either. Where the directory forgets them, nobody can tell.
func deletedManager(c *check) {
	first, _ := c.staff()
	c.wantProfile(c.People[0], first)
	c.Delete(c.People[1])
	if c.Forgets {
		first.Manager = ""
		c.wantProfile(c.People[0], first)
		return
	}
	got, err := c.describe(c.People[0])
	if err == nil {
		c.Errorf("Describe of a person whose manager's account was deleted: got %+v and no error, want one", got)
		return
	}
	if k := engine.KindOf(err); k == engine.NotFound || k == engine.Ambiguous || k == engine.Disabled {
		c.Errorf("Describe of a person whose manager's account was deleted: got an error of kind %s (%v), want another, which does not speak of the person", k, err)
	}
	c.wantForm("Describe of a person whose manager's account was deleted", err)
}

// describeErrors wants each kind of failure to come out as itself, whichever
// request it strikes, and never half a profile.
func describeErrors(c *check) {
	first, _ := c.staff()
	for _, k := range c.kinds() {
		for nth := range 3 {
			c.Fail(nth+1, k)
			for range nth + 2 { // often enough for the fault to strike, however few requests there are
				call := fmt.Sprintf("Describe with the fault %s in request %d", k, nth+1)
				switch got, err := c.describe(c.People[0]); {
				case err != nil:
					c.wantKind(call, err, k)
				case !sameProfile(got, first):
					c.Errorf("%s: got %+v and no error, want %+v or an error", call, got, first)
				}
			}
		}
	}
	c.wantProfile(c.People[0], first)
}
