// Package policytest plays requests through policies in a made-up world, so that
// those who write policies can test what they say before anybody asks. No
// directory is asked; the clock is that of the test.
package policytest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/schedule"
)

// File is the content of a file of tests.
type File struct {
	Given Given  `yaml:"given"` // of every test, under what each adds
	Tests []Test `yaml:"tests"`
}

// Test is a request and what is to become of it.
type Test struct {
	Name       string            `yaml:"name"`
	Given      Given             `yaml:"given"`
	Resource   string            `yaml:"resource"`
	Person     string            `yaml:"person"` // who is to have the access
	By         string            `yaml:"by"`     // who asks; Person when empty
	Machine    string            `yaml:"machine"`
	For        string            `yaml:"for"`
	From       string            `yaml:"from"`
	Reason     string            `yaml:"reason"`
	Ticket     string            `yaml:"ticket"`
	Answers    map[string]string `yaml:"answers"`
	BreakGlass bool              `yaml:"breakGlass"`
	Then       []Act             `yaml:"then"`
	// Refused is part of why it cannot be asked at all.
	Refused string `yaml:"refused"`
	// Ends is how the request stands at the end: asked, approved, denied,
	// withdrawn or lapsed.
	Ends  string `yaml:"ends"`
	Step  string `yaml:"step"`  // the step that waits at the end
	Until string `yaml:"until"` // when the access ends

	line int
}

// Act is something that happens to the request.
type Act struct {
	After   string `yaml:"after"`   // time passes
	Approve string `yaml:"approve"` // who approves
	Deny    string `yaml:"deny"`
	Extend  string `yaml:"extend"`  // by how long
	End     string `yaml:"end"`     // who ends the access
	Review  string `yaml:"review"`  // who closes the review of an emergency
	Given   Given  `yaml:"given"`   // what is otherwise from then on
	Refused string `yaml:"refused"` // part of why it is not taken
}

// Given is the world. What is not in it is not so.
type Given struct {
	Now      string                     `yaml:"now"`    // 2026-11-23T09:00:00Z when empty
	Groups   map[string][]engine.Person `yaml:"groups"` // the members of each
	Silent   []engine.Directory         `yaml:"silent"` // directories that do not answer
	Profiles map[engine.Person]Profile  `yaml:"profiles"`
	Holds    map[engine.Person][]string `yaml:"holds"` // resources that people have already
	Same     [][]engine.Person          `yaml:"same"`  // several accounts of one human
}

// Profile is what a directory tells of a person.
type Profile struct {
	Name       string              `yaml:"name"`
	Manager    engine.Person       `yaml:"manager"`
	Attributes map[string][]string `yaml:"attributes"`
}

// Policies are what is tested.
type Policies struct {
	Of          func(resource string) (access.Policy, access.Resource, bool)
	Machine     func(name string) (engine.Person, bool)
	Canonical   func(engine.Person) engine.Person
	Expressions access.Expressions
}

// Failure is a test that did not go as it says.
type Failure struct {
	Line int
	Name string
	What string
}

// Read reads a file of tests. What it does not know is an error.
func Read(b []byte) (File, error) {
	var f File
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return f, errors.New(unknownKey.ReplaceAllString(strings.TrimPrefix(err.Error(), "yaml: construct errors: "), `there is no key "$1"`))
	}
	if len(f.Tests) == 0 {
		return f, errors.New("there are no tests in it; write some below the key tests")
	}
	lines := linesOf(b)
	for i := range f.Tests {
		if i < len(lines) {
			f.Tests[i].line = lines[i]
		}
		if f.Tests[i].Ends == "" && f.Tests[i].Refused == "" {
			return f, fmt.Errorf("line %d: the test expects nothing: give it ends or refused", f.Tests[i].line)
		}
		if e := f.Tests[i].Ends; e != "" && !slices.Contains(endings(), access.Status(e)) {
			return f, fmt.Errorf("line %d: no request ends %q: it is asked, approved, denied, withdrawn or lapsed", f.Tests[i].line, e)
		}
	}
	return f, nil
}

// endings are how a request may stand at the end; until when there is access is
// another question.
func endings() []access.Status {
	return []access.Status{access.Asked, access.Approved, access.Denied, access.Withdrawn, access.Lapsed}
}

// unknownKey is how the YAML library tells of a key that a type does not have.
var unknownKey = regexp.MustCompile(`field (\S+) not found in type \S+`)

// linesOf are where the tests begin.
func linesOf(b []byte) []int {
	var doc yaml.Node
	if yaml.Unmarshal(b, &doc) != nil || len(doc.Content) == 0 {
		return nil
	}
	top := doc.Content[0]
	for i := 0; i+1 < len(top.Content); i += 2 {
		if top.Content[i].Value == "tests" {
			var lines []int
			for _, t := range top.Content[i+1].Content {
				lines = append(lines, t.Line)
			}
			return lines
		}
	}
	return nil
}

// Run plays every test.
func Run(f File, p Policies) []Failure {
	var out []Failure
	for _, t := range f.Tests {
		if err := play(t, f.Given, p); err != nil {
			out = append(out, Failure{t.line, t.title(), err.Error()})
		}
	}
	return out
}

