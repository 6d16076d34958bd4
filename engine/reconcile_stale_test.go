package engine_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
)

// paused is a directory in which something happens in the middle of a run:
// after a group was listed, or with each write.
type paused struct {
	*memory.Directory
	mu     sync.Mutex
	listed func(engine.GroupID)
	wrote  func()
}

func (p *paused) Members(ctx context.Context, g engine.GroupID) ([]engine.Member, error) {
	ms, err := p.Directory.Members(ctx, g)
	p.mu.Lock()
	f := p.listed
	p.mu.Unlock()
	if f != nil {
		f(g)
	}
	return ms, err
}

func (p *paused) on(f func(engine.GroupID)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listed = f
}

func (p *paused) AddUntil(ctx context.Context, g engine.GroupID, m engine.Member, until time.Time) (bool, time.Time, error) {
	changed, end, err := p.Directory.AddUntil(ctx, g, m, until)
	if p.wrote != nil {
		p.wrote()
	}
	return changed, end, err
}

// A whole run lists admins first and ops an hour later. Meanwhile most of
// admins ends by agreement and is read back. What the whole run counted an hour
// ago then takes the place of what was read since, and the next whole run calls
// an honest listing doubtful.
func TestOldReadingTakesThePlaceOfANewer(t *testing.T) {
	people := crowd("p", 20)
	w := newWorld(t, append(people, "eve", "bob")...)
	w.group("ops")
	p := &paused{Directory: w.dir}
	w.cfg.Directories["corp"] = p
	for _, who := range people {
		w.grant("g-"+who, who, 4)
	}
	r := engine.New(w.cfg)
	all := engine.Scope{Directory: "corp"}
	w.runIn(r, all)
	w.pass(time.Minute)
	w.runIn(r, all)
	w.dir.Put(w.admins, w.ids["eve"]) // the count is another, so the whole run writes it
	w.pass(3 * time.Hour)
	var once sync.Once
	p.on(func(g engine.GroupID) {
		if g != w.admins {
			return
		}
		once.Do(func() {
			p.on(nil)
			w.pass(time.Hour) // the rest takes an hour; everybody's grant ends
			w.runIn(r, engine.Scope{Directory: "corp", Ends: true})
			w.pass(3 * time.Second)
			w.runIn(r, theAdmins) // reads back: eve alone is left
			w.members("eve")
		})
	})
	w.runIn(r, all)
	w.pass(time.Minute)
	plan := w.runIn(r, all).Plan
	for _, g := range plan.Groups {
		if g.Trust == engine.Doubtful {
			t.Errorf("%s %s: an honest listing is doubtful; objections %+v", g.Name, g.Note, plan.Objections)
		}
	}
}

// A grant is missing when a whole run reads the grants, and back an hour before
// the run gets to send: the member is taken out although a grant was in force
// all the time that anybody looked, but for an instant.
func TestWholeRunRemovesByGrantsOfAnHourAgo(t *testing.T) {
	w := newWorld(t, "ada", "bob")
	p := &paused{Directory: w.dir}
	w.cfg.Directories["corp"] = p
	w.grant("g1", "ada", 8)
	w.grant("g2", "bob", 8)
	r := engine.New(w.cfg)
	all := engine.Scope{Directory: "corp"}
	w.runIn(r, all)
	w.pass(time.Minute)
	w.runIn(r, all)
	w.pass(time.Minute)
	gs := w.grants
	w.grants = w.grants[1:] // an editor saves a file in which ada is missing
	var once sync.Once
	p.on(func(engine.GroupID) {
		once.Do(func() {
			p.on(nil)
			w.grants = gs // and mends it; the run goes on listing for an hour
			w.runIn(r, theAdmins)
			w.pass(time.Hour)
		})
	})
	w.runIn(r, all)
	w.members("ada", "bob")
}

// The same with a sweep: a stranger gets a grant while the whole run lists, and
// is swept out an hour after it began.
func TestSweepByGrantsOfAnHourAgo(t *testing.T) {
	w := newWorld(t, "ada", "bob", "eve")
	w.rule("admins", func(r *engine.Rules) { r.Foreign, r.Notice = engine.ForeignRemove, time.Hour })
	p := &paused{Directory: w.dir}
	w.cfg.Directories["corp"] = p
	w.grant("g1", "ada", 8)
	w.dir.Put(w.admins, w.ids["eve"])
	r := engine.New(w.cfg)
	all := engine.Scope{Directory: "corp"}
	w.runIn(r, all) // notice
	w.pass(2 * time.Hour)
	var once sync.Once
	p.on(func(engine.GroupID) {
		once.Do(func() {
			p.on(nil)
			w.grant("g2", "eve", 8)
			w.runIn(r, theAdmins)
			w.pass(time.Hour)
		})
	})
	w.runIn(r, all)
	w.members("ada", "eve")
}

