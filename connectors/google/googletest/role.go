package googletest

import "slices"

// The ids of the roles and of the service that their privileges are of.
const (
	groupsRole  = "13801188331880451"
	serviceRole = "13801188331880452"
	service     = "00haapch16h1ysv"
)

// listRoles tells of the system role of group administrators and of the one
// that the service account has.
func (s *Server) listRoles(c *call) (any, error) {
	if err := s.customer(c); err != nil {
		return nil, err
	}
	if _, err := c.size("maxResults", 100, 100, true); err != nil {
		return nil, err
	}
	return obj{{"kind", "admin#directory#roles"}, {"etag", etag("roles")}, {"items", []obj{
		s.role(groupsRole, "_GROUPS_ADMIN_ROLE", true, []Right{ReadGroups, WriteGroups, ReadUsers}),
		s.role(serviceRole, "daypass", false, s.granted()),
	}}}, nil
}

func (s *Server) role(id, name string, system bool, has []Right) obj {
	var privileges []obj
	for _, r := range has {
		privileges = append(privileges, obj{{"privilegeName", string(r)}, {"serviceId", service}})
	}
	return obj{
		{"kind", "admin#directory#role"},
		{"etag", etag(id, has)},
		{"roleId", id},
		{"roleName", name},
		{"roleDescription", name},
		{"isSystemRole", system},
		{"isSuperAdminRole", false},
	}.opt("rolePrivileges", privileges)
}

// granted is what the service account's role allows.
func (s *Server) granted() []Right {
	return slices.DeleteFunc(rights(), func(r Right) bool { return slices.Contains(s.opt.Lacks, r) })
}

// listRoleAssignments tells who has which role: the service account has one,
// unless it lacks every right.
func (s *Server) listRoleAssignments(c *call) (any, error) {
	if err := s.customer(c); err != nil {
		return nil, err
	}
	if _, err := c.size("maxResults", 100, 200, true); err != nil {
		return nil, err
	}
	var items []obj
	who, role := c.query.Get("userKey"), c.query.Get("roleId")
	if len(s.granted()) > 0 && (who == "" || who == serviceID || who == ServiceAccount) && (role == "" || role == serviceRole) {
		items = []obj{{
			{"kind", "admin#directory#roleAssignment"},
			{"etag", etag(serviceRole)},
			{"roleAssignmentId", "13801188331880460"},
			{"roleId", serviceRole},
			{"assignedTo", serviceID},
			{"assigneeType", "user"},
			{"scopeType", "CUSTOMER"},
		}}
	}
	return obj{{"kind", "admin#directory#roleAssignments"}, {"etag", etag("assignments", len(items))}}.opt("items", items), nil
}

func (s *Server) customer(c *call) error {
	if id := c.path["customer"]; id != "my_customer" && id != s.opt.Customer {
		return noKey("customer")
	}
	return nil
}
