package memory

import (
	"context"
	"fmt"
	"slices"

	"github.com/daypass-dev/daypass/engine"
)

var _ engine.Describer = (*Directory)(nil)

// SetProfile replaces what the directory tells of the account's person, which is
// the login for a name at first. A manager needs an account here: without one
// they are named, and gone.
func (d *Directory) SetProfile(id engine.MemberID, p engine.Profile) {
	d.lock()
	defer d.mu.Unlock()
	p.Attributes = attributesOf(p)
	d.object(id).profile = &p
}

// Describe returns the profile of p, see [engine.Describer]. A manager who is
// gone is [engine.Partial].
func (d *Directory) Describe(ctx context.Context, p engine.Person) (engine.Profile, error) {
	a := act{call: CallDescribe, who: string(p)}
	if err := d.begin(ctx, a).fate(ctx); err != nil {
		return engine.Profile{}, err
	}
	d.lock()
	defer d.mu.Unlock()
	m, err := d.resolve(a, p)
	if err != nil {
		return engine.Profile{}, err
	}
	o := d.objects[m.ID]
	if o.profile == nil {
		return engine.Profile{Name: m.Login, Attributes: map[string][]string{}}, nil
	}
	profile := *o.profile
	if profile.Manager != "" && len(d.people[profile.Manager]) == 0 {
		return engine.Profile{}, d.fail(a, engine.Partial, fmt.Errorf("the manager %s is not in the directory any more", profile.Manager))
	}
	profile.Attributes = attributesOf(profile)
	return profile, nil
}

// attributesOf copies the attributes that have values, sorted, none twice.
func attributesOf(p engine.Profile) map[string][]string {
	attrs := make(map[string][]string)
	for name, values := range p.Attributes {
		if len(values) > 0 {
			attrs[name] = slices.Compact(slices.Sorted(slices.Values(values)))
		}
	}
	return attrs
}
