package config

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// directoryTypes are the kinds of directory there are; only ldap is built in.
var directoryTypes = [...]string{"entra", "google", "ldap", "okta"} //nolint:gochecknoglobals // a table

func (d *Directory) decode(w *walker, n *yaml.Node, path string) {
	d.Type = ""
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "type" && n.Content[i+1].Kind == yaml.ScalarNode {
			d.Type = n.Content[i+1].Value
			w.values[path+".type"] = markOf(n.Content[i+1])
		}
	}
	switch d.Type {
	case "ldap", "": // without a type, the walk below says that it is missing
		ldap := &LDAP{}
		w.into(n, ldap, path)
		d.LDAP = ldap
	case "entra", "google", "okta":
		w.fail(path+".type", "%s is not available in this version; use ldap", d.Type)
	default:
		w.fail(path+".type", "there is no directory of type %q%s", d.Type, knownWords(d.Type, directoryTypes[:]))
	}
}

func (s *Secret) decode(w *walker, n *yaml.Node, path string) {
	if n.Kind != yaml.ScalarNode {
		w.failAt(markOf(n), path, "must be text, not %s: write \"env:NAME\", \"file:PATH\" or \"exec:[program, argument]\" in quotes", kindOf(n))
		return
	}
	parsed, err := parseSecret(n.Value)
	if err != nil {
		w.failAt(markOf(n), path, "%v", err)
		return
	}
	parsed.dir, parsed.getenv = w.dir, w.getenv
	*s = parsed
}

func (d *Duration) decode(w *walker, n *yaml.Node, path string) {
	if n.Kind != yaml.ScalarNode {
		w.failAt(markOf(n), path, "must be a duration such as 30m, 8h, 7d or 1w, not %s", kindOf(n))
		return
	}
	parsed, err := ParseDuration(n.Value)
	if err != nil {
		w.failAt(markOf(n), path, "%v", err)
	}
	*d = parsed
}

// knownWords suggests the word that was meant, or lists all.
func knownWords(got string, known []string) string {
	if s := suggest(got, known); s != "" {
		return s
	}
	return "; known: " + strings.Join(known, ", ")
}
