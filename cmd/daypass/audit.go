package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/audit"
	"github.com/daypass-dev/daypass/internal/config"
	"github.com/daypass-dev/daypass/internal/report"
	"github.com/daypass-dev/daypass/internal/store"
)

// audit holds the verbs for the audit log.
func (a *app) audit() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "The audit log: log, verify, export",
		Args:  someVerb,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.auditLog(), a.auditVerify(), a.auditExport())
	return cmd
}

func (a *app) auditVerify() *cobra.Command {
	var file, head string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Prove the audit log whole, from the store or from an export",
		Long: `verify recomputes the hash chain from the first event. It prints the head: keep
it elsewhere, and give it to a later verify with --head, to prove that nothing
was cut off the end.`,
		Args: takes(0, 0),
		RunE: verb(func(ctx context.Context, _ []string) error {
			var want *audit.Head
			if head != "" {
				h, err := audit.ParseHead(head)
				if err != nil {
					return usage(err)
				}
				want = &h
			}
			check := func(records iter.Seq2[audit.Record, error]) error {
				got, err := audit.Verify(records, want)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(a.stdout, map[string]any{"version": 1, "whole": true, "events": got.Seq, "head": got.String()})
				}
				fmt.Fprintf(a.stdout, "The audit log is whole: %s.\nhead %s\n", count(int(got.Seq), "event"), got)
				return nil
			}
			if file == "" {
				return a.keep(ctx, func(_ *config.Config, st *store.Store) error { return check(st.Events(ctx, 0)) })
			}
			f, err := os.Open(file)
			if err != nil {
				return usage(err)
			}
			defer f.Close()
			return check(audit.Import(f))
		}),
	}
	cmd.Flags().StringVar(&file, "file", "", "the `FILE` of an export to verify, instead of the store")
	cmd.Flags().StringVar(&head, "head", "", "the `HEAD` that an earlier verify printed, which the log must still hold")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

func (a *app) auditExport() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the audit log as JSON lines, which verify --file checks offline",
		Args:  takes(0, 0),
		RunE: verb(func(ctx context.Context, _ []string) error {
			return a.keep(ctx, func(_ *config.Config, st *store.Store) error {
				return a.into(out, func(w io.Writer) error { return audit.Export(w, st.Events(ctx, 0)) })
			})
		}),
	}
	cmd.Flags().StringVar(&out, "out", "", "a `FILE` to write instead of standard output")
	return cmd
}

// into writes to a file, or to standard output when there is no name.
func (a *app) into(path string, write func(io.Writer) error) error {
	if path == "" {
		return write(a.stdout)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		_ = f.Close() // the first error is the one to tell
		return err
	}
	return f.Close()
}

func (a *app) auditLog() *cobra.Command {
	var last int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "log",
		Short: "Read the audit log, a line for each event",
		Args:  takes(0, 0),
		RunE: verb(func(ctx context.Context, _ []string) error {
			if last < 0 {
				return usage(fmt.Errorf("--last %d: it is a number of events", last))
			}
			return a.keep(ctx, func(_ *config.Config, st *store.Store) error {
				head, err := st.Head(ctx)
				if err != nil {
					return err
				}
				after := int64(0)
				if last > 0 {
					after = max(0, head.Seq-int64(last))
				}
				if asJSON {
					return audit.Export(a.stdout, st.Events(ctx, after))
				}
				for r, err := range st.Events(ctx, after) {
					if err != nil {
						return err
					}
					e, err := r.Event()
					if err != nil {
						return err
					}
					fmt.Fprintf(a.stdout, "%6d  %s  %s\n", r.Seq, report.At(e.At), report.Clean(eventText(e)))
				}
				return nil
			})
		}),
	}
	cmd.Flags().IntVarP(&last, "last", "n", 0, "only the last `N` events")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the events as JSON lines")
	return cmd
}

// eventText is an event as a line: what happened, to whom, where, and why.
func eventText(e engine.Event) string {
	parts := []string{fmt.Sprintf("%-11s", e.Kind)}
	add := func(format string, v any) {
		if s := fmt.Sprint(v); s != "" {
			parts = append(parts, fmt.Sprintf(format, s))
		}
	}
	add("%s", e.Op)
	who := string(e.Person)
	if who == "" && e.Member != nil {
		who = e.Member.Login
	}
	add("%s", who)
	where := e.Group
	if e.Directory != "" {
		where = string(e.Directory) + "/" + e.Group
	}
	add("%s", where)
	add("(%s)", e.Why)
	if e.Changed != nil && !*e.Changed {
		parts = append(parts, "it was so already")
	}
	if e.Due != nil && e.Kind == engine.EventConfirmed {
		parts = append(parts, fmt.Sprintf("%s after it was due", report.Span(e.At.Sub(*e.Due))))
	}
	add("%s", short(e.Digest))
	if e.Counts != nil {
		parts = append(parts, fmt.Sprintf("added %d, removed %d, failed %d, held %d", e.Counts.Added, e.Counts.Removed, e.Counts.Failed, e.Counts.Held))
	}
	add("by %s", e.By)
	add("(%s)", e.Reason)
	add("error: %s", e.Error)
	return strings.Join(parts, " ")
}

func short(digest string) string { return digest[:min(len(digest), len("sha256:")+12)] }
