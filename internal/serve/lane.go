package serve

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/schedule"
)

// stop is a group to run for: by its id, or by the name that grants use.
// The zero stop is the whole directory.
type stop struct {
	group engine.GroupID
	name  string
}

func compareStops(a, b stop) int {
	return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.name, b.name))
}

// lane is the runs of one kind in one directory: one after the other, for
// whatever is asked for at the time.
type lane struct {
	waker *schedule.Waker
	retry schedule.Backoff

	mu      sync.Mutex
	agenda  *schedule.Agenda[stop]
	at      map[stop]time.Time // as in the agenda
	tries   map[stop]int       // failures in a row
	yields  map[stop]int       // runs in a row that left something to others
	waiting []chan error       // for the next run to end
	over    error              // why no run comes any more
}

func newLane(retry schedule.Backoff, wall func() time.Time) *lane {
	return &lane{
		waker: schedule.NewWaker(wall), retry: retry, agenda: schedule.NewAgenda(compareStops),
		at: make(map[stop]time.Time), tries: make(map[stop]int), yields: make(map[stop]int),
	}
}

// ask asks for a run for some stops at an instant, or sooner where that was
// asked for already.
func (l *lane) ask(at time.Time, stops ...stop) {
	l.note(nil, at, stops)
}

// note notes stops, and who waits for the run that takes them.
func (l *lane) note(waiting chan error, at time.Time, stops []stop) {
	if len(stops) == 0 {
		return
	}
	l.mu.Lock()
	for _, s := range stops {
		if before, ok := l.at[s]; !ok || at.Before(before) {
			l.at[s] = at
			l.agenda.Set(s, at)
		}
	}
	switch {
	case waiting != nil && l.over != nil:
		waiting <- l.over
	case waiting != nil:
		l.waiting = append(l.waiting, waiting)
	}
	l.mu.Unlock()
	l.waker.Wake()
}

// await asks for a run for some stops at once, and returns the channel on which
// its error comes.
func (l *lane) await(now time.Time, stops ...stop) <-chan error {
	done := make(chan error, 1)
	l.note(done, now, stops)
	return done
}

// again asks for another run after one that failed. Stops that failed equally
// often come together again: a limit of a run counts them as one.
func (l *lane) again(now time.Time, stops ...stop) { l.after(l.tries, now, stops) }

// later is again after a run that left something to another, which is no failure:
// it does not count when that one fails.
func (l *lane) later(now time.Time, stops ...stop) { l.after(l.yields, now, stops) }

func (l *lane) after(counts map[stop]int, now time.Time, stops []stop) {
	random := rand.Float64() //nolint:gosec // spreads load, hides nothing
	for _, s := range stops {
		l.mu.Lock()
		counts[s]++
		n := counts[s]
		l.mu.Unlock()
		l.ask(now.Add(l.retry.After(n, random)), s)
	}
}

// well forgets that stops failed before.
func (l *lane) well(stops ...stop) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range stops {
		delete(l.tries, s)
	}
}

// done forgets that stops left something to others.
func (l *lane) done(stops ...stop) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range stops {
		delete(l.yields, s)
	}
}

// hurry asks at once for what waits because it failed before, and forgets that it
// did: what failed for a reason that is gone is tried as if for the first time.
func (l *lane) hurry(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for s := range l.tries {
		if at, ok := l.at[s]; ok && at.After(now) {
			l.at[s] = now
			l.agenda.Set(s, now)
		}
	}
	clear(l.tries)
	clear(l.yields)
	l.waker.Wake()
}

// drop takes back what is asked for after an instant.
func (l *lane) drop(after time.Time, s stop) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at, ok := l.at[s]; ok && at.After(after) {
		delete(l.at, s)
		l.agenda.Delete(s)
	}
}

// next returns when the first run is asked for; zero when none is.
func (l *lane) next() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, _ := l.agenda.Next()
	return at
}

// take returns what is asked for by now, and who waits for it.
func (l *lane) take(now time.Time) ([]stop, []chan error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	stops := l.agenda.Due(now)
	for _, s := range stops {
		delete(l.at, s)
	}
	if len(stops) == 0 {
		return nil, nil
	}
	waiting := l.waiting
	l.waiting = nil
	return stops, waiting
}

// quit tells whoever waits that no run comes any more.
func (l *lane) quit(err error) {
	l.mu.Lock()
	waiting := l.waiting
	l.waiting, l.over = nil, err
	l.mu.Unlock()
	tell(waiting, err)
}

func tell(waiting []chan error, err error) {
	for _, w := range waiting {
		w <- err
	}
}

// scope is the part of a directory that stops name.
func scope(d engine.Directory, stops []stop) engine.Scope {
	sc := engine.Scope{Directory: d}
	if slices.Contains(stops, stop{}) {
		return sc
	}
	for _, s := range stops {
		if s.group != "" {
			sc.Groups = append(sc.Groups, s.group)
		} else {
			sc.Names = append(sc.Names, s.name)
		}
	}
	return sc
}
