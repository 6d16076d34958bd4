package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/config"
	"github.com/daypass-dev/daypass/internal/report"
	"github.com/daypass-dev/daypass/internal/store"
	"github.com/daypass-dev/daypass/schedule"
)

// grant holds the verbs for grants made by hand.
func (a *app) grant() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "grant",
		Short: "Grants made by hand: add, list, revoke, extend",
		Args:  someVerb,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.grantAdd(), a.grantList(), a.grantRevoke(), a.grantExtend())
	return cmd
}

// keep opens the store beside the configuration, for verbs that touch no
// directory.
func (a *app) keep(ctx context.Context, f func(*config.Config, *store.Store) error) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	s, _, err := a.openStore(ctx, cfg)
	if err != nil {
		return err
	}
	defer s.Close() //nolint:errcheck // every write was durable before
	return f(cfg, s)
}

// span is when a grant begins and ends, as typed.
type span struct{ from, until, length string }

func (s *span) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.until, "until", "", "the `TIME` when it ends, with its zone, such as 2026-11-23T17:00:00Z")
	cmd.Flags().StringVar(&s.length, "for", "", "the `LENGTH`, such as 90m, 8h or 2d, instead of --until")
}

// end returns the end that was asked for, counted from start where it is a
// length.
func (s *span) end(start time.Time) (time.Time, error) {
	switch {
	case (s.until == "") == (s.length == ""):
		return time.Time{}, errors.New("say when it ends: one of --until and --for; daypass only knows temporary access")
	case s.until != "":
		return parseTime("--until", s.until)
	}
	d, err := schedule.ParseDuration(s.length)
	if err != nil {
		return time.Time{}, fmt.Errorf("--for: %w", err)
	}
	return start.Add(d), nil
}

func parseTime(flag, s string) (time.Time, error) {
	t, err := schedule.ParseTime(s)
	if err != nil {
		return t, fmt.Errorf("%s: %w", flag, err)
	}
	return t, nil
}

func (a *app) grantAdd() *cobra.Command {
	var s span
	var resource, group, reason string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "add PERSON TARGET (--for LENGTH | --until TIME)",
		Short: "Grant a person a resource, or a group written directory/group",
		Example: `  daypass grant add ada@example.org prod-db --for 2h --reason "CHG-1234 migrate billing"
  daypass grant add ada@example.org corp/vpn --until 2026-11-23T17:00:00Z`,
		Args: takes(1, 2),
		RunE: verb(func(ctx context.Context, args []string) error {
			return a.keep(ctx, func(cfg *config.Config, st *store.Store) error {
				g, err := a.newGrant(cfg, args, resource, group, s)
				if err != nil {
					return usage(err)
				}
				g.Reason = reason
				if g, err = st.AddGrant(ctx, g, a.actor(), a.now()); err != nil {
					return err
				}
				return a.showGrant("Granted", g, asJSON)
			})
		}),
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&s.from, "from", "", "the `TIME` when it begins (default: at once)")
	cmd.Flags().StringVar(&resource, "resource", "", "the `RESOURCE`, instead of TARGET")
	cmd.Flags().StringVar(&group, "group", "", "the `GROUP` as directory/group, instead of TARGET")
	cmd.Flags().StringVar(&reason, "reason", "", "`WHY`, such as a ticket")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the grant as JSON")
	return cmd
}

// newGrant reads what was typed after grant add.
func (a *app) newGrant(cfg *config.Config, args []string, resource, group string, s span) (store.HandGrant, error) {
	var g store.HandGrant
	person, err := engine.ParsePerson(args[0])
	if err != nil {
		return g, err
	}
	target, isResource := cmp.Or(resource, group), resource != ""
	if len(args) == 2 {
		target, isResource = args[1], !strings.Contains(args[1], "/")
	}
	if n := len(args) - 1 + present(resource) + present(group); n != 1 {
		return g, errors.New("say what it is for, once: a resource, or a group written directory/group")
	}
	if _, err := targets(cfg, target, isResource); err != nil {
		return g, err
	}
	now := a.now().UTC()
	from := now
	if s.from != "" {
		if from, err = parseTime("--from", s.from); err != nil {
			return g, err
		}
	}
	until, err := s.end(from)
	if err != nil {
		return g, err
	}
	if !until.After(from) || !until.After(now) {
		return g, fmt.Errorf("the grant would be over (%s) before it begins (%s)", report.At(until), report.At(latest(from, now)))
	}
	return store.HandGrant{Person: person, Target: target, IsResource: isResource, From: from, Until: until}, nil
}

