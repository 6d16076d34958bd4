package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/daypass-dev/daypass/internal/api"
	"github.com/daypass-dev/daypass/internal/report"
	"github.com/daypass-dev/daypass/schedule"
)

// patience is how long somebody waits, as typed.
type patience string

func (p *patience) flag(cmd *cobra.Command, usage string) {
	cmd.Flags().StringVar((*string)(p), "timeout", "1h", usage)
}

func (p patience) length() (time.Duration, error) {
	d, err := schedule.ParseDuration(string(p))
	if err != nil {
		return 0, usage(fmt.Errorf("--timeout: %w", err))
	}
	return d, nil
}

func (a *app) requestWait() *cobra.Command {
	var at server
	var limit patience
	cmd := &cobra.Command{
		Use: "wait ID", Short: "Wait until the membership is there", Args: takes(1, 1),
		RunE: verb(func(ctx context.Context, args []string) error {
			most, err := limit.length()
			if err != nil {
				return err
			}
			c, err := a.client(ctx, at)
			if err != nil {
				return err
			}
			r, err := c.request(ctx, args[0])
			if err != nil {
				return err
			}
			return a.await(ctx, c, r, most, at.asJSON)
		}),
	}
	at.flags(cmd)
	limit.flag(cmd, "how long to wait: a `LENGTH`")
	return cmd
}

// await waits until the membership is there, and shows the request then.
func (a *app) await(ctx context.Context, c *client, r api.RequestDetail, most time.Duration, asJSON bool) error {
	limited, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	state := ""
	for wait := time.Second; ; wait = min(wait*3/2, 10*time.Second) {
		if now := stateText(r); now != state {
			state = now
			fmt.Fprintf(a.stderr, "%s\n", report.Clean(now))
		}
		switch {
		case r.There:
			return a.showRequest(r, asJSON)
		case r.State == "denied", r.State == "withdrawn", r.State == "lapsed", r.State == "revoked", r.State == "ended":
			return &exit{code: exitDenied, err: fmt.Errorf("request %s: %s", r.ID, state)}
		}
		switch {
		case schedule.Pause(limited, wait):
		case ctx.Err() != nil:
			return stays(r, fmt.Errorf("%w; request %s stays: %s", errInterrupted, r.ID, state))
		default:
			return stays(r, &exit{code: exitTimeout, err: fmt.Errorf("request %s after %s: %s", r.ID, schedule.FormatDuration(most), state)})
		}
		switch next, err := c.request(limited, r.ID); {
		case err == nil:
			r = next
		case c.passing(err) || limited.Err() != nil: // the next look may do better
		default:
			return err
		}
	}
}

// stays adds to the error of whoever waits no longer how to go on.
func stays(r api.RequestDetail, err error) error {
	back := "daypass request end %s gives it back"
	if r.State == "asked" {
		back = "daypass request withdraw %s takes it back"
	}
	return hinted(err, "daypass request wait %s goes on waiting, "+back, r.ID, r.ID)
}
