package report_test

import (
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/report"
)

// large is a group of n standing members, named as directories name them.
func large(name string, n int) *engine.GroupView {
	v := group(name)
	v.Standing = make(map[engine.MemberID]bool, n)
	for i := range n {
		m := engine.Member{ID: engine.MemberID(fmt.Sprintf("%08x-5f3a-4d1e-9c55-%012x", i, i)), Login: fmt.Sprintf("person%07d", (i*7919)%n)}
		v.Members = append(v.Members, m)
		v.Standing[m.ID] = true
	}
	return v
}

// A report on many members takes the room of their names and little more.
// It measures the heap, so it runs alone.
func TestRowsAreCompact(t *testing.T) {
	const n = 100_000
	v := large("all", n)
	part := engine.Diff(engine.View{Now: now, Groups: []engine.GroupView{*v}})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var b report.Builder
	b.Add(*v, part)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := float64(after.HeapAlloc-before.HeapAlloc) / n; each > 100 {
		t.Errorf("a row takes %.0f bytes, want at most 100", each)
	}
	c := b.Finish(engine.Result{}, nil)
	if got := c.Total().Desired; got != n {
		t.Errorf("got %d desired, want %d", got, n)
	}
	runtime.KeepAlive(v)
	runtime.KeepAlive(part)
}

func BenchmarkReport(b *testing.B) {
	const n = 1000
	v := large("all", n)
	part := engine.Diff(engine.View{Now: now, Groups: []engine.GroupView{*v}})
	var all report.Builder
	for range 1000 {
		all.Add(*v, part)
	}
	c := all.Finish(engine.Result{}, nil)
	b.Run("add", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var one report.Builder
			one.Add(*v, part)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
	})
	for name, write := range map[string]func(io.Writer, report.Options) error{"text": c.Text, "csv": c.CSV, "json": c.JSON} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := write(io.Discard, report.Options{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(1000*n), "ns/row")
		})
	}
}
