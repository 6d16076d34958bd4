package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/report"
)

// report holds desired against actual.
func (a *app) report() *cobra.Command {
	var format, out string
	var asJSON, differences, all, who bool
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Desired against actual for every managed group, for an auditor",
		Long: `report reads every managed group and holds it against the grants: each
difference is explained, or marked UNEXPLAINED. What could not be read is said
first, and then the exit code is 1. Cells of a CSV that a spreadsheet would take
for a formula begin with an apostrophe.`,
		Args: takes(0, 0),
		RunE: verb(func(ctx context.Context, _ []string) error {
			if asJSON {
				format = "json"
			}
			h, err := a.open(ctx)
			if err != nil {
				return err
			}
			defer h.Close()
			var b report.Builder
			res, err := h.engine.Inspect(ctx, b.Add)
			h.clear()
			c := b.Finish(res, err)
			if who && err == nil {
				attribute(ctx, h.directories, c)
			}
			page := a.page()
			page.Differences, page.All = differences, all
			write, ok := map[string]func(io.Writer, report.Options) error{"text": c.Text, "json": c.JSON, "csv": c.CSV}[format]
			if !ok {
				return usage(fmt.Errorf("--format %q: it is text, json or csv", format))
			}
			if werr := a.into(out, func(w io.Writer) error { return write(w, page) }); werr != nil {
				return werr
			}
			if err != nil {
				return err
			}
			return reported(res, c)
		}),
	}
	cmd.Flags().StringVar(&format, "format", "text", "the `FORMAT`: text, json or csv")
	cmd.Flags().BoolVar(&asJSON, "json", false, "the same as --format json")
	cmd.Flags().StringVar(&out, "out", "", "a `FILE` to write instead of standard output")
	cmd.Flags().BoolVar(&differences, "differences", false, "leave out what is as it should be")
	cmd.Flags().BoolVar(&all, "all", false, "list everything, however long")
	cmd.Flags().BoolVar(&who, "who", false, "ask directories that log it who added members whom nothing explains; one request for each group with any")
	return cmd
}

// attributable is how far back a directory's own log is asked. Okta keeps 90
// days, and no vendor more by default.
const attributable = 90 * 24 * time.Hour

// attribute asks the directories that can tell who added the foreign members.
func attribute(ctx context.Context, ds map[engine.Directory]engine.Connector, c *report.Compliance) {
	for _, g := range c.Foreign() {
		log, ok := ds[g.Directory].(engine.Attributor)
		if !ok {
			continue
		}
		as, err := log.Attribute(ctx, g.ID, c.AsOf.Add(-attributable))
		if err != nil {
			c.Unattributed(g, err)
			continue
		}
		c.Attribute(g, as)
	}
}

// reported returns the exit of a report: a gap in it is a failure, a pending
// change is not.
func reported(res engine.Result, c *report.Compliance) error {
	switch {
	case len(res.Overdue) > 0:
		return &exit{code: exitOverdue}
	case res.GrantsErr != nil:
		return usage(res.GrantsErr)
	case len(c.NotRead) > 0:
		return &exit{code: exitFailed}
	}
	return nil
}
