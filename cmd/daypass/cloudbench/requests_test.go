//go:build bench

// Package cloudbench counts what daypass asks of the simulated cloud directories,
// as whole processes. It is run by scripts/bench.sh, with bin/daypass built.
package cloudbench_test

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/entra/entratest"
	"github.com/daypass-dev/daypass/connectors/google/googletest"
	"github.com/daypass-dev/daypass/connectors/okta/oktatest"
	"github.com/daypass-dev/daypass/internal/sim"
)

// The data of the benchmark.
const (
	cloudPeople  = 20_000
	cloudGroups  = 2_000
	cloudMembers = 200
	cloudGranted = 200 // groups with grants, ten in each: 2,000 grants of 200 people
	cloudChanged = 20  // groups: one in a hundred
	quotaGroups  = 500
	quotaMinute  = 600
)

// vendor is one simulated directory, filled.
type vendor struct {
	kind   string
	config string // its entry in daypass.yaml
	env    string // the credential
	log    *sim.Log
	put    func(group, person string) error
	take   func(group, person string) error
	// listing is the route of a page of members, and bulk what finds groups
	// and people at the least: requests for so many groups and people.
	listing string
	bulk    func(groups, people int) int
	adds    func(groups, each int) int // requests for so many in each group
	ends    func(groups, each int) int
	slow    func(latency time.Duration) // each answer takes so long from now on
	close   func() error
}

func person(n int) string { return fmt.Sprintf("p%05d@example.org", n) }
func group(n int) string  { return fmt.Sprintf("team-%04d", n) }

func ceil(a, b int) int { return (a + b - 1) / b }

// members are those of a group: never one of those who are granted.
func members(g int) []string {
	out := make([]string, cloudMembers)
	for k := range out {
		out[k] = person(1_000 + (g*7919+k)%(cloudPeople-1_000))
	}
	return out
}

func newEntra(t *testing.T, groups, perMinute int) *vendor {
	opts := entratest.Options{Quota: &entratest.Quota{ResourceUnits: -1, Writes: -1, PerMinute: perMinute}}
	s := entratest.New(opts)
	for n := range cloudPeople {
		must(t, second(s.AddUser(entratest.User{UPN: person(n)})))
	}
	for g := range groups {
		must(t, second(s.AddGroup(entratest.Group{Name: group(g)})))
		must(t, s.Fill(group(g), members(g)...))
	}
	must(t, s.Start(""))
	return &vendor{
		kind: "entra", log: s.Log, put: s.Put, take: s.Take, slow: slow(s.Faults), close: s.Close, env: entratest.DefaultSecret,
		config:  fmt.Sprintf("{type: entra, tenant: %s, url: %q, authority: %q, auth: {clientID: %s, secret: \"env:BENCH_SECRET\"}", s.Tenant(), s.URL(), s.URL(), entratest.DefaultApp),
		listing: "GET /groups/{id}/members",
		bulk:    func(groups, people int) int { return ceil(groups, 20) + ceil(people, 20) },
		adds:    func(groups, each int) int { return groups * ceil(each, 20) },
		ends:    func(groups, each int) int { return groups * ceil(each, 20) },
	}
}

func newOkta(t *testing.T, groups, perMinute int) *vendor {
	clock := yesterday()
	s := oktatest.New(oktatest.Options{Clock: clock, Quota: oktatest.Quota{PerMinute: perMinute}})
	for n := range cloudPeople {
		must(t, second(s.AddUser(oktatest.User{Login: person(n)})))
	}
	for g := range groups {
		must(t, second(s.AddGroup(oktatest.Group{Name: group(g)})))
		must(t, s.Fill(group(g), members(g)...))
	}
	clock.Advance(24 * time.Hour)
	must(t, s.Start(""))
	return &vendor{
		kind: "okta", log: s.Log, put: s.Put, take: s.Take, slow: slow(s.Faults), close: s.Close, env: oktatest.DefaultToken,
		config:  fmt.Sprintf("{type: okta, url: %q, auth: {token: \"env:BENCH_SECRET\"}", s.URL()),
		listing: "GET /api/v1/groups/{id}/users",
		// All groups by pages of 200, the rules, and each person by a direct
		// read: no other look-up of Okta is consistent.
		bulk: func(groups, people int) int { return ceil(groups, 200) + 1 + people },
		// Whether a write makes a difference only a look before it tells: the
		// group's two pages. Before removals the rules are read.
		adds: func(groups, each int) int { return groups * (2 + each) },
		ends: func(groups, each int) int { return groups * (2 + 1 + each) },
	}
}

