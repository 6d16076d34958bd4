package memory

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

var (
	_ engine.Lister       = (*Directory)(nil)
	_ engine.BulkResolver = (*Directory)(nil)
	_ engine.Changer      = (*Directory)(nil)
	_ engine.Prober       = (*Directory)(nil)
	_ engine.Clock        = (*Directory)(nil)
	_ engine.BulkFinder   = (*Directory)(nil)
	_ engine.Lagging      = (*Directory)(nil)
	_ engine.Marker       = (*Directory)(nil)
)

// Groups yields every group, sorted by ID. A fault of [CallGroups] strikes
// after half of them.
func (d *Directory) Groups(ctx context.Context) iter.Seq2[engine.GroupInfo, error] {
	return func(yield func(engine.GroupInfo, error) bool) {
		err := d.begin(ctx, act{call: CallGroups}).fate(ctx)
		infos := d.infos()
		if err != nil {
			infos = infos[:len(infos)/2]
		}
		for _, info := range infos {
			if !yield(info, nil) {
				return
			}
		}
		if err != nil {
			yield(engine.GroupInfo{}, err)
		}
	}
}

func (d *Directory) infos() []engine.GroupInfo {
	d.lock()
	defer d.mu.Unlock()
	infos := make([]engine.GroupInfo, 0, len(d.groups))
	for _, g := range d.groups {
		infos = append(infos, g.info)
	}
	slices.SortFunc(infos, func(a, b engine.GroupInfo) int { return cmp.Compare(a.ID, b.ID) })
	return infos
}

// ResolveAll answers for every person as Resolve would. It is one call.
func (d *Directory) ResolveAll(ctx context.Context, ps []engine.Person) ([]engine.Resolution, error) {
	if err := d.begin(ctx, act{call: CallResolveAll}).fate(ctx); err != nil {
		return nil, err
	}
	d.lock()
	defer d.mu.Unlock()
	rs := make([]engine.Resolution, len(ps))
	for i, p := range ps {
		rs[i].Member, rs[i].Err = d.resolve(act{call: CallResolve, who: string(p)}, p)
	}
	return rs, nil
}

// Change adds and removes, each member as a call of its own, so that a fault
// may strike in the middle.
func (d *Directory) Change(ctx context.Context, g engine.GroupID, add, remove []engine.Member) (added, removed []engine.Effect) {
	added, removed = make([]engine.Effect, len(add)), make([]engine.Effect, len(remove))
	for i, m := range add {
		added[i].Changed, added[i].Err = d.Add(ctx, g, m)
	}
	for i, m := range remove {
		removed[i].Changed, removed[i].Err = d.Remove(ctx, g, m)
	}
	return added, removed
}

// Probe finds that the directory answers, or how it does not, and names the
// groups that must not be changed.
func (d *Directory) Probe(ctx context.Context) []engine.Finding {
	if err := d.begin(ctx, act{call: CallProbe}).fate(ctx); err != nil {
		return []engine.Finding{{What: "answer", Message: err.Error()}}
	}
	found := []engine.Finding{{OK: true, What: "answer", Message: "the directory is in memory"}}
	for _, info := range d.infos() {
		if info.Unmanageable != "" {
			found = append(found, engine.Finding{OK: true, What: "group " + info.Name, Message: "not managed: " + info.Unmanageable})
		}
	}
	return found
}

// Time returns the directory's own time: that of [Directory.SetClock], or the
// machine's, in UTC.
func (d *Directory) Time(ctx context.Context) (time.Time, error) {
	if err := d.begin(ctx, act{call: CallTime}).fate(ctx); err != nil {
		return time.Time{}, err
	}
	d.lock()
	now := d.now
	d.mu.Unlock()
	return now().UTC(), nil
}
