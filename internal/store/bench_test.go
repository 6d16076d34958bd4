package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// BenchmarkRecord writes entries with an event each: the outcome of a lane of
// the daemon, or of a large run. PostgreSQL's is on loopback and forces nothing
// to a disk.
func BenchmarkRecord(b *testing.B) {
	for _, size := range []int{1, 64, 500, 20000} {
		for name, at := range map[string]func(testing.TB) place{"sqlite": onSQLite, "postgres": onPostgres} {
			b.Run(fmt.Sprintf("%s/batch=%d", name, size), func(b *testing.B) {
				s := at(b).open(b)
				for i := 0; b.Loop(); i++ {
					if err := s.Record(b.Context(), bigBatch(i, size)); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkMove moves a large installation: 200,000 memberships, a million
// events. Most of its time goes into making it: -benchtime=1x.
func BenchmarkMove(b *testing.B) {
	from := onSQLite(b)
	s := from.open(b)
	for i := range 10 {
		batch := bigBatch(i, 20000)
		for range 5 {
			if err := s.Record(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
		}
	}
	for b.Loop() {
		to := onPostgres(b)
		if _, err := Move(b.Context(), from.dsn, to.dsn, time.Now(), func(string) {}); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		from.exec(b, "DELETE FROM moved")
		b.StartTimer()
	}
}

// BenchmarkPage reads the pages of 5,000 groups, one each.
func BenchmarkPage(b *testing.B) {
	s := openIn(b, b.TempDir())
	for i := range 5000 {
		if err := s.Record(b.Context(), engine.Batch{Put: bigBatch(i, 4).Put, Readings: []engine.Reading{{Group: numbered(i)}}}); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		for i := range 5000 {
			if p, err := s.Page(b.Context(), numbered(i)); err != nil || len(p.Owned) != 4 {
				b.Fatal(len(p.Owned), err)
			}
		}
	}
}

func numbered(i int) engine.Group {
	return engine.Group{Directory: "corp", ID: engine.GroupID(fmt.Sprintf("%08d-aaaa-bbbb-cccc", i))}
}

func bigBatch(group, size int) engine.Batch {
	now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	var b engine.Batch
	for i := range size {
		m := engine.Member{ID: engine.MemberID(fmt.Sprintf("%08d-1111-2222-3333", i)), Login: "ada", Ref: "uid=ada,ou=people,dc=example,dc=org"}
		anchors := []engine.Anchor{{Grant: "g0123456789abcdef0123", Until: now.Add(8 * time.Hour)}}
		b.Put = append(b.Put, engine.Owned{
			Group: numbered(group), GroupName: "prod-db", Member: m,
			Person: "ada@example.org", Anchors: anchors, State: engine.Added, Since: now,
		})
		b.Events = append(b.Events, engine.Event{
			At: now, Kind: engine.EventHappened, Run: "r1", Op: engine.Add, Why: engine.Starts,
			Directory: "corp", Group: "prod-db", GroupID: numbered(group).ID, Member: &m, Person: "ada@example.org", Grants: anchors,
		})
	}
	return b
}
