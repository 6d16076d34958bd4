package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/daypass-dev/daypass/internal/auth"
)

// signPage is where somebody signs in who was not sent to the provider at once.
type signPage struct {
	Return  string
	Problem string
}

func (web *Web) signIn(c *call) error {
	web.render(c, http.StatusOK, "signin", "Sign in", signPage{Return: auth.Local(c.r.FormValue("return"))})
	return nil
}

func (web *Web) signInStart(c *call) error {
	if err := web.cfg.Auth.Start(c.w, c.r, c.r.FormValue("return")); err != nil {
		web.cfg.Log.Error("nobody can sign in", "error", err)
		web.render(c, http.StatusBadGateway, "signin", "Sign in", signPage{
			Return: auth.Local(c.r.FormValue("return")), Problem: "The page that you sign in with does not answer. Try again in a while.",
		})
	}
	return nil
}

func (web *Web) signInDone(c *call) error {
	back, err := web.cfg.Auth.Finish(c.w, c.r)
	if err != nil {
		web.cfg.Log.Warn("a sign-in failed", "error", err)
		web.render(c, http.StatusForbidden, "signin", "Sign in", signPage{Return: "/", Problem: "You are not signed in: " + auth.Words(err) + "."})
		return nil
	}
	http.Redirect(c.w, c.r, back, http.StatusSeeOther)
	return nil
}

func (web *Web) signOut(c *call) error {
	if err := web.cfg.Auth.Forget(c.r.Context()); err != nil {
		return err
	}
	http.Redirect(c.w, c.r, auth.SignIn, http.StatusSeeOther)
	return nil
}

func (web *Web) nowhere(c *call) error {
	return &pageError{http.StatusNotFound, "There is no such page."}
}

// resend is a form that somebody sent when their session was over.
type resend struct {
	Path   string
	Fields []field
}

type field struct{ Name, Value string }

func (web *Web) resend(c *call) resend {
	out := resend{Path: c.r.URL.Path}
	for name, vs := range c.r.PostForm {
		for _, v := range vs {
			out.Fields = append(out.Fields, field{name, v})
		}
	}
	slices.SortStableFunc(out.Fields, func(a, b field) int { return strings.Compare(a.Name, b.Name) })
	return out
}
