package ldap

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/ldap/ldaptest"
)

// Every search and modify is told with its result, and one that got no answer.
func TestOperationsAreObserved(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var seen []string
	s := newSmall(t, ldaptest.Options{}, "groupOfMembers", func(cfg *Config) {
		cfg.Observe = func(_ context.Context, op string, result int, took time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			if took <= 0 {
				t.Errorf("%s took %s", op, took)
			}
			seen = append(seen, fmt.Sprint(op, " ", result))
		}
	})
	told := func(want string) {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		if !slices.Contains(seen, want) {
			t.Errorf("not told of %q: %q", want, seen)
		}
		seen = nil
	}
	s.list()
	told("search 0")
	_, err := s.Add(t.Context(), s.id, s.ada)
	s.must(err)
	told("modify 0")
	disarm := s.server.Fail(ldaptest.Fault{Op: ldaptest.OpModify, Code: 51})
	_, err = s.Remove(t.Context(), s.id, s.ada)
	disarm()
	told("modify 51")
	if err == nil {
		t.Error("a busy server removed her")
	}
	disarm = s.server.Fail(ldaptest.Fault{Op: ldaptest.OpModify, Drop: true})
	_, err = s.Remove(t.Context(), s.id, s.ada)
	disarm()
	told("modify -1")
	if err == nil {
		t.Error("a server that hung up removed her")
	}
}
