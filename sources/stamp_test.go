package sources_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/sources"
)

func TestStampChangesWithTheFiles(t *testing.T) {
	dir := t.TempDir()
	f := sources.Files{Patterns: []string{"*.yaml"}, Dir: dir}
	old := time.Now().Add(-time.Hour)
	write := func(name, text string, at time.Time) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	fresh := func(what string) {
		t.Helper()
		stamp, quiet := f.Stamp(time.Now())
		if seen[stamp] || !quiet {
			t.Errorf("%s: the stamp is %q as before, quiet %v", what, stamp, quiet)
		}
		seen[stamp] = true
	}
	fresh("nothing there")
	write("a.yaml", "grants: []\n", old)
	fresh("a file came")
	write("a.yaml", "grants: []\n", old.Add(time.Second))
	fresh("another time")
	write("a.yaml", "grants:\n", old.Add(time.Second))
	fresh("another size")
	write("b.yaml", "grants: []\n", old)
	fresh("a second file")
	same, _ := f.Stamp(time.Now())
	if !seen[same] {
		t.Errorf("nothing changed, and the stamp did: %q", same)
	}
	write("b.yaml", "gra", time.Now())
	if _, quiet := f.Stamp(time.Now()); quiet {
		t.Error("a file that is being written counts as settled")
	}
}