func newGoogle(t *testing.T, groups, perMinute int) *vendor {
	if perMinute == 0 {
		perMinute = -1
	}
	clock := yesterday()
	s := googletest.New(googletest.Options{Clock: clock, PerMinute: perMinute})
	for n := range cloudPeople {
		must(t, second(s.AddUser(googletest.User{Email: person(n)})))
	}
	for g := range groups {
		var ms []googletest.Member
		for _, p := range members(g) {
			ms = append(ms, googletest.Member{Email: p})
		}
		must(t, second(s.AddGroup(googletest.Group{Email: group(g) + "@example.org", Members: ms})))
	}
	clock.Advance(24 * time.Hour)
	must(t, s.Put(group(0)+"@example.org", person(901))) // a log that never said a word is not believed
	must(t, s.Take(group(0)+"@example.org", person(901)))
	must(t, s.Start(""))
	key := filepath.Join(t.TempDir(), "key.json")
	must(t, os.WriteFile(key, s.Credentials(), 0o600))
	return &vendor{
		kind: "google", log: s.Log, slow: slow(s.Faults), close: s.Close,
		put:     func(g, p string) error { return s.Put(g+"@example.org", p) },
		take:    func(g, p string) error { return s.Take(g+"@example.org", p) },
		config:  fmt.Sprintf("{type: google, url: %q, auth: {key: \"file:%s\"}", s.URL(), key),
		listing: "GET /admin/directory/v1/groups/{groupKey}/members",
		// All groups by pages of 200, and each person, or all by pages of 500.
		bulk: func(groups, people int) int { return ceil(groups, 200) + min(people, cloudPeople/500) },
		adds: func(groups, each int) int { return groups * each },
		ends: func(groups, each int) int { return groups * 2 * each }, // the role is read before each
	}
}

// slow makes each answer of a simulator take so long.
func slow(f *sim.Faults) func(time.Duration) {
	return func(latency time.Duration) { f.Inject(sim.Fault{Effect: sim.Late, Delay: latency, Times: -1}) }
}

// yesterday is a clock that is a day behind: what is made by it is not new when
// it is set right.
func yesterday() *sim.Clock {
	c := new(sim.Clock)
	c.Advance(-24 * time.Hour)
	return c
}

// vendors opens each simulator, with so many groups and a quota.
func vendors() map[string]func(t *testing.T, groups, perMinute int) *vendor {
	return map[string]func(*testing.T, int, int) *vendor{"entra": newEntra, "okta": newOkta, "google": newGoogle}
}

func second[T any](_ T, err error) error { return err }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// cloudBench is a folder with a configuration of one cloud.
type cloudBench struct {
	t       *testing.T
	c       *vendor
	dir     string
	daypass string
	groups  int
}

func newCloudBench(t *testing.T, c *vendor, groups int, more string) *cloudBench {
	daypass, err := filepath.Abs("../../../bin/daypass")
	must(t, err)
	b := &cloudBench{t: t, c: c, dir: t.TempDir(), daypass: daypass, groups: groups}
	var y strings.Builder
	fmt.Fprintf(&y, "version: 1\ndirectories:\n  cloud: %s%s}\ngrants: [grants.yaml]\nrelist: 24h\nlimits: {add: 10000}\ngroups:\n", c.config, more)
	for g := range groups {
		fmt.Fprintf(&y, "  cloud/%s: {foreign: ignore}\n", b.name(g))
	}
	must(t, os.WriteFile(filepath.Join(b.dir, "daypass.yaml"), []byte(y.String()), 0o600))
	b.grants(time.Now().Add(8 * time.Hour))
	return b
}

