package main

import (
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/daypass-dev/daypass/connectors/entra/entratest"
	"github.com/daypass-dev/daypass/connectors/google/googletest"
	"github.com/daypass-dev/daypass/connectors/okta/oktatest"
)

// The seed files of the examples load, docs/directories.md shows them as they
// are and names every key, and the help of the verb leads there.
func TestSeedFiles(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "directories.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Seed files\n")
	section, _, _ = strings.Cut(section, "\n## ")
	entra, okta, google := entratest.New(entratest.Options{}), oktatest.New(oktatest.Options{}), googletest.New(googletest.Options{})
	for kind, x := range map[string]struct {
		simulated
		members func() int
		keys    []any // what a file is made of
	}{
		"entra":  {entra, func() int { return len(entra.Members("prod-db")) }, []any{entratest.App{}, entratest.User{}, entratest.Object{}, entratest.Group{}}},
		"okta":   {okta, func() int { return len(okta.Members("prod-db")) }, []any{oktatest.User{}, oktatest.Group{}, oktatest.Rule{}}},
		"google": {google, func() int { ms, _ := google.Members("prod-db@example.org"); return len(ms) }, []any{googletest.Seed{}, googletest.User{}, googletest.Group{}, googletest.Member{}}},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join("..", "..", "examples", "seeds", kind+".json")
			seed, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := (&cloud{seed: path}).fill(x.simulated); err != nil {
				t.Fatal(err)
			}
			if x.members() == 0 {
				t.Error("nobody is in prod-db")
			}
			_, part, _ := strings.Cut(section, "\n### "+kind+"\n")
			part, _, _ = strings.Cut(part, "\n### ")
			if !strings.Contains(part, "```json\n"+string(seed)+"```\n") {
				t.Errorf("docs/directories.md does not show %s as it is", path)
			}
			for _, of := range x.keys {
				for _, f := range reflect.VisibleFields(reflect.TypeOf(of)) {
					key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
					if key != "-" && !strings.Contains(part, "`"+key+"`") {
						t.Errorf("docs/directories.md does not name the key %s of %T", key, of)
					}
				}
			}
			a := &app{env: &env{stdout: io.Discard, stderr: io.Discard}}
			cmd, _, err := a.simulate().Find([]string{kind})
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(cmd.Long, "examples/seeds/"+kind+".json") || !strings.Contains(cmd.Long, "docs/directories.md") {
				t.Errorf("the help does not say what a seed file looks like:\n%s", cmd.Long)
			}
		})
	}
}
