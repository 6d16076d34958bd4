package googletest

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

const labelRoot = "cloudidentity.googleapis.com/groups."

// labels are where a group's kind is told, and nowhere else.
func (g *group) labels() []string {
	names := []string{labelRoot + "discussion_forum"}
	if g.kind != Plain {
		names = append(names, labelRoot+string(g.kind))
	}
	return names
}

// identityObject is a group of the Cloud Identity API.
func (s *Server) identityObject(g *group, full bool) obj {
	o := &s.objects[g.n]
	var labels obj
	for _, l := range g.labels() {
		labels = append(labels, prop{l, ""})
	}
	made := g.created.UTC().Format(time.RFC3339Nano)
	a := obj{{"name", "groups/" + s.id(g.n)}, {"groupKey", obj{{"id", o.addr}}}}
	if full {
		var more []obj
		for _, alias := range o.aliases() {
			more = append(more, obj{{"id", alias}})
		}
		a = a.opt("additionalGroupKeys", more)
	}
	a = append(a, prop{"parent", "customers/" + s.opt.Customer})
	a = a.opt("displayName", o.name).opt("description", g.description)
	a = append(a, prop{"createTime", made}, prop{"updateTime", made}, prop{"labels", labels})
	if full && g.kind == Dynamic {
		a = append(a, prop{"dynamicGroupMetadata", obj{
			{"queries", []obj{{{"resourceType", "USER"}, {"query", "user.organizations.exists(org, org.department=='sales')"}}}},
			{"status", obj{{"status", "UP_TO_DATE"}, {"statusTime", made}}},
		}})
	}
	return a
}

// hidden is the Cloud Identity API's answer for a group that is not there: it
// does not tell it from one that may not be read.
func hidden(name string) *refusal {
	return refuse(http.StatusForbidden, "", "Error(2028): Permission denied for resource "+name+" (or it may not exist).")
}

func (s *Server) lookupIdentity(c *call) (any, error) {
	key := c.query.Get("groupKey.id")
	if key == "" {
		return nil, refuse(http.StatusBadRequest, "", "Request contains an invalid argument.")
	}
	n, ok := s.find(key)
	if !ok || s.objects[n].kind != aGroup {
		return nil, hidden(key)
	}
	return obj{{"name", "groups/" + s.id(n)}}, nil
}

func (s *Server) getIdentity(c *call) (any, error) {
	n, ok := s.byID(c.path["group"])
	if !ok || s.objects[n].kind != aGroup {
		return nil, hidden("groups/" + c.path["group"])
	}
	return s.identityObject(s.groups[n], true), nil
}

func (s *Server) listIdentity(c *call) (any, error) {
	if c.query.Get("parent") != "customers/"+s.opt.Customer {
		return nil, hidden(c.query.Get("parent"))
	}
	return s.pageIdentity(c, func(*group) bool { return true })
}

// searchIdentity knows queries of the form "parent == 'customers/C' && 'LABEL'
// in labels", the second half any number of times.
func (s *Server) searchIdentity(c *call) (any, error) {
	var wanted []string
	rooted := false
	for part := range strings.SplitSeq(c.query.Get("query"), "&&") {
		parent := regexp.MustCompile(`^parent\s*==\s*['"]customers/([^'"]+)['"]$`).FindStringSubmatch(strings.TrimSpace(part))
		label := regexp.MustCompile(`^['"]([^'"]+)['"]\s+in\s+labels$`).FindStringSubmatch(strings.TrimSpace(part))
		switch {
		case parent != nil && parent[1] == s.opt.Customer:
			rooted = true
		case label != nil:
			wanted = append(wanted, label[1])
		default:
			return nil, refuse(http.StatusBadRequest, "", "Error(2005): Invalid query.")
		}
	}
	if !rooted {
		return nil, refuse(http.StatusBadRequest, "", "Error(2005): Invalid query.")
	}
	return s.pageIdentity(c, func(g *group) bool {
		return !slices.ContainsFunc(wanted, func(l string) bool { return !slices.Contains(g.labels(), l) })
	})
}

// pageIdentity lists groups: 1,000 a page at most, 500 in full.
func (s *Server) pageIdentity(c *call, fits func(*group) bool) (any, error) {
	full := c.query.Get("view") == "FULL"
	usual, most := 200, 1000
	if full {
		usual, most = 50, 500
	}
	size, err := c.size("pageSize", usual, most, true)
	if err != nil {
		return nil, err
	}
	at, err := c.cursor()
	if err != nil {
		return nil, err
	}
	var groups []obj
	next := ""
	first, _ := slices.BinarySearch(s.order, uint32(at.after))
	for _, n := range s.order[first:] {
		if s.blinded(c) || !fits(s.groups[n]) {
			continue
		}
		if len(groups) == size {
			next = at.token(uint64(n))
			break
		}
		groups = append(groups, s.identityObject(s.groups[n], full))
	}
	return obj{}.opt("groups", groups).opt("nextPageToken", next), nil
}