func (b *cloudBench) name(g int) string {
	if b.c.kind == "google" {
		return group(g) + "@example.org"
	}
	return group(g)
}

// grants writes ten grants in each of the first groups, to one end.
func (b *cloudBench) grants(until time.Time) {
	var y strings.Builder
	y.WriteString("grants:\n")
	for g := range min(cloudGranted, b.groups) {
		for k := range 10 {
			fmt.Fprintf(&y, "  - {person: %s, group: cloud/%s, until: %s, reason: bench}\n", person((g*10+k)%200), b.name(g), until.UTC().Format(time.RFC3339))
		}
	}
	must(b.t, os.WriteFile(filepath.Join(b.dir, "grants.yaml"), []byte(y.String()), 0o600))
}

// standing writes grants of 200 people who are members of their groups already:
// they have to be looked up, and nothing is to be written.
func (b *cloudBench) standing() {
	var y strings.Builder
	y.WriteString("grants:\n")
	for g := range 200 {
		fmt.Fprintf(&y, "  - {person: %s, group: cloud/%s, until: %s, reason: bench}\n", members(g)[0], b.name(g), time.Now().Add(8*time.Hour).UTC().Format(time.RFC3339))
	}
	must(b.t, os.WriteFile(filepath.Join(b.dir, "grants.yaml"), []byte(y.String()), 0o600))
}

// measured is one finished process and what the directory saw of it.
type measured struct {
	wall     time.Duration
	rss      float64 // MiB
	requests int     // over the wire, but for tokens
	pages    int
	routes   map[string]int
}

func (b *cloudBench) run(args ...string) measured {
	b.t.Helper()
	b.c.log.Reset()
	cmd := exec.Command(b.daypass, args...)
	cmd.Dir, cmd.Env = b.dir, append(os.Environ(), "BENCH_SECRET="+b.c.env)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	start := time.Now()
	must(b.t, cmd.Start())
	peak := make(chan float64, 1)
	go func() { peak <- watchPeak(cmd.Process.Pid) }()
	err := cmd.Wait()
	o := measured{wall: time.Since(start), rss: <-peak, routes: b.c.log.Counts()}
	if err != nil {
		b.t.Fatalf("%s: %v: %s", args, err, stderr.String()[:min(stderr.Len(), 3000)])
	}
	tokens := 0
	for route, n := range o.routes {
		if strings.Contains(route, "token") {
			tokens += n
		}
	}
	o.requests, o.pages = b.c.log.Total()-tokens, o.routes[b.c.listing]
	return o
}

