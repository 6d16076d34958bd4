package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/api"
	"github.com/daypass-dev/daypass/internal/config"
	"github.com/daypass-dev/daypass/internal/desk"
	"github.com/daypass-dev/daypass/internal/expr"
	"github.com/daypass-dev/daypass/internal/policytest"
	"github.com/daypass-dev/daypass/internal/records"
	"github.com/daypass-dev/daypass/internal/report"
	"github.com/daypass-dev/daypass/internal/watch"
	"github.com/daypass-dev/daypass/schedule"
)

// policy holds the verbs for those who write policies.
func (a *app) policy() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Policies: test, explain",
		Args:  someVerb,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.policyTest(), a.policyExplain())
	return cmd
}

func (a *app) policyTest() *cobra.Command {
	return &cobra.Command{
		Use:   "test FILE...",
		Short: "Play requests through the policies in a made-up world",
		Long: `test plays the requests of a file through the policies of the configuration, in
the world that the file makes up: who is in which group, which directory does not
answer, how time passes. Nothing is asked of a directory, and nothing is kept.
docs/policies.md tells how such a file is written.`,
		Args: takes(1, 1000),
		RunE: verb(func(_ context.Context, args []string) error {
			cfg, err := a.load()
			if err != nil {
				return err
			}
			p, err := policiesOf(cfg)
			if err != nil {
				return err
			}
			tests, failed := 0, 0
			for _, name := range args {
				b, err := os.ReadFile(name)
				if err != nil {
					return usage(err)
				}
				f, err := policytest.Read(b)
				if err != nil {
					return usage(fmt.Errorf("%s: %w", name, err))
				}
				tests += len(f.Tests)
				for _, x := range policytest.Run(f, p) {
					failed++
					fmt.Fprintf(a.stdout, "%s:%d: %s: %s\n", name, x.Line, report.Clean(x.Name), report.Clean(x.What))
				}
			}
			if failed > 0 {
				return &exit{code: exitFailed, err: fmt.Errorf("%d of %d tests failed", failed, tests)}
			}
			fmt.Fprintf(a.stdout, "%d tests passed.\n", tests)
			return nil
		}),
	}
}

func policiesOf(cfg *config.Config) (policytest.Policies, error) {
	x, err := expr.New()
	return policytest.Policies{
		Of: func(name string) (access.Policy, access.Resource, bool) {
			p, ok := cfg.PolicyFor(name)
			res, _ := cfg.Resource(name)
			return p, res, ok
		},
		Machine: func(name string) (engine.Person, bool) {
			m, ok := cfg.Machines[name]
			return m.Person, ok
		},
		Canonical: cfg.Canonical, Expressions: x,
	}, err
}

func (a *app) policyExplain() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain PERSON RESOURCE",
		Short: "What the policy of a resource says to a person, by the directories as they are",
		Args:  takes(2, 2),
		RunE: verb(func(ctx context.Context, args []string) error {
			person, err := engine.ParsePerson(args[0])
			if err != nil {
				return usage(err)
			}
			h, err := a.open(ctx)
			if err != nil {
				return err
			}
			defer h.Close()
			if _, ok := h.cfg.Resources[args[1]]; !ok {
				return usage(fmt.Errorf("there is no resource %q%s", args[1], known(h.cfg.Resources)))
			}
			var gs []engine.Grant
			for _, src := range []engine.Source{files(h.cfg), hand{h.cfg, h.store}, requests(h.cfg, h.store, a.now)} {
				more, err := src.Grants(ctx)
				if err != nil {
					return usage(err)
				}
				gs = append(gs, more...)
			}
			rules, err := rulesOf(h.cfg, h.directories, h.engine, func() []engine.Grant { return gs })
			if err != nil {
				return err
			}
			for i := range rules.Resources {
				rules.Resources[i].Hidden = false // whoever types this has the configuration before them
			}
			rows, _ := records.Of(h.store)
			d := desk.New(desk.Config{Store: rows, Now: a.now, Log: watch.Logger(a.stderr, false, slog.LevelWarn)})
			d.Use(rules)
			e, err := d.Explain(ctx, desk.Caller{Actor: access.Actor{Person: h.cfg.Canonical(person), Via: access.CLI}}, person, args[1])
			if err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(a.stdout)
				enc.SetIndent("", "  ")
				enc.SetEscapeHTML(false)
				return enc.Encode(api.Explain(e).Body)
			}
			return a.showExplanation(e)
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}

func (a *app) showExplanation(e desk.Explanation) error {
	w := a.stdout
	if e.Policy == nil {
		fmt.Fprintf(w, "%s has no policy: nobody can ask for it.\n", e.Resource)
		return nil
	}
	fmt.Fprintf(w, "%s, by the policy %s, for %s:\n", e.Resource, e.Policy.Name, e.Person)
	fmt.Fprintf(w, "  may ask           %s\n", possible(e.May))
	if e.Policy.BreakGlass != nil {
		fmt.Fprintf(w, "  in an emergency   %s", possible(e.BreakGlass))
		if e.BreakGlass.Yes {
			fmt.Fprintf(w, ", for %s", schedule.FormatDuration(e.Policy.BreakGlass.Max))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "  for               %s at most, %s unless said otherwise\n", schedule.FormatDuration(e.Policy.Max), schedule.FormatDuration(e.Policy.Default))
	if e.Policy.Auto != "" {
		fmt.Fprintf(w, "  at once           %s\n", possible(e.Auto))
	}
	for i, s := range e.Steps {
		fmt.Fprintf(w, "  step %d            %s: %d of %s", i+1, report.Clean(s.Name), s.Quorum, report.Clean(s.Approvers.String()))
		if s.Skip != "" {
			fmt.Fprintf(w, "; skipped: %s", possible(s.Skipped))
		}
		if s.Note != "" {
			fmt.Fprintf(w, "; %s", report.Clean(s.Note))
		}
		fmt.Fprintln(w)
	}
	for _, h := range e.Conflicts {
		fmt.Fprintf(w, "  not beside        %s, which they hold\n", h.Called())
	}
	if e.Doubt != "" {
		return errors.New(e.Doubt)
	}
	return nil
}

func possible(p desk.Possible) string {
	switch {
	case p.Yes && p.Why != "":
		return "yes (" + report.Clean(p.Why) + ")"
	case p.Yes:
		return "yes"
	case p.Why != "":
		return "no: " + report.Clean(p.Why)
	}
	return "no"
}
