package access

import (
	"slices"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// Query narrows a listing of requests. Fields that are zero let everything
// through.
type Query struct {
	Person engine.Person // for that person
	By     engine.Person // asked by that person
	Mine   engine.Person // for that person, or asked by them and not by a machine of theirs
	// Decided is a person who is among the Deciders.
	Decided engine.Person
	// Also are the other addresses of the people above: what is on record under
	// one of them is theirs too.
	Also      map[engine.Person][]engine.Person
	Machine   string // asked by that machine
	Resource  string
	Resources []string // any of them
	Status    []Status
	Phase     []Phase   // any of them, at Now
	Now       time.Time // for Phase
	Undecided bool      // the request, or its last extension, waits for decisions
	Review    bool      // an emergency that nobody reviewed yet
	Text      string    // an id's beginning, or part of person, resource or reason, in any case
	After     string    // where the page before ended
	Limit     int       // 50 when zero; at most 500
}

// Deciders are the people who approved, denied or reviewed a request, or ended
// access that was not their own; sorted.
func (r Request) Deciders() []engine.Person {
	var all []engine.Person
	add := func(a Actor) {
		if a.Machine == "" && a.Person != "" {
			all = append(all, a.Person)
		}
	}
	for _, d := range r.Course.Decisions {
		add(d.By)
	}
	for _, x := range r.Extensions {
		for _, d := range x.Course.Decisions {
			add(d.By)
		}
	}
	if r.Review != nil && r.Review.By != nil {
		add(*r.Review.By)
	}
	if r.Grant != nil && r.Grant.End != nil && !r.concerns(r.Grant.End.By) {
		add(r.Grant.End.By)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Listing is one page of requests, newest first.
type Listing struct {
	Requests []Request
	Unread   []string // ids of those of the page that are on record and cannot be read
	Next     string   // what Query.After is for the next page; empty on the last one
}

// Past is how often somebody asked for a resource before.
type Past struct {
	Counts map[Status]int
	Last   time.Time // when they last asked; zero when never
}

// Token is a secret by which a program acts for a person, or as a machine. The
// secret itself is shown once and kept nowhere.
type Token struct {
	ID      string
	Person  engine.Person
	Machine string
	Name    string
	Scopes  []string
	Made    time.Time
	Expires time.Time
	Used    time.Time // to the minute; zero when never
	Revoked time.Time // zero while nobody revoked it
}
