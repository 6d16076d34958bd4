package report_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/report"
)

func TestPlan(t *testing.T) {
	t.Parallel()
	run := engine.DefaultLimits()
	tight := run
	tight.Add = 1
	unread := result(run, busy()...)
	unread.GrantsErr = errors.New("grants/ops.yaml:12:3: unknown key \"persn\"\ngrants/db.yaml: permission denied")
	released := result(run, heldBack()...)
	released.Release = &engine.Release{Digest: "sha256:00", By: "root", Reason: "spring cleaning", At: at(-1), Expires: at(23)}
	for i := range released.Plan.Changes {
		released.Plan.Changes[i].Held = false
	}
	for i := range released.Plan.Objections {
		released.Plan.Objections[i].Released = true
	}
	calm := group("calm")
	wish(calm, "ada", at(8), "")
	owned(calm, "ada", at(8))
	there(calm, "ada")
	for name, page := range map[string]struct {
		res engine.Result
		opt report.Options
	}{
		"plan-busy":        {late(result(run, busy()...), ""), report.Options{}},
		"plan-busy-120":    {late(result(run, busy()...), ""), report.Options{Width: 120}},
		"plan-busy-color":  {late(result(run, busy()...), ""), report.Options{Color: true, Command: "daypass --config d.yaml"}},
		"plan-held":        {result(run, heldBack()...), report.Options{}},
		"plan-held-run":    {result(tight, append(busy(), heldBack()...)...), report.Options{Width: 100}},
		"plan-released":    {released, report.Options{}},
		"plan-unread":      {unread, report.Options{}},
		"plan-foreign":     {result(run, crowded()...), report.Options{}},
		"plan-foreign-all": {result(run, crowded()[:4]...), report.Options{All: true}},
		"plan-odd":         {result(run, odd()...), report.Options{}},
		"plan-ends":        {result(run, ending()...), report.Options{}},
		"plan-calm":        {result(run, calm), report.Options{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, name, func(b *bytes.Buffer) error { return report.Plan(b, page.res, page.opt) })
		})
	}
}
