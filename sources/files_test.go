package sources

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/schedule"
)

// folder writes files and returns a source of all of them.
func folder(t testing.TB, files map[string]string) Files {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return source(dir, "grants/*")
}

func source(dir string, patterns ...string) Files {
	return Files{
		Patterns: patterns,
		Dir:      dir,
		Expand: func(resource string) ([]engine.GroupRef, bool) {
			refs, ok := map[string][]engine.GroupRef{
				"prod-db": {{Directory: "okta-prod", Name: "prod-db"}, {Directory: "corp", Name: "prod-db"}},
				"web":     {{Directory: "corp", Name: "web"}},
				"none":    {},
			}[resource]
			return refs, ok
		},
		Known: func(d engine.Directory) bool { return d == "corp" || d == "okta-prod" },
	}
}

func messages(err error) (all []string) {
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return nil
	}
	for _, e := range joined.Unwrap() {
		all = append(all, e.Error())
	}
	return all
}

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

const opsYAML = `# ops
grants:
  - person: Ada@Example.org
    resource: prod-db
    from: 2026-11-23T09:00:00Z
    until: 2026-11-23T18:00:00+01:00
    reason: CHG-1234 migrate billing
  - {person: ben@example.org, group: corp/Domain Admins/eu, until: 2026-12-01T00:00:00Z}
  - person: cho@example.org
    group: "corp/web"
    from: "2026-11-23T09:00:00.5Z"
    for: 1w1d2h
    reason: 4711
`

const opsCSV = "\ufeffuntil;reason;person;group;resource;for;from\r\n" +
	"2026-11-23T18:00:00+01:00;CHG-1234 migrate billing;Ada@Example.org;;prod-db;;2026-11-23T09:00:00Z\r\n" +
	"2026-12-01T00:00:00Z;;ben@example.org;corp/Domain Admins/eu;;;\r\n" +
	";\"4711\";cho@example.org;corp/web;;1w1d2h;2026-11-23T09:00:00.5Z\r\n"

func ops(origins ...string) []engine.Grant {
	ada := engine.Grant{
		ID:     engine.DeriveGrantID("ada@example.org", "prod-db", at("2026-11-23T09:00:00Z"), "CHG-1234 migrate billing"),
		Person: "ada@example.org", Resource: "prod-db", Reason: "CHG-1234 migrate billing", Origin: origins[0],
		When: schedule.Window{From: at("2026-11-23T09:00:00Z"), Until: at("2026-11-23T17:00:00Z")},
	}
	ada1, ada2 := ada, ada
	ada1.Group = engine.GroupRef{Directory: "corp", Name: "prod-db"}
	ada2.Group = engine.GroupRef{Directory: "okta-prod", Name: "prod-db"}
	ben := engine.Grant{
		ID:     engine.DeriveGrantID("ben@example.org", "corp/Domain Admins/eu", time.Time{}, ""),
		Person: "ben@example.org", Group: engine.GroupRef{Directory: "corp", Name: "Domain Admins/eu"}, Origin: origins[1],
		When: schedule.Window{Until: at("2026-12-01T00:00:00Z")},
	}
	cho := engine.Grant{
		ID:     engine.DeriveGrantID("cho@example.org", "corp/web", at("2026-11-23T09:00:00.5Z"), "4711"),
		Person: "cho@example.org", Group: engine.GroupRef{Directory: "corp", Name: "web"}, Reason: "4711", Origin: origins[2],
		When: schedule.Window{From: at("2026-11-23T09:00:00.5Z"), Until: at("2026-12-01T11:00:00.5Z")},
	}
	return []engine.Grant{ben, ada1, cho, ada2}
}

