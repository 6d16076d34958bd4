package store

import (
	"context"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/store/storetest"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// What is drawn: any text that is UTF-8, any time of the years 1 to 9999 in
// whole microseconds, none among them.
var (
	micro = rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "zero") {
			return time.Time{}
		}
		zone := time.FixedZone("zone", 60*rapid.IntRange(-720, 720).Draw(t, "zone"))
		return time.UnixMicro(rapid.Int64Range(-62135596800000000+1, 253402300799999999-43200000000).Draw(t, "at")).In(zone)
	})
	text = rapid.String()
)

func drawMember(t *rapid.T) engine.Member {
	return engine.Member{
		ID: engine.MemberID(text.Draw(t, "member")), Login: text.Draw(t, "login"),
		Kind: engine.MemberKind(text.Draw(t, "kind")), Ref: text.Draw(t, "ref"),
	}
}

func drawGroup(t *rapid.T) engine.Group {
	return engine.Group{Directory: engine.Directory(text.Draw(t, "directory")), ID: engine.GroupID(text.Draw(t, "group"))}
}

func drawAnchors(t *rapid.T) []engine.Anchor {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) engine.Anchor {
		nanos := time.Duration(rapid.IntRange(0, 999).Draw(t, "nanoseconds"))
		return engine.Anchor{Grant: engine.GrantID(text.Draw(t, "grant")), Until: micro.Draw(t, "until").Add(nanos)}
	}), 0, 3).Draw(t, "anchors")
}

func drawOwned(t *rapid.T) engine.Owned {
	return engine.Owned{
		Group: drawGroup(t), GroupName: text.Draw(t, "name"), Member: drawMember(t),
		Person: engine.Person(text.Draw(t, "person")), Anchors: drawAnchors(t), State: engine.State(text.Draw(t, "state")),
		Since: micro.Draw(t, "since"), Confirmed: micro.Draw(t, "confirmed"), Due: micro.Draw(t, "due"), Gone: micro.Draw(t, "gone"),
		Wrote: micro.Draw(t, "wrote"), Expires: micro.Draw(t, "expires"), Asked: micro.Draw(t, "asked"),
	}
}

func drawPast(t *rapid.T) engine.Past {
	return engine.Past{
		Group: drawGroup(t), GroupName: text.Draw(t, "name"), Member: drawMember(t),
		Person: engine.Person(text.Draw(t, "person")), Anchors: drawAnchors(t), Added: micro.Draw(t, "added"),
		Due: micro.Draw(t, "due"), Removed: micro.Draw(t, "removed"), Confirmed: micro.Draw(t, "confirmed"),
		Why: engine.Why(text.Draw(t, "why")),
	}
}

func drawHold(t *rapid.T) engine.Hold {
	member := drawMember(t)
	member.Ref = "" // not part of a plan as it is stored
	return engine.Hold{
		Directory: engine.Directory(text.Draw(t, "of")), Digest: "sha256:" + text.Draw(t, "digest"), PlanDigest: text.Draw(t, "plan"), Run: engine.RunID(text.Draw(t, "run")),
		At: micro.Draw(t, "at"),
		Changes: []engine.Change{{
			Op: engine.Op(text.Draw(t, "op")), Why: engine.Why(text.Draw(t, "why")), Directory: "corp",
			Group: text.Draw(t, "group"), GroupID: engine.GroupID(text.Draw(t, "id")), Member: member, Person: "ada@example.org",
			Grant: engine.GrantID(text.Draw(t, "grant")), Reason: text.Draw(t, "reason"), Until: micro.Draw(t, "until"), Held: rapid.Bool().Draw(t, "held"),
		}},
		Parts: []engine.Part{{Directory: engine.Directory(text.Draw(t, "part of")), Digest: text.Draw(t, "part")}},
		Objections: []engine.Objection{{
			Limit: engine.LimitName(text.Draw(t, "limit")), Group: text.Draw(t, "of"),
			Value: rapid.Int().Draw(t, "value"), Allowed: rapid.Int().Draw(t, "allowed"), Message: text.Draw(t, "message"),
		}},
	}
}

