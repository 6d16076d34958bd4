package memory_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/connectortest"
	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
)

// liar is a directory whose connector lies in the methods that are set.
type liar struct {
	*memory.Directory
	group      func(context.Context, string) (engine.GroupInfo, error)
	resolve    func(context.Context, engine.Person) (engine.Member, error)
	members    func(context.Context, engine.GroupID) ([]engine.Member, error)
	add        write
	remove     write
	resolveAll func(context.Context, []engine.Person) ([]engine.Resolution, error)
	change     func(context.Context, engine.GroupID, []engine.Member, []engine.Member) ([]engine.Effect, []engine.Effect)
	groups     func(context.Context) iter.Seq2[engine.GroupInfo, error]
	probe      func(context.Context) []engine.Finding
	time       func(context.Context) (time.Time, error)
	findAll    func(context.Context, []string) ([]engine.Found, error)
	changed    func(context.Context, engine.Mark) (engine.Changes, error)
	addUntil   addUntil
	expire     expire
	expiries   func(context.Context, engine.GroupID) (map[engine.MemberID]time.Time, error)
	sessions   func(context.Context, engine.Member) error
	describe   func(context.Context, engine.Person) (engine.Profile, error)
}

// everHeld is a lease that nobody takes over.
type everHeld struct{}

func (everHeld) Check() error { return nil }
func (everHeld) Token() int64 { return 1 }

type (
	write    = func(context.Context, engine.GroupID, engine.Member) (bool, error)
	addUntil = func(context.Context, engine.GroupID, engine.Member, time.Time) (bool, time.Time, error)
	expire   = func(context.Context, engine.GroupID, engine.Member, time.Time) (time.Time, error)
)

// newLiar returns one that is honest so far.
func newLiar(d *memory.Directory) *liar {
	return &liar{
		d, d.Group, d.Resolve, d.Members, d.Add, d.Remove, d.ResolveAll, d.Change, d.Groups, d.Probe, d.Time, d.FindAll, d.Changed,
		d.AddUntil, d.Expire, d.Expiries, d.EndSessions, d.Describe,
	}
}

func (l *liar) Group(ctx context.Context, name string) (engine.GroupInfo, error) {
	return l.group(ctx, name)
}

func (l *liar) FindAll(ctx context.Context, names []string) ([]engine.Found, error) {
	return l.findAll(ctx, names)
}

func (l *liar) Changed(ctx context.Context, since engine.Mark) (engine.Changes, error) {
	return l.changed(ctx, since)
}

func (l *liar) Resolve(ctx context.Context, p engine.Person) (engine.Member, error) {
	return l.resolve(ctx, p)
}

func (l *liar) Members(ctx context.Context, g engine.GroupID) ([]engine.Member, error) {
	return l.members(ctx, g)
}

func (l *liar) Add(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
	return l.add(ctx, g, m)
}

func (l *liar) Remove(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
	return l.remove(ctx, g, m)
}

func (l *liar) ResolveAll(ctx context.Context, ps []engine.Person) ([]engine.Resolution, error) {
	return l.resolveAll(ctx, ps)
}

func (l *liar) Change(ctx context.Context, g engine.GroupID, add, remove []engine.Member) (added, removed []engine.Effect) {
	return l.change(ctx, g, add, remove)
}

func (l *liar) Groups(ctx context.Context) iter.Seq2[engine.GroupInfo, error] { return l.groups(ctx) }

func (l *liar) Probe(ctx context.Context) []engine.Finding  { return l.probe(ctx) }
func (l *liar) Time(ctx context.Context) (time.Time, error) { return l.time(ctx) }

func (l *liar) AddUntil(ctx context.Context, g engine.GroupID, m engine.Member, until time.Time) (bool, time.Time, error) {
	return l.addUntil(ctx, g, m, until)
}

func (l *liar) Expire(ctx context.Context, g engine.GroupID, m engine.Member, until time.Time) (time.Time, error) {
	return l.expire(ctx, g, m, until)
}

func (l *liar) Expiries(ctx context.Context, g engine.GroupID) (map[engine.MemberID]time.Time, error) {
	return l.expiries(ctx, g)
}

func (l *liar) EndSessions(ctx context.Context, m engine.Member) error { return l.sessions(ctx, m) }

