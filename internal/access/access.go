// Package access is how people come by grants: requests, the policies they
// follow, approvals, ends. It is a pure state machine. Its functions get the
// time and every fact as values, do no input or output, and return what a
// request has become and the events that tell it; whoever calls them writes
// both down in one step, or neither.
//
// A fact that could not be found out is passed on as such, and decides nothing.
//
// Whoever acts on a request calls [Request.Tick] for that instant before. What
// is done when a clock was set back counts as done right after what was before.
package access

import (
	"slices"
	"strings"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/schedule"
)

// Via is the way by which somebody acted.
type Via string

// Ways to act.
const (
	Page Via = "page"
	API  Via = "api"
	CLI  Via = "cli"
	Chat Via = "chat"
	Mail Via = "mail"
)

// Actor is who acts: a person, or a machine with an identity of its own.
//
// A machine is one and the same whoever made the token by which it came: it sees
// and goes on with what it asked for, and its keys and limits are its own. But
// whoever made the token can act as it, so they count among those who asked.
type Actor struct {
	Person  engine.Person `json:"person"` // of a machine, the one whose accounts it has
	Machine string        `json:"machine,omitempty"`
	Maker   engine.Person `json:"maker,omitempty"` // who made the token of a machine; empty where its own system did
	Via     Via           `json:"via,omitempty"`
}

// String is how the actor is written in the audit log.
func (a Actor) String() string {
	if a.Maker != "" {
		return a.Name() + madeBy + string(a.Maker) + ")"
	}
	return a.Name()
}

const madeBy = " (token made by "

// Names are the machine, and the maker of its token, where [Actor.String] wrote
// both; otherwise none.
func Names(by string) []string {
	machine, maker, both := strings.Cut(strings.TrimSuffix(by, ")"), madeBy)
	if !both {
		return nil
	}
	return []string{machine, maker}
}

// Name is who the actor is, whoever made the token of a machine.
func (a Actor) Name() string {
	if a.Machine != "" {
		return MachinePrefix + a.Machine
	}
	return string(a.Person)
}

// MachinePrefix is before the name of a machine in the audit log.
const MachinePrefix = "machine "

// Act is something that an actor does at an instant, with what was said to it.
type Act struct {
	By      Actor
	At      time.Time
	Comment string
}

// Subject is a person or machine as a policy sees it.
type Subject struct {
	Person  engine.Person
	Machine string
	// Groups tells, for groups that were asked for, whether the subject is a
	// direct member. One that is not in it is not known.
	Groups map[engine.GroupRef]Answer
	// Profile is nil when it was not asked for or could not be told, and then
	// ProfileErr says why in the second case.
	Profile    *engine.Profile
	ProfileErr error
}

// Answer is what is known of a question with two answers. Its zero value is a
// certain no.
type Answer struct {
	Yes bool
	Err error // why it is not known; then Yes means nothing
}

// Resource is what access is asked for, as the configuration has it now.
type Resource struct {
	Name   string
	Title  string
	Groups []engine.GroupRef
	Owners Who
}

// Held is access that a person has, will have, or has asked for.
type Held struct {
	Resource string
	Request  string    // the request behind it; empty where it came otherwise
	Until    time.Time // zero while it is only asked for
	Standing bool      // the directory shows it, and nothing says until when
	Unnamed  bool      // the resource is not shown to whoever is told of it
	Removed  bool      // the resource left the configuration
}

// Called is what the resource is called to whoever is told of it.
func (h Held) Called() string {
	switch {
	case h.Unnamed:
		return "a resource that is not shown to you"
	case h.Removed:
		return h.Resource + " (no longer configured)"
	}
	return h.Resource
}

// Given is access to the resource at hand itself, by another request.
type Given struct {
	Request    string
	When       schedule.Window
	BreakGlass bool // for an emergency
}

// Facts are what a decision may know of the world. What a policy does not ask
// for need not be there.
type Facts struct {
	Resource  Resource
	Person    Subject // who is to have the access
	Requester Subject // who asks; mostly the same
	Approver  Subject // who decides; of an Ask, nobody
	// Held is everything that Person holds beside the request at hand.
	Held    []Held
	HeldErr error // why that is not known
	// Given is what Person has, or will have, of the resource already.
	Given    []Given
	GivenErr error // why that is not known, or what Unfit says
	// Unfit is when a review last found that an emergency of Person in the resource
	// was none; zero when none did.
	Unfit time.Time
	// Same tells whether the one who decides is the same human as another person,
	// behind another address. Those it does not name are not known.
	Same map[engine.Person]Answer
	// Self tells whether Requester and Person are the same human behind two
	// addresses; nil when that is not known. Maker tells it of Person and who made
	// the token by which a machine asked.
	Self, Maker *Answer
}

// Expressions judge what policies say in words of their own.
type Expressions interface {
	// Judge returns whether an expression holds. It is not known, which is an
	// error, when it asks for a fact that is not known.
	Judge(expression string, c Case) Answer
	// Needs returns the facts that an expression asks for.
	Needs(expression string) Wants
}

// Case is what an expression is asked about.
type Case struct {
	Now      time.Time
	Facts    *Facts
	Request  *Request // as it stands; of an Ask, as it would be
	Deciding bool     // Facts.Approver is somebody
}

// about reports a doubt when the facts are those of another request, or of
// others than whom it concerns.
func (f *Facts) about(r *Request) error {
	if f.Resource.Name != r.Resource || f.Person.Person != r.Person ||
		f.Requester.Person != r.By.Person || f.Requester.Machine != r.By.Machine {
		return doubtful(unknownf("%s, %s and %s together", r.Resource, r.Person, r.By), "what has to be known of %s", r.Resource)
	}
	return nil
}

// by reports a doubt when the facts are not about whoever decides.
func (f *Facts) by(a Actor) error {
	if a.Machine != "" {
		return refuse(Forbidden, "a machine cannot decide")
	}
	if a.Person == "" || f.Approver.Person != a.Person || f.Approver.Machine != "" {
		return doubtful(unknownf("who %q is", a.Person), "who decides")
	}
	return nil
}

// same reports whether two persons are one human.
func (f *Facts) same(actor, other engine.Person) Answer {
	if actor == other {
		return Answer{Yes: true}
	}
	a, asked := f.Same[other]
	if !asked {
		return Answer{Err: unknownf("whether %s and %s are one human", actor, other)}
	}
	return a
}

// whom reports whether somebody is whom it is for, by what is known of that.
func (f *Facts) whom(p engine.Person, known *Answer) Answer {
	switch {
	case p == "":
		return Answer{}
	case p == f.Person.Person:
		return Answer{Yes: true}
	case known == nil:
		return Answer{Err: unknownf("whether %s and %s are one human", p, f.Person.Person)}
	}
	return *known
}

// conflict returns what Person holds of some resources.
func (f *Facts) conflict(resources []string) (Held, bool) {
	for _, h := range f.Held {
		if slices.Contains(resources, h.Resource) {
			return h, true
		}
	}
	return Held{}, false
}
