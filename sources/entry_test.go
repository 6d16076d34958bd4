package sources

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daypass-dev/daypass/schedule"
)

// TestBadYAML: the files begin below "grants:" unless they say so themselves.
func TestBadYAML(t *testing.T) {
	t.Parallel()
	const ok = "person: a@b.c, group: corp/web, until: 2026-01-01T00:00:00Z"
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"empty", "!", []string{"1:1: is empty; write grants: [] if there are none"}},
		{"comment", "!# none\n", []string{"1:1: is empty; write grants: [] if there are none"}},
		{"null", "!grants:\n", []string{"1:8: grants must be a list, not nothing; write grants: [] if there are none"}},
		{"list", "!- {" + ok + "}\n", []string{"1:1: begins with a list; write grants: and a list below it"}},
		{"other key", "!grants: []\ngrant: []\n", []string{`2:1: unknown key "grant"; a grant file holds grants and nothing else`}},
		{"no grants", "!{}\n", []string{"1:1: grants is missing; write grants: [] if there are none"}},
		{"grants twice", "!grants: []\ngrants: []\n", []string{"2:1: grants is written twice; join the lists"}},
		{"second document", "!grants: []\n---\ngrants: []\n", []string{"2:1: a second document begins here; one file holds one list of grants"}},
		{"bracket", "  - {person: a@b.c\n", []string{"3:1: did not find expected ',' or '}' (while parsing a flow mapping that began at 2:5)"}},
		{"tab", "\t- {}\n", []string{"2:1: a value cannot begin like this; indent with spaces, never tabs, and quote text that begins with @ or a backtick"}},
		{"not UTF-8", "  - {" + ok + ", reason: \"\xff\"}\n", []string{"2:76: is not UTF-8; save the file as UTF-8"}},
		{"text", "  - ada\n", []string{"2:5: a grant must be a mapping (person: ...), not text"}},
		{"unknown", "  - {" + ok + ", untill: x, color: red}\n", []string{
			"2:67: unknown key \"untill\"; did you mean until?",
			"2:78: unknown key \"color\"; known here: person, resource, group, from, until, for, weekly, reason",
		}},
		{"twice", "  - {" + ok + ", person: x@y.z}\n", []string{"2:67: person is written twice"}},
		{"null value", "  - {" + ok + ", reason: }\n", []string{"2:75: reason is empty; give it a value or leave it out"}},
		{"list value", "  - {" + ok + ", reason: [x]}\n", []string{"2:75: reason must be text, not a list"}},
		{"alias", "  - &a {" + ok + "}\n  - *a\n", []string{
			"2:5: anchors (&name) are not supported; write the value out",
			"3:5: aliases (*name) are not supported; write the value out",
		}},
		{"merge", "  - {<<: {" + ok + "}}\n", []string{"2:6: merge keys (<<) are not supported; write the values out"}},
		{"tag", "  - {" + ok + ", reason: !!str 1}\n", []string{"2:75: tags (!name) are not supported; quote text instead"}},
		{"nothing", "  - {}\n", []string{
			"2:5: person is missing; write a work address such as ada@example.org",
			"2:5: resource or group is missing; write one of them",
			"2:5: until is missing; every grant ends: write until: 2026-11-23T17:00:00Z, or from and for: 8h",
		}},
		{"line break", "  - {" + ok + ", reason: \"a\\nb\"}\n", []string{"2:75: reason holds a line break or another control character; write one line"}},
		{"line separator", "  - {" + ok + ", reason: \"a\u2028b\"}\n", []string{"2:75: reason holds a line break or another control character; write one line"}},
		{"same twice", "  - {" + ok + "}\n  - {person: A@B.C, group: corp/web, until: 2026-01-01T01:00:00+01:00}\n", []string{
			"3:5: this grant is already written at grants/x.yaml:2; remove one of them",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text, whole := strings.CutPrefix(c.text, "!")
			if !whole {
				text = "grants:\n" + text
			}
			bad(t, "grants/x.yaml", text, c.want)
		})
	}
}

func bad(t *testing.T, name, text string, want []string) {
	t.Helper()
	grants, err := folder(t, map[string]string{name: text}).Grants(t.Context())
	if len(grants) > 0 {
		t.Errorf("got %d grants beside errors", len(grants))
	}
	for i := range want {
		want[i] = name + ":" + want[i]
	}
	if diff := cmp.Diff(want, messages(err)); diff != "" {
		t.Errorf("%s\n(-want +got):\n%s", text, diff)
	}
}

