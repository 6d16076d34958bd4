package memory

import (
	"context"
	"strconv"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// change is one line of what [Directory.Changed] tells from.
type change struct {
	group engine.GroupID
	names bool
	at    time.Time
}

// note writes down that a group came, went or got another description. It is
// called with the lock held.
func (d *Directory) note(g engine.GroupID) {
	d.log = append(d.log, change{group: g, names: true, at: d.now()})
}

// SetGrace sets what [Directory.Grace] answers, which is nothing at first.
func (d *Directory) SetGrace(grace time.Duration) {
	d.lock()
	defer d.mu.Unlock()
	d.grace = grace
}

// Grace is how long a write is believed more than a listing.
func (d *Directory) Grace() time.Duration {
	d.lock()
	defer d.mu.Unlock()
	return d.grace
}

// MarkLate makes [Directory.Changed] tell of a change only after so long.
func (d *Directory) MarkLate(slow time.Duration) {
	d.lock()
	defer d.mu.Unlock()
	d.slow = slow
}

// Changed tells which groups changed since a mark. A mark from elsewhere is as
// good as none.
func (d *Directory) Changed(ctx context.Context, since engine.Mark) (engine.Changes, error) {
	if err := d.begin(ctx, act{call: CallChanged}).fate(ctx); err != nil {
		return engine.Changes{}, err
	}
	d.lock()
	defer d.mu.Unlock()
	told := len(d.log)
	for told > 0 && d.slow > 0 && d.log[told-1].at.Add(d.slow).After(d.now()) {
		told--
	}
	from, err := strconv.Atoi(string(since))
	if err == nil && from <= len(d.log) {
		told = max(told, from) // what was told once is not taken back
	}
	ch := engine.Changes{All: err != nil || from < 0 || from > told, Next: engine.Mark(strconv.Itoa(told))}
	if ch.All {
		return ch, nil
	}
	seen := make(map[engine.GroupID]bool)
	for _, c := range d.log[from:told] {
		ch.Names = ch.Names || c.names
		if !seen[c.group] {
			seen[c.group] = true
			ch.Groups = append(ch.Groups, c.group)
		}
	}
	return ch, nil
}

// FindAll answers for every name as Group would, each in a call of its own.
func (d *Directory) FindAll(ctx context.Context, names []string) ([]engine.Found, error) {
	fs := make([]engine.Found, len(names))
	for i, name := range names {
		fs[i].Info, fs[i].Err = d.Group(ctx, name)
	}
	return fs, nil
}
