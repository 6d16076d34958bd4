package googletest

import "net/http"

// The scopes, short of the address they all begin with.
const (
	scopeGroup          = scopeRoot + "admin.directory.group"
	scopeGroupRead      = scopeRoot + "admin.directory.group.readonly"
	scopeMember         = scopeRoot + "admin.directory.group.member"
	scopeMemberRead     = scopeRoot + "admin.directory.group.member.readonly"
	scopeUser           = scopeRoot + "admin.directory.user"
	scopeUserSecurity   = scopeRoot + "admin.directory.user.security"
	scopeUserRead       = scopeRoot + "admin.directory.user.readonly"
	scopeRoles          = scopeRoot + "admin.directory.rolemanagement"
	scopeRolesRead      = scopeRoot + "admin.directory.rolemanagement.readonly"
	scopeReports        = scopeRoot + "admin.reports.audit.readonly"
	scopeIdentity       = scopeRoot + "cloud-identity.groups"
	scopeIdentityRead   = scopeRoot + "cloud-identity.groups.readonly"
	scopePlatform       = scopeRoot + "cloud-platform"
	scopeRoot           = "https://www.googleapis.com/auth/"
	directoryRoot       = "/admin/directory/v1"
	pathGroup           = directoryRoot + "/groups/{groupKey}"
	pathMembers         = pathGroup + "/members"
	pathMember          = pathMembers + "/{memberKey}"
	pathMemberships     = "/v1/groups/{group}/memberships"
	pathMembership      = pathMemberships + "/{membership}"
	pathRoleAssignments = directoryRoot + "/customer/{customer}/roleassignments"
	pathRoles           = directoryRoot + "/customer/{customer}/roles"
	tokenPath           = "/token"
)

func knownScopes() []string {
	return []string{
		scopeGroup, scopeGroupRead, scopeMember, scopeMemberRead, scopeUser, scopeUserRead, scopeUserSecurity, scopeRoles, scopeRolesRead,
		scopeReports, scopeIdentity, scopeIdentityRead, scopePlatform,
	}
}

