package schedule_test

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/daypass-dev/daypass/schedule"
)

// After any history the agenda is what a list, sorted each time, would be.
func TestAgendaIsASortedList(t *testing.T) {
	t.Parallel()
	epoch := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		agenda, model := schedule.NewAgenda(cmp.Compare[int]), map[int]time.Time{}
		sorted := func() []int {
			var keys []int
			for key := range model {
				keys = append(keys, key)
			}
			slices.SortFunc(keys, func(a, b int) int {
				return cmp.Or(model[a].Compare(model[b]), cmp.Compare(a, b))
			})
			return keys
		}
		key := rapid.IntRange(0, 20)
		instant := func(t *rapid.T) time.Time {
			return epoch.Add(time.Duration(rapid.IntRange(0, 10).Draw(t, "at")) * time.Minute)
		}
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				k, at := key.Draw(t, "key"), instant(t)
				agenda.Set(k, at)
				model[k] = at
			},
			"delete": func(t *rapid.T) {
				k := key.Draw(t, "key")
				agenda.Delete(k)
				delete(model, k)
			},
			"due": func(t *rapid.T) {
				now := instant(t)
				var want []int
				for _, k := range sorted() {
					if !model[k].After(now) {
						want = append(want, k)
						delete(model, k)
					}
				}
				if got := agenda.Due(now); !slices.Equal(got, want) {
					t.Fatalf("due at %v: got %v, want %v", now, got, want)
				}
			},
			"": func(t *rapid.T) {
				if agenda.Len() != len(model) {
					t.Fatalf("got %d keys, want %d", agenda.Len(), len(model))
				}
				at, ok := agenda.Next()
				keys := sorted()
				if ok != (len(keys) > 0) || ok && !at.Equal(model[keys[0]]) {
					t.Fatalf("next is %v, %t, want the first of %v", at, ok, model)
				}
			},
		})
	})
}

// A hundred thousand keys are small. Not parallel: it weighs the heap.
func TestAgendaIsSmall(t *testing.T) {
	const n, limit = 100_000, 120
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("corp/group-%d", i)
	}
	before := heap()
	agenda := filled(keys)
	each := float64(heap()-before) / n
	runtime.KeepAlive(keys)
	runtime.KeepAlive(agenda)
	t.Logf("%.0f bytes for each key", each)
	if each > limit {
		t.Errorf("%.0f bytes for each key, want at most %d", each, limit)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func filled(keys []string) *schedule.Agenda[string] {
	agenda := schedule.NewAgenda(cmp.Compare[string])
	for i, key := range keys {
		agenda.Set(key, time.Unix(int64(i)*7919%int64(len(keys)), 0))
	}
	return agenda
}

func BenchmarkAgendaSet(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			keys := make([]string, n)
			for i := range keys {
				keys[i] = fmt.Sprint(i)
			}
			agenda := filled(keys)
			for i := 0; b.Loop(); i++ {
				agenda.Set(keys[i%n], time.Unix(int64(i)*7919%int64(n), 0))
			}
		})
	}
}
