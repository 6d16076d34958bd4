//go:build bench

package cloudbench_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/store"
)

// The data of the lag: this many grants end within a minute.
const (
	lagGroups  = 500
	lagEach    = 20
	lagSpan    = time.Minute
	lagLatency = 50 * time.Millisecond
)

// TestLag measures how long memberships outlive their grants under daypass
// serve: 10,000 end within one minute, evenly, and each answer of the directory
// takes 50 ms. With a quota, what is left is held against the time that the
// quota alone asks for.
func TestLag(t *testing.T) {
	fmt.Printf("%-7s %-34s %8s %8s %8s %8s %8s %8s %9s %8s %8s\n", "kind", "ends within a minute", "sent p50", "p99", "max", "conf p50", "p99", "max", "bound s", "over", "peak MiB")
	for name, open := range vendors() {
		t.Run(name, func(t *testing.T) { lag(t, open(t, lagGroups, 0), lagGroups, 0) })
		t.Run(name+"-quota", func(t *testing.T) { lag(t, open(t, 50, quotaMinute), 50, quotaMinute) })
	}
}

// daemon is a running daypass serve.
type daemon struct {
	cmd  *exec.Cmd
	url  string
	out  bytes.Buffer
	peak chan float64
}

func (b *cloudBench) serve(port int) *daemon {
	b.t.Helper()
	d := &daemon{cmd: exec.Command(b.daypass, "serve"), url: fmt.Sprintf("http://127.0.0.1:%d", port), peak: make(chan float64, 1)}
	d.cmd.Dir, d.cmd.Env = b.dir, append(os.Environ(), "BENCH_SECRET="+b.c.env)
	d.cmd.Stderr = &d.out
	must(b.t, d.cmd.Start())
	go func() { d.peak <- watchPeak(d.cmd.Process.Pid) }()
	b.t.Cleanup(func() { _ = d.cmd.Process.Kill() })
	return d
}

func (d *daemon) stop(t *testing.T) float64 {
	t.Helper()
	must(t, d.cmd.Process.Signal(syscall.SIGTERM))
	if err := d.cmd.Wait(); err != nil {
		t.Fatalf("serve: %v: %s", err, d.out.String()[max(0, d.out.Len()-3000):])
	}
	return <-d.peak
}

func lag(t *testing.T, c *vendor, groups, perMinute int) {
	more := ", quota: {share: 100}, grace: 1s, connections: 64}\nserve: {listen: \"127.0.0.1:0\", every: 24h"
	pace := perMinute
	if pace == 0 {
		pace = 1_000_000 // a vendor that allows more than is documented
	}
	more = strings.Replace(more, "share: 100", fmt.Sprintf("perMinute: %d, share: 100", pace), 1)
	b := newCloudBench(t, c, groups, more)
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(b.dir, "daypass.db"))
	must(t, err)
	// All are in before the first of them ends.
	n := groups * lagEach
	room := time.Minute
	if perMinute > 0 {
		room += time.Duration(3*n) * time.Minute / time.Duration(perMinute)
	} else if c.kind != "entra" {
		room = 3 * time.Minute
	}
	first := time.Now().Add(room).Truncate(time.Second)
	var y strings.Builder
	y.WriteString("grants:\n")
	for i := range n {
		until := first.Add(time.Duration(i) * lagSpan / time.Duration(n))
		fmt.Fprintf(&y, "  - {person: %s, group: cloud/%s, until: %s, reason: CHG-%d}\n", person(i/groups*10+i%10), b.name(i%groups), until.UTC().Format(time.RFC3339Nano), i)
	}
	must(t, os.WriteFile(filepath.Join(b.dir, "grants.yaml"), []byte(y.String()), 0o600))
	d := b.serve(0)
	deadline := time.Now().Add(room - 5*time.Second)
	for live(t, s) < n {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d are in when the first ends: %s", live(t, s), n, d.out.String()[max(0, d.out.Len()-3000):])
		}
		time.Sleep(time.Second)
	}
	c.slow(lagLatency)
	last := first.Add(lagSpan)
	var sent, confirmed []float64
	for len(sent) < n {
		if time.Since(last) > 30*time.Minute {
			t.Fatalf("%d of %d are over: %s", len(sent), n, d.out.String()[max(0, d.out.Len()-3000):])
		}
		time.Sleep(2 * time.Second)
		sent, confirmed = sent[:0], confirmed[:0]
		for p, err := range s.Past(t.Context(), store.Filter{}) {
			must(t, err)
			sent = append(sent, p.Removed.Sub(p.Due).Seconds())
			confirmed = append(confirmed, p.Confirmed.Sub(p.Due).Seconds())
		}
	}
	bound, over := "-", "-"
	if perMinute > 0 { // every request from the first due end to the last removal, at the quota's pace
		least, took := c.pace(first, perMinute)
		bound, over = fmt.Sprintf("%.1f", least.Seconds()), fmt.Sprintf("%+.1f %%", 100*(took.Seconds()/least.Seconds()-1))
	}
	peak := d.stop(t)
	must(t, s.Close())
	job := fmt.Sprintf("%d in %d groups", n, groups)
	if perMinute > 0 {
		job += fmt.Sprintf(", %d/min", perMinute)
	}
	fmt.Printf("%-7s %-34s %8.3f %8.3f %8.3f %8.3f %8.3f %8.3f %9s %8s %8.0f\n", c.kind, job,
		at(sent, 50), at(sent, 99), at(sent, 100), at(confirmed, 50), at(confirmed, 99), at(confirmed, 100), bound, over, peak)
	must(t, c.close())
}

