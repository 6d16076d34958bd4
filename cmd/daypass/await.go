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

// patience is how long somebody waits.
type patience struct {
	typed string
	most  time.Duration // set before the verb runs
}

func (p *patience) flag(cmd *cobra.Command, text string) {
	cmd.Flags().StringVar(&p.typed, "timeout", "1h", text)
	cmd.PreRunE = verb(func(context.Context, []string) error {
		var err error
		if p.most, err = schedule.ParseDuration(p.typed); err != nil {
			return usage(fmt.Errorf("--timeout: %w", err))
		}
		return nil
	})
}

func (a *app) requestWait() *cobra.Command {
	var limit patience
	cmd := a.calling(&cobra.Command{
		Use: "wait ID", Short: "Wait until the membership is there", Args: takes(1, 1),
	}, func(ctx context.Context, c *client, args []string) error {
		r, err := c.request(ctx, args[0])
		if err != nil {
			return err
		}
		return c.await(ctx, r, limit.most)
	})
	limit.flag(cmd, "how long to wait: a `LENGTH`")
	return cmd
}

// await waits until the membership is there, and shows the request then.
func (c *client) await(ctx context.Context, r api.RequestDetail, most time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	state := ""
	for wait := time.Second; ; wait = min(wait*3/2, 10*time.Second) {
		if now := stateText(r); now != state {
			state = now
			fmt.Fprintf(c.stderr, "%s\n", report.Clean(now))
		}
		switch {
		case r.There:
			return c.show(r)
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
