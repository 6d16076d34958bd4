package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/report"
)

// plan shows what would change, and why.
func (a *app) plan() *cobra.Command {
	var asJSON, exitCode, all, full bool
	var out string
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what would change, and why",
		Long: `plan reads the grants and the directories and decides, and changes nothing. The
page shows for each group who comes (+), who goes (-) and why, what a limit
holds, and what to type next.

Exit code 1 when something could not be read or decided, 3 with --exit-code when
changes are pending, 4 when a limit holds some, 5 when a removal is overdue.`,
		Args: takes(0, 0),
		RunE: verb(func(ctx context.Context, _ []string) error {
			res, err := a.look(ctx, manner{full: full})
			if err != nil {
				return err
			}
			if out != "" {
				if err := writePlan(out, res.Plan); err != nil {
					return err
				}
			}
			if asJSON {
				err = report.PlanJSON(a.stdout, res)
			} else {
				page := a.page()
				page.All = all
				err = report.Plan(a.stdout, res, page)
			}
			if err == nil {
				err = outcome(res)
			}
			if err == nil && exitCode && len(res.Plan.Changes) > 0 {
				return &exit{code: exitChanges}
			}
			return err
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the plan as JSON")
	cmd.Flags().BoolVar(&full, "full", false, fullHelp)
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 3 when changes are pending")
	cmd.Flags().BoolVar(&all, "all", false, "list everything, however long")
	cmd.Flags().StringVar(&out, "out", "", "also write the plan to a `FILE`, for apply --plan")
	return cmd
}

// look makes a plan without changing anything.
func (a *app) look(ctx context.Context, m manner) (engine.Result, error) {
	h, err := a.openTo(ctx, m)
	if err != nil {
		return engine.Result{}, err
	}
	defer h.Close()
	return h.engine.Plan(ctx)
}

func writePlan(path string, p engine.Plan) error {
	b, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o600)
}

// readPlan returns the digest of a plan that was written with plan --out.
func readPlan(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	var p engine.Plan
	if err := json.Unmarshal(b, &p); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return p.Digest(), nil
}

// apply carries out a reviewed plan.
func (a *app) apply() *cobra.Command {
	var asJSON bool
	var file, digest string
	cmd := &cobra.Command{
		Use:   "apply --plan FILE | --digest DIGEST",
		Short: "Carry out exactly a reviewed plan",
		Long: `apply makes the plan of now and compares it with the reviewed one. When they
are the same it carries it out; when the world moved, it changes nothing. What a
limit holds stays held until it is released.`,
		Args: takes(0, 0),
		RunE: verb(func(ctx context.Context, _ []string) error {
			switch {
			case (file == "") == (digest == ""):
				return usage(errors.New("apply needs one of --plan FILE and --digest DIGEST, to know which plan was reviewed"))
			case file != "":
				var err error
				if digest, err = readPlan(file); err != nil {
					return usage(err)
				}
			default:
				var err error
				if digest, err = parseDigest(digest); err != nil {
					return usage(err)
				}
			}
			err := a.reconcile(ctx, digest, asJSON, manner{})
			var moved *engine.Moved
			if errors.As(err, &moved) {
				return hinted(err, "daypass plan shows the plan of now")
			}
			return err
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	cmd.Flags().StringVar(&file, "plan", "", "the `FILE` that plan --out or plan --json wrote")
	cmd.Flags().StringVar(&digest, "digest", "", "the plan's `DIGEST`; its first 12 digits are enough")
	return cmd
}
