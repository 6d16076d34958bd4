package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/config"
	"github.com/daypass-dev/daypass/internal/serve"
	"github.com/daypass-dev/daypass/internal/store"
	"github.com/daypass-dev/daypass/internal/watch"
	"github.com/daypass-dev/daypass/schedule"
	"github.com/daypass-dev/daypass/schedule/durable"
	"github.com/daypass-dev/daypass/sources"
)

// serve is the daemon.
func (a *app) serve() *cobra.Command {
	var logJSON bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run as a daemon: access begins and ends on the second",
		Long: `serve wakes at the edge of every grant and runs for the groups concerned; it
looks at everything each serve.every, and at once when a grant is made, revoked
or extended, and when a grant file changes. What is due is ended first, also
after downtime.

Where web is set in the configuration, people ask and approve on its page, and
programs by its API.

SIGHUP reads the configuration again; one that is wrong is refused, and the one
before stays in force. SIGTERM and SIGINT end serve when what was sent is on
record.

With the store on PostgreSQL any number of replicas may run: each directory is
led by one of them, and taken over by another when that one dies.`,
		Args: takes(0, 0),
		RunE: verb(func(ctx context.Context, _ []string) error { return a.daemon(ctx, logJSON) }),
	}
	cmd.Flags().BoolVar(&logJSON, "log-json", false, "log as JSON, also on a terminal")
	return cmd
}

// daemon is serve with what it is made of.
type daemon struct {
	*app
	log    *slog.Logger
	store  *store.Store
	ledger *ledger // the store, as the engine writes it
	day    *serve.Daemon
	watch  *watch.Watch
	jobs   *jobs // nil where this is the only process
	front  *front
	base   *engine.Reconciler
	cfg    atomic.Pointer[config.Config] // in force
	open   atomic.Bool                   // it does more than wait for its store
}

func (a *app) daemon(ctx context.Context, logJSON bool) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	a.chatty = false // it has a log, and no line of progress
	d := &daemon{app: a, log: watch.Logger(a.stderr, logJSON || !a.tty, slog.LevelInfo)}
	wc := watch.Config{Version: version, Replica: holder(cfg), Log: d.log, Now: a.now}
	if wc.Traces, err = watch.OpenTraces(ctx, a.getenv, wc); err != nil {
		return usage(err)
	}
	defer wc.Traces.Close(context.WithoutCancel(ctx)) //nolint:errcheck // traces are a courtesy
	d.watch = watch.New(wc)
	listener, err := net.Listen("tcp", cfg.Serve.Listen)
	if err != nil {
		return fmt.Errorf("serve.listen: %w", err)
	}
	server := &http.Server{
		Handler: d.handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(d.log.Handler(), slog.LevelWarn),
	}
	defer server.Close() //nolint:errcheck // nothing is left to be answered
	go func() { _ = server.Serve(listener) }()
	d.log.Info("starting", "version", version, "listen", listener.Addr().String(), "config", cfg.Path)
	var shared bool
	if d.store, shared, err = d.openStore(ctx, cfg); err != nil {
		return d.stopped(ctx, err)
	}
	defer d.store.Close() //nolint:errcheck // every write was durable before
	d.ledger = &ledger{Store: d.store}
	sc := serve.Config{By: "serve", Holder: holder(cfg), Now: a.now, Watch: d.watch, Log: d.log}
	if shared {
		sc.Lessor, sc.LeaseFor = lessor{d.store.Leases(), d.ledger}, cfg.Serve.Lease.Std()
		if d.jobs, err = openJobs(ctx, cfg, d.log, d.outlast); err != nil {
			return d.stopped(ctx, err)
		}
		defer d.jobs.close()
		sc.Errands = d.jobs.work
	} else {
		unlock, err := d.alone(ctx)
		if err != nil {
			return d.stopped(ctx, err)
		}
		defer unlock()
	}
	d.day = serve.New(sc)
	if d.front, err = d.openFront(cfg); err != nil {
		return err
	}
	defer d.front.close(ctx)
	if err := d.use(ctx, cfg, shared); err != nil {
		return err
	}
	d.log.Info("serving", "store", d.store.Path())
	d.open.Store(true)

	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() { d.reloads(ctx, hup, shared) })
	beside.Go(func() { d.fill(ctx) })
	beside.Go(func() { d.front.desk.Run(ctx) })
	beside.Go(func() { d.front.watch(ctx, d.watch) })
	beside.Go(func() { d.front.groups(ctx, d.watch) })
	if shared {
		beside.Go(func() { d.depths(ctx) })
		beside.Go(func() {
			if err := d.jobs.Run(ctx); err != nil {
				d.log.Warn("the errands were not put down as they stand", "error", err)
			}
		})
	}
	d.day.Run(ctx)
	d.log.Info("stopped")
	return nil
}

