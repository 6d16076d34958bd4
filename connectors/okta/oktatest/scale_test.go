package oktatest

import (
	"fmt"
	"net/http"
	"runtime"
	"testing"
	"time"
)

// TestALargeOrgIsLight keeps an org of 200,000 users and 2,000 groups of 200
// small, so that a measurement in one process measures the connector.
func TestALargeOrgIsLight(t *testing.T) { // alone: it measures memory
	before := heap()
	s := New(Options{})
	ids := make([]string, 0, 200)
	for i := range 200000 {
		id := must(t)(s.AddUser(User{Login: fmt.Sprintf("person%d@example.org", i)}))
		if i < 200 {
			ids = append(ids, id)
		}
	}
	for i := range 2000 {
		must(t)(s.AddGroup(Group{Name: fmt.Sprintf("group%d", i), Members: ids}))
	}
	used := (heap() - before) >> 20
	c := &client{t: t, s: s, auth: "SSWS " + DefaultToken}
	c.http = &http.Client{Transport: s.Transport()}
	begin := time.Now()
	for i := range 2000 {
		if g := c.get("/api/v1/groups/" + s.org.groups[i+1].id + "/users?limit=200"); len(g.body) < 200*400 {
			t.Fatalf("got %d bytes, want 200 members", len(g.body))
		}
	}
	t.Logf("%d MiB, 2,000 listings of 200 members in %s", used, time.Since(begin).Round(time.Millisecond))
	if used > 100 {
		t.Errorf("got %d MiB, want 100 at most", used)
	}
	runtime.KeepAlive(s)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