// TestBadEntries are wrong in both forms of file.
func TestBadEntries(t *testing.T) {
	t.Parallel()
	const day = "2026-01-01T00:00:00Z"
	zone := func(f, s string) string {
		return f + `: "` + s + `" has no time zone; write it with one, such as 2026-11-23T17:00:00Z or 2026-11-23T18:00:00+01:00`
	}
	noTime := func(f, s string) string {
		return f + `: "` + s + `" is not a time; write it as 2026-11-23T17:00:00Z or 2026-11-23T18:00:00+01:00`
	}
	for _, c := range []struct{ fields, want string }{
		{"person=ada", `person "ada" is not a work address such as ada@example.org`},
		{"group=web", `group "web" is not written as directory/group`},
		{"group=crop/web", `group "crop/web": there is no directory "crop" in the configuration`},
		{"resource=web", "resource and group exclude each other; write one of them"},
		{"group= resource=wbe", `there is no resource "wbe" in the configuration`},
		{"group= resource=none", `resource "none" stands for no group`},
		{"group=", "resource or group is missing; write one of them"},
		{"until=", "until is missing; every grant ends: write until: 2026-11-23T17:00:00Z, or from and for: 8h"},
		{"until=2026-01-01T00:00:00", zone("until", "2026-01-01T00:00:00")},
		{"until=2026-01-01", zone("until", "2026-01-01")},
		{"until=2026-01-01_10:00", zone("until", "2026-01-01 10:00")},
		{"from=2026-01-01T00:00", zone("from", "2026-01-01T00:00")},
		{"until=tomorrow", noTime("until", "tomorrow")},
		{"until=2026-02-30T00:00:00Z", noTime("until", "2026-02-30T00:00:00Z")},
		{"until=2026-01-01T1:00:00Z", noTime("until", "2026-01-01T1:00:00Z")},
		{"until=2026-01-01T10:00:00,5Z", noTime("until", "2026-01-01T10:00:00,5Z")},
		{"until=1767225600", noTime("until", "1767225600")},
		{"until=0001-01-01T00:00:00Z", `until: "0001-01-01T00:00:00Z" lies outside the years 1970 to 9999`},
		{"from=" + day, "until is not after from"},
		{"from=2026-01-01T00:00:01Z", "until is not after from"},
		{"for=8h", "until and for exclude each other; write one of them"},
		{"until= for=8h", "for needs from, to count from; or write until"},
		{"until= from=" + day + " for=8", `for: "8" is not a duration; write one such as 30m, 8h, 7d or 1w`},
		{"until= from=" + day + " for=0h", `for: "0h" is not above zero, or too long`},
		{"until= from=9999-12-31T00:00:00Z for=2d", "for: the end lies after the year 9999"},
		{"weekly=mon", `weekly: "mon" is not days, hours and a zone, such as mon-fri 09:00-17:00 Europe/Berlin`},
		{"weekly=mo_09:00-17:00_UTC", `weekly: "mo" is not a day of the week; write one such as mon`},
		{"weekly=mon-xx_09:00-17:00_UTC", `weekly: "xx" is not a day of the week; write one such as mon`},
		{"weekly=mon_9-17:00_UTC", `weekly: "9" is not a time of day; write it as 09:30`},
		{"weekly=mon_09:00_UTC", `weekly: "" is not a time of day; write it as 09:30`},
		{"weekly=mon_09:00-17:00_Europe/Nowhere", `weekly: "Europe/Nowhere" is not a zone such as Europe/Berlin or UTC`},
		{"weekly=mon_09:00-17:00_Local", `weekly: "Local" is not a zone such as Europe/Berlin or UTC`},
		{"weekly=mon_09:00-09:00_UTC", `weekly: the hours begin and end at 09:00; for whole days write from 00:00 until 24:00`},
		{"reason=a\u202eb", "reason holds a line break or another control character; write one line"},
		{"reason=" + strings.Repeat("é", 501), "reason is longer than 500 characters; name the ticket that tells more"},
	} {
		t.Run(c.fields, func(t *testing.T) {
			t.Parallel()
			values := map[string]string{"person": "a@b.c", "group": "corp/web", "until": day}
			for _, f := range strings.Fields(c.fields) {
				name, value, _ := strings.Cut(f, "=")
				values[name] = strings.ReplaceAll(value, "_", " ")
			}
			yaml, header, row := "grants:\n  -\n", "", ""
			for _, name := range fieldNames {
				if values[name] != "" {
					yaml += "    " + name + ": " + values[name] + "\n"
				}
				header += name + ","
				row += `"` + values[name] + `",`
			}
			for file, text := range map[string]string{"grants/x.yaml": yaml, "grants/x.csv": strings.TrimSuffix(header, ",") + "\n" + strings.TrimSuffix(row, ",") + "\n"} {
				_, err := folder(t, map[string]string{file: text}).Grants(t.Context())
				got := messages(err)
				if len(got) != 1 || !strings.HasPrefix(got[0], file+":") || !strings.HasSuffix(got[0], ": "+c.want) {
					t.Errorf("%s: got %q, want %q", file, got, c.want)
				}
			}
		})
	}
}

