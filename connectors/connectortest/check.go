package connectortest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// tb is what the suite needs of testing.T: little enough to watch it fail.
type tb interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Context() context.Context
}

// check is a world under one test, with the questions that tests ask of it.
type check struct {
	tb
	World
	ctx context.Context // ends with the test
}

func newCheck(t tb, w World) *check { return &check{tb: t, World: w, ctx: t.Context()} }

// account returns the account of a person who has one.
func (c *check) account(p engine.Person) engine.Member {
	c.Helper()
	m, err := c.Connector.Resolve(c.ctx, p)
	if err != nil {
		c.Fatalf("Resolve(%q): got error %v, want an account", p, err)
	}
	return m
}

// accounts returns the accounts of the first n people.
func (c *check) accounts(n int) []engine.Member {
	c.Helper()
	ms := make([]engine.Member, n)
	for i := range ms {
		ms[i] = c.account(c.People[i])
	}
	return ms
}

// members lists Group.
func (c *check) members() []engine.Member {
	c.Helper()
	return c.membersOf(c.Group)
}

func (c *check) membersOf(g engine.GroupID) []engine.Member {
	c.Helper()
	ms, err := c.Connector.Members(c.ctx, g)
	if err != nil {
		c.Fatalf("Members(%s): got error %v, want a listing", g, err)
	}
	return ms
}

// wantMembers lists Group and wants exactly these members.
func (c *check) wantMembers(want ...engine.Member) {
	c.Helper()
	c.wantMembersOf(c.Group, want...)
}

func (c *check) wantMembersOf(g engine.GroupID, want ...engine.Member) {
	c.Helper()
	got, wanted := ids(c.membersOf(g)), ids(want)
	slices.Sort(wanted)
	switch {
	case slices.Equal(got, wanted):
	case len(wanted) > few:
		c.Errorf("Members(%s): got %d members, with %q too many and %q missing, want %d", g, len(got), besides(got, wanted), besides(wanted, got), len(wanted))
	default:
		c.Errorf("Members(%s): got %q, want %q", g, got, wanted)
	}
}

// few members are named in a message; of more only the difference is.
const few = 20

// besides returns what a holds and b does not, and what a holds twice.
func besides(a, b []engine.MemberID) []engine.MemberID {
	left := map[engine.MemberID]bool{}
	for _, id := range b {
		left[id] = true
	}
	var out []engine.MemberID
	for _, id := range a {
		if !left[id] && len(out) < few {
			out = append(out, id)
		}
		delete(left, id)
	}
	return out
}

// add adds m to Group and wants the answer changed.
func (c *check) add(m engine.Member, want bool) {
	c.Helper()
	got, err := c.Connector.Add(c.ctx, c.Group, m)
	if err != nil || got != want {
		c.Errorf("Add(%s): got changed %t and error %v, want changed %t and no error", m.Login, got, err, want)
	}
}

// remove is the inverse of add.
func (c *check) remove(m engine.Member, want bool) {
	c.Helper()
	got, err := c.Connector.Remove(c.ctx, c.Group, m)
	if err != nil || got != want {
		c.Errorf("Remove(%s): got changed %t and error %v, want changed %t and no error", m.Login, got, err, want)
	}
}

// wantKind wants an error of a kind, in good form.
func (c *check) wantKind(call string, err error, want engine.Kind) {
	c.Helper()
	if err == nil {
		c.Errorf("%s: got no error, want one of kind %s", call, want)
		return
	}
	if got := engine.KindOf(err); got != want {
		c.Errorf("%s: got an error of kind %s (%v), want kind %s", call, got, err, want)
	}
	c.wantForm(call, err)
}

// wantForm wants an error that is an *engine.Error or the context's, that
// begins with the directory's name, and that tells no secret.
func (c *check) wantForm(call string, err error) {
	c.Helper()
	for _, secret := range c.Secrets {
		if strings.Contains(err.Error(), secret) {
			c.Errorf("%s: got an error that holds the secret %q, want none: %v", call, secret, err)
		}
	}
	var e *engine.Error
	switch {
	case errors.As(err, &e):
		if want := string(c.Directory) + ": "; !strings.HasPrefix(e.Op, want) {
			c.Errorf("%s: got Op %q in the error, want it to begin with %q", call, e.Op, want)
		}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
	default:
		c.Errorf("%s: got an error of type %T (%v), want *engine.Error or the context's", call, err, err)
	}
}

// wantEnded wants the error of a call whose context ended.
func (c *check) wantEnded(call string, err error) {
	c.Helper()
	ended := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	if !ended && (err == nil || engine.KindOf(err) != engine.Unavailable) {
		c.Errorf("%s with an ended context: got error %v, want the context's or one of kind unavailable", call, err)
	}
	if err != nil {
		c.wantForm(call, err)
	}
}

// patience is how long a call may take to notice that its context ended.
const patience = 10 * time.Second

// returns wants f to come back soon.
func (c *check) returns(call string, f func()) {
	c.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(patience):
		c.Fatalf("%s: got no return within %s after its context ended, want one at once", call, patience)
	}
}

func ids(ms []engine.Member) []engine.MemberID {
	out := make([]engine.MemberID, len(ms))
	for i, m := range ms {
		out[i] = m.ID
	}
	return out
}

func find(ms []engine.Member, id engine.MemberID) engine.Member {
	i := slices.IndexFunc(ms, func(m engine.Member) bool { return m.ID == id })
	if i < 0 {
		return engine.Member{}
	}
	return ms[i]
}

// same reports whether two answers are about the same member, to identify and
// to read. How the directory writes it (Ref) may differ between an account and
// a group's list.
func same(a, b engine.Member) bool {
	return a.ID == b.ID && a.Login == b.Login && a.Kind == b.Kind
}