// stopped returns the error of waiting for something at the start, unless the
// wait was ended by whoever stops daypass: then it did what it was told.
func (d *daemon) stopped(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	d.log.Info("stopped while waiting")
	return nil
}

// openStore waits for a store on another machine that does not answer yet.
func (d *daemon) openStore(ctx context.Context, cfg *config.Config) (s *store.Store, shared bool, err error) {
	slow := func() {
		d.watch.Beat()
		d.log.Info(slowly)
	}
	for failures := 1; ; failures++ {
		s, shared, err = openStore(ctx, cfg, slow)
		if err == nil || !errors.Is(err, store.ErrUnreached) {
			return s, shared, err
		}
		if !d.outlast(ctx, failures, err) {
			return nil, shared, err
		}
	}
}

// outlast waits for a store that failed so often in a row. It reports false when
// ctx ended.
func (d *daemon) outlast(ctx context.Context, failures int, err error) bool {
	d.watch.Store(err)
	d.watch.Beat()
	wait := schedule.Backoff{Cap: 10 * time.Second}.After(failures, rand.Float64()) //nolint:gosec // spreads load, hides nothing
	d.log.Debug("waiting for the store", "error", err, "again", wait)               // that it is down was said
	return schedule.Pause(ctx, wait)
}

// refill is how often what an older daypass writes beside this one is looked for.
const refill = time.Minute

// fill lets the store draw from what an older daypass wrote what it is looked up
// by. Why it cannot is said once.
func (d *daemon) fill(ctx context.Context) {
	said := ""
	for {
		n, err := d.store.Fill(ctx)
		if n > 0 {
			d.log.Info("filled in what an older daypass wrote", "rows", n)
		}
		text := ""
		if err != nil && !errors.Is(err, store.ErrUnreached) { // that it is down was said
			text = err.Error()
		}
		if text != said && text != "" && ctx.Err() == nil {
			d.log.Warn("what an older daypass wrote is found slowly", "error", text)
		}
		said = text
		if !schedule.Pause(ctx, refill) {
			return
		}
	}
}

// depths tells how many errands wait.
func (d *daemon) depths(ctx context.Context) {
	for schedule.Pause(ctx, 15*time.Second) {
		if depths, err := d.jobs.Depth(ctx); err == nil {
			queue := make(map[engine.Directory]int, len(depths))
			for name, n := range depths {
				queue[engine.Directory(name)] = n
			}
			d.watch.Queue(queue)
		}
	}
}

// alone takes the lock of a store that only one process may act from, and waits
// for a run that is under way.
func (d *daemon) alone(ctx context.Context) (unlock func(), err error) {
	for said := false; ; said = true {
		unlock, err = d.store.Lock(ctx, d.now())
		if !errors.Is(err, store.ErrLocked) {
			return unlock, err
		}
		if !said {
			d.log.Warn("waiting for another run to end", "error", err)
		}
		d.watch.Beat()
		if !schedule.Pause(ctx, time.Second) {
			return nil, ctx.Err()
		}
	}
}

