package expr

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/common/operators"
)

// messages are what CEL says, and how it is said here. What CEL says otherwise
// stays as it is.
var messages = []struct { //nolint:gochecknoglobals // a table
	theirs *regexp.Regexp
	ours   func(found []string, before string) string
}{
	{regexp.MustCompile(`^undeclared reference to '([^']*)'(?:.*\(did you mean '(\w+)')?`), undeclared},
	{regexp.MustCompile(`^undefined field '([^']*)'`), undefined},
	{regexp.MustCompile(`^found no matching overload for '([^']*)' applied to '(?:\w+\.)?\((.*)\)'`), mismatched},
	{regexp.MustCompile(`^expected type '([^']*)' but found '([^']*)'`), func(found []string, _ string) string {
		return "this is of type " + found[2] + ", and has to be of type " + found[1]
	}},
	{regexp.MustCompile(`^invalid (duration|timestamp|matches) argument`), func(found []string, _ string) string {
		return map[string]string{
			"duration":  `this is no length of time; write one such as "1h30m"`,
			"timestamp": `this is no instant; write one such as "2026-11-23T09:00:00Z"`,
			"matches":   `this is no regular expression (RE2)`,
		}[found[1]]
	}},
	{regexp.MustCompile(`recursion (?:limit|depth) exceeded`), func([]string, string) string {
		return "it is nested too deeply"
	}},
	{regexp.MustCompile(`(?s)^Syntax error: token recognition error at: '(.*)'`), func(found []string, _ string) string {
		switch text := strings.TrimSpace(found[1]); {
		case text == "=":
			return "a comparison is written =="
		case strings.HasPrefix(text, "'") || strings.HasPrefix(text, `"`):
			return "a text begins here and does not end"
		default:
			return text + " cannot stand here" + operatorFor(text)
		}
	}},
	{regexp.MustCompile(`(?s)^Syntax error: missing '(.*?)' at '(.*?)'`), func(found []string, _ string) string {
		return found[1] + " is missing" + at(found[2])
	}},
	{regexp.MustCompile(`(?s)^Syntax error: (?:mismatched|extraneous|no viable alternative at) input '(.*?)'(?: expecting.*)?$`), func(found []string, _ string) string {
		if found[1] == "<EOF>" {
			return "something is missing at the end"
		}
		return found[1] + " cannot stand here" + operatorFor(found[1])
	}},
}

// message is what CEL says in our words. before is the expression up to there.
func message(theirs, before string) string {
	for _, m := range messages {
		if found := m.theirs.FindStringSubmatch(theirs); found != nil {
			return m.ours(found, before)
		}
	}
	return theirs
}

func undeclared(found []string, _ string) string {
	s := "there is no " + found[1]
	if hint := operatorFor(found[1]); hint != "" {
		return s + hint
	}
	if found[2] != "" && !slices.Contains(unpaid, found[2]) {
		return s + "; did you mean " + found[2] + "?"
	}
	return s + "; docs/policies.md lists the words that there are"
}

// operatorFor is a hint for who writes a word where CEL has a sign.
func operatorFor(word string) string {
	sign, ok := map[string]string{"and": "&&", "or": "||", "not": "!", "&": "&&", "|": "||"}[strings.ToLower(word)]
	if !ok {
		return ""
	}
	return "; write " + sign
}

func at(token string) string {
	if token == "<EOF>" {
		return " at the end"
	}
	return " before " + token
}

// variable is the last word before the dot of a field.
var variable = regexp.MustCompile(`(\w+)\s*$`)

func undefined(found []string, before string) string {
	name := "it"
	if m := variable.FindStringSubmatch(before); m != nil {
		name = m[1]
	}
	t, ok := structs[name]
	if !ok {
		t = structs["person"]
	}
	fields := slices.Sorted(maps.Keys(t.fields))
	s := name + " has no " + found[1]
	if near := nearest(found[1], fields); near != "" {
		return s + "; did you mean " + near + "?"
	}
	return s + "; it has " + strings.Join(fields, ", ")
}

// nearest returns the first word that got is the beginning of, begins with, or
// differs from in one letter; empty when there is none.
func nearest(got string, known []string) string {
	got = strings.ToLower(got)
	for _, k := range known {
		if len(got) > 2 && (strings.HasPrefix(k, got) || strings.HasPrefix(got, k)) || differsByOne(got, k) {
			return k
		}
	}
	return ""
}

// differsByOne reports whether one letter was left out, added or mistaken, or
// two neighbours changed places.
func differsByOne(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) < len(b) {
		return a[i:] == b[i+1:]
	}
	swapped := i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
	return i < len(a) && (swapped || a[i+1:] == b[i+1:])
}

// usage is how the functions of our own are called.
var usage = map[string]string{ //nolint:gochecknoglobals // a table
	"memberOf":  `person.memberOf("corp/oncall")`,
	"has":       `person.has("department", "platform")`,
	"attribute": `person.attribute("department")`,
	"within":    `now.within("mon-fri", "09:00", "17:00", "Europe/Berlin")`,
}

func mismatched(found []string, _ string) string {
	name, types := found[1], strings.Split(found[2], ", ")
	if how, ok := usage[name]; ok {
		return name + " is called as in " + how
	}
	sign, ok := operators.FindReverse(name)
	if !ok || sign == "" {
		return name + " does not take " + list(types)
	}
	s := sign + " does not go with " + list(types)
	if len(types) != 2 {
		return s
	}
	switch has := func(t string) bool { return slices.Contains(types, t) }; {
	case has("list(string)"):
		return s + `; whether an attribute has a value is asked by person.has("department", "platform")`
	case has("duration") && (has("string") || has("int")):
		return s + `; a length of time is written duration("1h30m")`
	case has("timestamp") && has("string"):
		return s + `; an instant is written timestamp("2026-11-23T09:00:00Z")`
	case has("string") && has("int"):
		return s + "; a text becomes a number by int(...)"
	case has("string") && has("bool"):
		return s + `; an answer is a text: compare it with "true"`
	}
	return s
}

func list(types []string) string { return strings.Join(types, " and ") }
