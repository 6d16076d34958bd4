package desk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/report"
)

// How long an answer of a directory is good for what is only shown, and how long
// a directory has for one.
const (
	shown  = 30 * time.Second
	answer = 10 * time.Second
	// A look at desired against actual lists whole groups, so it may take longer,
	// and those that were just there see the same one.
	looked  = 3 * time.Second
	looking = 100 * time.Second
	// patience is how long a page waits for what is only shown beside the rest.
	patience = 2 * time.Second
	// crowd is how many answers are kept at most.
	crowd = 20_000
)

// people asks directories about people. What decides is asked anew each time;
// what is only shown may be half a minute old.
type people struct {
	now      func() time.Time
	listings rate.Limit // of one group in a second
	// told hears what came of looking for a group; it must be quick.
	told func(engine.GroupRef, error)
	log  *slog.Logger

	moments atomic.Uint64
	known   atomic.Pointer[known]
	leavers leavers
}

func newPeople(now func() time.Time, log *slog.Logger, told func(engine.GroupRef, error)) *people {
	p := &people{now: now, listings: listings, told: told, log: log}
	p.use(&Rules{})
	return p
}

func (p *people) use(r *Rules) {
	r.complete()
	p.known.Store(newKnown(r))
}

func (k *known) connector(d engine.Directory) (engine.Connector, error) {
	c, ok := k.rules.Directories[d]
	if !ok {
		return nil, fmt.Errorf("there is no directory %q any more", d)
	}
	return c, nil
}

// account returns the account that a person has in a directory, as Resolve does.
func (p *people) account(ctx context.Context, d engine.Directory, person engine.Person, since moment) (engine.Member, error) {
	k := p.known.Load()
	c, err := k.connector(d)
	if err != nil {
		return engine.Member{}, err
	}
	return ask(ctx, p, k, k.accounts, place{d, person}, question[engine.Member]{
		of: d, since: since, good: shown, within: answer,
		ask: func(ctx context.Context) (engine.Member, error) { return c.Resolve(ctx, person) },
	})
}

// in reports whether a person is a direct member of a group under one of their
// addresses, with an account that can be used. They are certainly not only where
// they are under none; of a group that is not there it is not known.
func (p *people) in(ctx context.Context, person engine.Person, g engine.GroupRef, since moment) access.Answer {
	var asks []func() access.Answer
	for _, address := range p.known.Load().rules.Addresses(person) {
		asks = append(asks, func() access.Answer { return p.has(ctx, address, g, since) })
	}
	return either(asks...)
}

// has is in, for one address.
func (p *people) has(ctx context.Context, address engine.Person, g engine.GroupRef, since moment) access.Answer {
	account, err := p.account(ctx, g.Directory, address, since)
	switch engine.KindOf(err) {
	case engine.NotFound, engine.Disabled:
		if err != nil {
			return access.Answer{}
		}
	}
	if err != nil {
		return access.Answer{Err: fmt.Errorf("%s: %w", g, err)}
	}
	members, err := p.membersOf(ctx, g, since)
	if err != nil {
		return access.Answer{Err: fmt.Errorf("%s: %w", g, err)}
	}
	_, yes := members.logins[account.ID]
	return access.Answer{Yes: yes}
}

// roster is who is in a group.
type roster struct {
	group  engine.GroupID
	logins map[engine.MemberID]string
}

// membersOf lists a group. The error is an [*access.NoGroup] where it is
// certainly not there.
func (p *people) membersOf(ctx context.Context, g engine.GroupRef, since moment) (roster, error) {
	k := p.known.Load()
	c, err := k.connector(g.Directory)
	if err != nil {
		return roster{}, err
	}
	var place chan struct{}
	if since == whenever {
		place = k.places[g.Directory]
	}
	return ask(ctx, p, k, k.members, g, question[roster]{
		of: g.Directory, since: since, good: shown, within: answer, pace: k.pace(g, p.listings), place: place,
		ask: func(ctx context.Context) (roster, error) {
			r, err := list(ctx, c, g)
			if p.known.Load() == k { // a directory of before has no say any more
				p.told(g, err)
			}
			return r, err
		},
	})
}

