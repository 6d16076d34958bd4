package desk_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
)

// TestACallerIsToldSoonThatADirectoryHangs: which one, that nothing was decided, and
// when it answers again the same is done.
func TestACallerIsToldSoonThatADirectoryHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := set(t)
		approvers := access.Who{Groups: []engine.GroupRef{in("approvers")}}
		b.rules.Resources[2].Policy.Steps[0].Approvers = approvers
		b.rules.Resources[2].Policy.Extend = &access.Extend{Times: 1, Max: time.Hour, Steps: []access.Step{{Name: "more", Approvers: approvers, Quorum: 1}}}
		b.rules.Resources[2].Policy.NotWith = []string{"free"}
		b.rules.Administrators = access.Who{Groups: []engine.GroupRef{in("approvers")}}
		b.desk.Use(b.rules)
		r := b.ask("ada", desk.Wish{Resource: "staging"})
		do := map[string]func() error{
			"approve": func() error {
				_, err := b.desk.Decide(t.Context(), as("bob"), r.ID, desk.Word{Approve: true})
				return err
			},
			"deny":  func() error { _, err := b.desk.Decide(t.Context(), as("bob"), r.ID, desk.Word{}); return err },
			"ask":   func() error { _, err := b.desk.Ask(t.Context(), as("eve"), desk.Wish{Resource: "staging"}); return err },
			"audit": func() error { _, _, err := b.desk.Audit(t.Context(), as("bob"), desk.AuditQuery{}); return err },
		}
		b.corp.resolve = func(ctx context.Context) error {
			<-ctx.Done()
			return &engine.Error{Op: "corp: resolve", Kind: engine.Unavailable, Err: ctx.Err()}
		}
		for what, f := range do {
			began := time.Now()
			err := f()
			if took := time.Since(began); took > 11*time.Second {
				t.Errorf("%s: told after %s", what, took)
			}
			if access.KindOf(err) != access.Doubt || strings.Count(err.Error(), "corp does not answer") != 1 {
				t.Errorf("%s: told %v", what, err)
			}
			time.Sleep(time.Minute)
			b.pass(time.Minute)
		}
		b.corp.resolve = nil
		for _, what := range []string{"audit", "ask", "approve"} {
			if err := do[what](); err != nil {
				t.Errorf("%s, when it answers again: %v", what, err)
			}
		}
	})
}
