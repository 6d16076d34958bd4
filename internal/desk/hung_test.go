package desk

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
)

// hanging is a directory that takes questions and answers none.
type hanging struct {
	*memory.Directory
	asked int
	well  bool
}

func (h *hanging) Resolve(ctx context.Context, p engine.Person) (engine.Member, error) {
	h.asked++
	if h.well {
		return h.Directory.Resolve(ctx, p)
	}
	<-ctx.Done()
	return engine.Member{}, ctx.Err()
}

// TestAPageWaitsOnceForADirectoryThatHangs: what is only shown asks it once in half
// a minute; what decides asks it each time, and what it then answers is told again.
func TestAPageWaitsOnceForADirectoryThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		corp := &hanging{Directory: memory.New("corp")}
		p := newPeople(time.Now, slog.New(slog.NewTextHandler(io.Discard, nil)), func(engine.GroupRef, error) {})
		p.use(&Rules{Directories: map[engine.Directory]engine.Connector{"corp": corp}})
		look := func(since moment, names ...engine.Person) {
			t.Helper()
			for _, name := range names {
				if _, err := p.account(t.Context(), "corp", name, since); err == nil {
					t.Errorf("%s: no error", name)
				}
			}
		}
		began := time.Now()
		look(whenever, "ada@example.org", "bob@example.org", "eve@example.org", "dan@example.org")
		if took := time.Since(began); took > answer || corp.asked != 1 {
			t.Errorf("it took %s, and %d questions", took, corp.asked)
		}
		if _, err := p.account(t.Context(), "corp", "bob@example.org", whenever); !errors.Is(err, errHangs) {
			t.Errorf("it is told as %v", err)
		}
		look(p.moment(), "bob@example.org")
		if corp.asked != 2 {
			t.Errorf("what decides did not ask: %d questions", corp.asked)
		}
		time.Sleep(shown)
		corp.well = true
		corp.AddPerson("eve@example.org", "eve")
		if _, err := p.account(t.Context(), "corp", "eve@example.org", whenever); err != nil {
			t.Errorf("it answers again, and is not asked: %v", err)
		}
		if _, err := p.account(t.Context(), "corp", "ada@example.org", whenever); engine.KindOf(err) != engine.NotFound {
			t.Errorf("it answers again: %v", err)
		}
	})
}