// A process is frozen in the middle of a group's requests until its lease is
// over. When it wakes it sends the rest of them: the lease is asked once for a
// group, and not before each request.
func TestRestOfAGroupIsNotSentWithoutTheLease(t *testing.T) {
	w := newWorld(t, "ada", "bob", "eve")
	w.rule("admins", func(r *engine.Rules) { r.Expire = true })
	p := &paused{Directory: w.dir}
	w.cfg.Directories["corp"] = p
	for _, who := range []string{"ada", "bob", "eve"} {
		w.grant("g-"+who, who, 8)
	}
	l := &lease{token: 1}
	w.cfg.Lease = func(engine.Directory) engine.Lease { return l }
	p.wrote = func() { l.lost = errLost }
	if _, err := engine.New(w.cfg).RunIn(context.Background(), "serve", engine.Scope{Directory: "corp"}); err != nil {
		t.Log(err)
	}
	if n := w.writes(); n != 1 {
		t.Errorf("%d writes, want the one that was sent under the lease", n)
	}
}

// With many removals of one group, where the connector sends them one by one.
func TestRestOfRemovalsIsNotSentWithoutTheLease(t *testing.T) {
	w := newWorld(t, "ada", "bob", "eve")
	d := &simple{Connector: w.dir}
	w.cfg.Directories["corp"] = d
	for _, who := range []string{"ada", "bob", "eve"} {
		w.grant("g-"+who, who, 8)
	}
	l := &lease{token: 1}
	w.cfg.Lease = func(engine.Directory) engine.Lease { return l }
	r := engine.New(w.cfg)
	w.runIn(r, engine.Scope{Directory: "corp"})
	w.pass(9 * time.Hour)
	before := w.writes()
	d.removed = func() { l.lost = errLost }
	_, _ = r.RunIn(context.Background(), "serve", engine.Scope{Directory: "corp", Ends: true})
	if n := w.writes() - before; n != 1 {
		t.Errorf("%d removals, want the one that was sent under the lease", n)
	}
}

// simple is a directory with the four methods of a connector and no more.
type simple struct {
	engine.Connector
	removed func()
}

func (p *simple) Remove(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
	changed, err := p.Connector.Remove(ctx, g, m)
	if p.removed != nil {
		p.removed()
	}
	return changed, err
}

// tardy is a source that hands its grants over long after it read them.
type tardy struct {
	*world
	read, gate chan struct{}
}

func (s *tardy) Grants(ctx context.Context) ([]engine.Grant, error) {
	gs, err := s.world.Grants(ctx)
	if s.gate != nil {
		gate := s.gate
		s.gate = nil
		s.read <- struct{}{}
		<-gate
	}
	return gs, err
}

// A whole run reads the grants; before it reads the ledger, another run adds
// somebody whose grant came in between. That grant has not vanished.
func TestGrantThatCameInBetweenHasNotVanished(t *testing.T) {
	w := newWorld(t, "ada", "bob")
	w.grant("g1", "bob", 8)
	src := &tardy{world: w, read: make(chan struct{})}
	w.cfg.Sources = []engine.Source{src}
	r := engine.New(w.cfg)
	w.runIn(r, theAdmins)
	src.gate = make(chan struct{})
	gate, done := src.gate, make(chan error)
	go func() {
		_, err := r.RunIn(context.Background(), "serve", engine.Scope{Directory: "corp"})
		done <- err
	}()
	<-src.read
	w.grant("g2", "ada", 8)
	w.grant("g3", "bob", 9)
	w.runIn(r, theAdmins)
	w.members("ada", "bob")
	close(gate)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	w.members("ada", "bob")
	if o := w.owns("bob"); o == nil || len(o.Anchors) != 2 {
		t.Errorf("bob's grants in the ledger: %+v", o)
	}
	if n := w.writes(); n != 2 {
		t.Errorf("%d writes, want two additions", n)
	}
}
