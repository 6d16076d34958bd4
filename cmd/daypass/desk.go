package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/api"
	"github.com/daypass-dev/daypass/internal/auth"
	"github.com/daypass-dev/daypass/internal/config"
	"github.com/daypass-dev/daypass/internal/desk"
	"github.com/daypass-dev/daypass/internal/expr"
	"github.com/daypass-dev/daypass/internal/records"
	"github.com/daypass-dev/daypass/internal/report"
	"github.com/daypass-dev/daypass/internal/store"
	"github.com/daypass-dev/daypass/internal/watch"
	"github.com/daypass-dev/daypass/internal/web"
	"github.com/daypass-dev/daypass/schedule"
)

// rulesOf are what the configuration says to the desk.
func rulesOf(cfg *config.Config, ds map[engine.Directory]engine.Connector, e *engine.Reconciler, grants func() []engine.Grant) (*desk.Rules, error) {
	x, err := expr.New()
	if err != nil {
		return nil, err
	}
	r := &desk.Rules{
		Administrators: cfg.Roles.Administrators.Who(), Auditors: cfg.Roles.Auditors.Who(),
		Machines: make(map[string]engine.Person), Canonical: cfg.Canonical, Addresses: cfg.Addresses, Directories: ds,
		Deciding: cfg.Deciding(x), Expressions: x, Grants: grants, ReleaseFor: cfg.ReleaseFor.Std(),
		Inspect: func(ctx context.Context, refs []engine.GroupRef) (*report.Compliance, error) {
			return inspect(ctx, e, refs)
		},
	}
	r.Profiles, _ = cfg.ProfileDirectory()
	for _, name := range slices.Sorted(maps.Keys(cfg.Resources)) {
		res, _ := cfg.Resource(name) // it is a key
		said := cfg.Resources[name]
		one := desk.Resource{Resource: res, Description: said.Description, Tags: said.Tags, Hidden: said.Hidden}
		if p, ok := cfg.PolicyFor(name); ok {
			one.Policy = &p
		}
		r.Resources = append(r.Resources, one)
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Templates)) {
		t := cfg.Templates[name]
		r.Templates = append(r.Templates, desk.Template{
			Name: name, Title: t.Title, Resource: t.Resource, Reason: t.Reason, Ticket: t.Ticket, For: t.For.Std(), Answers: t.Answers,
		})
	}
	for name, m := range cfg.Machines {
		r.Machines[name] = m.Person
	}
	return r, nil
}

// inspect holds desired against actual, for some groups or, with none, for all.
func inspect(ctx context.Context, e *engine.Reconciler, refs []engine.GroupRef) (*report.Compliance, error) {
	var b report.Builder
	if len(refs) == 0 {
		res, err := e.Inspect(ctx, b.Add)
		return b.Finish(res, err), ctx.Err()
	}
	names := make(map[engine.Directory][]string)
	for _, ref := range refs {
		names[ref.Directory] = append(names[ref.Directory], ref.Name)
	}
	ds := slices.Sorted(maps.Keys(names))
	results, errs := make([]engine.Result, len(ds)), make([]error, len(ds))
	var mu sync.Mutex // guards b
	var wait sync.WaitGroup
	for i, d := range ds {
		wait.Go(func() {
			results[i], errs[i] = inspectIn(ctx, e, d, names[d], func(v engine.GroupView, part engine.Plan) {
				mu.Lock()
				defer mu.Unlock()
				b.Add(v, part)
			})
		})
	}
	wait.Wait()
	var all engine.Result
	for _, res := range results {
		if res.Plan.AsOf.After(all.Plan.AsOf) {
			all.Plan.AsOf = res.Plan.AsOf
		}
		all.Plan.Problems = append(all.Plan.Problems, res.Plan.Problems...)
		all.Plan.Changes = append(all.Plan.Changes, res.Plan.Changes...)
		all.Overdue = append(all.Overdue, res.Overdue...)
		all.GrantsErr = cmp.Or(all.GrantsErr, res.GrantsErr)
	}
	return b.Finish(all, errors.Join(errs...)), ctx.Err()
}

// looking is how long one directory has to show some groups.
const looking = 10 * time.Second

// inspectIn looks at some groups of one directory. Those that it does not show in
// time are problems in the plan.
func inspectIn(ctx context.Context, e *engine.Reconciler, d engine.Directory, names []string, visit func(engine.GroupView, engine.Plan)) (engine.Result, error) {
	within, cancel := context.WithTimeout(ctx, looking)
	defer cancel()
	seen := make(map[string]bool)
	res, err := e.InspectIn(within, engine.Scope{Directory: d, Names: names}, func(v engine.GroupView, part engine.Plan) {
		seen[v.Name] = true
		visit(v, part)
	})
	if err == nil || within.Err() == nil || ctx.Err() != nil {
		return res, err
	}
	for _, name := range names {
		if !seen[name] {
			res.Plan.Problems = append(res.Plan.Problems, engine.Problem{
				Kind: engine.UnreadableGroup, Directory: d, Group: name, Message: fmt.Sprintf("%s did not show the group %s within %s", d, name, looking),
			})
		}
	}
	return res, nil
}

