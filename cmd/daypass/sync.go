package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/report"
	"github.com/daypass-dev/daypass/internal/store"
)

// sync is the scheduled job.
func (a *app) sync() *cobra.Command {
	var asJSON bool
	var m manner
	cmd := &cobra.Command{
		Use:   "sync",
		Short: "Make memberships equal to the grants: the scheduled job",
		Long: `sync reads, decides, changes and confirms, once. It never asks. When another
sync is under way it leaves with exit code 0.

Run it from a timer as often as access may be late. What it could not do is in
the page and in the exit code, and the next one tries again.`,
		Args: takes(0, 0),
		RunE: verb(func(ctx context.Context, _ []string) error {
			err := a.reconcile(ctx, "", asJSON, m)
			if errors.Is(err, store.ErrLocked) {
				fmt.Fprintf(a.stderr, "daypass: another run is under way, so this one leaves: %v\n", err)
				if asJSON {
					return printJSON(a.stdout, map[string]any{"version": 1, "skipped": "another run is under way"})
				}
				return nil
			}
			return err
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	cmd.Flags().BoolVar(&m.trustClock, "trust-clock", false, "this machine's clock is right, and the store was written by a wrong one")
	cmd.Flags().BoolVar(&m.full, "full", false, fullHelp)
	return cmd
}

const fullHelp = "list every group, also where a directory says that nothing changed"

// reconcile makes one run under the lock and prints its result.
func (a *app) reconcile(ctx context.Context, digest string, asJSON bool, m manner) error {
	m.leases = newHeld()
	h, err := a.openTo(ctx, m)
	if err != nil {
		return err
	}
	defer h.Close()
	unlock, err := a.lead(ctx, h, m.leases)
	if err != nil {
		return err
	}
	defer unlock()
	a.warnUnmatched(h.cfg)
	res, err := h.engine.Run(ctx, a.actor(), digest)
	h.clear()
	if err != nil {
		return err
	}
	if asJSON {
		err = report.RunJSON(a.stdout, res)
	} else {
		err = report.Run(a.stdout, res, a.page())
	}
	return errors.Join(err, outcome(res))
}

// parseDigest accepts a digest or a beginning of one that is long enough.
func parseDigest(s string) (string, error) {
	hex := strings.TrimPrefix(s, "sha256:")
	if len(hex) < 12 || len(hex) > 64 || strings.Trim(hex, "0123456789abcdef") != "" {
		return "", fmt.Errorf("digest %q is not sha256: and 12 to 64 hexadecimal digits, as plan prints it", s)
	}
	return "sha256:" + hex, nil
}

// release lets a held part of a plan through.
func (a *app) release() *cobra.Command {
	var reason string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "release DIGEST",
		Short: "Let exactly one held set of changes through, once",
		Long: `A limit holds changes that nobody announced. plan and sync show them, and their
digest. release lets exactly that set through, in one run, within the time that
releaseFor states (24h). When the set changes meanwhile, it is held again. The
first 12 digits of the digest are enough.`,
		Args: takes(1, 1),
		RunE: verb(func(ctx context.Context, args []string) error {
			digest, err := parseDigest(args[0])
			if err != nil {
				return usage(err)
			}
			cfg, err := a.load()
			if err != nil {
				return err
			}
			s, _, err := a.openStore(ctx, cfg)
			if err != nil {
				return err
			}
			defer s.Close() //nolint:errcheck // every write was durable before
			now := a.now()
			rel, err := s.AddRelease(ctx, engine.Release{
				Digest: digest, By: a.actor(), Reason: reason, At: now, Expires: now.Add(cfg.ReleaseFor.Std()),
			})
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(a.stdout, map[string]any{
					"version": 1, "digest": rel.Digest, "by": rel.By, "reason": rel.Reason, "at": rel.At.UTC(), "expires": rel.Expires.UTC(),
				})
			}
			fmt.Fprintf(a.stdout, "Released %s until %s, for one run.\nNext: the next sync carries it out if it is still the same; a daemon does by itself.\n", rel.Digest, report.At(rel.Expires))
			return nil
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "`WHY`, for the audit log")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the release as JSON")
	return cmd
}
