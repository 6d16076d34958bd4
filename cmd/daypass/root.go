package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daypass-dev/daypass/internal/config"
)

// app is what every verb works with.
type app struct {
	*env
	config    string // --config as typed
	debugHTTP bool   // --debug-http
}

// execute runs the verb in args and returns the exit code.
func execute(ctx context.Context, e *env, args []string) int {
	out := &output{w: e.stdout}
	e.stdout = out
	root := newRoot(&app{env: e})
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(e.stderr)
	cmd, err := root.ExecuteContextC(ctx)
	var x *exit
	if err != nil && !errors.As(err, &x) {
		err = hinted(usage(err), "%s --help tells more", cmd.CommandPath())
	}
	switch {
	case err == nil:
		err = out.err
	case ctx.Err() != nil && !errors.Is(err, errInterrupted):
		err = interrupted(err)
	}
	return complain(e.stderr, err)
}

// interrupted says what the many errors of a run that was interrupted come to,
// and keeps those that tell more.
func interrupted(err error) error {
	out := &exit{code: exitFailed}
	words := []string{"interrupted before its end; the next run goes on from there"}
	if x := (*exit)(nil); errors.As(err, &x) {
		out.code, out.hint, err = x.code, x.hint, x.err
	}
	if err != nil {
		words = append(words, strings.Split(err.Error(), "\n")...)
	}
	words = slices.DeleteFunc(words, func(w string) bool { return strings.HasSuffix(w, context.Canceled.Error()) })
	out.err = errors.New(strings.Join(words, "\n"))
	return out
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "daypass",
		Short: "Temporary group memberships that end on time",
		Long: `daypass adds people to groups while a grant is in force, and takes them out
when it ends. The configuration is daypass.yaml in this folder, or what
--config or DAYPASS_CONFIG names.

Exit codes: 0 done; 1 something failed, or was interrupted; 2 usage,
configuration or grant files; 3 changes pending (plan --exit-code); 4 held by a
limit; 5 a removal is overdue; 6 and 7 of request --wait: denied, and not there
in time.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          someVerb,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetUsageTemplate(usageTemplate)
	root.Version = build()
	root.SetVersionTemplate("{{.Version}}\n")
	root.Flags().Bool("version", false, "tell which build this is, as the verb does")
	root.PersistentFlags().StringVar(&a.config, "config", "", "the configuration `FILE` (default daypass.yaml, or $DAYPASS_CONFIG)")
	root.PersistentFlags().BoolVar(&a.debugHTTP, "debug-http", false, "tell each HTTP request on standard error, without secrets (or $DAYPASS_DEBUG_HTTP)")
	for _, g := range []struct {
		title string
		verbs []*cobra.Command
	}{
		{"Look, and change nothing:", []*cobra.Command{a.check(), a.doctor(), a.plan(), a.report(), a.policy()}},
		{"Act:", []*cobra.Command{a.sync(), a.serve(), a.apply(), a.release(), a.grant(), a.store()}},
		{"Ask, at a daypass that serves:", []*cobra.Command{a.request(), a.approve(), a.deny()}},
		{"Prove:", []*cobra.Command{a.audit()}},
		{"Try:", []*cobra.Command{a.simulate()}},
	} {
		root.AddGroup(&cobra.Group{ID: g.title, Title: g.title})
		for _, v := range g.verbs {
			v.GroupID = g.title
			root.AddCommand(v)
		}
	}
	root.AddCommand(a.version())
	root.SetHelpCommand(help(root))
	root.InitDefaultCompletionCmd()
	if c, _, err := root.Find([]string{"completion"}); err == nil {
		c.Long = "Print the script that completes verbs and flags in a shell. The page of each shell,\nsuch as daypass completion bash --help, tells how to load it."
		c.Short = "Print a completion script: bash, zsh, fish, powershell"
		c.Args, c.RunE = someVerb, func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	return root
}

// help is cobra's verb for it, but that it fails when there is no such verb.
func help(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help VERB",
		Short: "Tell more about a verb",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err == nil && len(rest) > 0 {
				err = someVerb(cmd, rest)
			}
			if err != nil {
				return err
			}
			cmd.InitDefaultHelpFlag()
			return cmd.Help()
		},
	}
}

// usageTemplate is cobra's, with our words and fewer of them.
const usageTemplate = `Usage:
  {{if .HasAvailableSubCommands}}{{if ne .Use .Name}}{{.UseLine}}
  {{end}}{{.CommandPath}} VERB{{else}}{{.UseLine}}{{end}}
{{if .HasExample}}
Examples:
{{.Example}}
{{end}}{{if .HasAvailableSubCommands}}{{$all := .Commands}}{{range $g := .Groups}}
{{.Title}}{{range $all}}{{if eq .GroupID $g.ID}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}
{{end}}
{{if .Groups}}More{{else}}Verbs{{end}}:{{range $all}}{{if and (eq .GroupID "") (or .IsAvailableCommand (eq .Name "help"))}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}
{{end}}{{if .HasAvailableLocalFlags}}
Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}
{{end}}{{if .HasAvailableInheritedFlags}}
Flags of every verb:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}
{{end}}{{if .HasAvailableSubCommands}}
{{.CommandPath}} VERB --help tells more about a verb.
{{end}}`

// someVerb is for commands that only hold others: what is left on the line is
// a verb that there is not.
func someVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = min(2, len(args[0])/3)
	near := ""
	if names := cmd.SuggestionsFor(args[0]); len(names) > 0 {
		near = "; did you mean " + strings.Join(names, " or ") + "?"
	}
	return fmt.Errorf("there is no verb %q%s", strings.TrimPrefix(cmd.CommandPath()+" "+args[0], "daypass "), near)
}

// takes is how many arguments a verb takes.
func takes(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return fmt.Errorf("something is missing; write: %s", cmd.UseLine())
		case len(args) > most:
			return fmt.Errorf("%q is too much; write: %s", args[most], cmd.UseLine())
		}
		return nil
	}
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
		return nil, hinted(usage(err), "%s", wayTo(path))
	}
	for _, w := range cfg.Warnings {
		fmt.Fprintf(a.stderr, "warning: %s\n", w)
	}
	return cfg, nil
}

// wayTo says how to name the configuration, where there is none at path.
func wayTo(path string) string {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "name the configuration with --config or DAYPASS_CONFIG; daypass simulate ldap (or entra, okta, google) prints one to begin with"
	case err == nil && info.IsDir():
		return "name the file in the folder: --config " + filepath.Join(path, "daypass.yaml")
	}
	return ""
}
