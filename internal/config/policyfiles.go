package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// policyFile is the content of a file with policies.
type policyFile struct {
	Policies map[string]Policy `yaml:"policies"`
}

// readPolicies adds the policies of other files to those of the main one.
func (c *Config) readPolicies(w *walker) {
	var read []string
	for i, pattern := range c.PolicyFiles {
		for _, path := range w.match(fmt.Sprintf("policyFiles[%d]", i), pattern, c) {
			if !slices.Contains(read, path) {
				read = append(read, path)
				c.readPolicyFile(w, path)
			}
		}
	}
}

// match returns the files that a pattern stands for.
func (w *walker) match(at, pattern string, c *Config) []string {
	if pattern == "" {
		return nil // the walk said why
	}
	full := pattern
	if !filepath.IsAbs(full) {
		full = filepath.Join(literal.Replace(c.Dir), full)
	}
	found, err := filepath.Glob(full)
	switch {
	case err != nil:
		w.fail(at, "%q is not a path or pattern: %v", pattern, err)
	case strings.Contains(pattern, "**"):
		w.fail(at, "** is not supported; name each folder, such as policies/*/*.yaml")
	case len(found) == 0:
		w.fail(at, "there is no such file; write the path of one, or a pattern such as policies/*.yaml")
	}
	return found
}

// literal writes a path as a pattern that only it fits.
var literal = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`) //nolint:gochecknoglobals // a table

func (c *Config) readPolicyFile(w *walker, path string) {
	shown := path
	if rel, err := filepath.Rel(c.Dir, path); err == nil {
		shown = filepath.Join(filepath.Dir(w.file), rel)
	}
	fw := newWalker(shown)
	fw.dir, fw.getenv, fw.rules, fw.begin = w.dir, w.getenv, w.rules, "policies:"
	w.more = append(w.more, fw)
	data, err := read(path)
	if err != nil {
		fw.failAt(mark{}, "", "%v", err)
		return
	}
	root := fw.parse(data)
	if root == nil {
		return
	}
	var file policyFile
	fw.into(root, &file, "")
	if c.Policies == nil {
		c.Policies = make(map[string]Policy)
	}
	for _, name := range sortedKeys(file.Policies) {
		if _, twice := c.Policies[name]; twice {
			other := w.policyWalker(name)
			fw.failKey("policies."+name, "there is a policy of this name already, in %s line %d", other.file, other.keys["policies."+name].line)
			continue
		}
		c.Policies[name] = file.Policies[name]
		w.policies[name] = fw
	}
}

// policyWalker returns the walker of the file that a policy stands in.
func (w *walker) policyWalker(name string) *walker {
	if fw, elsewhere := w.policies[name]; elsewhere {
		return fw
	}
	return w
}

// all returns the errors of every file, by file and place.
func (w *walker) all() []*Error {
	errs := sorted(w.errs)
	for _, fw := range w.more {
		errs = append(errs, sorted(fw.errs)...)
	}
	return errs
}
