package entratest

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// handler answers one method of a route.
type handler struct {
	query []string // the options that the documentation has, in lower case
	cost  int      // in resource units, with no options
	serve func(*call) (reply, *failure)
}

// route is one path of Graph that the tenant knows, without the version.
type route struct {
	path  string
	parts []string
}

// known are the routes in the order of trying: what is fixed before what is
// open.
var known = split( //nolint:gochecknoglobals // a table
	"/$batch",
	"/groups", "/groups/delta", "/groups/$count", "/groups/{id}",
	"/groups/{id}/members", "/groups/{id}/members/$ref", "/groups/{id}/members/$count",
	"/groups/{id}/members/microsoft.graph.user", "/groups/{id}/members/microsoft.graph.group", "/groups/{id}/members/microsoft.graph.device",
	"/groups/{id}/members/microsoft.graph.servicePrincipal", "/groups/{id}/members/microsoft.graph.orgContact",
	"/groups/{id}/members/{member}", "/groups/{id}/members/{member}/$ref", "/groups/{id}/transitiveMembers",
	"/users", "/users/{id}", "/users/{id}/manager", "/users/{id}/revokeSignInSessions",
	"/directoryObjects/getByIds", "/directoryObjects/{id}", "/directory/deletedItems/{id}",
	"/organization", "/servicePrincipals/{id}", "/servicePrincipals/{id}/appRoleAssignments",
	termsPath+"Requests", termsPath+"Instances", "/policies/roleManagementPolicyAssignments",
)

func split(paths ...string) []route {
	var rs []route
	for _, path := range paths {
		rs = append(rs, route{path, strings.Split(path[1:], "/")})
	}
	return rs
}

// termsPath begins the paths of PIM for Groups.
const termsPath = "/identityGovernance/privilegedAccess/group/assignmentSchedule"

// handlers are what the routes answer, by path and method.
func handlers() map[string]map[string]handler {
	list := []string{"$top", "$select", "$filter", "$count", "$orderby", "$search", "$skiptoken", "$expand"}
	one := []string{"$select", "$expand"}
	get := func(cost int, serve func(*call) (reply, *failure), query ...string) map[string]handler {
		return map[string]handler{"GET": {query, cost, serve}}
	}
	hs := map[string]map[string]handler{
		"/$batch":                                    {"POST": {serve: (*call).batch}},
		"/groups":                                    get(1, (*call).listGroups, list...),
		"/groups/delta":                              get(1, (*call).delta, "$select", "$filter", "$skiptoken", "$deltatoken"),
		"/groups/$count":                             get(1, (*call).countGroups, "$filter"),
		"/groups/{id}":                               get(1, (*call).getGroup, one...),
		"/groups/{id}/members":                       get(3, (*call).listMembers, list...),
		"/groups/{id}/members/$ref":                  get(3, (*call).listMembers, "$top", "$skiptoken"),
		"/groups/{id}/members/$count":                get(1, (*call).countMembers, "$filter"),
		"/groups/{id}/members/{member}":              {"DELETE": {cost: 1, serve: (*call).deleteObject}},
		"/groups/{id}/members/{member}/$ref":         {"DELETE": {cost: 1, serve: (*call).removeMember}},
		"/groups/{id}/transitiveMembers":             get(5, (*call).listMembers, list...),
		"/users":                                     get(2, (*call).listUsers, list...),
		"/users/{id}":                                get(1, (*call).getUser, one...),
		"/users/{id}/manager":                        get(1, (*call).getManager, "$select"),
		"/directoryObjects/getByIds":                 {"POST": {[]string{"$select"}, 5, (*call).getByIDs}},
		"/directoryObjects/{id}":                     get(1, (*call).getObject, one...),
		"/directory/deletedItems/{id}":               get(1, (*call).getDeleted, "$select"),
		"/organization":                              get(1, (*call).organization, "$select"),
		"/servicePrincipals/{id}":                    get(1, (*call).servicePrincipal, one...),
		"/servicePrincipals/{id}/appRoleAssignments": get(1, (*call).roleAssignments, list...),
	}
	for _, t := range types() {
		hs["/groups/{id}/members/microsoft.graph."+string(t)] = get(3, (*call).listMembers, list...)
	}
	hs["/users/{id}/revokeSignInSessions"] = map[string]handler{"POST": {cost: 1, serve: (*call).revokeSessions}}
	hs[termsPath+"Requests"] = map[string]handler{"POST": {cost: 1, serve: (*call).requestAssignment}}
	hs[termsPath+"Instances"] = get(1, (*call).listInstances, "$select", "$filter", "$expand", "$skiptoken")
	hs["/policies/roleManagementPolicyAssignments"] = get(1, (*call).listPolicies, "$select", "$filter", "$expand")
	hs["/groups/{id}"]["PATCH"] = handler{cost: 1, serve: (*call).patchGroup}
	hs["/groups/{id}/members/$ref"]["POST"] = handler{cost: 1, serve: (*call).addMember}
	for _, path := range []string{"/groups/{id}", "/users/{id}", "/directoryObjects/{id}"} {
		hs[path]["DELETE"] = handler{cost: 1, serve: (*call).deleteObject}
	}
	return hs
}

// template names the route of a request for the log; outside Graph it is the
// path, without the tenant.
func template(r *http.Request) string {
	_, parts, ok := graphPath(r)
	if !ok {
		if _, rest, found := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/"); found && !strings.HasPrefix(r.URL.Path, "/common/") {
			return "/{tenant}/" + rest
		}
		return r.URL.Path
	}
	if rt, _ := find(parts); rt != nil {
		return rt.path
	}
	return r.URL.Path
}

// On matches requests by method and route, for faults: "GET
// /groups/{id}/members", or the route alone.
func On(name string) func(*http.Request) bool {
	method, path, found := strings.Cut(name, " ")
	if !found {
		method, path = "", name
	}
	return func(r *http.Request) bool {
		return (method == "" || r.Method == method) && template(r) == path
	}
}

// graphPath splits a path of Graph, after its version, as a key in
// parentheses is a part of its own.
func graphPath(r *http.Request) (version string, parts []string, ok bool) {
	version, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	if version != "v1.0" && version != "beta" {
		return "", nil, false
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(rest, "/"), "/") {
		part, err := url.PathUnescape(part)
		if err != nil {
			return "", nil, false
		}
		name, key, keyed := strings.Cut(part, "(")
		switch {
		case keyed && part == name+"()":
			parts = append(parts, strings.TrimPrefix(name, "microsoft.graph."))
		case keyed && strings.HasSuffix(key, ")"):
			parts = append(parts, name, strings.Trim(key[:len(key)-1], "'"))
		case part == "microsoft.graph.delta", part == "microsoft.graph.getByIds":
			parts = append(parts, strings.TrimPrefix(part, "microsoft.graph."))
		default:
			parts = append(parts, part)
		}
	}
	return version, parts, true
}

// find returns the route of a path, and what stands for its open parts.
func find(parts []string) (*route, []string) {
	for i := range known {
		rt := &known[i]
		if len(rt.parts) != len(parts) {
			continue
		}
		var params []string
		fits := true
		for j, part := range rt.parts {
			switch {
			case part[0] == '{':
				params = append(params, parts[j])
			case !strings.EqualFold(part, parts[j]):
				fits = false
			}
		}
		if fits {
			return rt, params
		}
	}
	return nil, nil
}

// methodsOf lists what a route answers, sorted.
func methodsOf(hs map[string]handler) string {
	return strings.Join(slices.Sorted(maps.Keys(hs)), ", ")
}