// pace returns how long the quota alone makes the requests take that were
// answered from an instant to the last removal, and how long they took.
func (c *vendor) pace(from time.Time, perMinute int) (least, took time.Duration) {
	n, until := 0, 0
	for _, r := range c.log.Requests() {
		if r.At.Before(from) || strings.Contains(r.Route, "token") || strings.Contains(r.Route, "$batch") {
			continue
		}
		n++
		if r.Method == http.MethodDelete {
			until, took = n, r.At.Sub(from)
		}
	}
	return time.Duration(until) * time.Minute / time.Duration(perMinute), took
}

func live(t *testing.T, s *store.Store) int {
	t.Helper()
	n := 0
	for o, err := range s.Live(context.Background(), store.Filter{}) {
		must(t, err)
		if o.State == engine.Added {
			n++
		}
	}
	return n
}

// at returns a percentile.
func at(xs []float64, percent int) float64 {
	slices.Sort(xs)
	return xs[min(len(xs)-1, len(xs)*percent/100)]
}

// TestIdle measures the daemon with 100,000 grants and nothing to do.
func TestIdle(t *testing.T) {
	const grants, port = 100_000, 18751
	c := newEntra(t, 2000, 0)
	b := newCloudBench(t, c, 2000, fmt.Sprintf(", quota: {share: 100}, grace: 1s}\nserve: {listen: \"127.0.0.1:%d\"", port))
	var y strings.Builder
	y.WriteString("grants:\n")
	for i := range grants { // begin tomorrow, but for one in a hundred
		from := time.Now().Add(24 * time.Hour)
		if i%100 == 0 {
			from = time.Now().Add(-time.Hour)
		}
		fmt.Fprintf(&y, "  - {person: %s, group: cloud/%s, from: %s, until: %s, reason: CHG-%d}\n", person(i%cloudPeople), b.name(i%2000),
			from.UTC().Format(time.RFC3339), from.Add(time.Duration(48+i%1000)*time.Hour).UTC().Format(time.RFC3339), i)
	}
	must(t, os.WriteFile(filepath.Join(b.dir, "grants.yaml"), []byte(y.String()), 0o600))
	d := b.serve(port)
	time.Sleep(90 * time.Second) // read, added, settled
	if err := healthy(d.url); err != nil {
		t.Fatalf("%v: %s", err, d.out.String()[max(0, d.out.Len()-3000):])
	}
	before := cpu(t, d.cmd.Process.Pid)
	const watch = 60 * time.Second
	time.Sleep(watch)
	used := cpu(t, d.cmd.Process.Pid) - before
	rss := resident(t, d.cmd.Process.Pid)
	peak := d.stop(t)
	fmt.Printf("%-7s %-42s %8.0f MiB (peak %.0f) %6.2f %% of a core\n", "idle", "100,000 grants, 2,000 groups", rss, peak, 100*used.Seconds()/watch.Seconds())
	must(t, c.close())
}

func healthy(url string) error {
	res, err := http.Get(url + "/healthz")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusOK {
		err = errors.Join(err, fmt.Errorf("healthz: %d: %s", res.StatusCode, body))
	}
	return err
}

// cpu returns the processor time that a process has used.
func cpu(t *testing.T, pid int) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	must(t, err)
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+2:]))
	user, err := strconv.Atoi(fields[11])
	must(t, err)
	system, err := strconv.Atoi(fields[12])
	must(t, err)
	return time.Duration(user+system) * 10 * time.Millisecond // a hundred ticks a second
}

func resident(t *testing.T, pid int) float64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	must(t, err)
	_, after, _ := bytes.Cut(b, []byte("VmRSS:"))
	n, err := strconv.Atoi(string(bytes.Fields(after)[0]))
	must(t, err)
	return float64(n) / 1024
}
