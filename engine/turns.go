package engine

import (
	"context"
	"sync"
)

// Turns lets one caller at a time go on for each key, such as a group that is
// changed: of two writes to one membership, the one that the directory took
// last must be noted last. The zero value is ready.
type Turns[K comparable] struct {
	mu    sync.Mutex
	taken map[K]*turn
}

type turn struct {
	slot  chan struct{} // full while somebody has the turn
	users int           // who have it or wait for it
}

// Take waits for the turn of key, which lasts until done is called, or for the
// end of the context.
func (t *Turns[K]) Take(ctx context.Context, key K) (done func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t.mu.Lock()
	own := t.taken[key]
	if own == nil {
		own = &turn{slot: make(chan struct{}, 1)}
		if t.taken == nil {
			t.taken = make(map[K]*turn)
		}
		t.taken[key] = own
	}
	own.users++
	t.mu.Unlock()
	select {
	case own.slot <- struct{}{}:
		return func() { <-own.slot; t.leave(key, own) }, nil
	case <-ctx.Done():
		t.leave(key, own)
		return nil, ctx.Err()
	}
}

func (t *Turns[K]) leave(key K, own *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if own.users--; own.users == 0 {
		delete(t.taken, key)
	}
}