func (t Test) title() string {
	if t.Name != "" {
		return t.Name
	}
	return t.Person + " asks for " + t.Resource
}

// player is a test that is under way.
type player struct {
	Policies
	policy access.Policy
	res    access.Resource
	world  Given
	now    time.Time
	person engine.Person
	r      access.Request
}

func play(t Test, given Given, p Policies) error {
	policy, res, ok := p.Of(t.Resource)
	if !ok {
		return fmt.Errorf("there is no resource %q that can be asked for", t.Resource)
	}
	pl := &player{Policies: p, policy: policy, res: res, world: given.with(t.Given)}
	var err error
	if pl.now, err = instant(pl.world.Now, time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)); err != nil {
		return err
	}
	err = pl.ask(t)
	if done, err := expected(err, t.Refused); done || err != nil {
		return err
	}
	for i, a := range t.Then {
		if err := pl.act(a); err != nil {
			return fmt.Errorf("then, number %d: %w", i+1, err)
		}
	}
	return pl.ends(t)
}

// expected compares an error with the one that was to come. It reports true when
// that one came, and nothing is left to be played.
func expected(err error, refused string) (done bool, _ error) {
	switch {
	case err != nil && refused == "":
		return false, fmt.Errorf("it is refused: %w", err)
	case err == nil && refused != "":
		return false, fmt.Errorf("it is not refused; expected %q", refused)
	case err == nil:
		return false, nil
	case !strings.Contains(err.Error(), refused):
		return false, fmt.Errorf("it is refused for another reason: %w", err)
	}
	return true, nil
}

func (pl *player) ask(t Test) error {
	w := access.Wish{ID: "test", Reason: t.Reason, Ticket: t.Ticket, Answers: t.Answers, BreakGlass: t.BreakGlass}
	by := access.Actor{Machine: t.Machine, Via: access.CLI}
	var err error
	if t.Machine != "" {
		who, ok := pl.Machine(t.Machine)
		if !ok {
			return fmt.Errorf("there is no machine %q", t.Machine)
		}
		by.Person, w.Person = who, who
	}
	if t.Person != "" {
		if w.Person, err = pl.address(t.Person); err != nil {
			return err
		}
	}
	if by.Person == "" {
		if by.Person, err = pl.address(t.By); t.By == "" {
			by.Person, err = w.Person, nil
		}
		if err != nil {
			return err
		}
	}
	if w.For, err = length(t.For); err != nil {
		return err
	}
	if t.From != "" {
		if w.From, err = schedule.ParseTime(t.From); err != nil {
			return err
		}
	}
	pl.person = w.Person
	pl.r, _, err = access.Ask(w, pl.policy, access.Act{By: by, At: pl.now}, pl.facts(by, access.Actor{}), pl.Expressions)
	return err
}

func (pl *player) act(a Act) error {
	pl.world = pl.world.with(a.Given)
	pass, err := length(a.After)
	if err != nil {
		return err
	}
	pl.now = pl.now.Add(pass)
	pl.r, _ = pl.r.Tick(pl.now)
	who := a.Approve + a.Deny + a.End + a.Review
	if who == "" && a.Extend == "" {
		return nil
	}
	by := access.Actor{Person: pl.person, Via: access.CLI}
	if who != "" {
		if by.Person, err = pl.address(who); err != nil {
			return err
		}
	}
	act := access.Act{By: by, At: pl.now, Comment: "a test"}
	f := pl.facts(pl.r.By, by)
	var next access.Request
	switch {
	case a.Approve != "":
		next, _, err = pl.r.Decide(true, act, f, pl.Expressions)
	case a.Deny != "":
		next, _, err = pl.r.Decide(false, act, f, pl.Expressions)
	case a.Review != "":
		next, _, err = pl.r.Close(true, act, f, pl.Expressions)
	case a.End != "":
		owner := pl.res.Owners.Belongs(f.Approver, access.Case{Now: pl.now, Facts: &f, Request: &pl.r, Deciding: true}, pl.Expressions)
		next, _, err = pl.r.End(act, owner.Err == nil && owner.Yes)
	default:
		d, derr := length(a.Extend)
		if derr != nil {
			return derr
		}
		next, _, err = pl.r.Extend(d, pl.r.Reason, act, f, pl.Expressions)
	}
	if done, err := expected(err, a.Refused); done || err != nil {
		return err
	}
	pl.r = next
	return nil
}

func (pl *player) ends(t Test) error {
	if got := string(pl.r.Status); got != t.Ends {
		return fmt.Errorf("it is %s at the end; expected %s", got, t.Ends)
	}
	step, waits := pl.r.Undecided().Now()
	if t.Step != "" && (!waits || step.Name != t.Step) {
		return fmt.Errorf("the step that waits at the end is %q; expected %q", step.Name, t.Step)
	}
	if t.Until == "" {
		return nil
	}
	until, err := schedule.ParseTime(t.Until)
	if err != nil {
		return err
	}
	if w, ok := pl.r.Window(); !ok || !w.Until.Equal(until) {
		return fmt.Errorf("the access ends at %s; expected %s", w.Until.Format(time.RFC3339), t.Until)
	}
	return nil
}

