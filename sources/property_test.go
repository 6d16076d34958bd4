package sources

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/schedule"
)

// row is a grant as a test would write it.
type row struct{ person, resource, group, from, until, lasts, weekly, reason string }

func (r row) cells() []string {
	return []string{r.person, r.resource, r.group, r.from, r.until, r.lasts, r.weekly, r.reason}
}

func drawRow(t *rapid.T, i int) row {
	start := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "from"), 0)
	zone := time.FixedZone("", rapid.IntRange(-12*60, 14*60).Draw(t, "zone")*60)
	r := row{
		person: fmt.Sprintf("p%d@example.org", i),
		from:   start.In(zone).Format(time.RFC3339),
		until:  start.Add(time.Duration(rapid.IntRange(1, 1e6).Draw(t, "length")) * time.Second).UTC().Format(time.RFC3339),
		reason: strings.TrimSpace(rapid.StringMatching(`[ -~é#:"',;\-{\[]{0,20}`).Draw(t, "reason")),
	}
	if rapid.Bool().Draw(t, "resource") {
		r.resource = "prod-db"
	} else {
		r.group = "corp/web"
	}
	if rapid.Bool().Draw(t, "for") {
		r.until, r.lasts = "", "1w3h"
	}
	if rapid.Bool().Draw(t, "some hours") {
		r.weekly = rapid.SampledFrom([]string{"mon-fri 09:00-17:00 Europe/Berlin", "sun 22:00-06:00 UTC"}).Draw(t, "weekly")
	}
	return r
}

// asYAML and asCSV write rows by other means than this package's.
func asYAML(rows []row) string {
	list := []map[string]string{}
	for _, r := range rows {
		m := map[string]string{}
		for i, cell := range r.cells() {
			if cell != "" {
				m[fieldNames[i]] = cell
			}
		}
		list = append(list, m)
	}
	out, err := yaml.Dump(map[string]any{"grants": list})
	if err != nil {
		panic(err)
	}
	return string(out)
}

func asCSV(rows []row, divider string) string {
	var b strings.Builder
	b.WriteString(strings.Join(fieldNames[:], divider) + "\n")
	for _, r := range rows {
		for i, cell := range r.cells() {
			if i > 0 {
				b.WriteString(divider)
			}
			b.WriteString(`"` + strings.ReplaceAll(cell, `"`, `""`) + `"`)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// TestOrderIsNothing: whatever the form, the number of files and the order of
// entries, the same wishes give the same grants with the same ids.
func TestOrderIsNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, 12).Draw(rt, "n")
		rows := make([]row, n)
		for i := range rows {
			rows[i] = drawRow(rt, i)
		}
		want := gather(t, rt, map[string]string{"grants/all.yaml": asYAML(rows)})
		shuffled := rapid.Permutation(rows).Draw(rt, "order")
		a := rapid.IntRange(0, n).Draw(rt, "a")
		b := rapid.IntRange(a, n).Draw(rt, "b")
		got := gather(t, rt, map[string]string{
			"grants/z.yaml": asYAML(shuffled[:a]),
			"grants/b.csv":  asCSV(shuffled[a:b], ","),
			"grants/a.csv":  asCSV(shuffled[b:], ";"),
		})
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("(-want +got):\n%s", diff)
		}
		if len(got) < n {
			rt.Fatalf("got %d grants of %d entries", len(got), n)
		}
	})
}

// gather reads files and drops the origins.
func gather(t *testing.T, rt *rapid.T, files map[string]string) []engine.Grant {
	grants, err := folder(t, files).Grants(t.Context())
	if err != nil {
		rt.Fatalf("%v in %v", err, files)
	}
	for i := range grants {
		grants[i].Origin = ""
	}
	return grants
}

// TestRoundTrip: what was written is what is read.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		r := drawRow(rt, 1)
		got := gather(t, rt, map[string]string{"grants/all.yaml": asYAML([]row{r})})[0]
		when := schedule.Window{From: at(r.from)}
		when.Until = when.From.Add((7*24 + 3) * time.Hour)
		if r.until != "" {
			when.Until = at(r.until)
		}
		if r.weekly != "" {
			hours, err := schedule.ParseWeekly(r.weekly)
			if err != nil {
				rt.Fatal(err)
			}
			when.Weekly = hours
		}
		want := engine.Grant{Person: "p1@example.org", Resource: r.resource, Reason: r.reason, When: when}
		want.Group = engine.GroupRef{Directory: "corp", Name: "web"}
		if r.resource != "" {
			want.Group.Name = "prod-db"
		}
		want.ID = engine.DeriveGrantID(want.Person, r.resource+r.group, when.From, r.reason+when.Hours())
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

