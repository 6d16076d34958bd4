package google

import (
	"context"
	"errors"
	"sync"

	"github.com/daypass-dev/daypass/engine"
)

// reply is what was answered about one of many.
type reply[T any] struct {
	v   T
	err error
}

// together asks about each key, several at a time. What is about one key is
// its own answer; an error that is not, such as no answer or no right, ends
// the whole.
func together[T any](ctx context.Context, keys []string, workers int, ask func(key string) (T, error)) (map[string]reply[T], error) {
	var mu sync.Mutex
	var broken error
	answers := make(map[string]reply[T], len(keys))
	spread(len(keys), workers, func(i int) bool {
		v, err := ask(keys[i])
		mu.Lock()
		defer mu.Unlock()
		if err != nil && !single(err) && broken == nil {
			broken = err
		}
		answers[keys[i]] = reply[T]{v, err}
		return broken == nil
	})
	if broken == nil {
		broken = ctx.Err()
	}
	return answers, broken
}

// single reports whether an error says something about one thing only.
func single(err error) bool {
	var e *engine.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Kind {
	case engine.NotFound, engine.Ambiguous, engine.Disabled, engine.Rejected, engine.Unmanageable:
		return true
	}
	return false
}

// spread calls f for 0 to n-1, with several workers, until one says stop.
func spread(n, workers int, f func(i int) (more bool)) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	next := 0
	take := func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		if next >= n {
			return 0, false
		}
		next++
		return next - 1, true
	}
	for range min(workers, n) {
		wg.Go(func() {
			for {
				i, ok := take()
				if !ok {
					return
				}
				if !f(i) {
					mu.Lock()
					next = n
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
}

// parallel is how many requests one call may have in flight.
func (c *Connector) parallel() int {
	if c.cfg.Connections > 0 {
		return min(c.cfg.Connections, 8)
	}
	return 8
}

func unique(keys []string) []string {
	seen := make(map[string]bool, len(keys))
	var out []string
	for _, k := range keys {
		if !seen[k] {
			seen[k] = true
			out = append(out, k)
		}
	}
	return out
}
