package config

import (
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/daypass-dev/daypass/engine"
)

var directoryName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

// check reports what is well formed but wrong, and brings people into their
// canonical form.
func (c *Config) check(w *walker) {
	if _, given := w.values["version"]; given && c.Version != 1 {
		w.fail("version", "must be 1; this daypass knows no other version of the format")
	}
	c.checkStore(w)
	for _, name := range sortedKeys(c.Directories) {
		path := "directories." + string(name)
		if !directoryName.MatchString(string(name)) {
			w.failKey(path, "a directory's name is made of a-z, 0-9 and -, and begins with a letter or digit")
		}
		if s := c.Directories[name].settings(); s != nil {
			s.check(w, path, c)
		}
	}
	if c.Directories != nil && len(c.Directories) == 0 {
		w.fail("directories", "name at least one directory")
	}
	c.Serve.check(w)
	c.checkPeople(w)
	c.checkAliases(w)
	c.Group.check(w, "")
	for _, ref := range sortedKeys(c.Groups) {
		c.checkRef(w, ref, "groups."+ref, w.keys["groups."+ref])
		g := c.Groups[ref]
		g.check(w, "groups."+ref)
		c.checkEnds(w, ref, g)
		c.Groups[ref] = g
	}
	c.checkResources(w)
	c.checkGrants(w)
	c.checkRequests(w)
}

// checkRequests reports what is wrong with how people ask.
func (c *Config) checkRequests(w *walker) {
	if c.Profiles != "" {
		c.checkDirectory(w, c.Profiles, "profiles", w.values["profiles"])
	}
	c.checkMachines(w)
	c.checkPolicies(w)
	for _, name := range sortedKeys(c.Resources) {
		c.checkPolicyOf(w, name)
	}
	c.checkTemplates(w)
	c.Roles.Administrators.check(w, "roles.administrators", c)
	c.Roles.Auditors.check(w, "roles.auditors", c)
	if c.Web != nil {
		c.Web.check(w)
		if c.Web.Listen != "" && c.Web.Listen == c.Serve.Listen {
			w.fail("web.listen", "is where health and metrics are (serve.listen); write another port")
		}
	}
}

// checkPolicyOf reports what a resource and its policy have against each other.
func (c *Config) checkPolicyOf(w *walker, name string) {
	path := "resources." + name
	r := c.Resources[name]
	r.Owners.check(w, path+".owners", c)
	if r.Policy == "" {
		return
	}
	if _, known := c.Policies[r.Policy]; !known {
		w.fail(path+".policy", "there is no policy %q%s", r.Policy, knownWords(r.Policy, sortedKeys(c.Policies)))
		return
	}
	if fw := w.policyWalker(r.Policy); !fw.broken("policies."+r.Policy) && !w.broken(path+".owners") {
		c.checkOwners(w, name)
	}
}

// checkEnds reports what the group asks of a directory that cannot do it.
func (c *Config) checkEnds(w *walker, ref string, g Group) {
	r, err := engine.ParseGroupRef(ref)
	if err != nil {
		return // said already
	}
	d := c.Directories[r.Directory]
	if or(g.Expire, false) && d.Okta != nil {
		w.fail("groups."+ref+".expire", "a directory of type okta cannot end memberships by itself; leave expire out")
	}
	if or(g.EndSessions, false) && d.LDAP != nil {
		w.fail("groups."+ref+".endSessions", "a directory of type ldap has no sessions to end; leave endSessions out")
	}
}

func (c *Config) checkStore(w *walker) {
	scheme, rest, _ := strings.Cut(c.Store, ":")
	switch {
	case c.Store == "":
	case scheme == "postgres", scheme == "postgresql":
		checkAddress(w, c.Store)
	case scheme == "env", scheme == "file", scheme == "exec":
		ref, err := parseSecret(c.Store)
		if err != nil {
			w.fail("store", "%v", err)
		}
		ref.dir, ref.getenv = w.dir, w.getenv
		c.storeRef = ref
	case scheme != "sqlite", rest == "":
		w.fail("store", "write sqlite:PATH, such as sqlite:daypass.db, or postgres://USER@HOST/DATABASE")
	case strings.HasPrefix(rest, "//"), strings.HasPrefix(rest, ":"), strings.ContainsAny(rest, "?#"):
		w.fail("store", "after sqlite: comes the path of a file, and nothing else")
	}
}

// checkAddress checks the address of a PostgreSQL database. No message quotes
// it: there may be a password in it.
func checkAddress(w *walker, dsn string) {
	u, err := url.Parse(dsn)
	switch {
	case err != nil || u.Opaque != "":
		w.fail("store", "this is no address; write postgres://USER@HOST/DATABASE, and characters such as @ : / %% in a part of it as %%40 %%3A %%2F %%25")
		return
	case strings.Trim(u.Path, "/") == "":
		w.fail("store", "name the database: postgres://USER@HOST/DATABASE")
	}
	_, inside := u.User.Password()
	if query := u.Query(); inside || query.Has("password") || query.Has("sslpassword") {
		w.fail("store", "a password is never written in the file; put it into PGPASSWORD or ~/.pgpass, or write the whole address elsewhere and name that: env:NAME or file:PATH")
	}
}

