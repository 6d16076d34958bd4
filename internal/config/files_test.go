package config

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the schema and the wanted errors")

const configs = "../../testdata/config/"

func noEnv(string) string { return "" }

func TestGoodFiles(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(configs + "*.good.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("got %d good files, %v", len(files), err)
	}
	for _, file := range append(files, examples(t)...) {
		t.Run(strings.TrimPrefix(file, "../../"), func(t *testing.T) {
			t.Parallel()
			if _, err := Load(file, noEnv); err != nil {
				t.Error(err)
			}
		})
	}
}

// examples are the configurations that people begin with.
func examples(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../examples/*/daypass.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	return files
}

// TestBadFiles compares every error of a bad file with the lines "# want: " at
// its top, with line and column.
func TestBadFiles(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(configs + "*.bad.yaml")
	if err != nil || len(files) < 40 {
		t.Fatalf("got %d bad files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, body := wanted(data)
			_, err = Load(file, noEnv)
			got := messages(err, file)
			if *update {
				rewrite(t, file, got, want, body)
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("errors of %s (-want +got):\n%s", file, diff)
			}
			if strings.Contains(strings.Join(got, "\n"), "hunter2") {
				t.Errorf("an error of %s tells a secret", file)
			}
		})
	}
}

func wanted(data []byte) (want []string, body []byte) {
	for {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		message, ok := bytes.CutPrefix(line, []byte("# want: "))
		if !ok {
			return want, data
		}
		want = append(want, string(message))
		data = rest
	}
}

// messages are the errors without the name of the file.
func messages(err error, file string) (all []string) {
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return nil
	}
	for _, e := range joined.Unwrap() {
		all = append(all, strings.TrimPrefix(e.Error(), file+":"))
	}
	return all
}

func rewrite(t *testing.T, file string, got, want []string, body []byte) {
	t.Helper()
	if len(got) == 0 {
		t.Errorf("%s has no errors", file)
	}
	var b bytes.Buffer
	for _, m := range got {
		b.WriteString("# want: " + m + "\n")
	}
	b.Write(body)
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Errorf("%s: the number of errors changed, and with it every line; run -update again", file)
	}
}