func (l *liar) Describe(ctx context.Context, p engine.Person) (engine.Profile, error) {
	return l.describe(ctx, p)
}

// answers lets the answers of both writes pass through f.
func (l *liar) answers(f func(changed bool, err error) (bool, error)) {
	d := l.Directory
	l.add = func(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) { return f(d.Add(ctx, g, m)) }
	l.remove = func(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
		return f(d.Remove(ctx, g, m))
	}
}

// listing lets every listing pass through f.
func (l *liar) listing(f func([]engine.Member, error) ([]engine.Member, error)) {
	l.members = func(ctx context.Context, g engine.GroupID) ([]engine.Member, error) {
		return f(l.Directory.Members(ctx, g))
	}
}

// errs lets the errors of all five methods pass through f.
func (l *liar) errs(f func(error) error) {
	d := l.Directory
	l.group = func(ctx context.Context, name string) (engine.GroupInfo, error) {
		g, err := d.Group(ctx, name)
		return g, f(err)
	}
	l.resolve = func(ctx context.Context, p engine.Person) (engine.Member, error) {
		m, err := d.Resolve(ctx, p)
		return m, f(err)
	}
	l.listing(func(ms []engine.Member, err error) ([]engine.Member, error) { return ms, f(err) })
	l.answers(func(changed bool, err error) (bool, error) { return changed, f(err) })
}

// lie is one way to break the contract, and the clauses that must notice.
type lie struct {
	name   string
	caught []string
	tell   func(l *liar, w *connectortest.World)
}

func by(clauses ...string) []string { return clauses }

// TestEveryLiarIsCaught shows that each clause of the suite can fail: it
// catches a liar, and it passes the honest directory that the liar wraps.
func TestEveryLiarIsCaught(t *testing.T) {
	t.Parallel()
	never := connectortest.Clauses(open(memory.New("corp")))
	for _, lie := range slices.Concat(liesOfLookup(), liesOfListing(), liesOfWriting(), liesOfFailing(), liesOfPowers(), liesOfEnding(), liesOfSessions(), liesOfDescribing()) {
		never = slices.DeleteFunc(never, func(clause string) bool { return slices.Contains(lie.caught, clause) })
		t.Run(lie.name, func(t *testing.T) {
			t.Parallel()
			for _, clause := range lie.caught {
				d := memory.New("corp")
				w := open(d)
				l := newLiar(d)
				w.Connector = l
				lie.tell(l, &w)
				complaints := connectortest.Judge(t.Context(), clause, w)
				if len(complaints) == 0 {
					t.Errorf("%s of a connector that %s: got no complaint, want one", clause, lie.name)
				}
				for _, c := range complaints {
					t.Logf("%s: %s", clause, c)
				}
			}
		})
	}
	if len(never) > 0 {
		t.Errorf("clauses that no liar fails: got %q, want none", never)
	}
}

func TestJudgeAcquitsTheHonest(t *testing.T) {
	t.Parallel()
	for _, clause := range connectortest.Clauses(open(memory.New("corp"))) {
		d := memory.New("corp")
		w := open(d)
		w.Connector = newLiar(d)
		if got := connectortest.Judge(t.Context(), clause, w); len(got) > 0 {
			t.Errorf("%s: got complaints %q, want none", clause, got)
		}
	}
	if got := connectortest.Judge(t.Context(), "Nonsense", connectortest.World{}); len(got) != 1 {
		t.Errorf("Judge of an unknown clause: got %q, want one complaint", got)
	}
}

