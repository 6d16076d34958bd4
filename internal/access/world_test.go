package access_test

import (
	"errors"
	"slices"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// words are expressions as a map: what each needs and how it is judged.
type words map[string]word

type word struct {
	needs access.Wants
	judge func(access.Case) access.Answer
}

func (w words) Judge(expression string, c access.Case) access.Answer {
	known, ok := w[expression]
	if !ok {
		return access.Answer{Err: errors.New("no such expression: " + expression)}
	}
	return known.judge(c)
}

func (w words) Needs(expression string) access.Wants { return w[expression].needs }

var (
	oncall = engine.GroupRef{Directory: "corp", Name: "oncall"}
	senior = engine.GroupRef{Directory: "corp", Name: "senior"}
	leads  = engine.GroupRef{Directory: "corp", Name: "leads"}
	safety = engine.GroupRef{Directory: "corp", Name: "safety"}
)

// vocabulary has a word for each way in which an answer comes about.
var vocabulary = words{
	"yes":     {judge: func(access.Case) access.Answer { return access.Answer{Yes: true} }},
	"no":      {judge: func(access.Case) access.Answer { return access.Answer{} }},
	"unknown": {judge: func(access.Case) access.Answer { return access.Answer{Yes: true, Err: errors.New("not known")} }},
	"on call": {
		needs: access.Wants{Person: access.Want{Groups: []engine.GroupRef{oncall}}},
		judge: func(c access.Case) access.Answer { return asked(c.Facts.Person, oncall) },
	},
	"senior": {
		needs: access.Wants{Approver: access.Want{Groups: []engine.GroupRef{senior}}},
		judge: func(c access.Case) access.Answer {
			if !c.Deciding {
				return access.Answer{Err: errors.New("nobody decides")}
			}
			return asked(c.Facts.Approver, senior)
		},
	},
}

func asked(s access.Subject, g engine.GroupRef) access.Answer {
	a, ok := s.Groups[g]
	if !ok {
		return access.Answer{Err: errors.New("nobody asked")}
	}
	return a
}

// world is what is so, and who is silent about it.
type world struct {
	members map[engine.GroupRef][]engine.Person
	human   map[engine.Person]engine.Person // of a second account, the first
	manager map[engine.Person]engine.Person
	owners  access.Who
	held    []access.Held
	given   []access.Given
	unfit   time.Time
	silent  []string // groups by name, "profiles", "same", "held", "given"
}

var errSilent = errors.New("the directory does not answer")

func (w *world) mute(what string) bool { return slices.Contains(w.silent, what) }

func (w *world) self(p engine.Person) engine.Person {
	if first, ok := w.human[p]; ok {
		return first
	}
	return p
}

func (w *world) subject(a access.Actor, want access.Want) access.Subject {
	s := access.Subject{Person: a.Person, Machine: a.Machine, Groups: map[engine.GroupRef]access.Answer{}}
	for _, g := range want.Groups {
		if w.mute(g.Name) {
			s.Groups[g] = access.Answer{Yes: true, Err: errSilent}
			continue
		}
		s.Groups[g] = access.Answer{Yes: slices.Contains(w.members[g], a.Person)}
	}
	switch {
	case !want.Profile:
	case w.mute("profiles"):
		s.ProfileErr = errSilent
	default:
		s.Profile = &engine.Profile{Manager: w.manager[a.Person]}
	}
	return s
}

// facts finds out what is wanted, and nothing else.
func (w *world) facts(person engine.Person, by, approver access.Actor, wants access.Wants) access.Facts {
	f := access.Facts{
		Resource:  w.resource(),
		Person:    w.subject(access.Actor{Person: person}, wants.Person),
		Requester: w.subject(by, wants.Requester),
	}
	if approver != (access.Actor{}) {
		f.Approver = w.subject(approver, wants.Approver)
		f.Same = map[engine.Person]access.Answer{}
		for _, p := range wants.Same {
			f.Same[p] = access.Answer{Yes: w.self(p) == w.self(approver.Person)}
			if w.mute("same") {
				f.Same[p] = access.Answer{Err: errSilent}
			}
		}
	}
	if wants.Self {
		same := func(p engine.Person) *access.Answer {
			if w.mute("same") {
				return &access.Answer{Yes: true, Err: errSilent}
			}
			return &access.Answer{Yes: p != "" && w.self(p) == w.self(person)}
		}
		f.Self, f.Maker = same(by.Person), same(by.Maker)
	}
	if wants.Given {
		if f.Given = w.given; w.mute("given") {
			f.Given, f.GivenErr = nil, errSilent
		}
	}
	if wants.Unfit && !w.mute("given") {
		f.Unfit = w.unfit
	}
	if wants.Held {
		if f.Held = w.held; w.mute("held") {
			f.Held, f.HeldErr = nil, errSilent
		}
	}
	return f
}

func (w *world) resource() access.Resource {
	return access.Resource{Name: "prod-db", Title: "Databases", Owners: w.owners}
}

func (w *world) ask(wish access.Wish, p access.Policy, act access.Act) (access.Request, []engine.Event, error) {
	wants := wish.Wants(p, w.resource(), vocabulary)
	return access.Ask(wish, p, act, w.facts(wish.Person, act.By, access.Actor{}, wants), vocabulary)
}

func (w *world) decide(r access.Request, yes bool, act access.Act) (access.Request, []engine.Event, error) {
	wants := r.WantsToDecide(w.resource(), vocabulary)
	return r.Decide(yes, act, w.facts(r.Person, r.By, act.By, wants), vocabulary)
}

func (w *world) extend(r access.Request, length time.Duration, act access.Act) (access.Request, []engine.Event, error) {
	wants := r.WantsToExtend(w.resource(), vocabulary)
	return r.Extend(length, "it takes longer", act, w.facts(r.Person, r.By, access.Actor{}, wants), vocabulary)
}

func (w *world) review(r access.Request, fine bool, act access.Act) (access.Request, []engine.Event, error) {
	wants := r.WantsToClose(w.resource(), vocabulary)
	return r.Close(fine, act, w.facts(r.Person, r.By, act.By, wants), vocabulary)
}