// watchPeak returns the greatest resident memory of a process in MiB, once it
// ended. The kernel's account of a finished child begins with its parent's.
func watchPeak(pid int) float64 {
	peak := 0
	for {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil || bytes.Contains(status, []byte("State:\tZ")) {
			return float64(peak) / 1024
		}
		if _, after, ok := bytes.Cut(status, []byte("VmHWM:")); ok {
			n, _ := strconv.Atoi(string(bytes.Fields(after)[0]))
			peak = max(peak, n)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (b *cloudBench) row(job string, o measured, least int) {
	b.t.Helper()
	fmt.Printf("%-7s %-42s %8d %8d %8.3f %8.2f %8.0f\n", b.c.kind, job, o.requests, least, float64(o.requests)/float64(least), o.wall.Seconds(), o.rss)
	if testing.Verbose() {
		for _, r := range slices.Sorted(maps.Keys(o.routes)) {
			fmt.Printf("          %6d %s\n", o.routes[r], r)
		}
	}
}

// TestCloudRequests counts, on each simulator, the requests of the main jobs
// against the least that its vendor allows.
func TestCloudRequests(t *testing.T) {
	fmt.Printf("%-7s %-42s %8s %8s %8s %8s %8s\n", "kind", "job", "requests", "least", "ratio", "wall s", "peak MiB")
	for name, open := range vendors() {
		t.Run(name, func(t *testing.T) { countRequests(t, open(t, cloudGroups, 0)) })
	}
}

func countRequests(t *testing.T, c *vendor) {
	runtime.GC()
	b := newCloudBench(t, c, cloudGroups, ", quota: {share: 100}, grace: 1s")
	whole := cloudGroups*ceil(cloudMembers, pageOf(c)) + c.bulk(cloudGroups, 200)
	b.standing()
	b.row("plan --full", b.run("plan", "--full"), whole)
	b.row("sync --full", b.run("sync", "--full"), whole)
	for range 2 {
		time.Sleep(time.Second) // the grace
		b.run("sync")
	}
	b.row("plan, nothing changed", b.run("plan"), 1)
	for g := range cloudChanged { // one goes, one comes: as many pages as before
		name := group(cloudGroups - 1 - g)
		must(t, c.take(name, members(cloudGroups - 1 - g)[0]))
		must(t, c.put(name, person(900)))
	}
	b.row("plan, 20 groups changed", b.run("plan"), cloudChanged)
	b.row("sync, 20 groups changed", b.run("sync"), cloudChanged)
	granted := cloudGranted * (ceil(cloudMembers+10, pageOf(c)) - 1)
	b.grants(time.Now().Add(8 * time.Hour))
	b.row("sync --full: 2,000 adds in 200 groups", b.run("sync", "--full"), whole+c.adds(cloudGranted, 10))
	for range 2 {
		time.Sleep(time.Second)
		b.run("sync")
	}
	b.row("plan --full, with them", b.run("plan", "--full"), whole+granted)
	b.grants(time.Now().Add(-time.Second))
	b.row("sync: 2,000 ends in 200 groups", b.run("sync"), 1+c.ends(cloudGranted, 10))
	must(t, c.close())
}

// pageOf is how many members a page of the vendor has.
func pageOf(c *vendor) int {
	if c.kind == "entra" {
		return 999
	}
	return 200
}

// TestCloudQuota measures how much of a quota a full reading uses, and how
// often it is refused.
func TestCloudQuota(t *testing.T) {
	fmt.Printf("%-7s %-42s %8s %8s %8s %8s\n", "kind", "quota of 600 a minute", "requests", "refused", "used %", "wall s")
	for name, open := range vendors() {
		t.Run(name, func(t *testing.T) { useQuota(t, open(t, quotaGroups*3, quotaMinute)) })
	}
}

func useQuota(t *testing.T, c *vendor) {
	b := newCloudBench(t, c, quotaGroups*3, fmt.Sprintf(", quota: {perMinute: %d, share: 100}", quotaMinute))
	b.grants(time.Now().Add(-time.Hour))
	b.run("plan")
	var taken []time.Time
	refused := 0
	for _, r := range c.log.Requests() {
		switch {
		case strings.Contains(r.Route, "token") || strings.Contains(r.Route, "$batch"):
		case r.Status == 429 || r.Status == 403:
			refused++
		default:
			taken = append(taken, r.At)
		}
	}
	span := taken[len(taken)-1].Sub(taken[0])
	used := 100 * float64(len(taken)) / math.Max(1, span.Minutes()*quotaMinute)
	fmt.Printf("%-7s %-42s %8d %8d %8.1f %8.1f\n", c.kind, fmt.Sprintf("plan of %d groups", quotaGroups*3), len(taken), refused, used, span.Seconds())
	must(t, c.close())
}