func (c *Config) checkPeople(w *walker) {
	people := map[engine.Person]map[engine.Directory]string{}
	for _, name := range sortedKeys(c.People) {
		path := "people." + string(name)
		p, err := engine.ParsePerson(string(name))
		if err != nil {
			w.failKey(path, "%v", err)
		}
		if _, twice := people[p]; twice && err == nil {
			w.failKey(path, "this person is written twice, in different case")
		}
		for _, d := range sortedKeys(c.People[name]) {
			c.checkDirectory(w, d, path+"."+string(d), w.keys[path+"."+string(d)])
		}
		people[p] = c.People[name]
	}
	if c.People != nil {
		c.People = people
	}
}

// checkDirectory reports a directory that the file does not have.
func (c *Config) checkDirectory(w *walker, d engine.Directory, path string, at mark) {
	if c.HasDirectory(d) {
		return
	}
	var names []string
	for _, n := range sortedKeys(c.Directories) {
		names = append(names, string(n))
	}
	w.failAt(at, path, "there is no directory %q%s", string(d), knownWords(string(d), names))
}

func (c *Config) checkRef(w *walker, ref, path string, at mark) {
	r, err := engine.ParseGroupRef(ref)
	if err != nil {
		w.failAt(at, path, "%v", err)
		return
	}
	if strings.TrimSpace(r.Name) != r.Name {
		w.failAt(at, path, "the group's name begins or ends with a space")
	}
	c.checkDirectory(w, r.Directory, path, at)
}

func (g *Group) check(w *walker, path string) {
	oneOf(w, join2(path, "foreign"), g.Foreign, engine.ForeignReport, engine.ForeignIgnore, engine.ForeignRemove)
	oneOf(w, join2(path, "removed"), g.Removed, engine.RemovedRestore, engine.RemovedEnd, engine.RemovedReport)
	canonical(w, join2(path, "standing"), g.Standing)
	canonical(w, join2(path, "protect"), g.Protect)
	g.Limits.check(w, join2(path, "limits"))
}

func oneOf[T ~string](w *walker, path string, got T, known ...T) {
	if got == "" || slices.Contains(known, got) {
		return
	}
	words := make([]string, len(known))
	for i, k := range known {
		words[i] = string(k)
	}
	w.fail(path, "%q is no choice here%s", string(got), knownWords(string(got), words))
}

// canonical parses people in place.
func canonical(w *walker, path string, people []engine.Person) {
	seen := map[engine.Person]bool{}
	for i, name := range people {
		if name == "" {
			continue // the walk said why
		}
		at := fmt.Sprintf("%s[%d]", path, i)
		p, err := engine.ParsePerson(string(name))
		switch {
		case err != nil:
			w.fail(at, "%v", err)
		case seen[p]:
			w.fail(at, "%s is listed twice", p)
		}
		people[i] = p
		seen[p] = true
	}
}

func (l Limits) check(w *walker, path string) {
	for _, f := range []struct {
		name  string
		value *int
		most  int
	}{{"remove", l.Remove, 1 << 31}, {"removePercent", l.RemovePercent, 100}, {"removeFree", l.RemoveFree, 1 << 31}, {"add", l.Add, 1 << 31}} {
		switch {
		case f.value == nil:
		case *f.value < 0:
			w.fail(path+"."+f.name, "must not be negative")
		case *f.value > f.most:
			w.fail(path+"."+f.name, "is a percentage, from 0 to %d", f.most)
		}
	}
}

func (c *Config) checkResources(w *walker) {
	for _, name := range sortedKeys(c.Resources) {
		path := "resources." + name
		if name == "" || strings.TrimSpace(name) != name || strings.ContainsRune(name, '/') {
			w.failKey(path, "a resource's name has no slash, and no space at its ends")
		}
		groups := c.Resources[name].Groups
		if _, given := w.values[path+".groups"]; given && len(groups) == 0 {
			w.fail(path+".groups", "name at least one group, written directory/group")
		}
		for i, ref := range groups {
			at := fmt.Sprintf("%s.groups[%d]", path, i)
			if ref == "" {
				continue // the walk said why
			}
			c.checkRef(w, ref, at, w.values[at])
			if slices.Index(groups, ref) < i {
				w.fail(at, "%s is listed twice", ref)
			}
		}
	}
}

func (c *Config) checkGrants(w *walker) {
	for i, pattern := range c.Grants {
		at := fmt.Sprintf("grants[%d]", i)
		if _, err := filepath.Match(pattern, "x"); err != nil {
			w.fail(at, "%q is not a path or pattern: %v", pattern, err)
		}
		if strings.Contains(pattern, "**") {
			w.fail(at, "** is not supported; name each folder, such as grants/*/*.yaml")
		}
	}
}