func TestGrants(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		content string
		want    []engine.Grant
	}{
		"ops.yaml": {opsYAML, ops("grants/ops.yaml:3", "grants/ops.yaml:8", "grants/ops.yaml:9")},
		"ops.csv":  {opsCSV, ops("grants/ops.csv:2", "grants/ops.csv:3", "grants/ops.csv:4")},
		"none.yml": {"grants: []\n", nil},
		"none.csv": {"person,resource,until\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := folder(t, map[string]string{"grants/" + name: c.content}).Grants(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestExample(t *testing.T) {
	t.Parallel()
	f := source("../examples/ldap", "grants/*.yaml")
	got, err := f.Grants(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got[0].Origin != "grants/ops.yaml:8" {
		t.Errorf("got %v", got)
	}
}

func TestErrorsOfAllFilesAtOnce(t *testing.T) {
	t.Parallel()
	f := folder(t, map[string]string{
		"grants/a.yaml": "grants:\n  - {person: ada@example.org, group: corp/web}\n",
		"grants/b.csv":  "person,group,until\nada,corp/web,2026-01-01T00:00:00Z\n",
		"grants/c.yaml": opsYAML,
		"grants/d.txt":  "",
	})
	got, err := f.Grants(t.Context())
	if got != nil {
		t.Errorf("got %d grants beside errors", len(got))
	}
	want := []string{
		"grants/a.yaml:2:5: until is missing; every grant ends: write until: 2026-11-23T17:00:00Z, or from and for: 8h",
		`grants/b.csv:2:1: person "ada" is not a work address such as ada@example.org`,
		"grants/d.txt: has an unknown form; grant files end in .yaml, .yml or .csv",
	}
	if diff := cmp.Diff(want, messages(err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDuplicatesAcrossFiles(t *testing.T) {
	t.Parallel()
	line := "  - {person: ada@example.org, group: corp/web, until: 2026-0%-01T00:00:00Z, reason: x}\n"
	f := folder(t, map[string]string{
		"grants/a.yaml": "grants:\n" + strings.Replace(line, "%", "1", 1),
		"grants/b.yaml": "grants:\n" + strings.Replace(line, "%", "1", 1) + strings.Replace(line, "%", "2", 1),
	})
	_, err := f.Grants(t.Context())
	want := []string{
		"grants/b.yaml:2:5: this grant is already written at grants/a.yaml:2; remove one of them",
		"grants/b.yaml:3:5: this grant contradicts grants/a.yaml:2, where the same grant ends at 2026-01-01T00:00:00Z and not at 2026-02-01T00:00:00Z; keep one, or give another reason",
	}
	if diff := cmp.Diff(want, messages(err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	one := "grants:\n  - {person: ada@example.org, group: corp/%, until: 2026-01-01T00:00:00Z}\n"
	files := map[string]string{}
	for _, name := range []string{"a/x/1.yaml", "a/y/2.yml", "b/3.yaml", "b/.swap.yaml", "b/4.csv.bak"} {
		files[name] = strings.ReplaceAll(one, "%", strings.ReplaceAll(name, "/", "-"))
	}
	base := folder(t, files)
	for _, c := range []struct {
		patterns string
		want     string
	}{
		{"a/*/*", "a-x-1.yaml a-y-2.yml"},
		{"a/?/[12].y*ml", "a-x-1.yaml a-y-2.yml"},
		{"b/*.yaml", "b-3.yaml"},
		{"b/*.yaml b/3.yaml ./b/3*", "b-3.yaml"},
		{"b/.*.yaml", "b-.swap.yaml"},
		{"*/x/1.yaml", "a-x-1.yaml"},
		{"none/*.yaml c*/*", ""},
		{"ABS/b/3.yaml ABS/a/x/*", "a-x-1.yaml b-3.yaml"},
	} {
		t.Run(c.patterns, func(t *testing.T) {
			t.Parallel()
			f := base
			f.Patterns = strings.Fields(strings.ReplaceAll(c.patterns, "ABS", base.Dir))
			grants, err := f.Grants(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, g := range grants {
				got = append(got, g.Group.Name)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	f := folder(t, map[string]string{"grants/ok.yaml": opsYAML})
	dir := filepath.Join(f.Dir, "grants")
	for _, err := range []error{
		os.Mkdir(filepath.Join(dir, "dir.yaml"), 0o755),
		os.Symlink("nowhere", filepath.Join(dir, "dangling.yaml")),
		os.Symlink("loop.yaml", filepath.Join(dir, "loop.yaml")),
		syscall.Mkfifo(filepath.Join(dir, "fifo.yaml"), 0o600),
		os.WriteFile(filepath.Join(dir, "huge.csv"), nil, 0o600),
		os.Truncate(filepath.Join(dir, "huge.csv"), fileMax+1),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	f.Patterns = append(f.Patterns, "grants/none.yaml", "grants/[.yaml", "grants/ok.yaml/*.yaml")
	_, err := f.Grants(t.Context())
	want := []string{
		"grants/none.yaml: there is no such file; write the path of one, or a pattern such as grants/*.yaml",
		"grants/[.yaml: is not a path or pattern: a bracket is not closed, or a backslash ends it",
		"grants/ok.yaml/*.yaml: cannot be searched: not a directory",
		"grants/dangling.yaml: is a symbolic link that cannot be followed: no such file or directory",
		"grants/dir.yaml: is a folder; write a pattern for the files in it",
		"grants/fifo.yaml: is not a regular file",
		"grants/huge.csv: is larger than 64 MiB; divide it",
		"grants/loop.yaml: is a symbolic link that cannot be followed: too many levels of symbolic links",
	}
	if diff := cmp.Diff(want, messages(err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestSymbolicLinks: Kubernetes mounts a config map as links into a hidden
// folder.
func TestSymbolicLinks(t *testing.T) {
	t.Parallel()
	f := folder(t, map[string]string{"grants/..data/ops.yaml": opsYAML})
	if err := os.Symlink("..data/ops.yaml", filepath.Join(f.Dir, "grants/ops.yaml")); err != nil {
		t.Fatal(err)
	}
	got, err := f.Grants(t.Context())
	if err != nil || len(got) != 4 {
		t.Errorf("got %d grants, %v", len(got), err)
	}
}

func TestChangedWhileRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a")
	info := func(content string) os.FileInfo {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		i, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	first := info("one")
	if changed(first, first) {
		t.Error("an unchanged file counts as changed")
	}
	if !changed(first, info("three")) {
		t.Error("a longer file counts as unchanged")
	}
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	info("one")
	if err := os.Chtimes(path, first.ModTime(), first.ModTime()); err != nil {
		t.Fatal(err)
	}
	second, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if !changed(first, second) {
		t.Error("a replaced file counts as unchanged")
	}
}
