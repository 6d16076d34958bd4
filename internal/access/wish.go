package access

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/schedule"
)

// Wish is what somebody asks for.
type Wish struct {
	ID         string // of the request that it becomes; nobody else has it
	Person     engine.Person
	For        time.Duration // zero: the policy's default
	From       time.Time     // zero: at approval
	Reason     string
	Ticket     string
	Answers    map[string]string
	Template   string
	BreakGlass bool // an emergency
}

const (
	// longest is how many characters somebody may write in one place.
	longest = 2000
	// shortest is how long access lasts at least.
	shortest = time.Second
)

// Calm is how long nobody has an emergency in a resource after a review found that
// one of theirs was none.
const Calm = 24 * time.Hour

// Ask makes a wish a request. The facts are about By as Requester and the
// wish's person as Person. Everything that is wrong with the wish is told at
// once, joined; see [Refusals].
func Ask(w Wish, p Policy, act Act, f Facts, x Expressions) (Request, []engine.Event, error) {
	act.At = act.At.UTC()
	r, wrong := w.Draft(p, f.Resource.Name, act)
	if r.Person == "" {
		return Request{}, nil, wrong
	}
	c := Case{Now: act.At, Facts: &f, Request: &r}
	if err := errors.Join(r.entitled(c, x), wrong); err != nil {
		return Request{}, nil, err
	}
	events := []engine.Event{r.event(engine.EventRequested, act, r.Reason)}
	// Whoever asks for somebody else is not told by a refusal what those hold:
	// where approvers decide, they hear of it, and nothing is given beside it.
	if r.BreakGlass || r.By.Person == r.Person {
		if err := r.compatible(f); err != nil {
			return Request{}, nil, err
		}
	}
	if r.BreakGlass {
		if err := r.once(f); err != nil {
			return Request{}, nil, err
		}
		r.Course.Closed = r.At
		r.Review = &Reviewing{}
		events = append(events, r.grant(act, engine.EventBreakGlass))
		r.Review.Due = r.Grant.From.Add(p.BreakGlass.Review.Within)
		return r, events, nil
	}
	r.Course = Course{Steps: p.clone().Steps, Lapses: r.At.Add(p.Pending)}
	if end := r.From.Add(r.For); !r.From.IsZero() && end.Before(r.Course.Lapses) {
		r.Course.Lapses = end
	}
	told, done, err := r.begin(&r.Course, p.Auto, act, c, x)
	if err != nil {
		return Request{}, nil, err
	}
	events = append(events, told...)
	if done {
		r.Course.Closed = r.At
		events = append(events, r.grant(act, engine.EventGranted))
		if err := r.compatible(f); err != nil {
			return Request{}, nil, err
		}
		if err := r.once(f); err != nil {
			return Request{}, nil, err
		}
	}
	return r, events, nil
}

// Draft returns the request that a wish is for, and everything that is wrong
// with it whatever is known of the world: what is too long, missing, or not as
// the policy asks for it. [Ask] says so too. It is of nobody where the address is
// no address.
func (w Wish) Draft(p Policy, resource string, act Act) (Request, error) {
	if p := string(w.Person); len(p) > longest || strings.ContainsFunc(p, unseen) || !canonical(w.Person) {
		return Request{}, invalid("person", "say whom it is for, by a work address such as ada@example.org")
	}
	r := Request{
		ID: w.ID, Version: 1, Resource: resource, Person: w.Person, By: act.By,
		Reason: strings.TrimSpace(w.Reason), Ticket: strings.TrimSpace(w.Ticket), Template: w.Template,
		For: w.For, From: w.From.UTC(), At: act.At.UTC(), BreakGlass: w.BreakGlass, Policy: p.clone(), Status: Asked,
	}
	if r.For == 0 {
		r.For = r.standard()
	}
	answers, wrong := p.answers(w.Answers, w.BreakGlass)
	r.Answers = answers
	return r, errors.Join(wrong, r.sound())
}

// once reports whether what nobody has to approve is given only once at a time:
// what is no longer than the policy allows is not to become so by asking again.
// Beside other access there may be one emergency, and none for a while after one
// that was none.
func (r *Request) once(f Facts) error {
	if f.GivenErr != nil {
		return doubtful(f.GivenErr, "what %s has of %s already", r.Person, r.Resource)
	}
	if r.BreakGlass {
		if err := Calmed(r.Person, r.Resource, f.Unfit, r.At); err != nil {
			return err
		}
	}
	for _, g := range f.Given {
		until := g.When.Until.UTC().Format(time.RFC3339)
		w, given := r.Window()
		switch {
		case g.When.Ended(r.At):
		case r.BreakGlass && g.BreakGlass:
			return refuse(Conflict, "%s has access to %s for an emergency until %s; give that back first", r.Person, r.Resource, until)
		case given && !r.BreakGlass && g.When.From.Before(w.Until) && w.From.Before(g.When.Until):
			return refuse(Conflict, "%s has access to %s from %s until %s already; extend that, or give it back first",
				r.Person, r.Resource, g.When.From.UTC().Format(time.RFC3339), until)
		}
	}
	return nil
}

