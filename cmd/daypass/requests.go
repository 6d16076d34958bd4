package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/daypass-dev/daypass/internal/api"
	"github.com/daypass-dev/daypass/internal/report"
)

// request looks at a request.
func (c *client) request(ctx context.Context, id string) (api.RequestDetail, error) {
	var r api.RequestDetail
	err := c.call(ctx, http.MethodGet, "/requests/"+url.PathEscape(id), nil, nil, &r)
	return r, err
}

// show prints how a request stands: on one line, or all of it as JSON.
func (c *client) show(r api.RequestDetail) error {
	if c.asJSON {
		return printJSON(c.stdout, r)
	}
	person := string(r.Person)
	if r.Name != "" {
		person += " (" + r.Name + ")"
	}
	fmt.Fprintf(c.stdout, "%s  %s for %s: %s\n", r.ID, report.Clean(r.Resource), report.Clean(person), report.Clean(stateText(r)))
	return nil
}

// list prints the requests that are listed at a path of the API.
func (c *client) list(ctx context.Context, path, none string) error {
	var page struct {
		Requests []api.RequestDetail `json:"requests"`
		Next     string              `json:"next,omitempty"`
		More     bool                `json:"more,omitempty"`
	}
	if err := c.call(ctx, http.MethodGet, path, nil, nil, &page); err != nil {
		return err
	}
	if c.asJSON {
		return printJSON(c.stdout, page)
	}
	for _, r := range page.Requests {
		_ = c.show(r) // fails as JSON only
	}
	switch {
	case len(page.Requests) == 0:
		fmt.Fprintln(c.stdout, none)
	case page.Next != "" || page.More:
		fmt.Fprintln(c.stderr, "there are more, on the page")
	}
	return nil
}

// stateText says how a request stands.
func stateText(r api.RequestDetail) string {
	switch r.State {
	case "asked":
		state := "waits for approval"
		if w := r.Waits; w != nil {
			state = fmt.Sprintf("waits for approval: %s (%d of %d)", w.Name, w.Approvals, w.Quorum)
		}
		if r.Problem != "" {
			state += "; " + r.Problem
		}
		return state
	case "waiting":
		return "approved; begins at " + report.At(r.Grant.From)
	case "active":
		if r.There {
			return "there, until " + report.At(r.Grant.Until)
		}
		if r.Held != "" {
			return "approved; held by a limit: " + r.Held
		}
		for _, g := range r.Groups {
			if g.Note != "" {
				return "approved; not added yet: " + g.Note
			}
		}
		if len(r.Groups) > 0 { // a list has none, and cannot tell
			return "approved; not there yet, until " + report.At(r.Grant.Until)
		}
		return "active until " + report.At(r.Grant.Until)
	}
	if r.Held != "" {
		return r.State + "; removal held by a limit: " + r.Held
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
