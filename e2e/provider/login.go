package provider

import (
	"context"
	"html/template"
	"net/http"
)

//nolint:gochecknoglobals // a constant
var loginPage = template.Must(template.New("login").Parse(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sign in</title><link rel="icon" href="data:,"></head>
<body><main>
<h1>Sign in</h1>
{{with .Err}}<p role="alert">{{.}}</p>{{end}}
<form method="post">
<input type="hidden" name="id" value="{{.ID}}">
<p><label>Email <input name="email" type="email" autocomplete="username"></label></p>
<p><label>Password <input name="password" type="password" autocomplete="current-password"></label></p>
<p><button>Sign in</button></p>
</form>
</main></body></html>
`))

// login is the provider's page to sign in.
type login struct {
	store *store
	back  func(ctx context.Context, id string) string
}

func (l *login) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	page := struct{ ID, Err string }{ID: r.FormValue("id")}
	if r.Method == http.MethodPost {
		err := l.store.CheckUsernamePassword(r.PostFormValue("email"), r.PostFormValue("password"), page.ID)
		if err == nil {
			http.Redirect(w, r, l.back(r.Context(), page.ID), http.StatusSeeOther)
			return
		}
		page.Err = err.Error()
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = loginPage.Execute(w, page) // the browser is gone
}
