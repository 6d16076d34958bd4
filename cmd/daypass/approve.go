package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daypass-dev/daypass/internal/api"
)

// approve says yes to what waits for the caller, and lists it without an ID.
func (a *app) approve() *cobra.Command {
	var comment string
	cmd := a.calling(&cobra.Command{
		Use:   "approve [ID]",
		Short: "Approve a request; without an ID, list what waits for you",
		Args:  takes(0, 1),
	}, func(ctx context.Context, c *client, args []string) error {
		if len(args) == 0 {
			return c.list(ctx, "/inbox", "Nothing waits for you.")
		}
		return c.decide(ctx, args[0], "approve", comment)
	})
	cmd.Flags().StringVar(&comment, "comment", "", "`WHY`, for the record")
	return cmd
}

// deny says no to what waits for the caller.
func (a *app) deny() *cobra.Command {
	var comment string
	cmd := a.calling(&cobra.Command{
		Use: "deny ID --comment WHY", Short: "Deny a request", Args: takes(1, 1),
		PreRunE: verb(func(context.Context, []string) error {
			if strings.TrimSpace(comment) == "" {
				return usage(errors.New("--comment: say why; the person reads it"))
			}
			return nil
		}),
	}, func(ctx context.Context, c *client, args []string) error {
		return c.decide(ctx, args[0], "deny", comment)
	})
	cmd.Flags().StringVar(&comment, "comment", "", "`WHY`; the person reads it")
	return cmd
}

// decide decides on the step that waits now, and no other: the request is looked
// at first.
func (c *client) decide(ctx context.Context, id, what, comment string) error {
	r, err := c.request(ctx, id)
	if err != nil {
		return err
	}
	in := api.DecideInput{}
	if in.Body.Comment = comment; r.Waits != nil {
		in.Body.Step, in.Body.Extension = r.Waits.Step, r.Waits.Extension
	}
	return c.act(ctx, r.ID, what, in.Body)
}
