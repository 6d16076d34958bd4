package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/daypass-dev/daypass/internal/api"
	"github.com/daypass-dev/daypass/internal/desk"
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
	fmt.Fprintf(c.stdout, "%s  %s for %s: %s\n", r.ID, report.Clean(r.Resource), r.Person, report.Clean(stateText(r)))
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
		if why := heldText(r); why != "" {
			return "approved; a limit holds the addition: " + why
		}
		for _, g := range r.Groups {
			if g.Note != "" {
				return "approved; not added yet: " + g.Note
			}
		}
		return "active until " + report.At(r.Grant.Until)
	}
	if why := heldText(r); why != "" {
		return r.State + "; a limit holds the removal: " + why
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

// heldText says which limit holds what is to be done for a request; empty when
// none does.
func heldText(r api.RequestDetail) string {
	for _, g := range r.Groups {
		if g.State == desk.Held {
			return g.Note
		}
	}
	return ""
}