func liesOfLookup() []lie {
	return []lie{
		{"is not given the free group it was promised", by("World"), func(l *liar, w *connectortest.World) {
			w.Put(w.People[0])
		}},
		{"gives everybody the same account", by("World"), func(l *liar, w *connectortest.World) {
			l.resolve = func(ctx context.Context, _ engine.Person) (engine.Member, error) {
				return l.Directory.Resolve(ctx, w.People[0])
			}
		}},
		{"leaves out the login", by("Resolve"), func(l *liar, _ *connectortest.World) {
			l.resolve = func(ctx context.Context, p engine.Person) (engine.Member, error) {
				m, err := l.Directory.Resolve(ctx, p)
				m.Login = ""
				return m, err
			}
		}},
		{"guesses an account where there is not one", by("ResolveStranger", "ResolveTwins", "ResolveDisabled", "BulkResolve"), func(l *liar, w *connectortest.World) {
			l.resolve = func(ctx context.Context, p engine.Person) (engine.Member, error) {
				if m, err := l.Directory.Resolve(ctx, p); err == nil {
					return m, nil
				}
				return l.Directory.Resolve(ctx, w.People[0])
			}
		}},
		{"forgets the account of the disabled", by("ResolveDisabled"), func(l *liar, _ *connectortest.World) {
			l.resolve = func(ctx context.Context, p engine.Person) (engine.Member, error) {
				m, err := l.Directory.Resolve(ctx, p)
				if err != nil {
					return engine.Member{}, err
				}
				return m, nil
			}
		}},
		{"answers for many in its own order", by("BulkResolve"), func(l *liar, _ *connectortest.World) {
			l.resolveAll = func(ctx context.Context, ps []engine.Person) ([]engine.Resolution, error) {
				rs, err := l.Directory.ResolveAll(ctx, ps)
				slices.Reverse(rs)
				return rs, err
			}
		}},
		{"answers for those it found only", by("BulkResolve"), func(l *liar, _ *connectortest.World) {
			l.resolveAll = func(ctx context.Context, ps []engine.Person) ([]engine.Resolution, error) {
				rs, err := l.Directory.ResolveAll(ctx, ps)
				return slices.DeleteFunc(rs, func(r engine.Resolution) bool { return r.Err != nil }), err
			}
		}},
		{"knows groups by name only", by("GroupByNameAndID"), func(l *liar, w *connectortest.World) {
			l.group = func(ctx context.Context, name string) (engine.GroupInfo, error) {
				if name == string(w.Group) {
					name = "no-such"
				}
				return l.Directory.Group(ctx, name)
			}
		}},
		{"reads a star as any group", by("OddGroupNames"), func(l *liar, w *connectortest.World) {
			l.group = func(ctx context.Context, name string) (engine.GroupInfo, error) {
				if name == "*" {
					name = w.GroupName
				}
				return l.Directory.Group(ctx, name)
			}
		}},
		{"trims the names of groups", by("OddGroupNames"), func(l *liar, _ *connectortest.World) {
			l.group = func(ctx context.Context, name string) (engine.GroupInfo, error) {
				return l.Directory.Group(ctx, strings.TrimSpace(name))
			}
		}},
		{"takes the first of several groups", by("AmbiguousName"), func(l *liar, w *connectortest.World) {
			l.group = func(ctx context.Context, name string) (engine.GroupInfo, error) {
				if name == w.Ambiguous {
					name = string(w.Group)
				}
				return l.Directory.Group(ctx, name)
			}
		}},
		{"remembers names for ever", by("RenamedGroup", "DeletedGroup"), func(l *liar, w *connectortest.World) {
			known, _ := l.Directory.Group(context.Background(), w.GroupName)
			l.group = func(ctx context.Context, name string) (engine.GroupInfo, error) {
				if name == w.GroupName {
					return known, nil
				}
				return l.Directory.Group(ctx, name)
			}
		}},
		{"remembers accounts for ever", by("RenamedAccount", "DeletedAccount"), func(l *liar, w *connectortest.World) {
			known := map[engine.Person]engine.Member{}
			for _, p := range w.People {
				known[p], _ = l.Directory.Resolve(context.Background(), p)
			}
			l.resolve = func(_ context.Context, p engine.Person) (engine.Member, error) { return known[p], nil }
		}},
		{"hides that a group is unmanageable", by("UnmanageableRefused"), func(l *liar, _ *connectortest.World) {
			l.group = func(ctx context.Context, name string) (engine.GroupInfo, error) {
				g, err := l.Directory.Group(ctx, name)
				g.Unmanageable = ""
				return g, err
			}
		}},
	}
}

