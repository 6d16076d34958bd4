package sources

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/schedule"
)

// field is one of the names that an entry may have, in both forms of file.
type field int

const (
	person field = iota
	resource
	group
	from
	until
	lasts
	hours
	why
)

var fieldNames = [...]string{"person", "resource", "group", "from", "until", "for", "weekly", "reason"} //nolint:gochecknoglobals // a table

func fieldOf(name string) (field, bool) {
	for i, n := range fieldNames {
		if n == name {
			return field(i), true
		}
	}
	return 0, false
}

// text is a value as it was written, and where.
type text struct {
	value string
	at    mark
	given bool
}

// entry is one grant as it was written, in either form of file.
type entry struct {
	at     mark
	fields [len(fieldNames)]text
	weekly *schedule.Weekly // of the YAML form with keys of its own
}

func (e *entry) has(f field) bool { return e.fields[f].given }

// reasonMax is in characters; a reason is a sentence or a ticket, not a page.
const reasonMax = 500

// grant checks an entry and appends its grants: one for each group.
func (r *reader) grant(e *entry) {
	before := len(r.errs)
	who := r.person(e)
	target, groups := r.target(e)
	window := r.window(e)
	because := r.reason(e)
	if len(r.errs) > before {
		return
	}
	g := engine.Grant{
		ID:       engine.DeriveGrantID(who, target, window.From, because+window.Hours()),
		Person:   who,
		Resource: e.fields[resource].value,
		When:     window,
		Reason:   because,
		Origin:   r.origin(e.at.line),
	}
	if !r.first(e, g) {
		return
	}
	for _, ref := range groups {
		g.Group = ref
		r.grants = append(r.grants, g)
	}
}

func (r *reader) person(e *entry) engine.Person {
	t := e.fields[person]
	if !t.given {
		r.fail(e.at, "person is missing; write a work address such as ada@example.org")
		return ""
	}
	p, err := engine.ParsePerson(t.value)
	if err != nil {
		r.fail(t.at, "%v", err)
	}
	return p
}

// target returns what the grant is for, as its ID names it, and the groups.
func (r *reader) target(e *entry) (string, []engine.GroupRef) {
	res, grp := e.fields[resource], e.fields[group]
	switch {
	case res.given && grp.given:
		r.fail(grp.at, "resource and group exclude each other; write one of them")
	case res.given:
		refs, ok := r.files.Expand(res.value)
		switch {
		case !ok:
			r.fail(res.at, "there is no resource %q in the configuration", res.value)
		case len(refs) == 0:
			r.fail(res.at, "resource %q stands for no group", res.value)
		}
		return res.value, refs
	case grp.given:
		ref, err := engine.ParseGroupRef(grp.value)
		switch {
		case err != nil:
			r.fail(grp.at, "%v", err)
		case !r.files.Known(ref.Directory):
			r.fail(grp.at, "group %q: there is no directory %q in the configuration", grp.value, string(ref.Directory))
		}
		return grp.value, []engine.GroupRef{ref}
	default:
		r.fail(e.at, "resource or group is missing; write one of them")
	}
	return "", nil
}

// window returns when the grant is in force. Its end is always set: for needs
// from, because an end counted from "whenever this is read" would never come.
func (r *reader) window(e *entry) (w schedule.Window) {
	before := len(r.errs)
	w.From = r.time(e, from)
	w.Until = r.time(e, until)
	switch {
	case e.has(until) && e.has(lasts):
		r.fail(e.fields[lasts].at, "until and for exclude each other; write one of them")
	case e.has(lasts) && !e.has(from):
		r.fail(e.fields[lasts].at, "for needs from, to count from; or write until")
	case e.has(lasts):
		d, err := schedule.ParseDuration(e.fields[lasts].value)
		if err != nil {
			r.fail(e.fields[lasts].at, "for: %v", err)
		}
		w.Until = w.From.Add(d)
	case !e.has(until):
		r.fail(e.at, "until is missing; every grant ends: write until: 2026-11-23T17:00:00Z, or from and for: 8h")
	}
	w.Weekly = r.weekly(e)
	if len(r.errs) > before {
		return schedule.Window{}
	}
	if !w.From.Before(w.Until) {
		r.fail(e.fields[until].at, "until is not after from")
	}
	if w.Until.Year() > 9999 {
		r.fail(e.fields[lasts].at, "for: the end lies after the year 9999")
	}
	return w
}

// weekly returns the hours of the week in which the grant is in force; nil for
// all of them.
func (r *reader) weekly(e *entry) *schedule.Weekly {
	t := e.fields[hours]
	if !t.given || e.weekly != nil {
		return e.weekly
	}
	w, err := schedule.ParseWeekly(t.value)
	if err != nil {
		r.fail(t.at, "weekly: %v", err)
	}
	return w
}

func (r *reader) time(e *entry, f field) time.Time {
	t := e.fields[f]
	if !t.given {
		return time.Time{}
	}
	parsed, err := schedule.ParseTime(t.value)
	if err != nil {
		r.fail(t.at, "%s: %v", fieldNames[f], err)
	}
	return parsed
}

func (r *reader) reason(e *entry) string {
	t := e.fields[why]
	switch s := strings.TrimSpace(t.value); {
	case strings.ContainsFunc(s, unprintable):
		r.fail(t.at, "reason holds a line break or another control character; write one line")
	case utf8.RuneCountInString(s) > reasonMax:
		r.fail(t.at, "reason is longer than %d characters; name the ticket that tells more", reasonMax)
	default:
		return s
	}
	return ""
}

// unprintable names what could forge a line of output: control characters,
// line separators, and marks that reverse the direction of text.
func unprintable(c rune) bool {
	return unicode.IsControl(c) || c == '\u2028' || c == '\u2029' || unicode.Is(unicode.Bidi_Control, c)
}
