package engine_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/daypass-dev/daypass/engine"
)

var update = flag.Bool("update", false, "rewrite the want sections of testdata/plans")

// TestPlans plays the stories of testdata/plans: this was so, this was wished,
// this is planned. The format is in testdata/plans/README.md.
func TestPlans(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../testdata/plans/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 35 {
		t.Errorf("%d stories, want 35 or more", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			playFile(t, file)
		})
	}
}

func playFile(t *testing.T, file string) {
	t.Helper()
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(bytes.TrimSpace(a.Comment)) == 0 {
		t.Error("the story is not told")
	}
	sections := make(map[string]string)
	for _, f := range a.Files {
		if !slices.Contains([]string{"now", "rules", "accounts", "names", "grants", "actual", "owned", "noticed", "trust", "ends", "want", "then"}, f.Name) {
			t.Fatalf("no section is called %q", f.Name)
		}
		sections[f.Name] = string(f.Data)
	}
	got := map[string]string{"want": tell(t, sections)}
	if _, ok := sections["then"]; ok {
		got["then"] = after(t, sections)
	}
	if *update {
		rewrite(t, file, a, got)
		return
	}
	if _, ok := sections["want"]; !ok {
		t.Error("nothing is wanted")
	}
	for name := range got {
		if diff := cmp.Diff(sections[name], got[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// tell returns the plan of a story. It looks three times, and once by the view
// alone: the same world gives the same plan and the same digest.
func tell(t *testing.T, sections map[string]string) string {
	t.Helper()
	first := look(t, newStory(t, sections))
	s := newStory(t, sections)
	slices.Reverse(s.grants)
	if second := look(t, s); first != second {
		t.Errorf("the plan depends on the order of the grants (-first +second):\n%s", cmp.Diff(first, second))
	}
	return first
}

func look(t *testing.T, s *story) string {
	t.Helper()
	v := engine.View{Now: s.now}
	res, err := s.reconciler().Inspect(context.Background(), func(g engine.GroupView, _ engine.Plan) { v.Groups = append(v.Groups, g) })
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(v.Groups)
	if p := engine.Diff(v); p.Digest() != res.Plan.Digest() {
		t.Errorf("the view alone gives the plan %s, and the reconciler %s", p.Digest(), res.Plan.Digest())
	}
	later, err := s.reconciler().Plan(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if a, b := planLines(res.Plan), planLines(later.Plan); a != b {
		t.Errorf("a second look differs (-first +second):\n%s", cmp.Diff(a, b))
	}
	return planLines(res.Plan)
}

// after runs the story and returns what the ledger and the groups hold then.
func after(t *testing.T, sections map[string]string) string {
	t.Helper()
	s := newStory(t, sections)
	if _, err := s.reconciler().Run(context.Background(), "story", ""); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, o := range s.ledger.entries() {
		fmt.Fprintln(&b, "owned", ownedLine(o))
	}
	for _, d := range s.directories() {
		for _, g := range s.stages[d].sorted() {
			fmt.Fprintf(&b, "actual %s/%s", d, g.info.Name)
			for _, m := range g.members {
				fmt.Fprintf(&b, " %s", m.ID)
			}
			fmt.Fprintln(&b)
		}
	}
	return b.String()
}

func ownedLine(o engine.Owned) string {
	line := fmt.Sprintf("%s/%s %s by", o.Group.Directory, o.GroupName, o.Member.ID)
	for _, a := range o.Anchors {
		line += fmt.Sprintf(" %s until %s", a.Grant, stamp(a.Until))
	}
	line += " " + string(o.State)
	if !o.Due.IsZero() {
		line += " due " + stamp(o.Due)
	}
	if !o.Expires.IsZero() {
		line += " expires " + stamp(o.Expires)
	}
	if !o.Asked.Equal(o.Expires) {
		line += " asked " + stamp(o.Asked)
	}
	return line
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// planLines is a plan as a story tells it.
func planLines(p engine.Plan) string {
	var b strings.Builder
	for _, c := range p.Changes {
		fmt.Fprintf(&b, "%s %s/%s %s %s", c.Op, c.Directory, c.Group, c.Member.ID, c.Why)
		if c.Grant != "" {
			fmt.Fprintf(&b, " %s", c.Grant)
		}
		if !c.Until.IsZero() {
			fmt.Fprintf(&b, " until %s", stamp(c.Until))
		}
		if !c.Expires.IsZero() {
			fmt.Fprintf(&b, " expires %s", stamp(c.Expires))
		}
		if c.Reason != "" {
			fmt.Fprintf(&b, " because %s", c.Reason)
		}
		if c.Held {
			b.WriteString(" (held)")
		}
		b.WriteByte('\n')
	}
	for _, x := range p.Problems {
		fmt.Fprintf(&b, "problem %s %s/%s", x.Kind, x.Directory, x.Group)
		if x.Person != "" {
			fmt.Fprintf(&b, " %s", x.Person)
		}
		if x.Grant != "" {
			fmt.Fprintf(&b, " %s", x.Grant)
		}
		fmt.Fprintf(&b, ": %s\n", x.Message)
	}
	for _, o := range p.Objections {
		where := o.Group
		if where == "" {
			where = "run"
		}
		fmt.Fprintf(&b, "objection %s %s %d of %d: %s\n", o.Limit, where, o.Value, o.Allowed, o.Message)
	}
	for _, f := range p.Foreign {
		fmt.Fprintf(&b, "foreign %s/%s %s", f.Directory, f.Group, f.Member.ID)
		if f.Member.Kind != "" {
			fmt.Fprintf(&b, " (%s)", f.Member.Kind)
		}
		if !f.RemoveAt.IsZero() {
			fmt.Fprintf(&b, " removed at %s", stamp(f.RemoveAt))
		}
		b.WriteByte('\n')
	}
	for _, g := range p.Groups {
		if g.Trust != engine.Trusted {
			fmt.Fprintf(&b, "trust %s/%s %s\n", g.Group.Directory, g.Name, g.Trust)
		}
	}
	fmt.Fprintf(&b, "digest %s\n", p.Digest())
	if held := p.HeldDigest(); held != "" {
		fmt.Fprintf(&b, "held %s\n", held)
	}
	return b.String()
}

func rewrite(t *testing.T, file string, a *txtar.Archive, got map[string]string) {
	t.Helper()
	for name, text := range got {
		i := slices.IndexFunc(a.Files, func(f txtar.File) bool { return f.Name == name })
		if i < 0 {
			a.Files = append(a.Files, txtar.File{Name: name})
			i = len(a.Files) - 1
		}
		a.Files[i].Data = []byte(text)
	}
	if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
		t.Fatal(err)
	}
}
