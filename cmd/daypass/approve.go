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
	var at server
	var comment string
	cmd := &cobra.Command{
		Use:   "approve [ID]",
		Short: "Approve a request; without an ID, list what waits for you",
		Args:  takes(0, 1),
		RunE: verb(func(ctx context.Context, args []string) error {
			if len(args) == 0 {
				return a.listRequests(ctx, at, "/inbox", "Nothing waits for you.")
			}
			return a.decide(ctx, at, args[0], "approve", comment)
		}),
	}
	at.flags(cmd)
	cmd.Flags().StringVar(&comment, "comment", "", "`WHY`, for the record")
	return cmd
}

// deny says no to what waits for the caller.
func (a *app) deny() *cobra.Command {
	var at server
	var comment string
	cmd := &cobra.Command{
		Use: "deny ID --comment WHY", Short: "Deny a request", Args: takes(1, 1),
		RunE: verb(func(ctx context.Context, args []string) error {
			if strings.TrimSpace(comment) == "" {
				return usage(errors.New("--comment: say why; the person reads it"))
			}
			return a.decide(ctx, at, args[0], "deny", comment)
		}),
	}
	at.flags(cmd)
	cmd.Flags().StringVar(&comment, "comment", "", "`WHY`; the person reads it")
	return cmd
}

// decide decides on the step that waits now, and no other: the request is looked
// at first.
func (a *app) decide(ctx context.Context, at server, id, what, comment string) error {
	c, err := a.client(ctx, at)
	if err != nil {
		return err
	}
	r, err := c.request(ctx, id)
	if err != nil {
		return err
	}
	in := api.DecideInput{}
	if in.Body.Comment = comment; r.Waits != nil {
		in.Body.Step, in.Body.Extension = r.Waits.Step, r.Waits.Extension
	}
	return a.act(ctx, at, r.ID, what, in.Body)
}
