package config

import (
	"reflect"
	"strings"

	"go.yaml.in/yaml/v4"
)

func (d *Directory) decode(w *walker, n *yaml.Node, path string) {
	if n.Kind != yaml.MappingNode {
		w.failAt(markOf(n), path, "must be a mapping (key: value), not %s", kindOf(n))
		return
	}
	value := typeOf(n)
	if value == nil {
		w.failAt(markOf(n), path+".type", "is missing; known: %s", strings.Join(directoryTypes[:], ", "))
		return
	}
	w.values[path+".type"] = markOf(value)
	if !w.plain(value, path+".type") {
		return
	}
	d.Type = value.Value
	switch d.Type {
	case "ldap":
		d.LDAP = &LDAP{}
		w.into(n, d.LDAP, path)
	case "entra":
		d.Entra = &Entra{}
		w.into(n, d.Entra, path)
	case "okta":
		d.Okta = &Okta{}
		w.into(n, d.Okta, path)
	case "google":
		d.Google = &Google{}
		w.into(n, d.Google, path)
	default:
		w.fail(path+".type", "there is no directory of type %q%s", d.Type, knownWords(d.Type, directoryTypes[:]))
	}
}

var directoryTypes = [...]string{"entra", "google", "ldap", "okta"} //nolint:gochecknoglobals // a table

// typeOf returns the value that says which keys the rest may have.
func typeOf(n *yaml.Node) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "type" && n.Content[i+1].Kind == yaml.ScalarNode {
			return n.Content[i+1]
		}
	}
	return nil
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

func (v *Values) decode(w *walker, n *yaml.Node, path string) {
	if n.Kind == yaml.SequenceNode {
		w.node(n, reflect.ValueOf((*[]string)(v)).Elem(), path)
		return
	}
	*v = Values{w.text(n, path)}
}

// knownWords suggests the word that was meant, or lists all.
func knownWords(got string, known []string) string {
	if s := suggest(got, known); s != "" {
		return s
	}
	if len(known) == 0 {
		return "; there are none"
	}
	return "; known: " + strings.Join(known, ", ")
}