// facts are what the world says.
func (pl *player) facts(requester, approver access.Actor) access.Facts {
	f := access.Facts{
		Resource: pl.res, Person: pl.subject(access.Actor{Person: pl.person}), Requester: pl.subject(requester),
		Approver: pl.subject(approver), Same: make(map[engine.Person]access.Answer),
	}
	for _, name := range pl.world.Holds[pl.person] {
		f.Held = append(f.Held, access.Held{Resource: name, Standing: true})
	}
	for _, p := range pl.everybody() {
		f.Same[p] = access.Answer{Yes: pl.same(p, approver.Person)}
	}
	f.Self = &access.Answer{Yes: pl.same(pl.person, requester.Person)}
	return f
}

// same reports whether the world says that two addresses are one human's.
func (pl *player) same(a, b engine.Person) bool {
	return slices.ContainsFunc(pl.world.Same, func(one []engine.Person) bool {
		return slices.Contains(one, a) && slices.Contains(one, b)
	})
}

// everybody is whoever has a part in the request.
func (pl *player) everybody() []engine.Person {
	all := []engine.Person{pl.person, pl.r.By.Person}
	for _, d := range pl.r.Course.Decisions {
		all = append(all, d.By.Person)
	}
	for _, x := range pl.r.Extensions {
		all = append(all, x.By.Person)
		for _, d := range x.Course.Decisions {
			all = append(all, d.By.Person)
		}
	}
	return all
}

func (pl *player) subject(a access.Actor) access.Subject {
	s := access.Subject{Person: a.Person, Machine: a.Machine, Groups: make(map[engine.GroupRef]access.Answer)}
	for _, g := range pl.mentioned() {
		if slices.Contains(pl.world.Silent, g.Directory) {
			s.Groups[g] = access.Answer{Err: fmt.Errorf("%s does not answer", g.Directory)}
			continue
		}
		s.Groups[g] = access.Answer{Yes: slices.Contains(pl.world.Groups[g.String()], a.Person)}
	}
	profile, known := pl.world.Profiles[a.Person]
	if len(pl.world.Silent) > 0 && !known {
		s.ProfileErr = errors.New("the directory does not answer")
		return s
	}
	s.Profile = &engine.Profile{Name: profile.Name, Manager: profile.Manager, Attributes: profile.Attributes}
	return s
}

// mentioned are all groups that the policy may ask about.
func (pl *player) mentioned() []engine.GroupRef {
	all := make(map[engine.GroupRef]bool)
	take := func(w access.Wants) {
		for _, of := range []access.Want{w.Person, w.Requester, w.Approver} {
			for _, g := range of.Groups {
				all[g] = true
			}
		}
	}
	take(access.Wish{}.Wants(pl.policy, pl.res, pl.Expressions))
	take(access.Wish{BreakGlass: true}.Wants(pl.policy, pl.res, pl.Expressions))
	whos := []access.Who{pl.res.Owners}
	steps := slices.Clone(pl.policy.Steps)
	if e := pl.policy.Extend; e != nil {
		steps = append(steps, e.Steps...)
		take(access.Request{Policy: pl.policy}.WantsToExtend(pl.res, pl.Expressions))
	}
	for _, s := range steps {
		whos = append(whos, s.Approvers)
		if s.Escalate != nil {
			whos = append(whos, s.Escalate.To)
		}
	}
	if b := pl.policy.BreakGlass; b != nil {
		whos = append(whos, b.Review.By)
	}
	for _, w := range whos {
		take(access.WantsOf(w, pl.res, pl.Expressions))
	}
	return slices.SortedFunc(maps.Keys(all), func(a, b engine.GroupRef) int { return strings.Compare(a.String(), b.String()) })
}

func (pl *player) address(s string) (engine.Person, error) {
	p, err := engine.ParsePerson(s)
	if err == nil && pl.Canonical != nil {
		p = pl.Canonical(p)
	}
	return p, err
}

// with is the world with what another part says of it.
func (g Given) with(more Given) Given {
	out := Given{
		Now: g.Now, Groups: maps.Clone(g.Groups), Silent: slices.Clone(g.Silent), Profiles: maps.Clone(g.Profiles),
		Holds: maps.Clone(g.Holds), Same: slices.Concat(g.Same, more.Same),
	}
	if more.Now != "" {
		out.Now = more.Now
	}
	out.Groups, out.Profiles, out.Holds = over(out.Groups, more.Groups), over(out.Profiles, more.Profiles), over(out.Holds, more.Holds)
	if more.Silent != nil {
		out.Silent = slices.Clone(more.Silent)
	}
	return out
}

func over[K comparable, V any](base, more map[K]V) map[K]V {
	if base == nil {
		base = make(map[K]V)
	}
	maps.Copy(base, more)
	return base
}

func instant(s string, standard time.Time) (time.Time, error) {
	if s == "" {
		return standard, nil
	}
	return schedule.ParseTime(s)
}

func length(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	return schedule.ParseDuration(s)
}
