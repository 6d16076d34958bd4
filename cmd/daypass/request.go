package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/daypass-dev/daypass/internal/api"
	"github.com/daypass-dev/daypass/internal/report"
	"github.com/daypass-dev/daypass/schedule"
)

// wish is a request as typed.
type wish struct {
	resource, person, length, from, reason, ticket, template string
	answers                                                  map[string]string
	breakGlass, wait, asJSON                                 bool
	patience                                                 time.Duration
	key                                                      string
}

// request asks for access, by the API of a daypass that serves.
func (a *app) request() *cobra.Command {
	var w wish
	var at server
	var patience string
	cmd := &cobra.Command{
		Use:   "request [--resource RESOURCE | --template NAME]",
		Short: "Ask for access, and wait for it: for people and pipelines",
		Long: `request asks a daypass that serves for access. With --wait it returns when the
membership is really there, so that a pipeline needs one line before its work:
0 it is there, 6 it was denied, withdrawn or lapsed, 7 the time of --timeout is
over (the request goes on).

It signs in with what DAYPASS_TOKEN holds: a token made on the page, or one that
the pipeline's own system issued. In GitHub Actions it asks for one by itself,
when the job has the permission id-token: write.`,
		Example: `  daypass request --resource prod-db --for 1h --reason "CHG-1234 migrate" --wait
  daypass request --template nightly --wait --timeout 30m
  daypass request show r2x4...    daypass request extend r2x4... --for 1h`,
		Args: takes(0, 0),
		RunE: verb(func(ctx context.Context, _ []string) error {
			var err error
			if w.patience, err = schedule.ParseDuration(patience); err != nil {
				return usage(fmt.Errorf("--timeout: %w", err))
			}
			c, err := a.client(ctx, at)
			if err != nil {
				return err
			}
			return a.ask(ctx, c, w)
		}),
	}
	f := cmd.Flags()
	at.flags(cmd)
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
	f.BoolVar(&w.wait, "wait", false, "return when the membership is there")
	f.StringVar(&patience, "timeout", "1h", "how long --wait waits: a `LENGTH`")
	f.StringVar(&w.key, "key", "", "a `TEXT` that is the same when the same step of a pipeline runs again, so that it asks once")
	f.BoolVar(&w.asJSON, "json", false, "print the request as JSON")
	cmd.AddCommand(a.requestShow(), a.requestList(), a.requestAct("withdraw", "Take back a request that waits for decisions"),
		a.requestAct("end", "Give access back before its time"), a.requestExtend())
	return cmd
}

func (a *app) ask(ctx context.Context, c *client, w wish) error {
	if (w.resource == "") == (w.template == "") {
		return usage(errors.New("say what to ask for: one of --resource and --template"))
	}
	if w.from != "" {
		from, err := parseTime("--from", w.from)
		if err != nil {
			return usage(err)
		}
		w.from = from.Format(time.RFC3339)
	}
	var in api.AskInput
	b := &in.Body
	b.Resource, b.Template, b.Person, b.For, b.From = w.resource, w.template, w.person, w.length, w.from
	b.Reason, b.Ticket, b.Answers, b.BreakGlass = w.reason, w.ticket, w.answers, w.breakGlass
	var r api.RequestDetail
	key := http.Header{"Idempotency-Key": {cmp.Or(w.key, rand.Text())}}
	if err := c.call(ctx, http.MethodPost, "/requests", key, b, &r); err != nil {
		return err
	}
	if !w.wait {
		return a.showRequest(r, w.asJSON)
	}
	fmt.Fprintf(a.stderr, "asked: %s; waiting for %s\n", r.ID, schedule.FormatDuration(w.patience))
	r, err := a.await(ctx, c, r, w.patience)
	if err != nil {
		return err
	}
	return a.showRequest(r, w.asJSON)
}

// await waits until the membership is there.
func (a *app) await(ctx context.Context, c *client, r api.RequestDetail, patience time.Duration) (api.RequestDetail, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	state := ""
	for wait := time.Second; ; wait = min(wait*3/2, 10*time.Second) {
		if now := stateText(r); now != state {
			state = now
			fmt.Fprintf(a.stderr, "%s\n", report.Clean(now))
		}
		switch {
		case r.There:
			return r, nil
		case r.State == "denied", r.State == "withdrawn", r.State == "lapsed", r.State == "revoked", r.State == "ended":
			return r, &exit{code: exitDenied, err: fmt.Errorf("request %s: %s", r.ID, stateText(r))}
		}
		if !schedule.Pause(ctx, wait) {
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return r, hinted(&exit{code: exitTimeout, err: fmt.Errorf("request %s is %s after %s", r.ID, r.State, schedule.FormatDuration(patience))},
					"it goes on; daypass request show %s tells how it stands, daypass request withdraw %s takes it back", r.ID, r.ID)
			}
			return r, ctx.Err()
		}
		var next api.RequestDetail
		err := c.call(ctx, http.MethodGet, "/requests/"+url.PathEscape(r.ID), nil, nil, &next)
		switch {
		case err == nil:
			r = next
		case c.passing(err) || ctx.Err() != nil: // the next look may do better
		default:
			return r, err
		}
	}
}

