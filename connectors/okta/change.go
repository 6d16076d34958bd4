package okta

import (
	"context"
	"net/http"
	"slices"
	"sync"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
)

// Add makes m a member of g. Okta answers 204 whether or not m was one, so it
// looks first.
func (c *Connector) Add(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
	added, _ := c.Change(ctx, g, []engine.Member{m}, nil)
	return added[0].Changed, added[0].Err
}

// Remove takes m out of g. It looks first, as Add does, and reads the group
// rules again: Okta would take the removal of a member whom a rule put there,
// and keep that person out of the rule for good.
func (c *Connector) Remove(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
	_, removed := c.Change(ctx, g, nil, []engine.Member{m})
	return removed[0].Changed, removed[0].Err
}

// Change changes many members of one group with one look for all. Okta has no
// call for many; each is a request of its own, and access that ends does not
// wait behind access that begins. Changes of one group take turns, so that of
// several callers one only is told that it made the difference.
func (c *Connector) Change(ctx context.Context, g engine.GroupID, add, remove []engine.Member) (added, removed []engine.Effect) {
	added, removed = make([]engine.Effect, len(add)), make([]engine.Effect, len(remove))
	if len(add)+len(remove) == 0 {
		return added, removed
	}
	j := &job{c: c, g: g, add: add, remove: remove, added: added, removed: removed}
	j.run(ctx)
	name := c.kinds.called(g)
	for i := range added {
		added[i].Err = c.fail("add "+add[i].Login+" to "+name, added[i].Err)
	}
	for i := range removed {
		removed[i].Err = c.fail("remove "+remove[i].Login+" from "+name, removed[i].Err)
	}
	return added, removed
}

// job is one call of Change.
type job struct {
	c              *Connector
	g              engine.GroupID
	add, remove    []engine.Member
	added, removed []engine.Effect
	seen           map[engine.MemberID]sight
	there          bool         // the directory showed the group during this call
	ruled          func() error // waits for the rules, which are read while it is looked who is in

	mu     sync.Mutex
	barred error // why nobody is removed any more
}

// run carries the job out.
func (j *job) run(ctx context.Context) {
	first := ctx
	if len(j.remove) > 0 {
		urgent, cancel := context.WithCancel(httpx.Urgent(ctx))
		defer cancel() // what nobody waits for any more
		first = urgent
	}
	done, err := j.begin(first)
	if err != nil {
		spread(j.added, err)
		spread(j.removed, err)
		return
	}
	defer done()
	if len(j.remove) > 0 {
		j.removeAll(first)
	}
	if len(j.remove) > 0 && len(j.add) > 0 { // that may have taken minutes
		if err := j.c.manageable(ctx, j.g, rulesKept); err != nil {
			spread(j.added, err)
			return
		}
	}
	j.each(len(j.add), func(i int) { j.added[i] = j.addOne(ctx, j.add[i]) })
}

func (j *job) removeAll(ctx context.Context) {
	if err := j.mayRemove(ctx); err != nil {
		spread(j.removed, err)
		return
	}
	j.each(len(j.remove), func(i int) { j.removed[i] = j.removeOne(ctx, j.remove[i]) })
}

// begin waits for the turn, and finds out whether and what there is to do.
func (j *job) begin(ctx context.Context) (done func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if done, err = j.c.turns.Take(ctx, j.g); err != nil {
		return nil, err
	}
	if err = j.c.manageable(ctx, j.g, rulesKept); err == nil {
		j.rule(ctx)
		err = j.look(ctx)
	}
	if err != nil {
		done()
		return nil, err
	}
	return done, nil
}

// spread gives all effects one error.
func spread(effects []engine.Effect, err error) {
	for i := range effects {
		effects[i] = engine.Effect{Err: err}
	}
}

// each calls f for each index, several at once.
func (j *job) each(n int, f func(i int)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, j.c.cfg.Connections)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			f(i)
		})
	}
	wg.Wait()
}

// rule begins to read the rules where somebody may have to be removed.
func (j *job) rule(ctx context.Context) {
	if !slices.ContainsFunc(j.remove, func(m engine.Member) bool {
		last, ok := j.c.writes.Last(j.g, m.ID)
		return isUser(m.ID) && (!ok || last == engine.Add)
	}) {
		return
	}
	read := make(chan error, 1)
	go func() { read <- j.c.manageable(ctx, j.g, rulesNew/2) }()
	j.ruled = func() error { return <-read }
}

