package daypass_test

import (
	"bytes"
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// This file holds the layers: which package may import which. The table is in
// docs/architecture.md and nowhere else.

const module = "github.com/daypass-dev/daypass"

// source is one Go file of the module.
type source struct {
	path string // relative to the root, with slashes
	dir  string // its folder; "." for the root
	test bool
	file *ast.File
}

// sources parses every Go file of the module. Folders with a go.mod of their
// own belong to another module.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	for _, name := range files(t) {
		if path.Ext(name) != ".go" {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, source{
			path: name, dir: path.Dir(name), file: file,
			test: strings.HasSuffix(name, "_test.go"),
		})
	}
	if len(all) < 10 {
		t.Fatalf("found %d Go files: this is not the root of the module", len(all))
	}
	return all
}

// files lists the files of the module, without what git and builds leave and
// without nested modules.
func files(t *testing.T) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() {
			all = append(all, filepath.ToSlash(name))
			return nil
		}
		if name == ".git" || name == "bin" || name == ".beds" {
			return filepath.SkipDir
		}
		if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil && name != "." {
			return filepath.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// imports returns the packages of this module that the file imports, as
// folders, and the packages of other modules.
func (s source) imports(t *testing.T) (ours, theirs []string) {
	t.Helper()
	for _, i := range s.file.Imports {
		name, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(name, "/")
		switch {
		case name == module:
			ours = append(ours, ".")
		case strings.HasPrefix(name, module+"/"):
			ours = append(ours, strings.TrimPrefix(name, module+"/"))
		case strings.Contains(first, "."):
			theirs = append(theirs, name)
		}
	}
	return ours, theirs
}

// allowance is one row of the table.
type allowance struct {
	code, tests []string // patterns; "*" alone is everything
	alone       bool     // no dependency of others outside of tests
}

// table reads who may import whom.
func table(t *testing.T) map[string]allowance {
	t.Helper()
	rows := map[string]allowance{}
	for _, line := range strings.Split(between(t, "docs/architecture.md", "<!-- imports -->", "<!-- /imports -->"), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !strings.Contains(cells[1], "`") {
			continue
		}
		name := names(cells[1])[0]
		if _, twice := rows[name]; twice {
			t.Errorf("docs/architecture.md: %s has two rows", name)
		}
		rows[name] = allowance{code: names(cells[2]), tests: names(cells[3]), alone: strings.Contains(cells[2], "alone")}
	}
	if len(rows) == 0 {
		t.Fatal("docs/architecture.md: the table of imports is empty")
	}
	return rows
}

// names returns what stands in backquotes in a cell.
func names(cell string) []string {
	if strings.Contains(cell, "everything") {
		return []string{"*"}
	}
	var found []string
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
		found = append(found, m[1])
	}
	return found
}

// rowOf returns the row of a package: its own, or else the longest pattern.
func rowOf(rows map[string]allowance, dir string) (allowance, bool) {
	if row, ok := rows[dir]; ok {
		return row, true
	}
	patterns := slices.SortedFunc(maps.Keys(rows), func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, pattern := range patterns {
		if ok, _ := path.Match(pattern, dir); ok {
			return rows[pattern], true
		}
	}
	return allowance{}, false
}

// allows reports whether one of the patterns covers the package.
func allows(patterns []string, dir string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, _ := path.Match(p, dir)
		return ok || p == "*"
	})
}

func TestImportsFollowTheTable(t *testing.T) {
	t.Parallel()
	rows := table(t)
	for _, s := range sources(t) {
		row, listed := rowOf(rows, s.dir)
		if !listed {
			t.Errorf("%s: package %s is in no row of the table in docs/architecture.md", s.path, s.dir)
			continue
		}
		ours, theirs := s.imports(t)
		for _, imported := range ours {
			inside := imported == s.dir || strings.HasPrefix(imported, s.dir+"/")
			if allows(row.code, imported) || s.test && (inside || allows(row.tests, imported)) {
				continue
			}
			t.Errorf("%s: %s may not import %s (table in docs/architecture.md)", s.path, s.dir, imported)
		}
		if row.alone && !s.test && len(theirs) > 0 {
			t.Errorf("%s: %s stands alone and may not import %v (table in docs/architecture.md)", s.path, s.dir, theirs)
		}
	}
}

func TestTestPackagesStayInTests(t *testing.T) {
	t.Parallel()
	forTests := []string{"internal/beds", "connectors/connectortest", "internal/desk/desktest", "internal/store/storetest"}
	for _, s := range sources(t) {
		ours, _ := s.imports(t)
		for _, imported := range ours {
			if !s.test && slices.Contains(forTests, imported) {
				t.Errorf("%s: %s is for tests only", s.path, imported)
			}
		}
	}
}

// between returns the text of a file between two marks.
func between(t *testing.T, name, from, to string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := bytes.Cut(text, []byte(from))
	inner, _, closed := bytes.Cut(rest, []byte(to))
	if !found || !closed {
		t.Fatalf("%s: no text between %s and %s", name, from, to)
	}
	return string(inner)
}