func TestReasonOf500(t *testing.T) {
	t.Parallel()
	text := "grants:\n  - {person: a@b.c, group: corp/web, until: 2026-01-01T00:00:00Z, reason: " + strings.Repeat("é", 500) + "}\n"
	if _, err := folder(t, map[string]string{"grants/x.yaml": text}).Grants(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestBadCSV(t *testing.T) {
	t.Parallel()
	const head = "person,group,until,reason\n"
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"empty", "", []string{"1:1: is empty; begin with a line such as person,resource,from,until,reason"}},
		{"no header", "a@b.c,corp/web,2026-01-01T00:00:00Z\n", []string{
			`1:1: unknown column "a@b.c"; known here: person, resource, group, from, until, for, weekly, reason`,
			`1:7: unknown column "corp/web"; known here: person, resource, group, from, until, for, weekly, reason`,
			`1:16: unknown column "2026-01-01T00:00:00Z"; known here: person, resource, group, from, until, for, weekly, reason`,
		}},
		{"near", "person,gruop,until\n", []string{`1:8: unknown column "gruop"; did you mean group?`}},
		{"case", "Person;group;until\n", []string{`1:1: unknown column "Person"; did you mean person?`}},
		{"twice", "person,group,until,group\n", []string{"1:20: column group is there twice"}},
		{"too few", "person,group,reason\n", []string{"1:1: the first line names the columns: person, resource or group, until (or from and for), and perhaps from and reason"}},
		{"cells", head + "a@b.c,corp/web,2026-01-01T00:00:00Z\na@b.c,corp/web,2026-01-01T00:00:00Z,x,y\n", []string{
			"2:1: has 3 cells where the first line has 4",
			"3:1: has 5 cells where the first line has 4",
		}},
		{"comment", head + "# a comment\n", []string{"2:1: has 1 cells where the first line has 4"}},
		{"places", head + "\"a@b.c\",\"crop/web\",\"2026-01-01\",\"a\nb\"\nx,corp/web,2026-01-01T00:00:00Z,\n", []string{
			`2:9: group "crop/web": there is no directory "crop" in the configuration`,
			`2:20: until: "2026-01-01" has no time zone; write it with one, such as 2026-11-23T17:00:00Z or 2026-11-23T18:00:00+01:00`,
			"2:33: reason holds a line break or another control character; write one line",
			`4:1: person "x" is not a work address such as ada@example.org`,
		}},
		{"open quote", head + "a@b.c,corp/web,2026-01-01T00:00:00Z,\"x\nb@b.c,corp/web\n", []string{"2:1: a quote that begins here or later in the line is not closed"}},
		{"bare quote", head + "a@b.c,corp/web,2026-01-01T00:00:00Z,x\"y\n", []string{
			`2:38: a quote is not closed, or stands inside a cell; put the cell in quotes and write "" for a quote in it`,
		}},
		{"UTF-16", "\xff\xfep\x00", []string{"1:1: is not UTF-8; save the file as UTF-8"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bad(t, "grants/x.csv", c.text, c.want)
		})
	}
}

func TestDurations(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]time.Duration{"7d": 168 * time.Hour, "1h30m": 90 * time.Minute, "2w1d12h": (15*24 + 12) * time.Hour} {
		if got, err := schedule.ParseDuration(s); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "0s", "-1h", "1d-30h", "1", "7 d", "1d2w", "1y", "99999d", "9999w9999d2562047h", "1h\n"} {
		if got, err := schedule.ParseDuration(s); err == nil {
			t.Errorf("%q: got %v, want an error", s, got)
		}
	}
}