func liesOfListing() []lie {
	first := func(n int) func([]engine.Member, error) ([]engine.Member, error) {
		return func(ms []engine.Member, err error) ([]engine.Member, error) { return ms[:min(len(ms), n)], err }
	}
	without := func(drop func(engine.Member) bool) func([]engine.Member, error) ([]engine.Member, error) {
		return func(ms []engine.Member, err error) ([]engine.Member, error) { return slices.DeleteFunc(ms, drop), err }
	}
	each := func(edit func(*engine.Member)) func([]engine.Member, error) ([]engine.Member, error) {
		return func(ms []engine.Member, err error) ([]engine.Member, error) {
			for i := range ms {
				edit(&ms[i])
			}
			return ms, err
		}
	}
	half := func(k engine.Kind) func([]engine.Member, error) ([]engine.Member, error) {
		return func(ms []engine.Member, err error) ([]engine.Member, error) {
			if err != nil && engine.KindOf(err) == k {
				return []engine.Member{{ID: "u1", Login: "u1"}}, nil
			}
			return ms, err
		}
	}
	return []lie{
		{"lists members by another id than it resolves", by("SecondPlanIsEmpty", "AddRemove"), func(l *liar, _ *connectortest.World) {
			l.listing(each(func(m *engine.Member) { m.ID = engine.MemberID(m.Ref) }))
		}},
		{"stops at the first page", by("EveryPage"), func(l *liar, _ *connectortest.World) { l.listing(first(500)) }},
		{"loses the last of a thousand and one", by("EveryPage"), func(l *liar, _ *connectortest.World) { l.listing(first(1000)) }},
		{"shows half a listing as a whole", by("HalfAListing"), func(l *liar, _ *connectortest.World) { l.listing(half(engine.Partial)) }},
		{"stops paging where a request fails", by("LaterRequestFails", "ErrorKinds"), func(l *liar, _ *connectortest.World) { l.listing(half(engine.Unavailable)) }},
		{"lists an unknown group as empty", by("UnknownGroup", "DeletedGroup"), func(l *liar, _ *connectortest.World) {
			l.listing(func(ms []engine.Member, err error) ([]engine.Member, error) {
				if engine.KindOf(err) == engine.NotFound {
					return nil, nil
				}
				return ms, err
			})
		}},
		{"lists in any order", by("SortedUnique", "EveryPage"), func(l *liar, _ *connectortest.World) {
			l.listing(func(ms []engine.Member, err error) ([]engine.Member, error) { slices.Reverse(ms); return ms, err })
		}},
		{"lists a member twice", by("SortedUnique", "AddRemove"), func(l *liar, _ *connectortest.World) {
			l.listing(func(ms []engine.Member, err error) ([]engine.Member, error) {
				return append(ms, ms[:min(1, len(ms))]...), err
			})
		}},
		{"shows its placeholder", by("LastMember", "World"), func(l *liar, _ *connectortest.World) {
			l.listing(func(ms []engine.Member, err error) ([]engine.Member, error) {
				if len(ms) == 0 && err == nil {
					ms = []engine.Member{{ID: "cn=placeholder"}}
				}
				return ms, err
			})
		}},
		{"unescapes too much", by("OddNames"), func(l *liar, _ *connectortest.World) {
			l.listing(each(func(m *engine.Member) { m.Login = strings.ReplaceAll(m.Login, `\`, "") }))
		}},
		{"drops names with a comma", by("OddNames"), func(l *liar, _ *connectortest.World) {
			l.listing(without(func(m engine.Member) bool { return strings.Contains(m.Login, ",") }))
		}},
		{"hides nested groups", by("NestedGroupsStay"), func(l *liar, _ *connectortest.World) {
			l.listing(without(func(m engine.Member) bool { return m.Kind == engine.GroupMember }))
		}},
		{"lists groups as accounts", by("NestedGroupsStay"), func(l *liar, _ *connectortest.World) {
			l.listing(each(func(m *engine.Member) { m.Kind = engine.AccountMember }))
		}},
		{"takes a ghost for an account", by("DeletedAccount"), func(l *liar, _ *connectortest.World) {
			l.KeepGhosts()
			l.listing(each(func(m *engine.Member) { m.Ref = "" }))
		}},
		{"writes while it reads", by("NoWriteOnRead"), func(l *liar, w *connectortest.World) {
			l.members = func(ctx context.Context, g engine.GroupID) ([]engine.Member, error) {
				m, _ := l.Directory.Resolve(ctx, w.People[3])
				_, _ = l.Directory.Add(ctx, g, m)
				_, _ = l.Directory.Remove(ctx, g, m)
				return l.Directory.Members(ctx, g)
			}
		}},
	}
}

func liesOfWriting() []lie {
	honest := func(changed bool, err error) (bool, error) { return changed, err }
	return []lie{
		{"does not ask for the lease", by("WithoutLease"), func(l *liar, _ *connectortest.World) {
			anyway := func(ctx context.Context) context.Context { return engine.Under(ctx, everHeld{}) }
			l.add = func(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
				return l.Directory.Add(anyway(ctx), g, m)
			}
			l.change = func(ctx context.Context, g engine.GroupID, add, remove []engine.Member) ([]engine.Effect, []engine.Effect) {
				return l.Directory.Change(anyway(ctx), g, add, remove)
			}
		}},
		{"always claims the difference", by("TwiceIsOnce", "StandingStays", "ConcurrentSame", "ConcurrentMix", "FromTheLedger"), func(l *liar, _ *connectortest.World) {
			l.answers(func(_ bool, err error) (bool, error) { return err == nil, err })
		}},
		{"never claims the difference", by("AddRemove", "ManyAtOnce", "LastMember", "ConcurrentSame"), func(l *liar, _ *connectortest.World) {
			l.answers(func(_ bool, err error) (bool, error) { return false, err })
			l.change = func(ctx context.Context, g engine.GroupID, add, remove []engine.Member) ([]engine.Effect, []engine.Effect) {
				l.Directory.Change(ctx, g, add, remove)
				return make([]engine.Effect, len(add)), make([]engine.Effect, len(remove))
			}
		}},
		{"only says that it removes", by("AddRemove"), func(l *liar, _ *connectortest.World) {
			l.remove = func(context.Context, engine.GroupID, engine.Member) (bool, error) { return true, nil }
		}},
		{"writes to a cache", by("Truth", "OthersStay"), func(_ *liar, w *connectortest.World) {
			w.Connector = open(memory.New("corp")).Connector // the ids are the same
		}},
		{"needs the ref", by("FromTheLedger"), func(l *liar, _ *connectortest.World) {
			l.remove = func(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
				return honest(l.Directory.Remove(ctx, g, engine.Member{ID: engine.MemberID(m.Ref), Ref: m.Ref}))
			}
		}},
		{"trusts the ref more than the id", by("StaleRef"), func(l *liar, _ *connectortest.World) {
			l.remove = func(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
				for _, there := range l.Roster(g) {
					if there.Ref == m.Ref {
						m = there
					}
				}
				return l.Directory.Remove(ctx, g, m)
			}
		}},
		{"takes an unknown account for added", by("UnknownAccount"), func(l *liar, _ *connectortest.World) {
			l.answers(func(changed bool, err error) (bool, error) {
				if engine.KindOf(err) == engine.NotFound {
					return true, nil
				}
				return changed, err
			})
		}},
		{"takes a group that is gone for one without the member", by("UnknownGroup", "DeletedGroup"), func(l *liar, _ *connectortest.World) {
			l.remove = func(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
				changed, err := l.Directory.Remove(ctx, g, m)
				if engine.KindOf(err) == engine.NotFound {
					return false, nil
				}
				return changed, err
			}
		}},
		{"leaves ghosts", by("DeletedAccount"), func(l *liar, _ *connectortest.World) {
			l.KeepGhosts()
			l.remove = func(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
				if m.Ghost() {
					return false, nil
				}
				return l.Directory.Remove(ctx, g, m)
			}
		}},
		{"keeps the last member", by("LastMember", "TwiceIsOnce"), func(l *liar, _ *connectortest.World) {
			l.remove = func(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
				if len(l.Roster(g)) == 1 {
					return true, nil
				}
				return l.Directory.Remove(ctx, g, m)
			}
		}},
		{"writes back the list that it read", by("OthersStay"), writesBack},
		{"sweeps out nested groups", by("NestedGroupsStay"), func(l *liar, _ *connectortest.World) {
			l.add = func(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
				for _, there := range l.Roster(g) {
					if there.Kind == engine.GroupMember {
						l.Take(g, there.ID)
					}
				}
				return l.Directory.Add(ctx, g, m)
			}
		}},
		{"loses one write in five under load", by("ConcurrentMix", "ConcurrentGroups"), func(l *liar, _ *connectortest.World) {
			var n atomic.Int32
			l.add = func(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
				if n.Add(1)%5 == 0 {
					return true, nil
				}
				return l.Directory.Add(ctx, g, m)
			}
		}},
		{"changes an unmanageable group", by("UnmanageableRefused"), func(l *liar, _ *connectortest.World) {
			l.add = func(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
				changed, err := l.Directory.Add(ctx, g, m)
				if engine.KindOf(err) == engine.Unmanageable {
					l.Put(g, m.ID)
					return true, nil
				}
				return changed, err
			}
		}},
	}
}

// writesBack makes l read a group once and afterwards replace its members.
func writesBack(l *liar, _ *connectortest.World) {
	var mu sync.Mutex
	var read []engine.Member
	l.members = func(ctx context.Context, g engine.GroupID) ([]engine.Member, error) {
		mu.Lock()
		defer mu.Unlock()
		var err error
		read, err = l.Directory.Members(ctx, g)
		return slices.Clone(read), err
	}
	l.add = func(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
		mu.Lock()
		defer mu.Unlock()
		for _, there := range l.Roster(g) {
			l.Take(g, there.ID)
		}
		for _, there := range read {
			l.Put(g, there.ID)
		}
		return l.Directory.Add(ctx, g, m)
	}
}

func liesOfFailing() []lie {
	remake := func(f func(e engine.Error) error) func(*liar, *connectortest.World) {
		return func(l *liar, _ *connectortest.World) {
			l.errs(func(err error) error {
				var e *engine.Error
				if !errors.As(err, &e) {
					return err
				}
				return f(*e)
			})
		}
	}
	return []lie{
		{"knows no kinds", by("ErrorKinds", "ResolveStranger", "UnknownGroup"), remake(func(e engine.Error) error {
			e.Kind = engine.Unknown
			return &e
		})},
		{"returns errors of its own", by("ErrorKinds", "ResolveTwins"), remake(func(e engine.Error) error {
			return errors.New(e.Error())
		})},
		{"tells a secret", by("ErrorKinds", "ResolveStranger"), remake(func(e engine.Error) error {
			e.Err = errors.New("bind with s3cr3t refused")
			return &e
		})},
		{"does not say which directory", by("ErrorKinds", "HalfAListing"), remake(func(e engine.Error) error {
			e.Op = strings.TrimPrefix(e.Op, "corp: ")
			return &e
		})},
		{"takes silence for success", by("LostAnswer"), func(l *liar, _ *connectortest.World) {
			l.answers(func(changed bool, err error) (bool, error) {
				if engine.KindOf(err) == engine.Unavailable {
					return true, nil
				}
				return changed, err
			})
		}},
		{"tries again after silence and finds it done", by("LostAnswer"), func(l *liar, _ *connectortest.World) {
			l.add = func(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
				changed, err := l.Directory.Add(ctx, g, m)
				if err != nil {
					return l.Directory.Add(ctx, g, m)
				}
				return changed, nil
			}
		}},
		{"takes silence for a refusal", by("LostAnswer", "Cancelled", "CancelledMidway"), remake(func(e engine.Error) error {
			if e.Kind == engine.Unavailable {
				return &engine.Error{Op: e.Op, Kind: engine.Rejected}
			}
			return &e
		})},
		{"does not look at the context", by("Cancelled"), func(l *liar, _ *connectortest.World) {
			l.add = func(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
				return l.Directory.Add(context.WithoutCancel(ctx), g, m)
			}
		}},
	}
}

func liesOfPowers() []lie {
	return []lie{
		{"judges many changes by the whole", by("ManyAtOnce"), func(l *liar, _ *connectortest.World) {
			l.change = func(ctx context.Context, g engine.GroupID, add, remove []engine.Member) ([]engine.Effect, []engine.Effect) {
				added, removed := l.Directory.Change(ctx, g, add, remove)
				for i := range added {
					added[i] = engine.Effect{Changed: true}
				}
				return added, removed
			}
		}},
		{"answers for changes in its own order", by("ManyAtOnce"), func(l *liar, _ *connectortest.World) {
			l.change = func(ctx context.Context, g engine.GroupID, add, remove []engine.Member) ([]engine.Effect, []engine.Effect) {
				added, removed := l.Directory.Change(ctx, g, add, remove)
				slices.Reverse(added)
				return added, removed
			}
		}},
		{"has no answers when all is refused", by("ManyRefused"), func(l *liar, w *connectortest.World) {
			l.change = func(ctx context.Context, g engine.GroupID, add, remove []engine.Member) ([]engine.Effect, []engine.Effect) {
				if g != w.Group {
					return nil, nil
				}
				return l.Directory.Change(ctx, g, add, remove)
			}
		}},
		{"lists all groups but the last", by("ListGroups"), func(l *liar, w *connectortest.World) {
			l.groups = func(ctx context.Context) iter.Seq2[engine.GroupInfo, error] {
				return func(yield func(engine.GroupInfo, error) bool) {
					for g, err := range l.Directory.Groups(ctx) {
						if g.ID != w.MoreGroups[1] && !yield(g, err) {
							return
						}
					}
				}
			}
		}},
		{"ends a listing of groups without a word", by("Cancelled"), func(l *liar, _ *connectortest.World) {
			l.groups = func(context.Context) iter.Seq2[engine.GroupInfo, error] {
				return func(func(engine.GroupInfo, error) bool) {}
			}
		}},
		{"finds nothing", by("Probe"), func(l *liar, _ *connectortest.World) {
			l.probe = func(context.Context) []engine.Finding { return nil }
		}},
		{"shows its password to the doctor", by("Probe"), func(l *liar, w *connectortest.World) {
			l.probe = func(context.Context) []engine.Finding {
				return []engine.Finding{{OK: true, What: "bind", Message: "as cn=daypass with " + w.Secrets[0]}}
			}
		}},
		{"finds groups in its own order", by("BulkFind"), func(l *liar, _ *connectortest.World) {
			l.findAll = func(ctx context.Context, names []string) ([]engine.Found, error) {
				fs, err := l.Directory.FindAll(ctx, names)
				slices.Reverse(fs)
				return fs, err
			}
		}},
		{"finds the groups that there are only", by("BulkFind"), func(l *liar, _ *connectortest.World) {
			l.findAll = func(ctx context.Context, names []string) ([]engine.Found, error) {
				fs, err := l.Directory.FindAll(ctx, names)
				return slices.DeleteFunc(fs, func(f engine.Found) bool { return f.Err != nil }), err
			}
		}},
		{"says that nothing changed", by("Marks"), func(l *liar, _ *connectortest.World) {
			l.changed = func(ctx context.Context, since engine.Mark) (engine.Changes, error) {
				ch, err := l.Directory.Changed(ctx, since)
				ch.Groups = nil
				return ch, err
			}
		}},
		{"tells of other people's changes only", by("Marks"), func(l *liar, w *connectortest.World) {
			told := false
			l.changed = func(ctx context.Context, since engine.Mark) (engine.Changes, error) {
				ch, err := l.Directory.Changed(ctx, since)
				if told {
					ch.Groups = nil
				}
				told = told || slices.Contains(ch.Groups, w.Group)
				return ch, err
			}
		}},
		{"keeps quiet about names", by("Marks"), func(l *liar, _ *connectortest.World) {
			l.changed = func(ctx context.Context, since engine.Mark) (engine.Changes, error) {
				ch, err := l.Directory.Changed(ctx, since)
				ch.Names = false
				return ch, err
			}
		}},
		{"refuses a mark that it does not know", by("Marks"), func(l *liar, _ *connectortest.World) {
			l.changed = func(ctx context.Context, since engine.Mark) (engine.Changes, error) {
				ch, err := l.Directory.Changed(ctx, since)
				if since != "" && ch.All {
					return engine.Changes{}, &engine.Error{Op: "corp: tell what changed", Kind: engine.Rejected}
				}
				return ch, err
			}
		}},
		{"tells local time as UTC", by("Time"), func(l *liar, _ *connectortest.World) {
			l.time = func(context.Context) (time.Time, error) { return time.Now().Add(time.Hour), nil }
		}},
	}
}
