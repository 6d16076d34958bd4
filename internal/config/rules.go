package config

import (
	"cmp"
	"slices"

	"github.com/daypass-dev/daypass/engine"
)

// Rules returns the settings of a group: its own, over the file's defaults,
// over [engine.DefaultRules]. The standing and protect lists of both levels
// are joined, so that naming one more person never exposes another. A group
// that is not named in the file has the defaults. Of no directory, they are
// those of all.
func (c *Config) Rules(ref engine.GroupRef) engine.Rules {
	base := c.over(engine.DefaultRules())
	if ref.Directory != "" {
		base.Expire = base.Expire && c.Directories[ref.Directory].expires()
	}
	return c.Groups[ref.String()].over(base)
}

// RunLimits returns the limits for a run as a whole.
func (c *Config) RunLimits() engine.Limits {
	return c.Limits.over(engine.DefaultLimits())
}

// Expand returns the groups that a resource stands for, and whether there is
// such a resource.
func (c *Config) Expand(resource string) ([]engine.GroupRef, bool) {
	r, ok := c.Resources[resource]
	if !ok {
		return nil, false
	}
	refs := make([]engine.GroupRef, len(r.Groups))
	for i, g := range r.Groups {
		refs[i], _ = engine.ParseGroupRef(g) // checked by Load
	}
	return refs, true
}

// HasDirectory reports whether the file names the directory.
func (c *Config) HasDirectory(d engine.Directory) bool {
	_, ok := c.Directories[d]
	return ok
}

func (g Group) over(base engine.Rules) engine.Rules {
	return engine.Rules{
		Foreign:  cmp.Or(g.Foreign, base.Foreign),
		Removed:  cmp.Or(g.Removed, base.Removed),
		Notice:   cmp.Or(g.Notice.Std(), base.Notice),
		Standing: union(base.Standing, g.Standing),
		Protect:  union(base.Protect, g.Protect),
		Limits:   g.Limits.over(base.Limits),

		Expire: or(g.Expire, base.Expire), EndSessions: or(g.EndSessions, base.EndSessions),
	}
}

func (l Limits) over(base engine.Limits) engine.Limits {
	return engine.Limits{
		Remove:        or(l.Remove, base.Remove),
		RemovePercent: or(l.RemovePercent, base.RemovePercent),
		RemoveFree:    or(l.RemoveFree, base.RemoveFree),
		Add:           or(l.Add, base.Add),
	}
}

func or[T any](p *T, base T) T {
	if p == nil {
		return base
	}
	return *p
}

// union returns the people of both lists, sorted, nobody twice.
func union(a, b []engine.Person) []engine.Person {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}