// Calmed refuses an emergency of somebody in a resource for as long as [Calm] says
// after a review found, at unfit, that one of theirs was none; zero is never.
func Calmed(p engine.Person, resource string, unfit, now time.Time) error {
	if until := unfit.UTC().Add(Calm); !unfit.IsZero() && now.Before(until) {
		return refuse(Conflict, "a review found that an emergency of %s in %s was none: until %s, ask without; where there is one, tell an owner or an administrator",
			p, resource, until.Format(time.RFC3339))
	}
	return nil
}

func canonical(p engine.Person) bool {
	c, err := engine.ParsePerson(string(p))
	return err == nil && c == p
}

func (r *Request) standard() time.Duration {
	if r.BreakGlass && r.Policy.BreakGlass != nil {
		return r.Policy.BreakGlass.Max
	}
	return r.Policy.Default
}

// entitled reports whether who asked may ask for it, for that person.
func (r *Request) entitled(c Case, x Expressions) error {
	p, f := &r.Policy, c.Facts
	if err := f.about(r); err != nil {
		return err
	}
	who := p.Ask
	if r.BreakGlass {
		if p.BreakGlass == nil {
			return refuse(Forbidden, "%s has no access for emergencies; ask without", r.Resource)
		}
		who = p.BreakGlass.Ask
	}
	self := f.whom(r.By.Person, f.Self)
	if p.For == Others { // whoever made the token acts as the machine
		self = anyOf([]Answer{self, f.whom(r.By.Maker, f.Maker)})
	}
	switch {
	case p.For != Self && p.For != Others:
	case self.Err != nil:
		return doubtful(self.Err, "whether %s and %s are one human", r.By, r.Person)
	case p.For == Self && !self.Yes:
		return refuse(Forbidden, "%s is asked for by whom it is for: %s has to ask", r.Resource, r.Person)
	case p.For == Others && self.Yes:
		return refuse(Forbidden, "%s is asked for by somebody else: neither for yourself, nor for who made the token of a machine", r.Resource)
	}
	switch a := who.Belongs(f.Requester, c, x); {
	case a.Err != nil:
		return doubtful(a.Err, "whether %s may ask for %s", r.By, r.Resource)
	case !a.Yes:
		return refuse(Forbidden, "%s may not ask for %s", r.By, r.Resource)
	}
	return nil
}

// compatible reports whether the person holds nothing that excludes the
// resource.
func (r *Request) compatible(f Facts) error {
	if len(r.Policy.NotWith) == 0 {
		return nil
	}
	if f.HeldErr != nil {
		return doubtful(f.HeldErr, "what %s holds already", r.Person)
	}
	h, found := f.conflict(r.Policy.NotWith)
	name := h.Called()
	switch {
	case !found:
		return nil
	case h.Standing:
		return refuse(Conflict, "%s is in a group of %s already, and nobody may hold both", r.Person, name)
	case h.Until.IsZero():
		return refuse(Conflict, "%s has asked for %s, and nobody may hold both; withdraw that first", r.Person, name)
	}
	return refuse(Conflict, "%s holds %s until %s, and nobody may hold both; give that back first",
		r.Person, name, h.Until.UTC().Format(time.RFC3339))
}

// sound reports what is wrong with what was written.
func (r *Request) sound() error {
	p := &r.Policy
	most := p.Max
	if r.BreakGlass && p.BreakGlass != nil {
		most = p.BreakGlass.Max
	}
	var errs []error
	switch {
	case r.For < shortest:
		errs = append(errs, invalid("for", "say for how long, such as 2h; at most %s", schedule.FormatDuration(most)))
	case r.For > most:
		errs = append(errs, invalid("for", "%s is too long: %s is given for %s at most",
			schedule.FormatDuration(r.For), r.Resource, schedule.FormatDuration(most)))
	}
	switch {
	case r.From.IsZero():
	case r.BreakGlass:
		errs = append(errs, invalid("from", "an emergency begins at once; leave the start out"))
	case !r.From.Add(r.For).After(r.At):
		errs = append(errs, invalid("from", "it would be over (%s) before it is asked for", r.From.Add(r.For).Format(time.RFC3339)))
	case r.From.After(r.At.Add(p.Ahead)):
		errs = append(errs, invalid("from", "%s is too far ahead: at most %s from now", r.From.Format(time.RFC3339), schedule.FormatDuration(p.Ahead)))
	}
	// An emergency needs a reason, and nothing that has to be fetched first.
	reason, ticket := p.Reason, p.Ticket
	reason.Required, ticket.Required = reason.Required || r.BreakGlass, ticket.Required && !r.BreakGlass
	errs = append(errs, reason.fits("reason", "the reason", r.Reason), ticket.fits("ticket", "the ticket", r.Ticket),
		Readable("template", "the template", r.Template))
	return errors.Join(errs...)
}

