package config

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"

	"github.com/daypass-dev/daypass/internal/expr"
)

// mark is a place in the file, from 1.
type mark struct{ line, col int }

func markOf(n *yaml.Node) mark { return mark{n.Line, n.Column} }

// walker carries YAML nodes into typed values. It goes on after an error, and
// remembers where every setting stands, so that later checks can point at it.
// yaml's own decoder cannot do this: it has no place for a missing key or for
// a value that is well formed but wrong, and it resolves aliases.
type walker struct {
	file   string
	dir    string
	getenv func(string) string
	errs   []*Error
	keys   map[string]mark // by path: where the key stands
	values map[string]mark // by path: where the value stands
	begin  string          // what the file begins with

	more     []*walker          // of the main file: those of the files with policies
	policies map[string]*walker // by name, of the policies in them

	rules func() (*expr.Rules, error) // what expressions may say; made when there is one
}

// decoder is a type that reads its own node.
type decoder interface {
	decode(w *walker, n *yaml.Node, path string)
}

func newWalker(file string) *walker {
	return &walker{
		file: file, begin: "version: 1", keys: map[string]mark{}, values: map[string]mark{}, policies: map[string]*walker{},
		rules: sync.OnceValues(expr.New),
	}
}

func (w *walker) failAt(m mark, path, format string, args ...any) {
	w.errs = append(w.errs, &Error{File: w.file, Line: m.line, Col: m.col, Path: path, Message: fmt.Sprintf(format, args...)})
}

// fail reports a setting by the place of its value.
func (w *walker) fail(path, format string, args ...any) {
	w.failAt(w.at(path), path, format, args...)
}

// failKey reports a setting by the place of its key.
func (w *walker) failKey(path, format string, args ...any) {
	w.failAt(w.keys[path], path, format, args...)
}

// at returns where the value at path stands; for a missing one, where the
// mapping that ought to hold it stands.
func (w *walker) at(path string) mark {
	for {
		if m, ok := w.values[path]; ok {
			return m
		}
		i := strings.LastIndexByte(path, '.')
		if i < 0 {
			return mark{1, 1}
		}
		path = path[:i]
	}
}

// into reads a node into what pointer points at.
func (w *walker) into(n *yaml.Node, pointer any, path string) {
	w.node(n, reflect.ValueOf(pointer).Elem(), path)
}

func (w *walker) node(n *yaml.Node, v reflect.Value, path string) {
	w.values[path] = markOf(n)
	if !w.plain(n, path) {
		return
	}
	if d, ok := v.Addr().Interface().(decoder); ok {
		d.decode(w, n, path)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		w.node(n, v.Elem(), path)
	case reflect.Struct:
		w.structure(n, v, path)
	case reflect.Map:
		w.mapping(n, v, path)
	case reflect.Slice:
		w.list(n, v, path)
	case reflect.String:
		v.SetString(w.text(n, path))
	case reflect.Bool:
		v.SetBool(w.boolean(n, path))
	case reflect.Int:
		v.SetInt(w.integer(n, path))
	case reflect.Float64:
		v.SetFloat(w.number(n, path))
	default:
		panic("config: no way to read a " + v.Type().String())
	}
}

// plain refuses what makes YAML hard to review: anchors, aliases and tags.
func (w *walker) plain(n *yaml.Node, path string) bool {
	switch {
	case n.Kind == yaml.AliasNode:
		w.failAt(markOf(n), path, "aliases (*name) are not supported; write the value out")
	case n.Anchor != "":
		w.failAt(markOf(n), path, "anchors (&name) are not supported; write the value out")
	case n.Style&yaml.TaggedStyle != 0:
		w.failAt(markOf(n), path, "tags (!name) are not supported; quote text instead")
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		w.failAt(markOf(n), path, "is empty; give it a value or leave it out")
	default:
		return true
	}
	return false
}

// structure reads a mapping whose keys are the fields of a struct.
func (w *walker) structure(n *yaml.Node, v reflect.Value, path string) {
	fields, required := fieldsOf(v)
	w.pairs(n, path, func(key, value *yaml.Node, at string) {
		field, ok := fields[key.Value]
		if !ok {
			w.failAt(markOf(key), at, "unknown key%s", w.knownKeys(key.Value, fields))
			return
		}
		delete(required, key.Value)
		w.node(value, field, at)
	})
	if n.Kind != yaml.MappingNode {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(required)) {
		w.failAt(markOf(n), join2(path, name), "is missing")
	}
}

