package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	generate "github.com/invopop/jsonschema"
	validate "github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

const schemaFile = "daypass.schema.json"

func TestSchemaIsFresh(t *testing.T) {
	t.Parallel()
	want := generated(t)
	if *update {
		if err := os.WriteFile(schemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(want), string(Schema)); diff != "" {
		t.Errorf("%s is stale; run go generate ./internal/config (-want +got):\n%s", schemaFile, diff)
	}
}

// generated makes the schema from the types and their comments.
func generated(t *testing.T) []byte {
	t.Helper()
	r := &generate.Reflector{FieldNameTag: "yaml", ExpandedStruct: true, Mapper: special}
	if err := r.AddGoComments("github.com/daypass-dev/daypass/internal/config", "."); err != nil {
		t.Fatal(err)
	}
	for name, comment := range r.CommentMap {
		r.CommentMap[name] = strings.Join(strings.Fields(comment), " ")
	}
	s := r.Reflect(&Config{})
	s.ID = ""
	s.Title = "daypass.yaml"
	for _, settings := range []any{&Entra{}, &Google{}, &LDAP{}, &Okta{}} {
		one := (&generate.Reflector{FieldNameTag: "yaml", Mapper: special, CommentMap: r.CommentMap}).Reflect(settings)
		maps.Copy(s.Definitions, one.Definitions)
	}
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(out, '\n')
}

// special describes the types that read their own node.
func special(t reflect.Type) *generate.Schema {
	switch t {
	case reflect.TypeFor[Directory]():
		return &generate.Schema{OneOf: []*generate.Schema{
			{Ref: "#/$defs/Entra"}, {Ref: "#/$defs/Google"}, {Ref: "#/$defs/LDAP"}, {Ref: "#/$defs/Okta"},
		}}
	case reflect.TypeFor[Duration]():
		return &generate.Schema{
			Type: "string", Pattern: `^([0-9]{1,4}w)?([0-9]{1,4}d)?([0-9.]+(ns|us|µs|ms|s|m|h))*$`, MinLength: new(uint64(2)),
			Examples: []any{"30m", "8h", "7d", "1w"},
		}
	case reflect.TypeFor[Values]():
		text := &generate.Schema{Type: "string"}
		return &generate.Schema{OneOf: []*generate.Schema{text, {Type: "array", Items: text, MinItems: new(uint64(1))}}}
	case reflect.TypeFor[Secret]():
		return &generate.Schema{Type: "string", Pattern: `^(env:|file:|exec:\[).+`, Examples: []any{"env:NAME", "file:PATH", "exec:[program, argument]"}}
	}
	return nil
}

// TestSchemaAgrees holds the schema to the walk: what the program takes, the
// schema takes. The other way round a schema cannot promise; some files are
// wrong in ways that it cannot say.
func TestSchemaAgrees(t *testing.T) {
	t.Parallel()
	schema := compiled(t)
	files, err := filepath.Glob(configs + "*.good.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range append(files, examples(t)...) {
		if err := schema.Validate(instance(t, file)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	for _, name := range []string{
		"unknown-key", "near-miss", "no-version", "version", "version-text", "no-bind", "no-directories", "duration", "duration-number",
		"type-words", "foreign", "limits", "secret-literal", "secret-number", "match", "directory-type-unknown", "url-scheme", "resource-empty",
		"directory-type", "entra-auth-missing", "entra-tenant-missing", "entra-cloud", "entra-match", "entra-secret-literal", "entra-unknown-key",
		"entra-role-text", "okta-url-missing", "okta-url-host-only", "okta-token-literal", "okta-match", "okta-unknown-key", "google-auth-missing",
		"google-customer", "google-key-path", "google-key-mapping", "cloud-quota", "cloud-scalar", "cloud-type-missing", "cloud-many",
		"policy-who", "policy-steps", "policy-text", "policy-number", "policy-emergency", "machines", "roles", "web", "web-missing",
	} {
		err := schema.Validate(instance(t, configs+name+".bad.yaml"))
		if !errors.As(err, new(*validate.ValidationError)) {
			t.Errorf("%s.bad.yaml: got %v, want a validation error", name, err)
		}
	}
}

func compiled(t *testing.T) *validate.Schema {
	t.Helper()
	doc, err := validate.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := validate.NewCompiler()
	if err := c.AddResource(schemaFile, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func instance(t *testing.T, file string) any {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := yaml.Load(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}
