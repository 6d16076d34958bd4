package config

import (
	"fmt"
	"log/slog"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Secret is a reference to a value that must not be written down:
//
//	env:NAME                        an environment variable
//	file:PATH                       a file, relative to the configuration file
//	exec:[vault, kv, get, NAME]     what a program prints; a YAML list, no shell
//
// The value is fetched by [Secret.Reveal] and is not kept. However a Secret is
// printed, logged or marshalled, it reads [secret].
type Secret struct {
	kind   string // "env", "file", "exec"; empty when there is none
	arg    string // of env and file
	argv   []string
	dir    string // where relative paths start
	getenv func(string) string
}

const hidden = "[secret]"

// Set reports whether there is a reference.
func (s Secret) Set() bool { return s.kind != "" }

// Ref names where the value comes from, for messages. Of a program only the
// name is told, for its arguments may be private.
func (s Secret) Ref() string {
	switch s.kind {
	case "":
		return "(none)"
	case "exec":
		return "exec:[" + s.argv[0] + ", ...]"
	}
	return s.kind + ":" + s.arg
}

func (Secret) String() string { return hidden }

// GoString hides the value from %#v.
func (Secret) GoString() string { return hidden }

// Format keeps every verb, also %x and %d, from showing more than [secret].
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// LogValue hides the secret from slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the secret from encoders.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// MarshalJSON hides the secret from encoding/json.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

const howToSecret = `a secret is never written in the file; write "env:NAME", "file:PATH" or "exec:[program, argument]"`

// parseSecret reads a reference. No error quotes s: it may be the secret.
func parseSecret(s string) (Secret, error) {
	kind, arg, found := strings.Cut(s, ":")
	switch {
	case !found:
	case kind == "env" && arg != "" && !strings.ContainsAny(arg, "= \t\n\x00"):
		return Secret{kind: kind, arg: arg}, nil
	case kind == "file" && arg != "" && !strings.ContainsAny(arg, "\n\x00"):
		return Secret{kind: kind, arg: arg}, nil
	case kind == "exec":
		var argv []string
		if err := yaml.Load([]byte(arg), &argv); err != nil || len(argv) == 0 || argv[0] == "" {
			return Secret{}, fmt.Errorf(`after exec: comes the program and its arguments as a list, such as "exec:[vault, kv, get, -field=password, secret/corp]"`)
		}
		return Secret{kind: kind, argv: argv}, nil
	}
	return Secret{}, fmt.Errorf("%s", howToSecret)
}
