package schedule

import "time"

// A moment is what two clocks show at once. The monotonic clock is never set,
// but stands still while the machine sleeps; the wall clock is the other way
// round.
type moment struct {
	mono, wall time.Time
}

// atOnce is how far apart the two clocks are read at most: a process may be
// stopped between the two.
const atOnce = 100 * time.Millisecond

// look reads both clocks.
func look(wall func() time.Time) moment {
	for {
		m := moment{mono: time.Now(), wall: wall().Round(0)}
		if time.Since(m.mono) < atOnce {
			return m
		}
	}
}

// until returns how much time passed until n by each of the clocks.
func (m moment) until(n moment) (mono, wall time.Duration) {
	return n.mono.Sub(m.mono), n.wall.Sub(m.wall)
}
