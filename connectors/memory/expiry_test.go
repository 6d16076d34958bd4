package memory_test

import (
	"context"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
)

// What ended by itself is told like any other change, in its place, and where
// listings lag they lack it for as long.
func TestWhatEndsByItselfIsAChange(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	d := memory.New("corp")
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	d.SetClock(func() time.Time { return now })
	g, ada := d.AddGroup("prod-db"), d.AddPerson("ada@example.org", "ada")
	if changed, end, err := d.AddUntil(ctx, g, engine.Member{ID: ada}, now.Add(time.Hour)); !changed || err != nil || !end.Equal(now.Add(time.Hour)) {
		t.Fatalf("AddUntil: got changed %t, end %s and error %v, want true, an hour and none", changed, end, err)
	}
	d.LagFor(10 * time.Minute)
	before, err := d.Changed(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		at     time.Duration
		listed int
		told   int
	}{{59 * time.Minute, 1, 0}, {65 * time.Minute, 1, 1}, {75 * time.Minute, 0, 1}} {
		now = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC).Add(step.at)
		ms, err := d.Members(ctx, g)
		ch, told := d.Changed(ctx, before.Next)
		if err != nil || told != nil || len(ms) != step.listed || len(ch.Groups) != step.told {
			t.Errorf("after %s: got %d members and %d groups told (errors %v, %v), want %d and %d", step.at, len(ms), len(ch.Groups), err, told, step.listed, step.told)
		}
	}
	if len(d.Writes()) != 1 {
		t.Errorf("writes: got %d, want the one add: nobody sent the end", len(d.Writes()))
	}
}

func TestAnEndThatHasPassedIsRejected(t *testing.T) {
	t.Parallel()
	d := memory.New("corp")
	g, ada := d.AddGroup("prod-db"), d.AddPerson("ada@example.org", "ada")
	_, _, err := d.AddUntil(context.Background(), g, engine.Member{ID: ada, Login: "ada"}, time.Now().Add(-time.Hour))
	if engine.KindOf(err) != engine.Rejected || d.Has(g, ada) {
		t.Errorf("AddUntil a time that has passed: got error %v and member %t, want rejected and none", err, d.Has(g, ada))
	}
}
