package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/daypass-dev/daypass/internal/config"
	"github.com/daypass-dev/daypass/internal/store"
	"github.com/daypass-dev/daypass/schedule"
)

// opening is how often it is told that a store takes its time to be opened.
const opening = 5 * time.Second

// slowly is what is told then.
const slowly = "opening the store takes a while: a newer daypass brings it up to date, or another process holds it"

// openStore opens the store that the configuration names, and tells whether
// other machines may share it. slow is called while that takes long.
func openStore(ctx context.Context, cfg *config.Config, slow func()) (s *store.Store, shared bool, err error) {
	dsn, err := cfg.StoreDSN(ctx)
	if err != nil {
		return nil, false, usage(err)
	}
	opened, done := context.WithCancel(ctx)
	defer done()
	go func() {
		for schedule.Pause(opened, opening) {
			slow()
		}
	}()
	s, err = store.Open(ctx, dsn)
	return s, store.IsPostgres(dsn), err
}

// openStore tells whoever sits before it while that takes long.
func (a *app) openStore(ctx context.Context, cfg *config.Config) (s *store.Store, shared bool, err error) {
	return openStore(ctx, cfg, func() { fmt.Fprintln(a.stderr, slowly) })
}

// store groups what is done to the store as a whole.
func (a *app) store() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "store",
		Short: "Move the store to another database",
		Args:  someVerb,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.storeMigrate())
	return cmd
}

func (a *app) storeMigrate() *cobra.Command {
	var to string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "migrate --to ADDRESS",
		Short: "Move a running installation from SQLite to PostgreSQL",
		Long: `migrate copies the store that the configuration names into a PostgreSQL database
that holds none yet, verifies the audit log there, and closes the old store: it
refuses to be opened from then on, and says where the new one is. No run may be
under way. When anything goes wrong, the old store stays as it is.

Set store: in the configuration to the address afterwards. The password comes
from PGPASSWORD or ~/.pgpass; one in the address works too, but others on this
machine may see it.`,
		Example: "  daypass store migrate --to postgres://daypass@db.example.org/daypass?sslmode=verify-full",
		Args:    takes(0, 0),
		RunE: verb(func(ctx context.Context, _ []string) error {
			if !store.IsPostgres(to) {
				return usage(errors.New("--to names the new database: postgres://USER@HOST/DATABASE"))
			}
			cfg, err := a.load()
			if err != nil {
				return err
			}
			from, err := cfg.StoreDSN(ctx)
			if err != nil {
				return usage(err)
			}
			moved, err := store.Move(ctx, from, to, a.now(), func(what string) { fmt.Fprintln(a.stderr, what) })
			if errors.Is(err, store.ErrLocked) {
				return hinted(err, "wait for the run to end, or stop daypass serve")
			}
			if err != nil {
				return err
			}
			return a.printMoved(cfg, moved, asJSON)
		}),
	}
	cmd.Flags().StringVar(&to, "to", "", "the `ADDRESS` of the new database: postgres://USER@HOST/DATABASE")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

func (a *app) printMoved(cfg *config.Config, moved store.Moved, asJSON bool) error {
	if asJSON {
		rows := map[string]int64{}
		for _, c := range moved.Tables {
			rows[c.Table] = c.Rows
		}
		return printJSON(a.stdout, map[string]any{
			"version": 1, "store": moved.Target, "rows": rows, "events": moved.Head.Seq, "head": moved.Head.String(),
		})
	}
	for _, c := range moved.Tables {
		if c.Rows > 0 {
			fmt.Fprintf(a.stdout, "%9d  %s\n", c.Rows, c.Table)
		}
	}
	fmt.Fprintf(a.stdout, "Moved, and the audit log of %d events verified there.\n", moved.Head.Seq)
	fmt.Fprintf(a.stdout, "Next: write this into %s, then start daypass again:\n\n  store: %s\n", cfg.Path, moved.Target)
	return nil
}
