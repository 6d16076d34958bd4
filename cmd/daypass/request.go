package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/daypass-dev/daypass/internal/api"
	"github.com/daypass-dev/daypass/internal/report"
)

// wish is a request as typed.
type wish struct {
	resource, person, length, from, reason, ticket, template string
	answers                                                  map[string]string
	breakGlass                                               bool
	key                                                      string
}

// request asks for access, by the API of a daypass that serves.
func (a *app) request() *cobra.Command {
	var w wish
	var wait bool
	var limit patience
	cmd := a.calling(&cobra.Command{
		Use:   "request [--resource RESOURCE | --template NAME]",
		Short: "Ask for access, and wait for it: for people and pipelines",
		Long: `request asks a daypass that serves for access. With --wait it returns when the
membership is really there, so that a pipeline needs one line before its work:
0 it is there, 6 it was denied, withdrawn or lapsed, 7 the time of --timeout is
over (the request stays). Run again, it goes on waiting for the same request
while nobody has decided on it; with the same --key, for a day and in any case.

It signs in with what DAYPASS_TOKEN holds: a token made on the page, or one that
the pipeline's own system issued. In GitHub Actions it asks for one by itself,
when the job has the permission id-token: write.`,
		Example: `  daypass request --resource prod-db --for 1h --reason "CHG-1234 migrate" --wait
  daypass request --template nightly --wait --timeout 30m
  daypass request show r2x4...    daypass request extend r2x4... --for 1h`,
		Args: takes(0, 0),
	}, func(ctx context.Context, c *client, _ []string) error {
		r, err := c.ask(ctx, w, wait)
		switch {
		case err != nil:
			return err
		case wait:
			return c.await(ctx, r, limit.most)
		}
		return c.show(r)
	})
	f := cmd.Flags()
	f.StringVar(&w.resource, "resource", "", "the `RESOURCE` to ask for")
	f.StringVar(&w.template, "template", "", "a template's `NAME`; it fills in what is left out")
	f.StringVar(&w.person, "person", "", "for `WHOM`, by work address (default: yourself)")
	f.StringVar(&w.length, "for", "", "the `LENGTH`, such as 90m or 8h (default: that of the policy)")
	f.StringVar(&w.from, "from", "", "the `TIME` when it begins, with its zone (default: at the approval)")
	f.StringVar(&w.reason, "reason", "", "`WHY`")
	f.StringVar(&w.ticket, "ticket", "", "the `TICKET`")
	f.StringToStringVar(&w.answers, "answer", nil, "an answer to a question of the policy, as `NAME=TEXT`; may be repeated")
	f.Lookup("answer").DefValue = "" // which shows none
	f.BoolVar(&w.breakGlass, "break-glass", false, "take access at once, to be reviewed afterwards")
	f.BoolVar(&wait, "wait", false, "return when the membership is there")
	limit.flag(cmd, "how long --wait waits: a `LENGTH`")
	f.StringVar(&w.key, "key", "", "a `TEXT` that is the same when the same step of a pipeline runs again, so that it asks once")
	cmd.AddCommand(a.requestShow(), a.requestWait(), a.requestList(),
		a.requestAct("withdraw", "Take back a request that waits for decisions", "`WHY`, for the record"),
		a.requestAct("end", "Give access back before its time", "`WHY`, for the record; needed where the access is somebody else's"), a.requestExtend())
	return cmd
}

// ask asks for what was typed. Whoever waits, and asked for the same before,
// gets that request while nobody has decided on it.
func (c *client) ask(ctx context.Context, w wish, wait bool) (api.RequestDetail, error) {
	var r api.RequestDetail
	if (w.resource == "") == (w.template == "") {
		return r, usage(errors.New("say what to ask for: one of --resource and --template"))
	}
	if w.from != "" {
		from, err := parseTime("--from", w.from)
		if err != nil {
			return r, usage(err)
		}
		w.from = from.Format(time.RFC3339)
	}
	var in api.AskInput
	b := &in.Body
	b.Resource, b.Template, b.Person, b.For, b.From = w.resource, w.template, w.person, w.length, w.from
	b.Reason, b.Ticket, b.Answers, b.BreakGlass = w.reason, w.ticket, w.answers, w.breakGlass
	key := http.Header{"Idempotency-Key": {cmp.Or(w.key, rand.Text())}}
	err := c.call(ctx, http.MethodPost, "/requests", key, b, &r)
	p, refused := errors.AsType[*problem](err)
	switch {
	case err == nil && wait:
		fmt.Fprintf(c.stderr, "asked: %s\n", r.ID)
	case errors.Is(err, errInterrupted):
		err = hinted(err, "it may have been asked for; daypass request list tells")
	case !refused || p.Request == "":
	case wait && p.Same:
		if r, err = c.request(ctx, p.Request); err == nil {
			fmt.Fprintf(c.stderr, "asked already, at %s: %s\n", report.At(r.At), r.ID)
		}
	default:
		err = hinted(err, "daypass request show %s tells how it stands, daypass request wait %s waits for it", p.Request, p.Request)
	}
	return r, err
}

func (a *app) requestShow() *cobra.Command {
	return a.calling(&cobra.Command{
		Use: "show ID", Short: "How a request stands", Args: takes(1, 1),
	}, func(ctx context.Context, c *client, args []string) error {
		r, err := c.request(ctx, args[0])
		if err != nil {
			return err
		}
		return c.show(r)
	})
}

func (a *app) requestList() *cobra.Command {
	return a.calling(&cobra.Command{
		Use: "list", Short: "Your requests, and your access", Args: takes(0, 0),
	}, func(ctx context.Context, c *client, _ []string) error {
		return c.list(ctx, "/requests", "You asked for nothing yet.")
	})
}

func (a *app) requestAct(act, short, why string) *cobra.Command {
	var comment string
	cmd := a.calling(&cobra.Command{
		Use: act + " ID", Short: short, Args: takes(1, 1),
	}, func(ctx context.Context, c *client, args []string) error {
		err := c.act(ctx, args[0], act, api.Comment{Comment: comment})
		if p, ok := errors.AsType[*problem](err); ok && p.Status == http.StatusUnprocessableEntity && strings.TrimSpace(comment) == "" {
			err = hinted(err, "daypass request %s %s --comment WHY", act, args[0])
		}
		return err
	})
	cmd.Flags().StringVar(&comment, "comment", "", why)
	return cmd
}

func (a *app) requestExtend() *cobra.Command {
	var length, reason string
	cmd := a.calling(&cobra.Command{
		Use: "extend ID --for LENGTH", Short: "Ask for access to last longer", Args: takes(1, 1),
	}, func(ctx context.Context, c *client, args []string) error {
		return c.act(ctx, args[0], "extend", map[string]string{"for": length, "reason": reason})
	})
	cmd.Flags().StringVar(&length, "for", "", "the `LENGTH`, from the present end")
	cmd.Flags().StringVar(&reason, "reason", "", "`WHY`")
	return cmd
}

// act does something to a request and shows how it stands then.
func (c *client) act(ctx context.Context, id, what string, body any) error {
	var r api.RequestDetail
	err := c.call(ctx, http.MethodPost, "/requests/"+url.PathEscape(id)+"/"+what, nil, body, &r)
	switch {
	case errors.Is(err, errInterrupted):
		return hinted(err, "it may have been done; daypass request show %s tells", id)
	case err != nil:
		return err
	}
	return c.show(r)
}
