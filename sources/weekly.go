package sources

import (
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/daypass-dev/daypass/schedule"
)

// weeklyNode reads the hours of a week: {days: [mon, tue], from: "09:00",
// until: "17:00", zone: Europe/Berlin}.
func (r *reader) weeklyNode(n *yaml.Node, line int) *schedule.Weekly {
	before := len(r.errs)
	values := make(map[string]string)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if !r.plain(key, line) || !r.plain(value, line) {
			continue
		}
		_, twice := values[key.Value]
		switch {
		case twice:
			r.fail(markOf(key, line), "weekly.%s is written twice", key.Value)
		case key.Value == "days":
			values["days"] = r.days(value, line)
		case key.Value != "from" && key.Value != "until" && key.Value != "zone":
			r.fail(markOf(key, line), "unknown key %q in weekly; known: days, from, until, zone", key.Value)
		case value.Kind != yaml.ScalarNode || value.Value == "":
			r.fail(markOf(value, line), "weekly.%s must be text, not %s", key.Value, kindOf(value))
		default:
			values[key.Value] = value.Value
		}
	}
	for _, key := range []string{"days", "from", "until", "zone"} {
		if _, ok := values[key]; !ok && len(r.errs) == before {
			r.fail(markOf(n, line), "weekly.%s is missing; write weekly: {days: [mon, tue], from: \"09:00\", until: \"17:00\", zone: Europe/Berlin}", key)
		}
	}
	if len(r.errs) > before {
		return nil
	}
	w, err := schedule.ParseWeekly(values["days"] + " " + values["from"] + "-" + values["until"] + " " + values["zone"])
	if err != nil {
		r.fail(markOf(n, line), "weekly: %v", err)
	}
	return w
}

// days joins a list of days; a text such as mon-fri is good as well.
func (r *reader) days(n *yaml.Node, line int) string {
	if n.Kind == yaml.ScalarNode {
		return n.Value
	}
	var days []string
	for _, day := range n.Content {
		if n.Kind != yaml.SequenceNode || day.Kind != yaml.ScalarNode {
			r.fail(markOf(day, line), "weekly.days must be a list of days such as [mon, tue], not %s", kindOf(day))
			return "mon"
		}
		days = append(days, day.Value)
	}
	return strings.Join(days, ",")
}