// use puts a configuration in force. When that fails, the one before stays.
func (d *daemon) use(ctx context.Context, cfg *config.Config, shared bool) error {
	h := &house{cfg: cfg, clear: func() {}} // the store outlives it
	var err error
	if h.directories, err = connect(cfg, d.httpLog(), d.watch); err != nil {
		return usage(err)
	}
	grants := serve.NewGrants(d.stamps(files(cfg)), files(cfg), hand{cfg, d.store}, requests(cfg, d.store, d.now))
	names, err := d.concerned(ctx, h)
	if err == nil && d.base != nil { // what was read before would be forgotten
		_, err = grants.Refresh(ctx)
	}
	if err == nil && d.base != nil && d.jobs != nil {
		err = d.jobs.Every(intervals(cfg))
	}
	if err != nil {
		h.Close()
		return usage(err)
	}
	ec := d.engineConfig(h, manner{})
	ec.Ledger, ec.Sources = d.ledger, grants.Sources()
	ec.Skew = func(name engine.Directory, ahead time.Duration) { d.watch.Skew(string(name), ahead) }
	if shared {
		ec.Lease = d.day.Lease
	}
	base := d.base
	if base == nil {
		base = engine.New(ec)
	} else {
		base = base.With(ec)
	}
	rules, err := rulesOf(cfg, h.directories, base, grants.All)
	if err == nil {
		err = d.front.use(ctx, cfg, rules)
	}
	if err != nil {
		h.Close()
		return usage(err)
	}
	d.base = base
	d.cfg.Store(cfg)
	d.day.Use(&serve.House{
		Engine: d.base, Grants: grants, Directories: names, Every: cfg.Serve.Every.Std(),
		Grace: func(name engine.Directory) time.Duration { return engine.GraceOf(h.directories[name]) },
		Ask:   func(ctx context.Context, name engine.Directory) error { return answers(ctx, name, h.directories[name]) },
		Heard: d.watch.Heard,
		Took:  func(name engine.Directory) { spent(h.directories[name]) },
		Close: h.Close,
	})
	return nil
}

// concerned are the directories of the configuration, and those that left it
// while something of ours is in them: a problem that nobody must miss.
func (d *daemon) concerned(ctx context.Context, h *house) ([]engine.Directory, error) {
	names := slices.Collect(maps.Keys(h.directories))
	groups, err := d.store.Groups(ctx)
	for _, g := range groups {
		if !slices.Contains(names, g.Group.Directory) {
			names = append(names, g.Group.Directory)
		}
	}
	return names, err
}

// spent tells a connector that another process used its quota until now.
func spent(c engine.Connector) {
	if m, ok := c.(engine.Metered); ok {
		m.Spent()
	}
}

// nobody has an address that nobody can have: to look for it is the least that
// every directory can be asked.
const nobody engine.Person = "nobody@daypass.invalid"

// answers asks a directory whether it answers: nil, or a refusal, when it does.
func answers(ctx context.Context, name engine.Directory, c engine.Connector) error {
	if c == nil {
		return fmt.Errorf("there is no directory %q any more", name)
	}
	_, err := c.Resolve(ctx, nobody)
	if e, ok := errors.AsType[*engine.Error](err); ok {
		return &engine.Error{Op: string(name), Kind: e.Kind, RetryAfter: e.RetryAfter, Err: e.Err}
	}
	return err
}

// longWrite is how long a file may be in the middle of being written before the
// grants are read all the same: somebody may have been revoked meanwhile.
const longWrite = 5 * time.Second

// stamps tells whether files or the grants made by hand may read differently.
// While a file is being written it says nothing new. It is also how the daemon
// learns whether its store answers.
func (d *daemon) stamps(fs sources.Files) func(context.Context) (string, error) {
	last := ""
	var since time.Time    // when a file was first seen in the middle
	var unmatched []string // patterns that no file fitted at the last reading
	return func(ctx context.Context) (string, error) {
		now := time.Now()
		stamp, quiet := fs.Stamp(now)
		n, err := d.store.Generation(ctx)
		if ctx.Err() == nil {
			d.watch.Store(cmp.Or(err, d.ledger.failed()))
		}
		switch {
		case quiet:
			since = time.Time{}
		case since.IsZero():
			since = now
		}
		if last == "" || quiet || now.Sub(since) > longWrite {
			before := last
			if last = fmt.Sprintf("%d\n%s", n, stamp); last != before {
				unmatched = d.unmatched(fs, unmatched)
			}
		}
		return last, err
	}
}

