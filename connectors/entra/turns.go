package entra

import (
	"context"
	"sync"

	"github.com/daypass-dev/daypass/engine"
)

// turns lets one change of a group go on at a time. Of two writes to one
// member the one that the directory took last must be noted last; and Graph
// does not say what becomes of writes to one group that meet.
type turns struct {
	mu     sync.Mutex
	groups map[engine.GroupID]*turn
}

type turn struct {
	ticket chan struct{} // holds one: whoever has it may go on
	users  int           // who have it or wait for it
}

func newTurns() *turns { return &turns{groups: map[engine.GroupID]*turn{}} }

// take waits for the group's turn, and returns how to give it back.
func (t *turns) take(ctx context.Context, g engine.GroupID) (give func(), err error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	t.mu.Lock()
	mine := t.groups[g]
	if mine == nil {
		mine = &turn{ticket: make(chan struct{}, 1)}
		t.groups[g] = mine
	}
	mine.users++
	t.mu.Unlock()
	select {
	case mine.ticket <- struct{}{}:
		return func() {
			<-mine.ticket
			t.leave(g, mine)
		}, nil
	case <-ctx.Done():
		t.leave(g, mine)
		return nil, ctx.Err()
	}
}

func (t *turns) leave(g engine.GroupID, mine *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if mine.users--; mine.users == 0 {
		delete(t.groups, g)
	}
}