// stateText says how a request stands.
func stateText(r api.RequestDetail) string {
	switch r.State {
	case "asked":
		if w := r.Waits; w != nil {
			return fmt.Sprintf("waits for approval: %s (%d of %d)", w.Name, w.Approvals, w.Quorum)
		}
		return "waits for approval"
	case "waiting":
		return "approved; begins at " + report.At(r.Grant.From)
	case "active":
		if r.There {
			return "there, until " + report.At(r.Grant.Until)
		}
		for _, g := range r.Groups {
			if g.Note != "" {
				return "approved; not added yet: " + g.Note
			}
		}
		return "active until " + report.At(r.Grant.Until)
	}
	if r.Note != "" {
		return r.State + ": " + r.Note
	}
	for _, s := range r.Steps {
		for _, d := range s.Decisions {
			if !d.Approve && d.Comment != "" {
				return r.State + ": " + d.Comment
			}
		}
	}
	return r.State
}

func (a *app) showRequest(r api.RequestDetail, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(r)
	}
	fmt.Fprintf(a.stdout, "%s  %s for %s: %s\n", r.ID, report.Clean(r.Resource), r.Person, report.Clean(stateText(r)))
	return nil
}

func (a *app) requestShow() *cobra.Command {
	var at server
	var asJSON bool
	cmd := &cobra.Command{
		Use: "show ID", Short: "How a request stands", Args: takes(1, 1),
		RunE: verb(func(ctx context.Context, args []string) error {
			c, err := a.client(ctx, at)
			if err != nil {
				return err
			}
			var r api.RequestDetail
			if err := c.call(ctx, http.MethodGet, "/requests/"+url.PathEscape(args[0]), nil, nil, &r); err != nil {
				return err
			}
			return a.showRequest(r, asJSON)
		}),
	}
	at.flags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the request as JSON")
	return cmd
}

func (a *app) requestList() *cobra.Command {
	var at server
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "Your requests, and your access", Args: takes(0, 0),
		RunE: verb(func(ctx context.Context, _ []string) error {
			return a.listRequests(ctx, at, "/requests", asJSON, "You asked for nothing yet.")
		}),
	}
	at.flags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print them as JSON")
	return cmd
}

func (a *app) listRequests(ctx context.Context, at server, path string, asJSON bool, none string) error {
	c, err := a.client(ctx, at)
	if err != nil {
		return err
	}
	var page struct {
		Requests []api.RequestDetail `json:"requests"`
		Next     string              `json:"next,omitempty"`
		More     bool                `json:"more,omitempty"`
	}
	if err := c.call(ctx, http.MethodGet, path, nil, nil, &page); err != nil {
		return err
	}
	if asJSON {
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(page)
	}
	for _, r := range page.Requests {
		if err := a.showRequest(r, false); err != nil {
			return err
		}
	}
	switch {
	case len(page.Requests) == 0:
		fmt.Fprintln(a.stdout, none)
	case page.Next != "" || page.More:
		fmt.Fprintln(a.stderr, "there are more, on the page")
	}
	return nil
}

func (a *app) requestAct(act, short string) *cobra.Command {
	var at server
	var comment string
	cmd := &cobra.Command{
		Use: act + " ID", Short: short, Args: takes(1, 1),
		RunE: verb(func(ctx context.Context, args []string) error {
			return a.act(ctx, at, args[0], act, api.Comment{Comment: comment})
		}),
	}
	at.flags(cmd)
	cmd.Flags().StringVar(&comment, "comment", "", "`WHY`, for the record")
	return cmd
}

func (a *app) requestExtend() *cobra.Command {
	var at server
	var length, reason string
	cmd := &cobra.Command{
		Use: "extend ID --for LENGTH", Short: "Ask for access to last longer", Args: takes(1, 1),
		RunE: verb(func(ctx context.Context, args []string) error {
			return a.act(ctx, at, args[0], "extend", map[string]string{"for": length, "reason": reason})
		}),
	}
	at.flags(cmd)
	cmd.Flags().StringVar(&length, "for", "", "the `LENGTH`, from the present end")
	cmd.Flags().StringVar(&reason, "reason", "", "`WHY`")
	return cmd
}

// act does something to a request and shows how it stands then.
func (a *app) act(ctx context.Context, at server, id, what string, body any) error {
	c, err := a.client(ctx, at)
	if err != nil {
		return err
	}
	var r api.RequestDetail
	if err := c.call(ctx, http.MethodPost, "/requests/"+url.PathEscape(id)+"/"+what, nil, body, &r); err != nil {
		return err
	}
	return a.showRequest(r, false)
}

// approve says yes to what waits for the caller, and lists it without an ID.
func (a *app) approve() *cobra.Command {
	var at server
	var comment string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "approve [ID]",
		Short: "Approve a request; without an ID, list what waits for you",
		Args:  takes(0, 1),
		RunE: verb(func(ctx context.Context, args []string) error {
			if len(args) == 0 {
				return a.listRequests(ctx, at, "/inbox", asJSON, "Nothing waits for you.")
			}
			return a.decide(ctx, at, args[0], "approve", comment)
		}),
	}
	at.flags(cmd)
	cmd.Flags().StringVar(&comment, "comment", "", "`WHY`, for the record")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what waits as JSON")
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
	var r api.RequestDetail
	if err := c.call(ctx, http.MethodGet, "/requests/"+url.PathEscape(id), nil, nil, &r); err != nil {
		return err
	}
	in := api.DecideInput{}
	if in.Body.Comment = comment; r.Waits != nil {
		in.Body.Step, in.Body.Extension = r.Waits.Step, r.Waits.Extension
	}
	return a.act(ctx, at, r.ID, what, in.Body)
}
