package store

import (
	"slices"
	"testing"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// TestRequestsOfAllAddresses: what is on record under any address of a person is
// found, each once.
func TestRequestsOfAllAddresses(t *testing.T) { onEach(t, testRequestsOfAllAddresses) }

func testRequestsOfAllAddresses(t *testing.T, at place) {
	s := at.open(t)
	all := assorted(60)
	if err := s.SaveRequests(t.Context(), all, nil, nil); err != nil {
		t.Fatal(err)
	}
	addresses := []engine.Person{"p3@example.org", "p4@example.org"}
	also := map[engine.Person][]engine.Person{addresses[0]: addresses}
	for name, of := range map[string]func(engine.Person) RequestQuery{
		"person":    func(p engine.Person) RequestQuery { return RequestQuery{Person: p} },
		"by":        func(p engine.Person) RequestQuery { return RequestQuery{By: p} },
		"mine":      func(p engine.Person) RequestQuery { return RequestQuery{Mine: p} },
		"decided":   func(p engine.Person) RequestQuery { return RequestQuery{Decided: p} },
		"undecided": func(p engine.Person) RequestQuery { return RequestQuery{Mine: p, Undecided: true} },
	} {
		var want []access.Request
		for _, r := range slices.Backward(all) {
			if matches(of(addresses[0]), r) || matches(of(addresses[1]), r) {
				want = append(want, r)
			}
		}
		q := of(addresses[0])
		q.Also, q.Limit = also, 500
		p, err := s.Requests(t.Context(), q)
		if err != nil || len(want) == 0 || ids(p.Requests) != ids(want) {
			t.Errorf("%s: got %s, %v; want %s", name, ids(p.Requests), err, ids(want))
		}
	}
}