func present(s string) int {
	if s == "" {
		return 0
	}
	return 1
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (a *app) grantRevoke() *cobra.Command {
	var reason string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "revoke ID",
		Short: "End a grant made by hand, at once",
		Long: `revoke ends a grant that was made with grant add. The next sync takes the person
out; no limit holds that. A grant in a file is ended in its file. The first
characters of the ID are enough, when no other grant begins so.`,
		Args: takes(1, 1),
		RunE: verb(func(ctx context.Context, args []string) error {
			return a.keep(ctx, func(cfg *config.Config, st *store.Store) error {
				g, err := st.Revoke(ctx, engine.GrantID(args[0]), a.actor(), reason, a.now())
				if err != nil {
					return a.elsewhere(ctx, cfg, args[0], err)
				}
				return a.showGrant("Revoked", g, asJSON)
			})
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "`WHY`, for the audit log")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the grant as JSON")
	return cmd
}

func (a *app) grantExtend() *cobra.Command {
	var s span
	var reason string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "extend ID (--for LENGTH | --until TIME)",
		Short: "Let a grant made by hand last longer, without a gap",
		Long: `extend moves the end of a grant that was made with grant add. A length counts
from the present end. The first characters of the ID are enough.`,
		Args: takes(1, 1),
		RunE: verb(func(ctx context.Context, args []string) error {
			return a.keep(ctx, func(cfg *config.Config, st *store.Store) error {
				g, err := st.Grant(ctx, engine.GrantID(args[0]))
				if err != nil {
					return a.elsewhere(ctx, cfg, args[0], err)
				}
				until, err := s.end(g.Until)
				if err != nil {
					return usage(err)
				}
				if g, err = st.Extend(ctx, g.ID, until, a.actor(), reason, a.now()); err != nil {
					return err
				}
				return a.showGrant("Extended", g, asJSON)
			})
		}),
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "`WHY`, for the audit log")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the grant as JSON")
	return cmd
}

// elsewhere says where a grant is that was not made by hand.
func (a *app) elsewhere(ctx context.Context, cfg *config.Config, id string, err error) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	gs, ferr := files(cfg).Grants(ctx)
	if ferr != nil {
		return err
	}
	for _, g := range gs {
		if len(id) >= 4 && strings.HasPrefix(string(g.ID), id) {
			return hinted(err, "it stands in %s: change its end there", g.Origin)
		}
	}
	return hinted(err, "daypass grant list shows the ids")
}

// line is a grant as it is listed.
type line struct {
	ID     engine.GrantID `json:"id"`
	Person engine.Person  `json:"person"`
	Target string         `json:"target"`
	From   time.Time      `json:"from,omitzero"`
	Until  time.Time      `json:"until"`
	State  string         `json:"state"` // waiting, active, ended, revoked
	Reason string         `json:"reason,omitempty"`
	Origin string         `json:"origin"`
}

func (a *app) handLine(g store.HandGrant) line {
	l := line{ID: g.ID, Person: g.Person, Target: g.Target, From: g.From.UTC(), Until: g.End().UTC(), Reason: g.Reason, Origin: "by hand, " + g.By}
	switch now := a.now(); {
	case !g.RevokedAt.IsZero():
		l.State = "revoked"
	case !now.Before(g.Until):
		l.State = "ended"
	case now.Before(g.From):
		l.State = "waiting"
	default:
		l.State = "active"
	}
	return l
}

func (a *app) fileLine(g engine.Grant) line {
	l := line{ID: g.ID, Person: g.Person, Target: cmp.Or(g.Resource, g.Group.String()), Until: g.When.Until.UTC(), Reason: g.Reason, Origin: g.Origin}
	if !g.When.From.IsZero() {
		l.From = g.When.From.UTC()
	}
	switch now := a.now(); {
	case g.When.Ended(now):
		l.State = "ended"
	case g.When.Active(now):
		l.State = "active"
	default:
		l.State = "waiting"
	}
	return l
}

func (a *app) showGrant(done string, g store.HandGrant, asJSON bool) error {
	l := a.handLine(g)
	if asJSON {
		return printJSON(a.stdout, l)
	}
	from := ""
	if l.State == "waiting" {
		from = " from " + report.At(l.From)
	}
	fmt.Fprintf(a.stdout, "%s %s: %s in %s%s until %s (%s).\nNext: the next sync carries it out%s; a daemon does by itself.\n",
		done, l.ID, l.Person, report.Clean(l.Target), from, report.At(l.Until), report.Relative(l.Until, a.now()), whenDue(l.State))
	return nil
}

func whenDue(state string) string {
	if state == "waiting" {
		return " when its time has come"
	}
	return ""
}

func (a *app) grantList() *cobra.Command {
	var all, asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the grants, made by hand and in files",
		Args:  takes(0, 0),
		RunE: verb(func(ctx context.Context, _ []string) error {
			return a.keep(ctx, func(cfg *config.Config, st *store.Store) error {
				hs, err := st.Grants(ctx)
				if err != nil {
					return err
				}
				gs, broken := files(cfg).Grants(ctx)
				lines := a.lines(hs, gs, all)
				if asJSON {
					err = printJSON(a.stdout, map[string]any{"version": 1, "grants": lines})
				} else {
					err = a.showLines(lines)
				}
				if broken != nil { // the ids of those made by hand are of use all the same
					err = errors.Join(err, usage(broken))
				}
				return err
			})
		}),
	}
	cmd.Flags().BoolVar(&all, "all", false, "also those that are over")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the grants as JSON")
	return cmd
}

func (a *app) lines(hs []store.HandGrant, gs []engine.Grant, all bool) []line {
	lines := make([]line, 0, len(hs)+len(gs))
	for _, h := range hs {
		lines = append(lines, a.handLine(h))
	}
	seen := make(map[engine.GrantID]bool)
	for _, g := range gs {
		if !seen[g.ID] { // a grant of a resource stands there once for each group
			lines = append(lines, a.fileLine(g))
		}
		seen[g.ID] = true
	}
	if !all {
		lines = slices.DeleteFunc(lines, func(l line) bool { return l.State == "ended" || l.State == "revoked" })
	}
	slices.SortStableFunc(lines, func(x, y line) int { return cmp.Or(x.Until.Compare(y.Until), compareText(string(x.ID), string(y.ID))) })
	return lines
}

func (a *app) showLines(lines []line) error {
	if len(lines) == 0 {
		fmt.Fprintln(a.stdout, "No grants.")
		return nil
	}
	w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tPERSON\tTARGET\tSTATE\tFROM\tUNTIL\tREASON\tORIGIN")
	for _, l := range lines {
		from := ""
		if !l.From.IsZero() {
			from = report.At(l.From)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.ID, report.Clean(string(l.Person)), report.Clean(l.Target), l.State,
			from, report.At(l.Until), report.Clean(l.Reason), report.Clean(l.Origin))
	}
	return w.Flush()
}