// group returns the native id of a group, to be shown by. The error is an
// [*access.NoGroup] where it is certainly not there.
func (p *people) group(ctx context.Context, g engine.GroupRef) (engine.GroupID, error) {
	k := p.known.Load()
	c, err := k.connector(g.Directory)
	if err != nil {
		return "", err
	}
	return ask(ctx, p, k, k.groups, g, question[engine.GroupID]{
		of: g.Directory, good: shown, within: answer,
		ask: func(ctx context.Context) (engine.GroupID, error) {
			info, err := c.Group(ctx, g.Name)
			if err = groupErr(g, err); p.known.Load() == k {
				p.told(g, err)
			}
			return info.ID, err
		},
	})
}

// list returns the members of a group; an [*access.NoGroup] where it is
// certainly not there.
func list(ctx context.Context, c engine.Connector, g engine.GroupRef) (roster, error) {
	info, err := c.Group(ctx, g.Name)
	if err != nil {
		return roster{}, groupErr(g, err)
	}
	ms, err := c.Members(ctx, info.ID)
	if err != nil {
		return roster{}, groupErr(g, err)
	}
	r := roster{info.ID, make(map[engine.MemberID]string, len(ms))}
	for _, m := range ms {
		r.logins[m.ID] = m.Login
	}
	return r, nil
}

var errNoProfiles = errors.New("no directory describes people; set profiles in the configuration")

// profile returns what the directory of profiles tells of a person.
func (p *people) profile(ctx context.Context, person engine.Person, since moment) (*engine.Profile, error) {
	k := p.known.Load()
	c, err := k.connector(k.rules.Profiles)
	x, ok := c.(engine.Describer)
	if err != nil || !ok {
		return nil, errNoProfiles
	}
	return ask(ctx, p, k, k.profiles, person, question[*engine.Profile]{
		of: k.rules.Profiles, since: since, good: shown, within: answer,
		ask: func(ctx context.Context) (*engine.Profile, error) {
			v, err := x.Describe(ctx, person)
			if err != nil {
				return nil, err
			}
			return &v, nil
		},
	})
}

// called returns what a person is called, where the directory of profiles told it
// a moment ago: it is not asked.
func (p *people) called(person engine.Person) string {
	k := p.known.Load()
	k.mu.Lock()
	defer k.mu.Unlock()
	x, kept := k.profiles[person]
	if !kept || !x.over() || x.stale(p.now) || x.err != nil {
		return ""
	}
	return x.value.Name
}

// recalled reports whether a directory told a moment ago that a person has a good
// account: none is asked.
func (p *people) recalled(person engine.Person) bool {
	k := p.known.Load()
	k.mu.Lock()
	defer k.mu.Unlock()
	for d := range k.rules.Directories {
		if x, kept := k.accounts[place{d, person}]; kept && x.over() && !x.stale(p.now) && x.err == nil {
			return true
		}
	}
	return false
}

// same reports whether two persons share an account in one of some directories.
func (p *people) same(ctx context.Context, a, b engine.Person, ds []engine.Directory, since moment) access.Answer {
	return summed(together(ds, func(d engine.Directory) access.Answer {
		x, err := p.account(ctx, d, a, since)
		y, other := p.account(ctx, d, b, since)
		if x.ID != "" && x.ID == y.ID {
			return access.Answer{Yes: true}
		}
		var unknown error
		for _, err := range []error{err, other} {
			switch k := engine.KindOf(err); {
			case err == nil, k == engine.NotFound, k == engine.Disabled:
			default:
				unknown = errors.Join(unknown, fmt.Errorf("%s: %w", d, err))
			}
		}
		return access.Answer{Err: unknown}
	}))
}

// soon waits for an answer that is only shown beside the rest. One that is late
// is kept for who looks next.
func soon[T any](ctx context.Context, log *slog.Logger, find func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	type found struct {
		value T
		err   error
	}
	out := make(chan found, 1)
	go func() {
		var x found
		x.err = guarded(log, func() (err error) {
			x.value, err = find(ctx)
			return err
		})
		out <- x
	}()
	select {
	case x := <-out:
		return x.value, x.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// look holds desired against actual for a resource: one at a time, for all who
// want to see it, for it lists whole groups.
func (p *people) look(ctx context.Context, res *Resource) (*report.Compliance, error) {
	k := p.known.Load()
	return ask(ctx, p, k, k.looks, res.Name, question[*report.Compliance]{
		since: whenever, good: looked, within: looking,
		ask: func(ctx context.Context) (*report.Compliance, error) { return k.rules.Inspect(ctx, res.Groups) },
	})
}
