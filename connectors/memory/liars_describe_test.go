package memory_test

import (
	"context"
	"errors"
	"slices"

	"github.com/daypass-dev/daypass/connectors/connectortest"
	"github.com/daypass-dev/daypass/engine"
)

func liesOfDescribing() []lie {
	// each lets what is told pass through f.
	each := func(f func(engine.Profile, error) (engine.Profile, error)) func(*liar, *connectortest.World) {
		return func(l *liar, _ *connectortest.World) {
			l.describe = func(ctx context.Context, p engine.Person) (engine.Profile, error) {
				return f(l.Directory.Describe(ctx, p))
			}
		}
	}
	// instead tells of a person what has no manager where there is an error.
	instead := func(kinds ...engine.Kind) func(*liar, *connectortest.World) {
		return each(func(p engine.Profile, err error) (engine.Profile, error) {
			if err != nil && slices.Contains(kinds, engine.KindOf(err)) {
				return engine.Profile{Name: "Ada"}, nil
			}
			return p, err
		})
	}
	return []lie{
		{"describes whom it does not know", by("DescribeNobody"), instead(engine.NotFound)},
		{"describes one of two", by("DescribeTwins"), instead(engine.Ambiguous)},
		{"describes the disabled", by("DescribeDisabled"), instead(engine.Disabled)},
		{"leaves out a manager who is gone", by("DeletedManager"), instead(engine.Partial)},
		{"leaves out what it could not ask for", by("DescribeErrors"), instead(engine.Unavailable)},
		{"says of a person whose manager is gone that there is no such person", by("DeletedManager"), each(func(p engine.Profile, err error) (engine.Profile, error) {
			var e *engine.Error
			if errors.As(err, &e) && e.Kind == engine.Partial {
				return p, &engine.Error{Op: e.Op, Kind: engine.NotFound, Err: e.Err}
			}
			return p, err
		})},
		{"tells no manager", by("Describe"), each(func(p engine.Profile, err error) (engine.Profile, error) {
			p.Manager = ""
			return p, err
		})},
		{"tells attributes in any order", by("Describe"), each(func(p engine.Profile, err error) (engine.Profile, error) {
			slices.Reverse(p.Attributes["department"])
			return p, err
		})},
		{"tells one value of several", by("Describe"), each(func(p engine.Profile, err error) (engine.Profile, error) {
			for name, values := range p.Attributes {
				p.Attributes[name] = values[:1]
			}
			return p, err
		})},
		{"tells an attribute that is not there", by("Describe"), each(func(p engine.Profile, err error) (engine.Profile, error) {
			if p.Attributes["site"] == nil && err == nil {
				p.Attributes["site"] = []string{}
			}
			return p, err
		})},
		{"does not look at the context to describe", by("Cancelled"), func(l *liar, _ *connectortest.World) {
			l.describe = func(ctx context.Context, p engine.Person) (engine.Profile, error) {
				return l.Directory.Describe(context.WithoutCancel(ctx), p)
			}
		}},
	}
}
