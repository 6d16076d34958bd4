package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/report"
)

var seeds = []string{
	"ada", "", "=1+1", "  =cmd|' /C calc'!A0", "\t=1", "\r=1", "\n-1", "+49", "@SUM(A1)", "＝1", "\u00a0=1", "\u202e=1", "'=1",
	"\x1b[31mred", "broken\xff\xfe", "日本語", "a\u0301", "\u3164", "\u2800", "\U000e0041", `CORP\ada`, `a,"b"` + "\r\nc", "\u009b2J",
}

// Clean leaves nothing that is not seen, and what is clean stays as it is.
func FuzzClean(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := report.Clean(s)
		if !utf8.ValidString(got) {
			t.Fatalf("Clean(%q) = %q is not UTF-8", s, got)
		}
		for _, r := range got {
			if r != ' ' && (!unicode.IsGraphic(r) || unicode.IsSpace(r) || unicode.In(r, unicode.Bidi_Control, unicode.Cf, unicode.Cc, unicode.Zl, unicode.Zp)) {
				t.Fatalf("Clean(%q) = %q holds %U", s, got, r)
			}
		}
		if again := report.Clean(got); again != got {
			t.Fatalf("Clean(%q) = %q, and again %q", s, got, again)
		}
	})
}

// Whatever names a directory has, the file reads back with one width, no cell
// is a formula, and the JSON means the same names.
func FuzzFiles(f *testing.F) {
	for i, s := range seeds {
		f.Add(s, seeds[len(seeds)-1-i], s)
	}
	f.Fuzz(func(t *testing.T, login, name, reason string) {
		v := group(name)
		there(v, login, "zoe")
		wish(v, "cyd", at(1), reason)
		v.Wishes[0].Grant.Person = engine.Person(login)
		c := compliance(v)
		records := readCSV(t, c)
		if len(records) != 4 {
			t.Fatalf("got %d records, want a header and 3 rows", len(records))
		}
		for _, record := range records {
			for _, cell := range record {
				formula(t, cell)
			}
		}
		var out bytes.Buffer
		if err := c.JSON(&out, report.Options{}); err != nil {
			t.Fatal(err)
		}
		var back struct {
			Groups []struct{ Group string }
			Rows   []struct{ Login string }
		}
		if err := json.Unmarshal(out.Bytes(), &back); err != nil {
			t.Fatalf("%v in %s", err, out.Bytes())
		}
		if want := strings.ToValidUTF8(name, "\ufffd"); utf8.ValidString(name) && back.Groups[0].Group != want {
			t.Fatalf("the group reads back as %q, want %q", back.Groups[0].Group, want)
		}
	})
}

func readCSV(t *testing.T, c *report.Compliance) [][]string {
	t.Helper()
	var out bytes.Buffer
	if err := c.CSV(&out, report.Options{}); err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(&out)
	r.FieldsPerRecord = 16
	records, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// formula fails the test when a spreadsheet would take cell for a formula.
func formula(t *testing.T, cell string) {
	t.Helper()
	first := strings.TrimLeftFunc(cell, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) })
	if strings.HasPrefix(cell, "\t") || strings.HasPrefix(cell, "\r") || strings.IndexAny(first, "=+-@＝＋－＠") == 0 {
		t.Fatalf("cell %q is a formula", cell)
	}
}

// No page passes on what a name brings along: no escape, no second line.
func FuzzPages(f *testing.F) {
	for i, s := range seeds {
		f.Add(s, seeds[len(seeds)-1-i], s)
	}
	f.Fuzz(func(t *testing.T, login, name, reason string) {
		v := group(name)
		there(v, login)
		wish(v, login+"x", at(1), reason)
		owned(v, login+"y", at(-2))
		w := group("other")
		wishFails(w, login, engine.NotFound, reason)
		res := ran(late(result(engine.DefaultLimits(), v, w), reason), login+"x")
		for _, write := range []func(io.Writer) error{
			func(b io.Writer) error { return report.Plan(b, res, report.Options{All: true}) },
			func(b io.Writer) error { return report.Run(b, res, report.Options{All: true}) },
			func(b io.Writer) error { return inspected(res, nil, v, w).Text(b, report.Options{}) },
			func(b io.Writer) error { return report.PlanJSON(b, res) },
			func(b io.Writer) error { return report.RunJSON(b, res) },
		} {
			var out bytes.Buffer
			if err := write(&out); err != nil {
				t.Fatal(err)
			}
			for _, r := range out.String() {
				if r != '\n' && r != ' ' && (!unicode.IsGraphic(r) || unicode.In(r, unicode.Cf)) {
					t.Fatalf("%U on the page:\n%s", r, out.String())
				}
			}
		}
	})
}
