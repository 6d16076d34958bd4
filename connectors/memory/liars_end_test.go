package memory_test

import (
	"context"
	"errors"
	"time"

	"github.com/daypass-dev/daypass/connectors/connectortest"
	"github.com/daypass-dev/daypass/engine"
)

func liesOfEnding() []lie {
	return []lie{
		{"adds without the end", by("AddUntil", "EndsByItself", "ConcurrentUntil"), func(l *liar, _ *connectortest.World) {
			l.addUntil = func(ctx context.Context, g engine.GroupID, m engine.Member, until time.Time) (bool, time.Time, error) {
				changed, err := l.Directory.Add(ctx, g, m)
				return changed, until, err
			}
		}},
		{"rounds the end down to the hour", by("AddUntil", "MovedEnd"), func(l *liar, _ *connectortest.World) {
			l.addUntil = func(ctx context.Context, g engine.GroupID, m engine.Member, until time.Time) (bool, time.Time, error) {
				return l.Directory.AddUntil(ctx, g, m, until.Truncate(time.Hour))
			}
		}},
		{"gives an end to whoever is there", by("AddUntilPresent"), func(l *liar, _ *connectortest.World) {
			l.addUntil = func(ctx context.Context, g engine.GroupID, m engine.Member, until time.Time) (bool, time.Time, error) {
				changed, end, err := l.Directory.AddUntil(ctx, g, m, until)
				if err == nil && !changed {
					_, err = l.Directory.Expire(ctx, g, m, until)
				}
				return changed, end, err
			}
		}},
		{"claims an end that it did not give", by("AddUntilPresent", "ConcurrentUntil"), func(l *liar, _ *connectortest.World) {
			l.addUntil = func(ctx context.Context, g engine.GroupID, m engine.Member, until time.Time) (bool, time.Time, error) {
				changed, _, err := l.Directory.AddUntil(ctx, g, m, until)
				return changed, until, err
			}
		}},
		{"always claims to have added until then", by("ConcurrentUntil", "AddUntilPresent"), func(l *liar, _ *connectortest.World) {
			l.addUntil = func(ctx context.Context, g engine.GroupID, m engine.Member, until time.Time) (bool, time.Time, error) {
				_, _, err := l.Directory.AddUntil(ctx, g, m, until)
				return err == nil, until, err
			}
		}},
		{"lists who has ended", by("EndsByItself"), func(l *liar, w *connectortest.World) {
			seen := map[engine.MemberID]engine.Member{}
			l.listing(func(ms []engine.Member, err error) ([]engine.Member, error) {
				for _, m := range ms {
					seen[m.ID] = m
				}
				all := make([]engine.Member, 0, len(seen))
				for _, m := range seen {
					all = append(all, m)
				}
				engine.SortMembers(all)
				return all, err
			})
		}},
		{"moves an end by taking the member out", by("MovedEnd", "ExpirePlain"), func(l *liar, _ *connectortest.World) {
			l.expire = func(ctx context.Context, g engine.GroupID, m engine.Member, until time.Time) (time.Time, error) {
				if _, err := l.Directory.Remove(ctx, g, m); err != nil {
					return time.Time{}, err
				}
				return until, nil
			}
		}},
		{"only says that it moves an end", by("MovedEnd", "LostEnd"), func(l *liar, _ *connectortest.World) {
			l.expire = func(_ context.Context, _ engine.GroupID, _ engine.Member, until time.Time) (time.Time, error) {
				return until, nil
			}
		}},
		{"moves ends later only", by("MovedEnd"), func(l *liar, _ *connectortest.World) {
			l.expire = func(ctx context.Context, g engine.GroupID, m engine.Member, until time.Time) (time.Time, error) {
				if until.Before(l.End(g, m.ID)) {
					return until, nil
				}
				return l.Directory.Expire(ctx, g, m, until)
			}
		}},
		{"adds whose end it is to move", by("ExpireMissing"), func(l *liar, _ *connectortest.World) {
			l.expire = func(ctx context.Context, g engine.GroupID, m engine.Member, until time.Time) (time.Time, error) {
				end, err := l.Directory.Expire(ctx, g, m, until)
				if engine.KindOf(err) == engine.NotFound {
					_, end, err = l.Directory.AddUntil(ctx, g, m, until)
				}
				return end, err
			}
		}},
		{"refuses to give an end without a word", by("ExpirePlain"), func(l *liar, _ *connectortest.World) {
			l.expire = func(ctx context.Context, g engine.GroupID, m engine.Member, until time.Time) (time.Time, error) {
				if l.End(g, m.ID).IsZero() {
					return until, nil
				}
				return l.Directory.Expire(ctx, g, m, until)
			}
		}},
		{"leaves the end behind", by("RemovedEnd"), func(l *liar, _ *connectortest.World) {
			old := map[engine.MemberID]time.Time{}
			l.remove = func(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
				old[m.ID] = l.End(g, m.ID)
				return l.Directory.Remove(ctx, g, m)
			}
			l.add = func(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
				changed, err := l.Directory.Add(ctx, g, m)
				l.SetEnd(g, m.ID, old[m.ID])
				return changed, err
			}
		}},
		{"says the end that was asked for", by("LongestTerm"), func(l *liar, _ *connectortest.World) {
			l.addUntil = func(ctx context.Context, g engine.GroupID, m engine.Member, until time.Time) (bool, time.Time, error) {
				changed, end, err := l.Directory.AddUntil(ctx, g, m, until)
				if changed {
					end = until
				}
				return changed, end, err
			}
		}},
		{"adds without an end where there can be none", by("EndlessGroup"), func(l *liar, _ *connectortest.World) {
			l.addUntil = func(ctx context.Context, g engine.GroupID, m engine.Member, until time.Time) (bool, time.Time, error) {
				changed, end, err := l.Directory.AddUntil(ctx, g, m, until)
				if engine.KindOf(err) == engine.Unsupported {
					changed, err = l.Directory.Add(ctx, g, m)
				}
				return changed, end, err
			}
		}},
		{"fails where there are no ends to list", by("EndlessGroup"), func(l *liar, w *connectortest.World) {
			l.expiries = func(ctx context.Context, g engine.GroupID) (map[engine.MemberID]time.Time, error) {
				if g == w.Endless {
					return nil, &engine.Error{Op: "corp: list ends", Kind: engine.Unsupported}
				}
				return l.Directory.Expiries(ctx, g)
			}
		}},
		{"takes silence about an end for success", by("LostEnd"), func(l *liar, _ *connectortest.World) {
			l.addUntil = func(ctx context.Context, g engine.GroupID, m engine.Member, until time.Time) (bool, time.Time, error) {
				changed, end, err := l.Directory.AddUntil(ctx, g, m, until)
				if engine.KindOf(err) == engine.Unavailable {
					return true, until, nil
				}
				return changed, end, err
			}
		}},
		{"gives everybody the first end", by("AddUntil", "MovedEnd"), func(l *liar, _ *connectortest.World) {
			l.expiries = func(ctx context.Context, g engine.GroupID) (map[engine.MemberID]time.Time, error) {
				ends, err := l.Directory.Expiries(ctx, g)
				for _, m := range l.Roster(g) {
					if _, ok := ends[m.ID]; !ok && err == nil {
						ends[m.ID] = time.Now()
					}
				}
				for id := range ends {
					for other := range ends {
						ends[other] = ends[id]
					}
					break
				}
				return ends, err
			}
		}},
		{"lists no ends when it fails", by("ExpiryErrors", "ExpiryCancelled"), func(l *liar, _ *connectortest.World) {
			l.expiries = func(ctx context.Context, g engine.GroupID) (map[engine.MemberID]time.Time, error) {
				ends, _ := l.Directory.Expiries(ctx, g)
				return ends, nil
			}
		}},
		{"has errors of its own for ends", by("ExpiryErrors", "ExpireMissing"), func(l *liar, _ *connectortest.World) {
			l.expire = func(ctx context.Context, g engine.GroupID, m engine.Member, until time.Time) (time.Time, error) {
				end, err := l.Directory.Expire(ctx, g, m, until)
				if err != nil {
					err = errors.New(err.Error())
				}
				return end, err
			}
		}},
		{"does not look at the context of an end", by("ExpiryCancelled"), func(l *liar, _ *connectortest.World) {
			l.addUntil = func(ctx context.Context, g engine.GroupID, m engine.Member, until time.Time) (bool, time.Time, error) {
				return l.Directory.AddUntil(context.WithoutCancel(ctx), g, m, until)
			}
		}},
	}
}

