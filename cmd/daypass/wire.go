package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/config"
	"github.com/daypass-dev/daypass/internal/store"
	"github.com/daypass-dev/daypass/sources"
)

// house is everything that a verb on real directories needs, wired together.
type house struct {
	cfg         *config.Config
	store       *store.Store
	shared      bool // other machines may act from the store too
	directories map[engine.Directory]engine.Connector
	engine      *engine.Reconciler
	clear       func() // the progress line
}

// open wires the house. Close it after use.
func (a *app) open(ctx context.Context) (*house, error) { return a.openTo(ctx, manner{}) }

// manner is how a person wants a run to be made.
type manner struct {
	trustClock bool // this machine's clock is right, whatever the store says
	full       bool // list every group, whatever the directories say changed
	// leases are those that the run is made under; nil where it changes nothing.
	leases *held
}

// openTo is open for runs of a certain manner.
func (a *app) openTo(ctx context.Context, m manner) (*house, error) {
	cfg, err := a.load()
	if err != nil {
		return nil, err
	}
	h := &house{cfg: cfg}
	log := a.httpLog()
	a.chatty = a.chatty && log == nil // a line of progress among them helps nobody
	if h.directories, err = connect(cfg, log, nil); err != nil {
		return nil, usage(err)
	}
	if h.store, h.shared, err = a.openStore(ctx, cfg); err != nil {
		return nil, err
	}
	tell, done := a.progress()
	h.clear = done
	ec := a.engineConfig(h, m)
	ec.Sources = []engine.Source{files(cfg), hand{cfg, h.store}, requests(cfg, h.store, a.now)}
	ec.Progress = tell
	h.engine = engine.New(ec)
	return h, nil
}

// engineConfig is what the engine works with, but for its sources.
func (a *app) engineConfig(h *house, m manner) engine.Config {
	ec := engine.Config{
		Directories: h.directories,
		Groups:      managed(h.cfg),
		Defaults:    h.cfg.Rules(engine.GroupRef{}),
		Limits:      h.cfg.RunLimits(),
		Ledger:      h.store,
		Overdue:     h.cfg.Overdue.Std(),
		Now:         a.now,
		TrustClock:  m.trustClock,
		Relist:      h.cfg.Relist.Std(),
		Full:        m.full,
	}
	if m.leases != nil {
		ec.Lease = m.leases.lease
	}
	return ec
}

// Close ends connections and closes the store.
func (h *house) Close() {
	h.clear()
	for _, c := range h.directories {
		if closer, ok := c.(io.Closer); ok {
			_ = closer.Close() // nothing is left to be said on it
		}
	}
	if h.store != nil {
		_ = h.store.Close() // every write was durable before
	}
}

// managed are the groups that are looked at in every run: those with settings,
// and those of resources.
func managed(cfg *config.Config) map[engine.GroupRef]engine.Rules {
	refs := make(map[engine.GroupRef]engine.Rules)
	add := func(ref engine.GroupRef) { refs[ref] = cfg.Rules(ref) }
	for name := range cfg.Groups {
		if ref, err := engine.ParseGroupRef(name); err == nil { // checked by Load
			add(ref)
		}
	}
	for name := range cfg.Resources {
		groups, _ := cfg.Expand(name)
		for _, ref := range groups {
			if _, known := refs[ref]; !known {
				add(ref)
			}
		}
	}
	for name, res := range cfg.Resources {
		groups, _ := cfg.Expand(name)
		for _, ref := range groups {
			if own := cfg.Groups[ref.String()].EndSessions; res.EndSessions && own == nil {
				rules := refs[ref]
				rules.EndSessions = true
				refs[ref] = rules
			}
		}
	}
	return refs
}

func files(cfg *config.Config) sources.Files {
	return sources.Files{Patterns: cfg.Grants, Dir: cfg.Dir, Expand: cfg.Expand, Known: cfg.HasDirectory}
}

// hand is the source of the grants that administrators made with grant add.
type hand struct {
	cfg   *config.Config
	store *store.Store
}

// Grants implements [engine.Source]. A revoked grant stays, with its end.
func (s hand) Grants(ctx context.Context) ([]engine.Grant, error) {
	hs, err := s.store.Grants(ctx)
	if err != nil {
		return nil, err
	}
	var gs []engine.Grant
	for _, h := range hs {
		for _, ref := range s.groups(h) {
			gs = append(gs, handGrant(h, ref))
		}
	}
	return gs, nil
}

// groups are what the grant stands for. One whose resource the configuration
// no longer has leads nowhere, and the engine says so.
func (s hand) groups(h store.HandGrant) []engine.GroupRef {
	if h.IsResource {
		if refs, ok := s.cfg.Expand(h.Target); ok {
			return refs
		}
		return []engine.GroupRef{{}}
	}
	ref, err := engine.ParseGroupRef(h.Target)
	if err != nil { // it was checked when the grant was made
		return []engine.GroupRef{{}}
	}
	return []engine.GroupRef{ref}
}

func handGrant(h store.HandGrant, ref engine.GroupRef) engine.Grant {
	g := engine.Grant{ID: h.ID, Person: h.Person, Group: ref, Reason: h.Reason, Origin: "grant add by " + h.By}
	g.When.From, g.When.Until = h.From, h.End()
	if h.IsResource {
		g.Resource = h.Target
	}
	return g
}

// targets returns the groups behind what a grant is for.
func targets(cfg *config.Config, target string, isResource bool) ([]engine.GroupRef, error) {
	if isResource {
		refs, ok := cfg.Expand(target)
		if !ok {
			return nil, fmt.Errorf("there is no resource %q%s", target, known(cfg.Resources))
		}
		return refs, nil
	}
	ref, err := engine.ParseGroupRef(target)
	if err != nil {
		return nil, err
	}
	if !cfg.HasDirectory(ref.Directory) {
		return nil, fmt.Errorf("group %s: there is no directory %q%s", ref, ref.Directory, known(cfg.Directories))
	}
	return []engine.GroupRef{ref}, nil
}

// known lists the names that there are, where they fit on a line.
func known[K ~string, V any](m map[K]V) string {
	if len(m) == 0 || len(m) > 10 {
		return ""
	}
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, string(name))
	}
	slices.Sort(names)
	return "; known here: " + strings.Join(names, ", ")
}
