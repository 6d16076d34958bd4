package web

import (
	"net/url"
	"path"
	"slices"

	"github.com/daypass-dev/daypass/internal/access"
)

// attempt is a form of a request's page that was sent in vain. The id of a
// field is that of its form, its own name and the request's: "decide-comment-ID".
type attempt struct {
	Errors []formProblem
	form   string // "decide", "withdraw", "end", "extend" or "review"
	typed  url.Values
}

// attempted is what came of the form that was sent.
func attempted(c *call, err error) attempt {
	a := attempt{form: path.Base(c.r.URL.Path), typed: c.r.PostForm}
	if a.form == "approve" || a.form == "deny" {
		a.form = "decide"
	}
	for _, e := range access.Refusals(err) {
		a.Errors = append(a.Errors, formProblem{e.Field, upper(e.Message) + "."})
	}
	return a
}

// At returns the id of a field of the form.
func (a attempt) At(field, request string) string { return a.form + "-" + field + "-" + request }

// Problem returns what is wrong with a field of a form.
func (a attempt) Problem(form, field string) string {
	i := slices.IndexFunc(a.Errors, func(e formProblem) bool { return a.form == form && e.Field == field })
	if i < 0 {
		return ""
	}
	return a.Errors[i].Message
}

// Typed returns what was typed into a field of a form, and what stands there
// first when that form was not sent.
func (a attempt) Typed(form, field, first string) string {
	if a.form != form {
		return first
	}
	return a.typed.Get(field)
}
