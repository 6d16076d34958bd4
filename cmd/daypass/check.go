package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daypass-dev/daypass/internal/config"
)

// check reads the configuration and the grant files.
func (a *app) check() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Read the configuration and grant files, without touching a directory",
		Long: `check reads the configuration and every grant file, and tells each mistake with
its file, line and column. It needs no directory, no secret and no store, so it
fits a commit hook.`,
		Args: takes(0, 0),
		RunE: verb(func(ctx context.Context, _ []string) error {
			cfg, err := a.load()
			if err != nil {
				return err
			}
			if _, err := connect(cfg, nil, nil); err != nil {
				return usage(err)
			}
			gs, err := files(cfg).Grants(ctx)
			if err != nil {
				return usage(err)
			}
			a.warnUnmatched(cfg)
			now, active, waiting, over := a.now(), 0, 0, 0
			wishes := make(map[string]bool)
			for _, g := range gs {
				if wishes[string(g.ID)] {
					continue // another group of the same grant
				}
				wishes[string(g.ID)] = true
				switch {
				case g.When.Active(now):
					active++
				case g.When.Ended(now):
					over++
				default:
					waiting++
				}
			}
			if asJSON {
				return printJSON(a.stdout, map[string]any{
					"version": 1, "config": cfg.Path, "directories": len(cfg.Directories), "groups": len(managed(cfg)),
					"resources": len(cfg.Resources), "grants": len(wishes), "active": active, "waiting": waiting, "ended": over,
				})
			}
			fmt.Fprintf(a.stdout, "%s is fine: %s, %s, %s, %s in files (%d in force, %d to come, %d ended).\n", cfg.Path,
				count(len(cfg.Directories), "directory"), count(len(managed(cfg)), "group"),
				count(len(cfg.Resources), "resource"), count(len(wishes), "grant"), active, waiting, over)
			return nil
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

// warnUnmatched names the patterns of grant files that no file fits: a slip of
// the pen there is a grant that nobody gets.
func (a *app) warnUnmatched(cfg *config.Config) {
	for _, pattern := range files(cfg).Unmatched() {
		fmt.Fprintf(a.stderr, "warning: grants: no file fits %s\n", pattern)
	}
}

// version tells which build this is.
func (a *app) version() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Tell which build this is",
		Args:  takes(0, 0),
		RunE: verb(func(context.Context, []string) error {
			if asJSON {
				return printJSON(a.stdout, map[string]any{"version": version, "go": goVersion()})
			}
			fmt.Fprintln(a.stdout, build())
			return nil
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}

// build names this build.
func build() string { return fmt.Sprintf("daypass %s (%s)", version, goVersion()) }

// goVersion is what it was built with.
func goVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.GoVersion
	}
	return "unknown"
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// count says how many there are of something.
func count(n int, noun string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(noun, "y"):
		noun = strings.TrimSuffix(noun, "y") + "ies"
	default:
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

func compareText(a, b string) int { return cmp.Compare(a, b) }
