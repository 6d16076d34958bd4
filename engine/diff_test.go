package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/schedule"
)

// steadyView holds groups of members who are all granted, ours and there, with
// ids as long as a directory's.
func steadyView(groups, members int) engine.View {
	v := engine.View{Now: morning}
	until := morning.Add(8 * time.Hour)
	for g := range groups {
		gv := engine.GroupView{
			Group: engine.Group{Directory: "corp", ID: engine.GroupID(fmt.Sprintf("group-%06d", g))},
			Name:  fmt.Sprintf("group-%06d", g), Rules: engine.DefaultRules(), Trust: engine.Trusted,
		}
		grants := make([]engine.Grant, members)
		for i := range members {
			m := engine.Member{ID: engine.MemberID(fmt.Sprintf("6b9ac3d5-%04x-4f27-9e51-%012x", g%7, i*7919+g)), Login: "ada", Ref: "cn=ada"}
			grants[i] = engine.Grant{ID: engine.GrantID(fmt.Sprintf("g%06d-%d", i, g)), Person: "ada@example.org", When: schedule.Window{Until: until}}
			gv.Members = append(gv.Members, m)
			gv.Wishes = append(gv.Wishes, engine.Wish{Grant: &grants[i], Member: m})
			gv.Owned = append(gv.Owned, engine.Owned{
				Group: gv.Group, GroupName: gv.Name, Member: m, Person: "ada@example.org", State: engine.Added,
				Anchors: []engine.Anchor{{Grant: grants[i].ID, Until: until}}, Since: morning, Confirmed: morning,
			})
		}
		v.Groups = append(v.Groups, gv)
	}
	return v
}

// No allocation grows with the members that stay as they are.
func TestUnchangedMembersCostNoAllocation(t *testing.T) {
	// Not parallel: testing.AllocsPerRun counts for the whole process.
	few, many := steadyView(5, 10), steadyView(5, 2000)
	if p := engine.Diff(many); len(p.Changes)+len(p.Problems)+len(p.Foreign) > 0 {
		t.Fatalf("the view is not steady: %s", planLines(p))
	}
	a := testing.AllocsPerRun(20, func() { engine.Diff(few) })
	b := testing.AllocsPerRun(20, func() { engine.Diff(many) })
	if a != b {
		t.Errorf("%v allocations for 50 members, %v for 10,000", a, b)
	}
}

// BenchmarkDiff decides five million memberships: 25,000 groups of 200 members
// who are all granted, ours and there. Groups are decided one by one and let
// go, so 250 of them are decided a hundred times.
func BenchmarkDiff(b *testing.B) {
	const groups, members, times = 250, 200, 100
	v := steadyView(groups, members)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		for range times {
			engine.Diff(v)
		}
	}
	b.ReportMetric(float64(groups*members*times)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mmemberships/s")
}

// BenchmarkDiffCold decides the same five million memberships, all different:
// it measures the memory as well. It needs 3 GB, so it is decided in ten parts.
func BenchmarkDiffCold(b *testing.B) {
	const groups, members, parts = 2500, 200, 10
	v := steadyView(groups, members)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		for range parts {
			engine.Diff(v)
		}
	}
	b.ReportMetric(float64(groups*members*parts)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mmemberships/s")
}
