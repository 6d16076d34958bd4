package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/config"
	"github.com/daypass-dev/daypass/internal/expr"
	"github.com/daypass-dev/daypass/internal/report"
)

// checkup is what doctor found out about one directory.
type checkup struct {
	Directory engine.Directory `json:"directory"`
	Type      string           `json:"type"`
	Powers    []string         `json:"powers"`
	Findings  []engine.Finding `json:"findings"`
}

// doctor examines the directories.
func (a *app) doctor() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Examine each directory: reachable, credentials, rights, groups",
		Long: `doctor connects to each directory, logs in, and looks at every configured group.
Each line is a finding, ok or FAIL; with one FAIL the exit code is 1. It writes
nothing, so the right to write shows at the first change only.`,
		Args: takes(0, 0),
		RunE: verb(func(ctx context.Context, _ []string) error {
			h, err := a.open(ctx)
			if err != nil {
				return err
			}
			defer h.Close()
			checkups := make([]checkup, 0, len(h.directories))
			ill := false
			for _, d := range slices.Sorted(maps.Keys(h.directories)) {
				c := examine(ctx, h, d)
				ill = ill || slices.ContainsFunc(c.Findings, func(f engine.Finding) bool { return !f.OK })
				checkups = append(checkups, c)
			}
			if asJSON {
				err = printJSON(a.stdout, map[string]any{"version": 1, "ok": !ill, "directories": checkups})
			} else {
				for _, c := range checkups {
					a.showCheckup(c)
				}
			}
			if err == nil && ill {
				return &exit{code: exitFailed}
			}
			return err
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the findings as JSON")
	return cmd
}

func (a *app) showCheckup(c checkup) {
	fmt.Fprintf(a.stdout, "%s (%s)\n", c.Directory, c.Type)
	width := 14
	for _, f := range c.Findings {
		width = max(width, min(len(f.What), 40))
	}
	for _, f := range c.Findings {
		mark := "ok  "
		if !f.OK {
			mark = "FAIL"
		}
		fmt.Fprintf(a.stdout, "  %s  %-*s  %s\n", mark, width, report.Clean(f.What), report.Clean(f.Message))
	}
	for _, p := range c.Powers {
		fmt.Fprintf(a.stdout, "  can   %s\n", p)
	}
}

func examine(ctx context.Context, h *house, d engine.Directory) checkup {
	conn := h.directories[d]
	c := checkup{Directory: d, Type: h.cfg.Directories[d].Type, Powers: []string{}, Findings: []engine.Finding{}}
	if p, ok := conn.(engine.Prober); ok {
		c.Findings = append(c.Findings, p.Probe(ctx)...)
		if !slices.ContainsFunc(c.Findings, func(f engine.Finding) bool { return f.OK }) {
			return c // every group would only say the same again
		}
	}
	for _, power := range engine.Powers(conn) {
		if !slices.ContainsFunc(c.Findings, func(f engine.Finding) bool { return f.Lacks == power }) {
			c.Powers = append(c.Powers, power)
		}
	}
	refs := slices.SortedFunc(maps.Keys(managed(h.cfg)), func(a, b engine.GroupRef) int { return compareText(a.String(), b.String()) })
	for _, ref := range refs {
		if ref.Directory == d {
			c.Findings = append(c.Findings, examineGroup(ctx, conn, ref, true))
		}
	}
	for _, ref := range deciding(h.cfg) {
		if ref.Directory == d && !slices.Contains(refs, ref) {
			f := examineGroup(ctx, conn, ref, false)
			f.What += ", which decides"
			c.Findings = append(c.Findings, f)
		}
	}
	return c
}

// deciding are the groups that say who may ask, approve, own and administer.
func deciding(cfg *config.Config) []engine.GroupRef {
	x, err := expr.New()
	if err != nil {
		return nil // the configuration would not have been read
	}
	return slices.SortedFunc(maps.Keys(cfg.Deciding(x)), func(a, b engine.GroupRef) int { return compareText(a.String(), b.String()) })
}

func examineGroup(ctx context.Context, conn engine.Connector, ref engine.GroupRef, managed bool) engine.Finding {
	f := engine.Finding{What: "group " + ref.Name}
	info, err := conn.Group(ctx, ref.Name)
	switch {
	case err != nil:
		f.Message = err.Error()
		return f
	case info.Unmanageable != "" && managed:
		f.Message = "cannot be managed: " + info.Unmanageable
		return f
	}
	members, err := conn.Members(ctx, info.ID)
	if err != nil {
		f.Message = err.Error()
		return f
	}
	f.OK, f.Message = true, count(len(members), "member")
	return f
}
