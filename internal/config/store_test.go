package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestStoreDSN(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const rest = `
directories:
  corp:
    type: ldap
    url: ldaps://ldap.example.org
    bind: {dn: "cn=daypass", password: "env:CORP"}
    people: {base: "ou=people"}
    groups: {base: "ou=groups"}
`
	env := map[string]string{
		"PG": "postgres://daypass:hunter2@db/daypass", "LITE": "sqlite:other.db", "ODD": "mysql://daypass:hunter2@db/daypass",
	}
	for written, want := range map[string]string{
		"":                     "sqlite:" + filepath.Join(dir, "daypass.db"),
		"sqlite:x.db":          "sqlite:" + filepath.Join(dir, "x.db"),
		"postgres://u@db/name": "postgres://u@db/name",
		"env:PG":               env["PG"],
		"file:address":         "postgresql://u:p@db/name",
		"env:LITE":             "sqlite:" + filepath.Join(dir, "other.db"),
		"env:ODD":              "what env:ODD holds is neither",
		"env:NONE":             "secret env:NONE",
	} {
		path := filepath.Join(dir, "daypass.yaml")
		text := "version: 1" + rest
		if written != "" {
			text += "store: " + written + "\n"
		}
		for name, content := range map[string]string{path: text, filepath.Join(dir, "address"): "postgresql://u:p@db/name\n"} {
			if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c, err := Load(path, func(name string) string { return env[name] })
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.StoreDSN(t.Context())
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) || err == nil && got != want || err != nil && strings.Contains(got, "hunter2") {
			t.Errorf("store: %s: got %s, want %s", written, got, want)
		}
	}
}