// mayRemove makes sure, a second before anybody is removed at most, that no rule
// fills the group, and that a group whose members are all absent is there at all.
func (j *job) mayRemove(ctx context.Context) error {
	if j.ruled == nil {
		return j.exists(ctx)
	}
	if err := j.ruled(); err != nil {
		return err
	}
	return j.c.manageable(ctx, j.g, rulesNew) // who was in may have taken longer to find out
}

// stillFree makes sure that no rule began to fill the group while others were
// removed. What is found once holds for the rest of the job.
func (j *job) stillFree(ctx context.Context) error {
	j.mu.Lock()
	err := j.barred
	j.mu.Unlock()
	if err != nil {
		return err
	}
	if err = j.c.manageable(ctx, j.g, rulesFresh); err != nil {
		j.mu.Lock()
		j.barred = err
		j.mu.Unlock()
	}
	return err
}

// exists is nil when the directory shows the group.
func (j *job) exists(ctx context.Context) error {
	if j.there {
		return nil
	}
	_, err := j.c.group(ctx, j.g)
	j.there = err == nil
	return err
}

func (j *job) addOne(ctx context.Context, m engine.Member) engine.Effect {
	s := j.seen[m.ID]
	switch {
	case s.err != nil:
		return engine.Effect{Err: s.err}
	case s.in:
		return engine.Effect{}
	}
	return j.write(ctx, http.MethodPut, m, engine.Add)
}

func (j *job) removeOne(ctx context.Context, m engine.Member) engine.Effect {
	s := j.seen[m.ID]
	switch {
	case engine.KindOf(s.err) == engine.NotFound: // who has no account is in no group
		return engine.Effect{}
	case s.err != nil:
		return engine.Effect{Err: s.err}
	case !s.in && s.sure:
		return engine.Effect{}
	}
	if err := j.stillFree(ctx); err != nil {
		return engine.Effect{Err: err}
	}
	// Also who is not shown is taken out: the look may be older than the
	// addition, and access would outlive its end until listings show it.
	e := j.write(ctx, http.MethodDelete, m, engine.Remove)
	e.Changed = e.Changed && s.in
	return e
}

// write sends one change that the look called for.
func (j *job) write(ctx context.Context, method string, m engine.Member, op engine.Op) engine.Effect {
	lost, err := j.c.put(ctx, method, "/api/v1/groups/"+string(j.g)+"/users/"+string(m.ID))
	switch {
	case err == nil && lost:
		// Done it is. But whether by this attempt, by the one before, or by
		// somebody else in between, nobody can tell.
		j.c.writes.Note(j.g, m, op)
		return engine.Effect{Err: trouble(engine.Unavailable, "an earlier attempt whose answer was lost may have done it")}
	case err == nil:
		j.c.writes.Note(j.g, m, op)
		return engine.Effect{Changed: true}
	case engine.KindOf(err) == engine.NotFound:
		return j.missing(ctx, m, op, err)
	case !engine.KindOf(err).Refusal():
		j.c.writes.Forget(j.g, m.ID) // what it is now, nobody knows
	}
	return engine.Effect{Err: err}
}

// missing finds out what a 404 was about: Okta's text says, but only its codes
// are meant for programs, and the code is the same for both.
func (j *job) missing(ctx context.Context, m engine.Member, op engine.Op, cause error) engine.Effect {
	if _, err := j.c.group(ctx, j.g); err != nil {
		return engine.Effect{Err: err}
	}
	_, err := j.c.user(ctx, m.ID)
	switch {
	case engine.KindOf(err) == engine.NotFound && op == engine.Remove:
		return engine.Effect{}
	case engine.KindOf(err) == engine.NotFound:
		return engine.Effect{Err: trouble(engine.NotFound, "there is no user %s", m.ID)}
	case err != nil:
		return engine.Effect{Err: err}
	}
	return engine.Effect{Err: trouble(engine.Unavailable, "group and user are both there, and yet: %w", bare(cause))}
}