// fits reports whether a text follows the rule.
func (t Text) fits(field, name, s string) error {
	if err := Readable(field, name, s); err != nil {
		return err
	}
	hint := ""
	if t.Hint != "" {
		hint = " (" + t.Hint + ")"
	}
	switch {
	case blank(s) && t.Required:
		return invalid(field, "%s is missing%s", name, hint)
	case s == "" || t.Pattern == "":
		return nil
	}
	re, err := regexp.Compile(`^(?:` + t.Pattern + `)$`)
	if err != nil {
		return fmt.Errorf("%s: %w", field, err) // it was checked with the configuration
	}
	if !re.MatchString(s) {
		if hint == "" {
			hint = " (" + t.Pattern + ")"
		}
		return invalid(field, "%s does not look as it has to%s", name, hint)
	}
	return nil
}

// Readable reports whether a text that somebody wrote can be shown as what it
// is: not too long, and nothing in it that is not seen or turns around what is.
func Readable(field, name, s string) error {
	switch {
	case !utf8.ValidString(s):
		return invalid(field, "%s is not UTF-8", name)
	case utf8.RuneCountInString(s) > longest:
		return invalid(field, "%s has %d characters; at most %d", name, utf8.RuneCountInString(s), longest)
	}
	for _, c := range strings.ReplaceAll(s, "\r\n", "\n") {
		if c != '\n' && c != '\t' && unicode.In(c, unicode.Cc, unicode.Zl, unicode.Zp) || unseen(c) {
			return invalid(field, "%s holds a character that is not to be seen (%U)", name, c)
		}
	}
	return nil
}

// unseen reports whether a character shows nothing itself, or changes the
// direction of what follows it, so that a text reads as another one. Those that
// some languages need are none.
func unseen(c rune) bool {
	return c == utf8.RuneError || !Needed(c) && unicode.Is(unicode.Cf, c) && !unicode.Is(unicode.Prepended_Concatenation_Mark, c)
}

// Needed reports whether a character shows nothing itself, and is needed to
// write some languages: the two that join letters, and emoji, or keep them
// apart, and the two marks that keyboards for Hebrew and Arabic type beside
// punctuation. The marks turn around no more than a letter does in their place:
// who shows a text sets it apart from what is beside it.
func Needed(c rune) bool {
	const nonJoiner, rightToLeftMark = '\u200C', '\u200F'
	return nonJoiner <= c && c <= rightToLeftMark
}

// blank reports whether a text shows nothing.
func blank(s string) bool {
	return strings.TrimFunc(s, func(c rune) bool { return unicode.IsSpace(c) || Needed(c) }) == ""
}

// answers returns the answers in their canonical form. An emergency needs none.
func (p *Policy) answers(given map[string]string, glass bool) (map[string]string, error) {
	var errs []error
	out := make(map[string]string)
	for _, q := range p.Questions {
		q.Required = q.Required && !glass
		s, err := q.answer(strings.TrimSpace(given[q.Name]))
		if err != nil {
			errs = append(errs, err)
		} else if s != "" {
			out[q.Name] = s
		}
	}
	for name := range given {
		if !slices.ContainsFunc(p.Questions, func(q Question) bool { return q.Name == name }) {
			errs = append(errs, invalid("answers", "there is no question %.60q", name))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	if len(out) == 0 {
		out = nil
	}
	return out, errors.Join(errs...)
}

// Label is what the question is called for people.
func (q Question) Label() string {
	if q.Title != "" {
		return q.Title
	}
	return q.Name
}

func (q Question) answer(s string) (string, error) {
	field, name := "answers."+q.Name, fmt.Sprintf("the answer to %q", q.Label())
	text := q.Text
	if q.Type != TypeText {
		text.Pattern = ""
	}
	if err := text.fits(field, name, s); err != nil || s == "" {
		return "", err
	}
	switch q.Type {
	case TypeText:
	case TypeNumber:
		n, err := strconv.ParseFloat(s, 64)
		switch {
		case err != nil || math.IsNaN(n) || math.IsInf(n, 0):
			return "", invalid(field, "%s is not a number", name)
		case q.Min != nil && n < *q.Min:
			return "", invalid(field, "%s is less than %v", name, *q.Min)
		case q.Max != nil && n > *q.Max:
			return "", invalid(field, "%s is more than %v", name, *q.Max)
		}
		return strconv.FormatFloat(n, 'f', -1, 64), nil
	case TypeBool:
		b, err := strconv.ParseBool(s)
		if err != nil {
			return "", invalid(field, "%s is neither true nor false", name)
		}
		return strconv.FormatBool(b), nil
	case TypeChoice:
		if !slices.Contains(q.Choices, s) {
			return "", invalid(field, "%s is none of %s", name, strings.Join(q.Choices, ", "))
		}
	case TypeDate:
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			return "", invalid(field, "%s is not a day such as 2026-11-23", name)
		}
		return d.Format(time.DateOnly), nil
	}
	return s, nil
}
