package desk

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// How long an answer of a directory is good for what is only shown, and how long
// a directory has for one.
const (
	shown  = 30 * time.Second
	answer = 10 * time.Second
	// crowd is how many answers are kept at most.
	crowd = 20_000
)

// people asks directories about people. What decides is asked anew each time;
// what is only shown may be half a minute old.
type people struct {
	now func() time.Time

	mu       sync.Mutex
	rules    *Rules
	members  map[engine.GroupRef]*kept[map[engine.MemberID]bool]
	accounts map[place]*kept[engine.Member]
	profiles map[engine.Person]*kept[*engine.Profile]
}

type place struct {
	directory engine.Directory
	person    engine.Person
}

// kept is an answer, while it is asked for and after.
type kept[T any] struct {
	done  chan struct{}
	at    time.Time
	value T
	err   error
}

func newPeople(now func() time.Time) *people {
	p := &people{now: now}
	p.forget()
	return p
}

func (p *people) use(r *Rules) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = r
	p.forget()
}

func (p *people) forget() {
	p.members = make(map[engine.GroupRef]*kept[map[engine.MemberID]bool])
	p.accounts = make(map[place]*kept[engine.Member])
	p.profiles = make(map[engine.Person]*kept[*engine.Profile])
}

// ask returns what is kept under a key, or asks for it. Callers that come while
// it is asked for wait for the same answer, those apart that want a fresh one.
func ask[K comparable, T any](ctx context.Context, p *people, m func() map[K]*kept[T], key K, fresh bool, f func(context.Context) (T, error)) (T, error) {
	p.mu.Lock()
	k, found := m()[key]
	if found && !fresh && !k.stale(p.now()) {
		p.mu.Unlock()
		select {
		case <-k.done:
			return k.value, k.err
		case <-ctx.Done():
			var none T
			return none, ctx.Err()
		}
	}
	k = &kept[T]{done: make(chan struct{})}
	if len(m()) >= crowd {
		clear(m())
	}
	m()[key] = k
	p.mu.Unlock()
	asked, cancel := context.WithTimeout(context.WithoutCancel(ctx), answer) // others wait for it too
	defer cancel()
	k.value, k.err = f(asked)
	k.at = p.now() // from then on it grows old: one that takes long is not asked for by each row of a page
	close(k.done)
	return k.value, k.err
}

// stale reports whether the answer is too old. A failure is kept for as long as
// asking may take.
func (k *kept[T]) stale(now time.Time) bool {
	good := shown
	select {
	case <-k.done:
		if k.err != nil && engine.KindOf(k.err) != engine.NotFound && engine.KindOf(k.err) != engine.Disabled {
			good = answer
		}
	default:
		return false // it is being asked for
	}
	age := now.Sub(k.at)
	return age < 0 || age > good
}

func (p *people) connector(d engine.Directory) (engine.Connector, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok := p.rules.Directories[d]
	if !ok {
		return nil, fmt.Errorf("there is no directory %q any more", d)
	}
	return c, nil
}

// account returns the account that a person has in a directory, as Resolve does.
func (p *people) account(ctx context.Context, d engine.Directory, person engine.Person, fresh bool) (engine.Member, error) {
	c, err := p.connector(d)
	if err != nil {
		return engine.Member{}, err
	}
	m := func() map[place]*kept[engine.Member] { return p.accounts }
	return ask(ctx, p, m, place{d, person}, fresh, func(ctx context.Context) (engine.Member, error) {
		return c.Resolve(ctx, person)
	})
}

// in reports whether a person is a direct member of a group, with an account
// that can be used.
func (p *people) in(ctx context.Context, person engine.Person, g engine.GroupRef, fresh bool) access.Answer {
	account, err := p.account(ctx, g.Directory, person, fresh)
	switch engine.KindOf(err) {
	case engine.NotFound, engine.Disabled:
		if err != nil {
			return access.Answer{}
		}
	}
	if err != nil {
		return access.Answer{Err: fmt.Errorf("%s: %w", g, err)}
	}
	members, err := p.membersOf(ctx, g, fresh)
	if err != nil {
		return access.Answer{Err: fmt.Errorf("%s: %w", g, err)}
	}
	return access.Answer{Yes: members[account.ID]}
}

func (p *people) membersOf(ctx context.Context, g engine.GroupRef, fresh bool) (map[engine.MemberID]bool, error) {
	c, err := p.connector(g.Directory)
	if err != nil {
		return nil, err
	}
	m := func() map[engine.GroupRef]*kept[map[engine.MemberID]bool] { return p.members }
	return ask(ctx, p, m, g, fresh, func(ctx context.Context) (map[engine.MemberID]bool, error) {
		info, err := c.Group(ctx, g.Name)
		if err != nil {
			return nil, err
		}
		ms, err := c.Members(ctx, info.ID)
		if err != nil {
			return nil, err
		}
		ids := make(map[engine.MemberID]bool, len(ms))
		for _, m := range ms {
			ids[m.ID] = true
		}
		return ids, nil
	})
}

var errNoProfiles = errors.New("no directory describes people; set profiles in the configuration")

// profile returns what the directory of profiles tells of a person.
func (p *people) profile(ctx context.Context, person engine.Person, fresh bool) (*engine.Profile, error) {
	p.mu.Lock()
	d := p.rules.Profiles
	p.mu.Unlock()
	c, err := p.connector(d)
	x, ok := c.(engine.Describer)
	if err != nil || !ok {
		return nil, errNoProfiles
	}
	m := func() map[engine.Person]*kept[*engine.Profile] { return p.profiles }
	return ask(ctx, p, m, person, fresh, func(ctx context.Context) (*engine.Profile, error) {
		v, err := x.Describe(ctx, person)
		if err != nil {
			return nil, err
		}
		return &v, nil
	})
}

// same reports whether two persons share an account in one of some directories.
func (p *people) same(ctx context.Context, a, b engine.Person, ds []engine.Directory, fresh bool) access.Answer {
	var unknown error
	for _, d := range ds {
		x, err := p.account(ctx, d, a, fresh)
		y, other := p.account(ctx, d, b, fresh)
		for _, err := range []error{err, other} {
			switch k := engine.KindOf(err); {
			case err == nil, k == engine.NotFound, k == engine.Disabled:
			default:
				unknown = errors.Join(unknown, fmt.Errorf("%s: %w", d, err))
			}
		}
		if x.ID != "" && x.ID == y.ID {
			return access.Answer{Yes: true}
		}
	}
	return access.Answer{Err: unknown}
}
