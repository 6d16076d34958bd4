package okta

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daypass-dev/daypass/connectors/okta/oktatest"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/sim"
)

// hungry lists a group over and over from several goroutines for so long, and
// returns how many listings there were.
func hungry(t *testing.T, c *Connector, g engine.GroupID, d time.Duration) int {
	var wg sync.WaitGroup
	var mu sync.Mutex
	n, end := 0, time.Now().Add(d)
	for range 8 {
		wg.Go(func() {
			for time.Now().Before(end) {
				if _, err := c.Members(t.Context(), g); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				n++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return n
}

func TestQuotaIsUsedAndNotExceeded(t *testing.T) {
	t.Parallel()
	const minutes = 10
	for name, test := range map[string]struct {
		quota oktatest.Quota
		edit  func(*Config)
		least int // a minute
	}{
		"a limit set by hand, which is Okta's":     {oktatest.Quota{PerMinute: 600}, func(cfg *Config) { cfg.PerMinute, cfg.Share = 600, 1 }, 570},
		"a limit set by hand below Okta's":         {oktatest.Quota{Other: 2400}, func(cfg *Config) { cfg.PerMinute = 600 }, 570},
		"a limit set by hand above Okta's":         {oktatest.Quota{Other: 600}, func(cfg *Config) { cfg.PerMinute = 6000 }, 285},
		"a part of a limit set by hand":            {oktatest.Quota{Other: 2400}, func(cfg *Config) { cfg.PerMinute, cfg.Share = 600, 0.5 }, 285},
		"what Okta tells, of which a half is ours": {oktatest.Quota{Other: 600}, func(*Config) {}, 285},
		"a quarter of what Okta tells":             {oktatest.Quota{Other: 600}, func(cfg *Config) { cfg.Share = 0.25 }, 142},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Made outside of the bubble, for the SDK starts a goroutine that never
			// ends.
			b := newBench(t, oktatest.Options{Quota: test.quota, Clock: &sim.Clock{}})
			g := b.group("prod-db", string(b.user("ada")))
			c := b.connector(test.edit)
			synctest.Test(t, func(t *testing.T) {
				got, most := hungry(t, c, g, minutes*time.Minute), minutes*test.least*20/19+50
				if got < minutes*test.least || got > most {
					t.Errorf("got %d listings in %d minutes, want %d to %d", got, minutes, minutes*test.least, most)
				}
				refused := 0
				for _, r := range b.s.Log.Requests() {
					if r.Status == 429 {
						refused++
					}
				}
				if refused > 0 {
					t.Errorf("got %d requests refused, want none", refused)
				}
			})
		})
	}
}