// TestPiecesAreTheWhole: a large file read in pieces says exactly what it says
// when read whole, errors and places included.
func TestPiecesAreTheWhole(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		item   string
		pieces bool
	}{
		"block":          {"  - person: p%d@example.org\n    group: corp/web\n    until: 2026-01-01T00:00:00Z\n    # - note\n    reason: >-\n      - folded\n      - text\n\n", true},
		"no indent":      {"- person: p%d@example.org\n  group: corp/web\n  until: 2026-01-01T00:00:00Z\n", true},
		"dash alone":     {"  -\n    person: p%d@example.org\n    group: corp/web\n    until: 2026-01-01T00:00:00Z\n", true},
		"flow":           {"  - {person: p%d@example.org, group: corp/web,\n     until: 2026-01-01T00:00:00Z}\r\n", true},
		"errors":         {"  - {person: p%d, group: corp/web, until: 2026-01-01}\n", true},
		"dash in quotes": {"  - {person: p%d@example.org, group: corp/web, until: 2026-01-01T00:00:00Z, reason: 'a\n  - b'}\n", false},
		"broken":         {"  - {person: p%d@example.org\n", false},
		"outer key":      {"- {person: p%d@example.org, group: corp/web, until: 2026-01-01T00:00:00Z}\ngrants:\n", false},
		"document":       {"- {person: p%d@example.org, group: corp/web, until: 2026-01-01T00:00:00Z}\n---\n", false},
		"deeper first":   {"    - {person: p%d@example.org, group: corp/web, until: 2026-01-01T00:00:00Z}\n  - {}\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			b.WriteString("# head\n\ngrants:\n")
			for i := 0; b.Len() < 5*pieceSize; i++ {
				fmt.Fprintf(&b, c.item, i)
			}
			pieces, _ := cut(b.Bytes(), pieceSize)
			if kept := len(pieces) > 1 && newReader().pieces(t.Context(), pieces); kept != c.pieces {
				t.Errorf("read in %d pieces: got %v, want %v", len(pieces), kept, c.pieces)
			}
			if diff := samePieces(b.Bytes(), pieceSize); diff != "" {
				t.Errorf("(-whole +pieces):\n%s", diff)
			}
		})
	}
}

// samePieces compares both ways of reading.
func samePieces(data []byte, size int) string {
	whole, inPieces := newReader(), newReader()
	if root, ok := whole.document(data); ok {
		if list := whole.list(root); list != nil {
			whole.items(list, 0)
		}
	}
	inPieces.yamlIn(context.Background(), data, size)
	if len(whole.errs) > 0 && len(inPieces.errs) > 0 {
		whole.grants, inPieces.grants = nil, nil
	}
	return cmp.Diff(told(whole), told(inPieces))
}

func newReader() *reader {
	return &reader{files: source("/"), name: "x.yaml", seen: map[engine.GrantID]wish{}}
}

func told(r *reader) (lines []string) {
	for _, g := range r.grants {
		lines = append(lines, fmt.Sprint(g))
	}
	for _, err := range r.errs {
		lines = append(lines, err.Error())
	}
	return lines
}

func FuzzYAML(f *testing.F) {
	f.Add([]byte(opsYAML))
	f.Add([]byte("grants:\n- {person: a@b.c, group: corp/web, until: 2026-01-01T00:00:00Z, reason: 'x\n- '}\n- {}\n"))
	f.Add([]byte("# x\ngrants:\n  - person: a@b.c\n    reason: |2\n      - x\n\n  - &a [*a]\n  - \"\n  - \"\n"))
	f.Add([]byte("grants: []\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, bad := notUTF8(data); bad {
			return
		}
		r := newReader()
		r.yaml(context.Background(), data)
		sound(t, r)
		if diff := samePieces(data, 1); diff != "" {
			t.Errorf("(-whole +pieces):\n%s", diff)
		}
	})
}

func FuzzCSV(f *testing.F) {
	f.Add(strings.TrimPrefix(opsCSV, "\ufeff"))
	f.Add("person,group,until,reason\n\"a@b.c\",corp/web,2026-01-01T00:00:00Z,\"x\ny\"\n")
	f.Add("person,group,from,for\na@b.c,corp/web,2026-01-01T00:00:00Z,9999w\n\"")
	f.Fuzz(func(t *testing.T, text string) {
		r := newReader()
		r.csv(context.Background(), []byte(text))
		sound(t, r)
	})
}

// sound holds a reading to what it promises.
func sound(t *testing.T, r *reader) {
	for _, g := range r.grants {
		if g.When.Until.IsZero() || !g.When.From.Before(g.When.Until) || g.ID == "" || g.Group.Directory == "" {
			t.Errorf("got %+v", g)
		}
		if p, err := engine.ParsePerson(string(g.Person)); err != nil || p != g.Person {
			t.Errorf("got person %q", g.Person)
		}
	}
}

// BenchmarkGrants reads 100,000 grants from one file.
func BenchmarkGrants(b *testing.B) {
	const n = 100_000
	var y, c strings.Builder
	y.WriteString("grants:\n")
	c.WriteString("person,group,from,until,reason\n")
	for i := range n {
		fmt.Fprintf(&y, "  - person: person%d@example.org\n    group: corp/web\n    from: 2026-11-23T09:00:00Z\n"+
			"    until: 2026-11-23T17:00:00Z\n    reason: CHG-%d migrate billing\n", i, i%9999)
		fmt.Fprintf(&c, "person%d@example.org,corp/web,2026-11-23T09:00:00Z,2026-11-23T17:00:00Z,CHG-%d migrate billing\n", i, i%9999)
	}
	for _, file := range []struct{ name, text string }{{"all.yaml", y.String()}, {"all.csv", c.String()}} {
		f := folder(b, map[string]string{"grants/" + file.name: file.text})
		b.Run(file.name, func(b *testing.B) {
			b.SetBytes(int64(len(file.text)))
			b.ReportAllocs()
			for b.Loop() {
				grants, err := f.Grants(b.Context())
				if err != nil || len(grants) != n {
					b.Fatalf("got %d grants, %v", len(grants), err)
				}
			}
		})
	}
}