func liesOfSessions() []lie {
	return []lie{
		{"only says that it ends sessions", by("EndSessions", "SessionsOfNobody", "SessionErrors"), func(l *liar, _ *connectortest.World) {
			l.sessions = func(context.Context, engine.Member) error { return nil }
		}},
		{"ends everybody's sessions", by("EndSessions"), func(l *liar, w *connectortest.World) {
			l.sessions = func(ctx context.Context, m engine.Member) error {
				for _, p := range w.People {
					if other, err := l.Directory.Resolve(ctx, p); err == nil {
						_ = l.Directory.EndSessions(ctx, other)
					}
				}
				return l.Directory.EndSessions(ctx, m)
			}
		}},
		{"ends sessions by disabling the account", by("EndSessions"), func(l *liar, _ *connectortest.World) {
			l.sessions = func(ctx context.Context, m engine.Member) error {
				l.Disable(m.ID)
				return l.Directory.EndSessions(ctx, m)
			}
		}},
		{"takes an account that is gone for logged out", by("SessionsOfNobody"), func(l *liar, _ *connectortest.World) {
			l.sessions = func(ctx context.Context, m engine.Member) error {
				err := l.Directory.EndSessions(ctx, m)
				if engine.KindOf(err) == engine.NotFound {
					return nil
				}
				return err
			}
		}},
	}
}