// TestRoundTrip writes every field of everything that a batch holds and reads
// it back.
func TestRoundTrip(t *testing.T) { onEach(t, testRoundTrip) }

func testRoundTrip(t *testing.T, at place) {
	s := at.open(t)
	var past []engine.Past
	rapid.Check(t, func(t *rapid.T) {
		o, p, h := drawOwned(t), drawPast(t), drawHold(t)
		reading := engine.Reading{Group: o.Group, Name: text.Draw(t, "reading"), Members: rapid.Int().Draw(t, "members"), At: micro.Draw(t, "read at")}
		notice := engine.Notice{Membership: engine.Membership{Group: o.Group, Member: "stranger"}, At: micro.Draw(t, "noticed")}
		batch := engine.Batch{
			Put: []engine.Owned{o}, Past: []engine.Past{p}, Readings: []engine.Reading{reading},
			Unnotice: []engine.Membership{notice.Membership}, Notice: []engine.Notice{notice}, Holds: []engine.Hold{h},
		}
		if err := s.Record(context.Background(), batch); err != nil {
			t.Fatal(err)
		}
		past = append(past, p)

		page, err := s.Page(context.Background(), o.Group)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []time.Time{page.Owned[0].Since, page.Reading.At, page.Noticed["stranger"]} {
			if at.Location() != time.UTC {
				t.Errorf("%s does not come back in UTC", at)
			}
		}
		page.Owned = slices.DeleteFunc(page.Owned, func(other engine.Owned) bool { return other.Key() != o.Key() })
		same(t, "page", page, engine.Page{
			Owned: []engine.Owned{o}, Reading: &reading,
			Noticed: map[engine.MemberID]time.Time{"stranger": notice.At},
		})
		holds, err := s.Holds(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		holds = slices.DeleteFunc(holds, func(other engine.Hold) bool { return other.Digest != h.Digest })
		same(t, "holds", holds, []engine.Hold{h})
		live := gather(t, s.Live(context.Background(), Filter{Group: o.Group}))
		same(t, "live", slices.DeleteFunc(live, func(other engine.Owned) bool { return other.Key() != o.Key() }), []engine.Owned{o})
	})
	same(t, "past", gather(t, s.Past(t.Context(), Filter{})), past)
}

// TestRoundTripGrant does the same for grants made by hand.
func TestRoundTripGrant(t *testing.T) { onEach(t, testRoundTripGrant) }

func testRoundTripGrant(t *testing.T, at place) {
	s := at.open(t)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		at := time.UnixMicro(rapid.Int64Range(0, 1<<51).Draw(t, "at")).UTC()
		g := HandGrant{
			Person: engine.Person(text.Draw(t, "person")), Target: text.Draw(t, "target"),
			IsResource: rapid.Bool().Draw(t, "resource"), From: at.Add(time.Duration(rapid.IntRange(-100, 100).Draw(t, "from")) * time.Minute),
			Until: at.Add(101 * time.Minute), Reason: text.Draw(t, "reason"),
			ID: engine.GrantID(text.Draw(t, "id") + time.Duration(n).String()),
		}
		by, why := text.Draw(t, "by"), text.Draw(t, "why")
		want := g
		want.By, want.At = by, at
		_, err := s.AddGrant(context.Background(), g, by, at)
		if err != nil {
			t.Fatal(err)
		}
		if rapid.Bool().Draw(t, "extend") {
			want.Until = want.Until.Add(time.Hour)
			_, err = s.Extend(context.Background(), g.ID, want.Until, by, why, at)
		} else {
			want.RevokedAt, want.RevokedBy, want.RevokeReason = at.Add(time.Microsecond), by, why
			_, err = s.Revoke(context.Background(), g.ID, by, why, want.RevokedAt)
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Grant(context.Background(), g.ID)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "grant", got, want)
	})
}

// failer is what *testing.T and *rapid.T share.
type failer interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// same compares as the contract does.
func same[T any](t failer, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got, storetest.Options()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func gather[T any](t failer, rows iter.Seq2[T, error]) []T {
	t.Helper()
	var all []T
	for v, err := range rows {
		if err != nil {
			t.Fatalf("%v", err)
		}
		all = append(all, v)
	}
	return all
}
