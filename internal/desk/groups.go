package desk

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// absent are the groups that were looked for and are certainly not there.
type absent struct {
	mu  sync.Mutex
	set map[engine.GroupRef]bool
}

// put takes in whether a group is not there, and reports whether that is news.
func (x *absent) put(g engine.GroupRef, not bool) (news bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if news = x.set[g] != not; !news {
		return false
	}
	if x.set == nil {
		x.set = make(map[engine.GroupRef]bool)
	}
	if x.set[g] = not; !not {
		delete(x.set, g)
	}
	return true
}

// only forgets all groups but those that decided before and do so now: of one that
// comes to decide it is to be told that it is not there.
func (x *absent) only(before, now map[engine.GroupRef][]string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	maps.DeleteFunc(x.set, func(g engine.GroupRef, _ bool) bool { return before[g] == nil || now[g] == nil })
}

func (x *absent) has(g engine.GroupRef) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.set[g]
}

// groupErr is an error of looking for a group: an [*access.NoGroup] where the
// group is certainly not there.
func groupErr(g engine.GroupRef, err error) error {
	if engine.KindOf(err) == engine.NotFound && err != nil {
		return &access.NoGroup{Group: g, Err: err}
	}
	return err
}

// heard takes in what came of looking for a group. Of one that decides it is said
// loudly, once, that it is not there.
func (d *Desk) heard(g engine.GroupRef, err error) {
	rules := d.rules.Load()
	decides := rules.Deciding[g] != nil || !rules.gives(g) // of others a run tells
	missing, is := errors.AsType[*access.NoGroup](err)
	switch {
	case is && d.absent.put(g, true) && decides:
		d.cfg.Log.Error("a group that decides is not there: nothing is decided by it until somebody mends the configuration or the directory",
			"group", g.String(), "named", d.named(g), "error", missing.Err)
	case err == nil && d.absent.put(g, false) && decides:
		d.cfg.Log.Info("a group that decides is there again", "group", g.String())
	}
}

// named is where the configuration names a group.
func (d *Desk) named(g engine.GroupRef) string {
	if where := d.rules.Load().Deciding[g]; len(where) > 0 {
		return strings.Join(where, ", ")
	}
	return "the policy of a request that was made before"
}

// CheckGroups looks for every group that says who may do what, by one request
// for each, and returns those that are certainly not there. Of one that its
// directory does not tell of, what was known before holds.
func (d *Desk) CheckGroups(ctx context.Context) map[engine.GroupRef][]string {
	rules := d.rules.Load()
	byDirectory := make(map[engine.Directory][]engine.GroupRef)
	for g := range rules.Deciding {
		byDirectory[g.Directory] = append(byDirectory[g.Directory], g)
	}
	var wait sync.WaitGroup
	for name, groups := range byDirectory {
		c, ok := rules.Directories[name]
		if !ok {
			continue
		}
		slices.SortFunc(groups, func(a, b engine.GroupRef) int { return strings.Compare(a.Name, b.Name) })
		wait.Go(func() { d.checkGroups(ctx, c, groups) })
	}
	wait.Wait()
	missing := make(map[engine.GroupRef][]string)
	for g, where := range rules.Deciding {
		if d.absent.has(g) {
			missing[g] = where
		}
	}
	return missing
}

// checkGroups looks for groups of one directory, until it does not answer.
func (d *Desk) checkGroups(ctx context.Context, c engine.Connector, groups []engine.GroupRef) {
	for _, g := range groups {
		asked, cancel := context.WithTimeout(ctx, answer)
		err := guarded(d.cfg.Log, func() error {
			_, err := c.Group(asked, g.Name)
			return err
		})
		cancel()
		switch engine.KindOf(err) {
		case engine.Unavailable, engine.Throttled:
			if err != nil {
				return // the others would only be asked for nothing
			}
		}
		d.heard(g, groupErr(g, err))
	}
}
