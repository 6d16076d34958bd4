package desk_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
)

// late is a store in which somebody else was first.
type late struct {
	desk.Store
	err error
}

func (l *late) SaveRequests(ctx context.Context, rs []access.Request, events []engine.Event, also map[engine.Person][]engine.Person) error {
	if l.err != nil {
		return l.err
	}
	return l.Store.SaveRequests(ctx, rs, events, also)
}

// TestWhoWasFirstIsNotTold: what somebody was given in the same instant is told to
// themselves, and to who approves, and to nobody who asks for them.
func TestWhoWasFirstIsNotTold(t *testing.T) {
	for _, reason := range []error{desk.ErrGiven, desk.ErrExcluded} {
		b := set(t)
		conf := b.room.Config()
		rows := &late{Store: conf.Store}
		conf.Store = rows
		b.desk = desk.New(conf)
		b.desk.Use(b.rules)
		waits := b.ask("ada", desk.Wish{Resource: "staging", Person: mail("eve")})
		rows.err = reason
		for name, x := range map[string]struct {
			do    func() (access.Request, error)
			tells bool
		}{
			"for oneself": {func() (access.Request, error) { return b.desk.Ask(t.Context(), as("ada"), desk.Wish{Resource: "free"}) }, true},
			"for somebody else": {func() (access.Request, error) {
				return b.desk.Ask(t.Context(), as("ada"), desk.Wish{Resource: "free", Person: mail("eve")})
			}, false},
			"by who approves it": {func() (access.Request, error) {
				return b.desk.Decide(t.Context(), as("bob"), waits.ID, desk.Word{Approve: true})
			}, errors.Is(reason, desk.ErrExcluded)},
		} {
			_, err := x.do()
			if tells := err != nil && strings.Contains(err.Error(), "was just given"); access.KindOf(err) != access.Conflict || tells != x.tells {
				t.Errorf("%v, asked %s: %v; want that it tells: %t", reason, name, err, x.tells)
			}
		}
	}
}
