package engine

import "sync"

// breaker stops calling a directory that does not answer, so that a run is not
// spent on waiting. One answer, good or bad, closes it.
type breaker struct {
	mu  sync.Mutex
	row int
	err error
}

const breakAfter = 3

func (b *breaker) note(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil || KindOf(err) != Unavailable {
		b.row = 0
		return
	}
	b.row++
	b.err = err
}

// trip stops the calls at once.
func (b *breaker) trip(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.row, b.err = breakAfter, err
}

// again lets one more call through when the directory had stopped answering
// what was read: what is due is tried all the same.
func (b *breaker) again() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.row = min(b.row, breakAfter-1)
}

// open returns the last error when the directory failed to answer several
// times in a row.
func (b *breaker) open() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.row < breakAfter {
		return nil
	}
	return b.err
}
