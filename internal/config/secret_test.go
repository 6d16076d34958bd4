package config

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSecretIsNeverPrinted(t *testing.T) {
	t.Parallel()
	s, err := parseSecret("env:HUNTER2")
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("bind", "password", s, "bind", &Bind{Password: s})
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("bind", "password", s, "bind", &Bind{Password: s})
	encoded, err := json.Marshal(map[string]any{"a": s, "b": &s, "c": Bind{Password: s}})
	if err != nil {
		t.Fatal(err)
	}
	out := logged.String() + string(encoded)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		out += fmt.Sprintf(verb, s) + fmt.Sprintf(verb, &s) + fmt.Sprintf(verb, Bind{Password: s})
	}
	if strings.Contains(out, "HUNTER2") {
		t.Errorf("got the reference in %s", out)
	}
	if !strings.Contains(out, hidden) {
		t.Errorf("got %s, want %s in it", out, hidden)
	}
}

func TestReveal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, content string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("pw", "from file\n\n", 0o600)
	write("empty", "\n", 0o600)
	write("huge", strings.Repeat("x", secretMax+1), 0o600)
	write("say", "#!/bin/sh\npwd >&2\nprintf '%s\\n' \"$1\"\n", 0o700)
	env := func(name string) string { return map[string]string{"PW": "from env"}[name] }
	for _, c := range []struct{ ref, want, err string }{
		{"env:PW", "from env", ""},
		{"env:NONE", "", "secret env:NONE: the environment variable is not set, or empty"},
		{"file:pw", "from file\n", ""},
		{"file:" + filepath.Join(dir, "pw"), "from file\n", ""},
		{"file:empty", "", "secret file:empty: is empty"},
		{"file:none", "", "secret file:none: no such file or directory"},
		{"file:.", "", "secret file:.: " + dir + " is not a regular file"},
		{"file:huge", "", "secret file:huge: is larger than 64 KiB"},
		{`exec:[./say, "from $HOME; program"]`, "from $HOME; program", ""},
		{`exec:["./say", ""]`, "", "secret exec:[./say, ...]: is empty"},
		{"exec:[sh, -c, 'echo hunter2 >&2; exit 3']", "", "secret exec:[sh, ...]: exit status 3; run it by hand to see why"},
		{"exec:[sh, -c, 'while :; do echo hunter2hunter2; done']", "", "secret exec:[sh, ...]: the program printed more than 64 KiB"},
		{"exec:[/nowhere/vault]", "", "secret exec:[/nowhere/vault, ...]: fork/exec /nowhere/vault: no such file or directory; run it by hand to see why"},
	} {
		t.Run(c.ref, func(t *testing.T) {
			t.Parallel()
			s, err := parseSecret(c.ref)
			if err != nil {
				t.Fatal(err)
			}
			s.dir, s.getenv = dir, env
			got, err := s.Reveal(t.Context())
			if got != c.want || message(err) != c.err {
				t.Errorf("got %q, %q, want %q, %q", got, message(err), c.want, c.err)
			}
		})
	}
}

func TestRevealEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s, err := parseSecret("exec:[sleep, '60']")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = s.Reveal(ctx)
	if want := "secret exec:[sleep, ...]: the program did not end in time: context deadline exceeded"; message(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestSecretFileThatEverybodyMayRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	body, err := os.ReadFile(configs + "minimal.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "daypass.yaml")
	body = bytes.ReplaceAll(body, []byte("env:CORP"), []byte("file:pw"))
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[os.FileMode]int{0o644: 1, 0o640: 0, 0o600: 0} {
		pw := filepath.Join(dir, "pw")
		if err := os.WriteFile(pw, []byte("x"), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(pw, mode); err != nil {
			t.Fatal(err)
		}
		c, err := Load(path, noEnv)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Warnings) != want {
			t.Errorf("mode %o: got warnings %q, want %d", mode, c.Warnings, want)
		}
		if want == 1 && !strings.Contains(c.Warnings[0], "daypass.yaml:6:58: secret file:pw can be read by everybody") {
			t.Errorf("got %q", c.Warnings[0])
		}
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
