package googletest

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// profile is a [Profile] as answers show it. It never changes: a new one has a
// new one's parts.
type profile struct {
	organizations, relations []obj
	custom                   obj
}

func (o *object) profile() profile {
	if o.more == nil {
		return profile{}
	}
	return o.more.profile
}

// SetProfile replaces what is written of a user, and the name unless that is
// empty.
func (s *Server) SetProfile(key, name string, p Profile) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.account(key)
	if err != nil {
		return err
	}
	if name != "" {
		s.objects[n].name = name
	}
	return s.write(n, p)
}

func (s *Server) write(n uint32, p Profile) error {
	var made profile
	for _, org := range p.Organizations {
		o := obj{}.opt("title", org.Title)
		if org.Primary {
			o = append(o, prop{"primary", true})
		}
		made.organizations = append(made.organizations, append(o, prop{"customType", ""}).opt("department", org.Department).
			opt("location", org.Location).opt("costCenter", org.CostCenter))
	}
	for _, r := range p.Relations {
		made.relations = append(made.relations, obj{{"value", r.Value}, {"type", r.Type}}.opt("customType", r.CustomType))
	}
	for _, schema := range slices.Sorted(maps.Keys(p.Custom)) {
		var fields obj
		for _, field := range slices.Sorted(maps.Keys(p.Custom[schema])) {
			value, err := customValue(p.Custom[schema][field])
			if err != nil {
				return fmt.Errorf("custom field %s.%s: %w", schema, field, err)
			}
			fields = append(fields, prop{field, value})
		}
		made.custom = made.custom.optional(schema, fields)
	}
	if made.organizations != nil || made.relations != nil || made.custom != nil || s.objects[n].more != nil {
		s.objects[n].further().profile = made
	}
	return nil
}

// customValue writes a value; a list has an object for each.
func customValue(v any) (any, error) {
	if list := reflect.ValueOf(v); list.Kind() == reflect.Slice {
		all := []obj{}
		for i := range list.Len() {
			one, err := customValue(list.Index(i).Interface())
			if err != nil {
				return nil, err
			}
			all = append(all, obj{{"type", "work"}, {"value", one}})
		}
		return all, nil
	}
	text, err := json.Marshal(v)
	if err == nil && (v == nil || strings.HasPrefix(string(text), "{")) {
		err = fmt.Errorf("%s is neither a value nor a list of values", text)
	}
	return json.RawMessage(text), err
}

// projection picks the custom schemas that are shown: all of them, or those
// with these names.
type projection struct {
	full  bool
	names []string
}

func (c *call) projection() (projection, error) {
	switch mask := c.query.Get("customFieldMask"); c.query.Get("projection") {
	case "", "basic":
		return projection{}, nil
	case "full":
		return projection{full: true}, nil
	case "custom":
		if mask == "" {
			return projection{}, invalid("customFieldMask")
		}
		return projection{names: strings.Split(mask, ",")}, nil
	}
	return projection{}, invalid("projection")
}

func (p projection) of(custom obj) obj {
	var shown obj
	for _, schema := range custom {
		if p.full || slices.Contains(p.names, schema.name) {
			shown = append(shown, schema)
		}
	}
	return shown
}