// signing is what the configuration says to package auth.
func signing(ctx context.Context, cfg *config.Config) (auth.Settings, error) {
	s := auth.Settings{Canonical: cfg.Canonical}
	for _, name := range slices.Sorted(maps.Keys(cfg.Machines)) {
		m := cfg.Machines[name]
		claims := make(map[string][]string, len(m.Claims))
		for k, v := range m.Claims {
			claims[k] = v
		}
		s.Machines = append(s.Machines, auth.Machine{Name: name, Person: m.Person, Issuer: m.Issuer, Audience: m.Audience, Claims: claims})
	}
	if w := cfg.Web; w != nil {
		s.URL, s.Issuer, s.ClientID, s.Scopes = w.URL, w.OIDC.Issuer, w.OIDC.ClientID, w.OIDC.Scopes
		s.Claim, s.Unverified = w.OIDC.Person, w.OIDC.TrustUnverified
		s.Idle, s.Life = w.Session.Idle.Std(), w.Session.Life.Std()
		if w.OIDC.Secret.Set() {
			secret, err := w.OIDC.Secret.Reveal(ctx)
			if err != nil {
				return s, fmt.Errorf("web.oidc.secret: %w", err)
			}
			s.Secret = secret
		}
	}
	return s, nil
}

// front is the desk and the ways to it.
type front struct {
	desk   *desk.Desk
	auth   *auth.Auth
	server *http.Server // nil where the page is not set up
	behind []*net.IPNet
	used   chan struct{} // another configuration is in force
}

// openFront opens the desk, and the pages where they are set up.
func (d *daemon) openFront(cfg *config.Config) (*front, error) {
	rows, people := records.Of(d.store)
	f := &front{desk: desk.New(desk.Config{Store: rows, Now: d.now, Log: d.log, Wake: d.nudgeAll, Tell: func(e engine.Event) { d.watch.Happened(string(e.Kind)) }}), used: make(chan struct{}, 1)}
	if cfg.Web == nil {
		return f, nil
	}
	f.auth = auth.New(people, cfg.Web.URL, d.now, d.log)
	listener, err := net.Listen("tcp", cfg.Web.Listen)
	if err != nil {
		return nil, fmt.Errorf("web.listen: %w", err)
	}
	for _, network := range cfg.Web.Behind {
		_, n, err := net.ParseCIDR(network)
		if err != nil {
			return nil, fmt.Errorf("web.behind: %w", err) // it was checked by Load
		}
		f.behind = append(f.behind, n)
	}
	mux := http.NewServeMux()
	mux.Handle("/", web.New(web.Config{Desk: f.desk, Auth: f.auth, Now: d.now, Log: d.log}))
	mux.Handle(api.Prefix+"/", api.New(api.Config{Desk: f.desk, Auth: f.auth, Keys: rows, Now: d.now, Log: d.log, Behind: f.behind}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	f.server = &http.Server{
		Handler: d.ready(strict(cfg.Web.URL, mux)), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 2 * time.Minute,
		IdleTimeout: time.Minute, MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(d.log.Handler(), slog.LevelWarn),
	}
	go func() { _ = f.server.Serve(listener) }()
	d.log.Info("the page answers", "listen", listener.Addr().String(), "url", cfg.Web.URL)
	return f, nil
}

// ready refuses what comes before there are rules.
func (d *daemon) ready(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !d.open.Load() {
			w.Header().Set("Retry-After", "2")
			http.Error(w, "daypass is starting", http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// strict tells browsers to come over TLS only, where that is how people come.
func strict(url string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(url, "https:") {
			w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// use puts a configuration in force at the desk.
func (f *front) use(ctx context.Context, cfg *config.Config, rules *desk.Rules) error {
	if f.auth != nil {
		s, err := signing(ctx, cfg)
		if err != nil {
			return err
		}
		s.Left = f.desk.Left
		f.auth.Use(s)
	}
	f.desk.Use(rules)
	select {
	case f.used <- struct{}{}:
	default:
	}
	return nil
}

// checkGroups is how often the groups that decide are looked for.
const checkGroups = 10 * time.Minute

// groups tells which of the groups that say who may do what are not there: with
// each configuration, and from time to time.
func (f *front) groups(ctx context.Context, w *watch.Watch) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.used:
		case <-time.After(checkGroups):
		}
		var missing []string
		for g, where := range f.desk.CheckGroups(ctx) {
			missing = append(missing, g.String()+" ("+strings.Join(where, ", ")+")")
		}
		if ctx.Err() == nil {
			slices.Sort(missing)
			w.Deciding(missing)
		}
	}
}

// watch tells how many requests wait for somebody.
func (f *front) watch(ctx context.Context, w *watch.Watch) {
	for {
		if n, err := f.desk.Waits(ctx); err == nil { // the store's failures are told elsewhere
			w.Desk(watch.Desk(n))
		}
		if !schedule.Pause(ctx, 15*time.Second) {
			return
		}
	}
}

// close waits for what is being answered.
func (f *front) close(ctx context.Context) {
	if f.server == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_ = f.server.Shutdown(ctx) // what is not answered by then is cut off
}

// nudgeAll looks at groups at once, and waits for nothing.
func (d *daemon) nudgeAll(refs []engine.GroupRef) {
	names := make(map[engine.Directory][]string)
	for _, ref := range refs {
		names[ref.Directory] = append(names[ref.Directory], ref.Name)
	}
	for name, groups := range names {
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			_ = d.day.Nudge(ctx, name, groups...) // where another process leads it, that one finds out by the store
		}()
	}
}

// requests is the source of the grants that decisions on requests gave.
func requests(cfg *config.Config, s *store.Store, now func() time.Time) desk.Grants {
	return desk.Grants{Live: s.LiveRequests, Expand: cfg.Expand, Now: now}
}

// pageOf is what the page is opened with, which a reload cannot change.
func pageOf(cfg *config.Config) string {
	if cfg.Web == nil {
		return ""
	}
	return fmt.Sprint(cfg.Web.Listen, " ", cfg.Web.URL, " ", cfg.Web.Behind)
}
