package entratest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// SetManager makes a user or a contact the manager of a user; "" is none. Both
// by UPN, name or id.
func (s *Server) SetManager(user, manager string) error {
	return s.edit(user, UserType, func(n uint32, _ *object) error { return s.manage(n, manager) })
}

func (s *Server) manage(n uint32, manager string) error {
	if manager == "" {
		delete(s.tenant.managers, n)
		return nil
	}
	boss, err := s.find(manager, UserType, ContactType)
	if err != nil {
		return fmt.Errorf("manager: %w", err)
	}
	if kind := s.tenant.objects[boss].kind; kind != UserType && kind != ContactType {
		return fmt.Errorf("manager %q is a %s", manager, kind)
	}
	s.tenant.managers[n] = boss
	return nil
}

// SetProperties gives a user further properties: see [User]. A nil value is
// none.
func (s *Server) SetProperties(user string, properties map[string]any) error {
	return s.edit(user, UserType, func(n uint32, _ *object) error { return s.describe(n, properties) })
}

// tell gives a new user what is known of few.
func (s *Server) tell(n uint32, u User) error {
	return errors.Join(s.manage(n, u.Manager), s.describe(n, u.Properties))
}

// extension is a property that an app extended the directory by.
var extension = regexp.MustCompile(`^extension_[0-9a-f]{32}_[A-Za-z0-9_]+$`)

// held are properties that have a place of their own here.
var held = []string{"id", "userPrincipalName", "mail", "accountEnabled", "userType", "proxyAddresses"} //nolint:gochecknoglobals // a table

func (s *Server) describe(n uint32, properties map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		value := properties[name]
		switch text, isText := value.(string); {
		case slices.Contains(held, name):
			return fmt.Errorf("property %s is set otherwise", name)
		case name == "displayName" && isText:
			s.tenant.objects[n].name = text
			continue
		case !knows(name, UserType) && !extension.MatchString(name):
			return fmt.Errorf("users have no property %q", name)
		case value == nil:
			delete(s.tenant.further[n], name)
			continue
		}
		written, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("property %s: %w", name, err)
		}
		if s.tenant.further[n] == nil {
			s.tenant.further[n] = make(map[string]json.RawMessage)
		}
		s.tenant.further[n][name] = written
		s.tenant.extensions.Store(name, true)
	}
	return nil
}

// extended reports whether some user was ever given such an extension.
func (s *Server) extended(name string) bool {
	_, was := s.tenant.extensions.Load(name)
	return was
}

// noExtensions is what Graph shows of a user who has none of the fifteen.
var noExtensions = func() string { //nolint:gochecknoglobals // a text
	var all []string
	for i := range 15 {
		all = append(all, `"extensionAttribute`+strconv.Itoa(i+1)+`":null`)
	}
	return "{" + strings.Join(all, ",") + "}"
}()
