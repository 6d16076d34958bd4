package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/daypass-dev/daypass/internal/config"
)

// app is what every verb works with.
type app struct {
	*env
	config string // --config as typed
}

// execute runs the verb in args and returns the exit code.
func execute(ctx context.Context, e *env, args []string) int {
	root := newRoot(&app{env: e})
	root.SetArgs(args)
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	err := root.ExecuteContext(ctx)
	var x *exit
	if err != nil && !errors.As(err, &x) {
		err = hinted(usage(err), "daypass --help lists the verbs and flags")
	}
	return complain(e.stderr, err)
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "daypass",
		Short: "Temporary group memberships that end on time",
		Long: `daypass adds people to groups while a grant is in force, and takes them out
when it ends. The configuration is daypass.yaml in this folder, or what
--config or DAYPASS_CONFIG names.

Exit codes: 0 done; 1 something failed; 2 usage, configuration or grant files;
3 changes pending (plan --exit-code); 4 held by a limit; 5 a removal is overdue.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.PersistentFlags().StringVar(&a.config, "config", "", "the configuration file (default daypass.yaml, or $DAYPASS_CONFIG)")
	root.AddCommand(
		a.check(), a.doctor(), a.plan(), a.apply(), a.sync(), a.release(),
		a.grant(), a.report(), a.audit(), a.simulate(), a.version(),
	)
	return root
}

// verb wraps what a command does, so that errors out of it are not taken for
// wrong usage of the command line.
func verb(f func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		err := f(cmd.Context(), args)
		var x *exit
		if err == nil || errors.As(err, &x) {
			return err
		}
		return &exit{code: exitFailed, err: err}
	}
}

// load reads the configuration and shows its warnings.
func (a *app) load() (*config.Config, error) {
	path := a.configPath(a.config)
	cfg, err := config.Load(path, a.getenv)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, hinted(usage(err), "name the configuration with --config or DAYPASS_CONFIG")
		}
		return nil, usage(err)
	}
	for _, w := range cfg.Warnings {
		fmt.Fprintf(a.stderr, "warning: %s\n", w)
	}
	return cfg, nil
}