// table holds every method that is served. Scopes and parameters are those of
// Google's discovery documents; contracts/google holds it to them.
var table = []route{ //nolint:gochecknoglobals // a table
	{
		name: "directory.members.list", api: directory, method: http.MethodGet, template: pathMembers,
		query:  []string{"includeDerivedMembership", "maxResults", "pageToken", "roles"},
		scopes: []string{scopeGroup, scopeMember, scopeMemberRead, scopeGroupRead}, right: ReadGroups, serve: (*Server).listMembers,
	},
	{
		name: "directory.members.insert", api: directory, method: http.MethodPost, template: pathMembers, body: true,
		scopes: []string{scopeGroup, scopeMember}, right: WriteGroups, serve: (*Server).insertMember,
	},
	{
		name: "directory.members.get", api: directory, method: http.MethodGet, template: pathMember,
		scopes: []string{scopeGroup, scopeMember, scopeMemberRead, scopeGroupRead}, right: ReadGroups, serve: (*Server).getMember,
	},
	{
		name: "directory.members.delete", api: directory, method: http.MethodDelete, template: pathMember,
		scopes: []string{scopeGroup, scopeMember}, right: WriteGroups, serve: (*Server).deleteMember,
	},
	{
		name: "directory.members.patch", api: directory, method: http.MethodPatch, template: pathMember, body: true,
		scopes: []string{scopeGroup, scopeMember}, right: WriteGroups, serve: (*Server).changeRole,
	},
	{
		name: "directory.members.update", api: directory, method: http.MethodPut, template: pathMember, body: true,
		scopes: []string{scopeGroup, scopeMember}, right: WriteGroups, serve: (*Server).changeRole,
	},
	{
		name: "directory.members.hasMember", api: directory, method: http.MethodGet, template: pathGroup + "/hasMember/{memberKey}",
		scopes: []string{scopeGroup, scopeMember, scopeMemberRead, scopeGroupRead}, right: ReadGroups, serve: (*Server).hasMember,
	},
	{
		name: "directory.groups.list", api: directory, method: http.MethodGet, template: directoryRoot + "/groups",
		query:  []string{"customer", "domain", "maxResults", "orderBy", "pageToken", "query", "sortOrder", "userKey"},
		scopes: []string{scopeGroup, scopeGroupRead}, right: ReadGroups, serve: (*Server).listGroups,
	},
	{
		name: "directory.groups.get", api: directory, method: http.MethodGet, template: pathGroup,
		scopes: []string{scopeGroup, scopeGroupRead}, right: ReadGroups, serve: (*Server).getGroup,
	},
	{
		name: "directory.groups.delete", api: directory, method: http.MethodDelete, template: pathGroup,
		scopes: []string{scopeGroup}, right: WriteGroups, serve: (*Server).dropGroup,
	},
	{
		name: "directory.users.list", api: directory, method: http.MethodGet, template: directoryRoot + "/users",
		query: []string{
			"customFieldMask", "customer", "domain", "event", "maxResults", "orderBy", "pageToken", "projection", "query",
			"showDeleted", "sortOrder", "viewType",
		},
		scopes: []string{scopeUser, scopeUserRead, scopePlatform}, right: ReadUsers, serve: (*Server).listUsers,
	},
	{
		name: "directory.users.get", api: directory, method: http.MethodGet, template: directoryRoot + "/users/{userKey}",
		query:  []string{"customFieldMask", "projection", "viewType"},
		scopes: []string{scopeUser, scopeUserRead}, right: ReadUsers, serve: (*Server).getUser,
	},
	{
		name: "directory.users.signOut", api: directory, method: http.MethodPost, template: directoryRoot + "/users/{userKey}/signOut",
		scopes: []string{scopeUserSecurity}, right: SecureUsers, serve: (*Server).signOut,
	},
	{
		name: "directory.users.delete", api: directory, method: http.MethodDelete, template: directoryRoot + "/users/{userKey}",
		scopes: []string{scopeUser}, right: WriteGroups, serve: (*Server).dropUser,
	},
	{
		name: "directory.roles.list", api: directory, method: http.MethodGet, template: pathRoles,
		query:  []string{"maxResults", "pageToken"},
		scopes: []string{scopeRoles, scopeRolesRead}, right: ReadRoles, serve: (*Server).listRoles,
	},
	{
		name: "directory.roleAssignments.list", api: directory, method: http.MethodGet, template: pathRoleAssignments,
		query:  []string{"includeIndirectRoleAssignments", "maxResults", "pageToken", "roleId", "userKey"},
		scopes: []string{scopeRoles, scopeRolesRead}, right: ReadRoles, serve: (*Server).listRoleAssignments,
	},
	{
		name: "reports.activities.list", api: reports, method: http.MethodGet,
		template: "/admin/reports/v1/activity/users/{userKey}/applications/{applicationName}",
		query: []string{
			"actorIpAddress", "agentInfoFilter", "applicationInfoFilter", "customerId", "deviceFilter", "endTime", "eventName", "filters",
			"groupIdFilter", "includeSensitiveData", "maxResults", "networkInfoFilter", "orgUnitID", "pageToken", "resourceDetailsFilter",
			"startTime", "statusFilter",
		},
		scopes: []string{scopeReports}, right: ReadReports, serve: (*Server).listActivities,
	},
	{
		name: "cloudidentity.groups.lookup", api: identity, method: http.MethodGet, template: "/v1/groups:lookup",
		query:  []string{"groupKey.id", "groupKey.namespace"},
		scopes: []string{scopeIdentity, scopeIdentityRead, scopePlatform}, right: ReadGroups, serve: (*Server).lookupIdentity,
	},
	{
		name: "cloudidentity.groups.search", api: identity, method: http.MethodGet, template: "/v1/groups:search",
		query:  []string{"pageSize", "pageToken", "query", "view"},
		scopes: []string{scopeIdentity, scopeIdentityRead, scopePlatform}, right: ReadGroups, serve: (*Server).searchIdentity,
	},
	{
		name: "cloudidentity.groups.list", api: identity, method: http.MethodGet, template: "/v1/groups",
		query:  []string{"pageSize", "pageToken", "parent", "view"},
		scopes: []string{scopeIdentity, scopeIdentityRead, scopePlatform}, right: ReadGroups, serve: (*Server).listIdentity,
	},
	{
		name: "cloudidentity.groups.get", api: identity, method: http.MethodGet, template: "/v1/groups/{group}",
		scopes: []string{scopeIdentity, scopeIdentityRead, scopePlatform}, right: ReadGroups, serve: (*Server).getIdentity,
	},
	{
		name: "cloudidentity.groups.memberships.lookup", api: identity, method: http.MethodGet, template: pathMemberships + ":lookup",
		query:  []string{"memberKey.id", "memberKey.namespace"},
		scopes: []string{scopeIdentity, scopeIdentityRead, scopePlatform}, right: ReadGroups, serve: (*Server).lookupMembership,
	},
	{
		name: "cloudidentity.groups.memberships.list", api: identity, method: http.MethodGet, template: pathMemberships,
		query:  []string{"pageSize", "pageToken", "view"},
		scopes: []string{scopeIdentity, scopeIdentityRead, scopePlatform}, right: ReadGroups, serve: (*Server).listMemberships,
	},
	{
		name: "cloudidentity.groups.memberships.create", api: identity, method: http.MethodPost, template: pathMemberships, body: true,
		scopes: []string{scopeIdentity, scopePlatform}, right: WriteGroups, serve: (*Server).createMembership,
	},
	{
		name: "cloudidentity.groups.memberships.get", api: identity, method: http.MethodGet, template: pathMembership,
		scopes: []string{scopeIdentity, scopeIdentityRead, scopePlatform}, right: ReadGroups, serve: (*Server).getMembership,
	},
	{
		name: "cloudidentity.groups.memberships.delete", api: identity, method: http.MethodDelete, template: pathMembership,
		scopes: []string{scopeIdentity, scopePlatform}, right: WriteGroups, serve: (*Server).deleteMembership,
	},
	{
		name: "cloudidentity.groups.memberships.modifyMembershipRoles", api: identity, method: http.MethodPost,
		template: pathMembership + ":modifyMembershipRoles", body: true,
		scopes: []string{scopeIdentity, scopePlatform}, right: WriteGroups, serve: (*Server).modifyMembership,
	},
}