// unmatched says which patterns no file fits, but for those that were said
// before, and returns them all.
func (d *daemon) unmatched(fs sources.Files, said []string) []string {
	unmatched := fs.Unmatched()
	for _, pattern := range unmatched {
		if !slices.Contains(said, pattern) {
			d.log.Warn("no grant file fits the pattern", "pattern", pattern)
		}
	}
	return unmatched
}

// reloads reads the configuration again whenever it is asked for.
func (d *daemon) reloads(ctx context.Context, hup <-chan os.Signal, shared bool) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
		}
		err := d.reload(ctx, shared)
		d.watch.Reloaded(err)
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				d.log.Error("the new configuration is refused, the one before stays in force", "error", strings.TrimSpace(line))
			}
			continue
		}
		d.log.Info("the new configuration is in force", "config", d.cfg.Load().Path)
	}
}

func (d *daemon) reload(ctx context.Context, shared bool) error {
	cfg, err := d.load()
	if err != nil {
		return err
	}
	was := d.cfg.Load()
	if pageOf(cfg) != pageOf(was) {
		return errors.New("web.listen, web.url and web.behind cannot change while daypass serves; stop it and start it again")
	}
	if cfg.Store != was.Store || cfg.Serve.Listen != was.Serve.Listen || cfg.Serve.Name != was.Serve.Name || cfg.Serve.Lease != was.Serve.Lease {
		return errors.New("store, serve.listen, serve.name and serve.lease cannot change while daypass serves; stop it and start it again")
	}
	return d.use(ctx, cfg, shared)
}

// handler answers health, metrics and nudges.
func (d *daemon) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /nudge", d.nudge)
	mux.HandleFunc("/nudge", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "a nudge is a POST", http.StatusMethodNotAllowed)
	})
	mux.Handle("/", d.watch.Handler())
	return http.NewCrossOriginProtection().Handler(mux)
}

// nudge runs at once for a directory, or for one group of it, and answers when
// that is done. The group may say its directory, as it does everywhere else.
func (d *daemon) nudge(w http.ResponseWriter, r *http.Request) {
	if !d.open.Load() {
		http.Error(w, "daypass is starting", http.StatusServiceUnavailable)
		return
	}
	directory, names, err := nudged(r.FormValue("directory"), r.FormValue("group"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	err = d.day.Nudge(r.Context(), directory, names...)
	switch {
	case errors.Is(err, serve.ErrElsewhere):
		d.pass(w, r, directory, names)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// nudged is what a nudge is for: a directory, and the names of groups in it.
func nudged(directory, group string) (engine.Directory, []string, error) {
	switch {
	case directory == "" && group == "":
		return "", nil, errors.New("say what for: directory=NAME, or group=DIRECTORY/NAME")
	case group == "":
		return engine.Directory(directory), nil, nil
	case directory != "":
		return engine.Directory(directory), []string{strings.TrimPrefix(group, directory+"/")}, nil
	}
	ref, err := engine.ParseGroupRef(group)
	return ref.Directory, []string{ref.Name}, err
}

// pass sends a nudge on to the process that leads the directory.
func (d *daemon) pass(w http.ResponseWriter, r *http.Request, directory engine.Directory, names []string) {
	if d.jobs == nil || !d.cfg.Load().HasDirectory(directory) {
		http.Error(w, fmt.Sprintf("there is no directory %q", directory), http.StatusNotFound)
		return
	}
	e := durable.Errand{Directory: string(directory), Groups: names, Urgency: durable.Starts}
	if err := d.jobs.Send(r.Context(), e); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}