// knownKeys suggests the key that was meant, or lists all.
func (w *walker) knownKeys(got string, fields map[string]reflect.Value) string {
	names := slices.Sorted(maps.Keys(fields))
	if s := suggest(got, names); s != "" {
		return s
	}
	return "; known here: " + strings.Join(names, ", ")
}

// fieldsOf maps names to fields, and tells the ones that must be given.
func fieldsOf(v reflect.Value) (fields map[string]reflect.Value, required map[string]bool) {
	fields, required = map[string]reflect.Value{}, map[string]bool{}
	for i := range v.NumField() {
		name, options, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		switch {
		case name == "-":
		case options == "inline":
			inner, _ := fieldsOf(v.Field(i))
			maps.Copy(fields, inner)
		default:
			fields[name] = v.Field(i)
			if options != "omitempty" {
				required[name] = true
			}
		}
	}
	return fields, required
}

// mapping reads a mapping with free keys.
func (w *walker) mapping(n *yaml.Node, v reflect.Value, path string) {
	v.Set(reflect.MakeMap(v.Type()))
	w.pairs(n, path, func(key, value *yaml.Node, at string) {
		elem := reflect.New(v.Type().Elem()).Elem()
		w.node(value, elem, at)
		k := reflect.New(v.Type().Key()).Elem()
		k.SetString(key.Value)
		v.SetMapIndex(k, elem)
	})
}

// pairs calls f for each pair of a mapping, after checking the key.
func (w *walker) pairs(n *yaml.Node, path string, f func(key, value *yaml.Node, at string)) {
	if n.Kind != yaml.MappingNode {
		w.failAt(markOf(n), path, "must be a mapping (key: value), not %s", kindOf(n))
		return
	}
	seen := map[string]mark{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if !w.key(key, path) {
			continue
		}
		at := join2(path, key.Value)
		if first, twice := seen[key.Value]; twice {
			w.failAt(markOf(key), at, "is written twice; first in line %d", first.line)
			continue
		}
		seen[key.Value] = markOf(key)
		w.keys[at] = markOf(key)
		f(key, value, at)
	}
}

func (w *walker) key(n *yaml.Node, path string) bool {
	switch {
	case n.Tag == "!!merge":
		w.failAt(markOf(n), path, "merge keys (<<) are not supported; write the values out")
	case n.Kind != yaml.ScalarNode && n.Kind != yaml.AliasNode:
		w.failAt(markOf(n), path, "a key must be text, not %s", kindOf(n))
	case n.Kind == yaml.ScalarNode && n.Tag != "!!str" && n.Style&yaml.TaggedStyle == 0:
		w.failAt(markOf(n), path, "a key must be text, not %s; put it in quotes", kindOf(n))
	default:
		return w.plain(n, path)
	}
	return false
}

func (w *walker) list(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.SequenceNode {
		w.failAt(markOf(n), path, "must be a list, not %s", kindOf(n))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, item := range n.Content {
		w.node(item, v.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
}

func (w *walker) text(n *yaml.Node, path string) string {
	switch {
	case n.Kind != yaml.ScalarNode:
		w.failAt(markOf(n), path, "must be text, not %s", kindOf(n))
	case n.Tag != "!!str":
		w.failAt(markOf(n), path, "must be text, not %s; put it in quotes", kindOf(n))
	case n.Value == "":
		w.failAt(markOf(n), path, "is empty; give it a value or leave it out")
	case strings.ContainsFunc(n.Value, func(r rune) bool { return r < ' ' || r == 0x7f }):
		w.failAt(markOf(n), path, "holds a control character or a line break")
	default:
		return n.Value
	}
	return ""
}

func (w *walker) boolean(n *yaml.Node, path string) bool {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
		w.failAt(markOf(n), path, "must be true or false, not %s", kindOf(n))
	}
	return strings.EqualFold(n.Value, "true")
}

func (w *walker) integer(n *yaml.Node, path string) int64 {
	i, err := strconv.ParseInt(n.Value, 10, 32)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil {
		w.failAt(markOf(n), path, "must be a whole number such as 20")
	}
	return i
}

func (w *walker) number(n *yaml.Node, path string) float64 {
	f, err := strconv.ParseFloat(n.Value, 64)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" && n.Tag != "!!float" || err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		w.failAt(markOf(n), path, "must be a number such as 20 or 0.5")
	}
	return f
}

// kindOf names what a node is, without its value.
func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	switch n.Tag {
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	case "!!timestamp":
		return "a date"
	case "!!null":
		return "nothing"
	}
	return "text"
}

func join2(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func sortedKeys[K ~string, V any](m map[K]V) []K {
	return slices.Sorted(maps.Keys(m))
}
