package googletest

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

func TestSeed(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	err := s.Load(strings.NewReader(`{
		"domains": ["example.net"],
		"users": [{"email": "ada@example.net", "name": "Ada L", "aliases": ["a@example.org"]}],
		"groups": [
			{"email": "outer@example.org", "members": [{"email": "inner@example.net"}, {"email": "x@gmail.com"}]},
			{"email": "inner@example.net", "kind": "dynamic", "members": [{"email": "a@example.org", "role": "OWNER"}]}
		]}`))
	if err != nil {
		t.Fatal(err)
	}
	if !s.Has("outer@example.org", "inner@example.net") || !s.Has("inner@example.net", "ada@example.net") || !s.Has("outer@example.org", "x@gmail.com") {
		t.Error("a member of the seed is missing")
	}
}

func TestBadSeeds(t *testing.T) {
	t.Parallel()
	for seed, want := range map[string]string{
		"{\n\"users\": [}\n}":                      "line 2",
		"{\"users\": [],\n\"people\": []}":         `unknown field "people"`,
		"{\"users\": [{\"email\": 3}]}":            "line 1",
		`{} {}`:                                    "more after the end",
		`{"users": [{"email": "ada"}]}`:            "users[0]",
		`{"users": [{"email": "ada@else.where"}]}`: "none of the customer's domains",
		`{"users": [{"email": "a@example.org"}, {"email": "A@example.org"}]}`:                       "users[1]: user A@example.org is taken by a@example.org",
		`{"groups": [{"email": "g@example.org", "kind": "odd"}]}`:                                   "want plain, dynamic, locked or security",
		`{"groups": [{"email": "g@example.org", "members": [{"email": "x@example.org"}]}]}`:         `no user, group or outsider "x@example.org"`,
		`{"groups": [{"email": "g@example.org", "members": [{"email": "x@y.z", "role": "KING"}]}]}`: "want MEMBER, MANAGER or OWNER",
	} {
		if err := New(Options{}).Load(strings.NewReader(seed)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("seed %s: got error %v, want %q", seed, err, want)
		}
	}
}

func TestIdsLeadBack(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	if err := s.Demo(5000); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for n := range s.objects {
		id := s.id(uint32(n))
		if got, ok := s.byID(id); !ok || got != uint32(n) || seen[id] {
			t.Fatalf("id %s of object %d leads to %d %t", id, n, got, ok)
		}
		seen[id] = true
	}
	for _, id := range []string{"", "1", "100000000000000000001", "199999999999999999999", "01zzzzzzzzzzzzz", "010000000000001"} {
		if n, ok := s.byID(id); ok {
			t.Errorf("id %q: got object %d, want none", id, n)
		}
	}
}

// TestMemory holds a large customer to a small memory: 200,000 users, and 2,000
// groups of 200.
func TestMemory(t *testing.T) { //nolint:paralleltest // it measures the heap
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s := New(Options{})
	if err := s.Demo(200_000); err != nil {
		t.Fatal(err)
	}
	for i := range 2000 {
		g := Group{Email: fmt.Sprintf("team%d@example.org", i)}
		for j := range 200 {
			g.Members = append(g.Members, Member{Email: fmt.Sprintf("person%d@example.org", 21+(i*97+j)%199_000)})
		}
		if _, err := s.AddGroup(g); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	mib := float64(after.HeapAlloc-before.HeapAlloc) / (1 << 20)
	t.Logf("200,000 users and 400,000 memberships: %.0f MiB", mib)
	if mib > 90 {
		t.Errorf("got %.0f MiB, want less than 90", mib)
	}
	runtime.KeepAlive(s)
}
