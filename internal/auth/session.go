package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
)

// Where people sign in and out.
const (
	SignIn   = "/sign-in"
	Callback = "/sign-in/callback"
	SignOut  = "/sign-out"
)

// What a session remembers.
const (
	keyPerson = "person"
	keyName   = "name"
	keyNotice = "notice"
)

// patience is how long somebody may take to sign in.
const patience = 10 * time.Minute

// begun is a sign-in that somebody began. It is kept in a cookie of their
// browser: whoever knocks a million times at the door fills no store.
type begun struct {
	State, Nonce, Verifier, Return string
	At                             time.Time
}

// keep writes the cookie; a zero b takes it away.
func (a *Auth) keep(w http.ResponseWriter, b begun) {
	c := &http.Cookie{
		Name: a.standard.Cookie.Name + "-sign-in", Path: "/", HttpOnly: true, Secure: a.standard.Cookie.Secure,
		SameSite: http.SameSiteLaxMode, MaxAge: -1, Expires: time.Unix(1, 0),
	}
	if b != (begun{}) {
		text, _ := json.Marshal(b) // strings and a time
		c.Value, c.MaxAge, c.Expires = base64.RawURLEncoding.EncodeToString(text), int(patience.Seconds()), time.Time{}
	}
	http.SetCookie(w, c)
}

// taken reads the cookie and takes it away: each is good once.
func (a *Auth) taken(w http.ResponseWriter, r *http.Request) (b begun, ok bool) {
	c, err := r.Cookie(a.standard.Cookie.Name + "-sign-in")
	if err != nil {
		return b, false
	}
	a.keep(w, begun{})
	text, err := base64.RawURLEncoding.DecodeString(c.Value)
	return b, err == nil && json.Unmarshal(text, &b) == nil && b.State != "" && b.Nonce != "" && b.Verifier != ""
}

// Sessions gives next the session of whoever calls; see [From]. What a page
// asks for by itself shows nobody at it: it prolongs no session, and takes no
// notice away.
func (a *Auth) Sessions(next http.Handler) http.Handler {
	inside := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := a.settings.Load()
		if p := a.here(r.Context(), s); p != "" {
			c := desk.Caller{Actor: access.Actor{Person: s.Canonical(p), Via: access.Page}}
			r = r.WithContext(With(r.Context(), c))
		}
		next.ServeHTTP(w, r)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session := a.settings.Load().session
		if r.Method != http.MethodGet || r.Header.Get("Sec-Fetch-Dest") != "empty" { // no script can change this header
			session.LoadAndSave(inside).ServeHTTP(w, r)
			return
		}
		secret := ""
		if c, err := r.Cookie(session.Cookie.Name); err == nil {
			secret = c.Value
		}
		ctx, err := session.Load(r.Context(), secret)
		if err != nil {
			session.ErrorFunc(w, r, err)
			return
		}
		inside.ServeHTTP(w, r.WithContext(ctx))
	})
}

// here returns whose the session is. That of somebody who left is over, and so
// are all others of theirs.
func (a *Auth) here(ctx context.Context, s *settings) engine.Person {
	p := engine.Person(s.session.GetString(ctx, keyPerson))
	if p == "" {
		return ""
	}
	why := s.Left(ctx, s.Canonical(p))
	if why == nil {
		return p
	}
	a.log.Warn("the sessions of a person who left are ended", "person", string(p), "why", why)
	if err := errors.Join(a.store.EndSessions(ctx, p), s.session.Destroy(ctx)); err != nil {
		a.log.Error("the sessions of a person who left could not be ended; no page is shown to them", "person", string(p), "error", err)
	}
	return ""
}

// session is as the settings of now have it. What it keeps in a context is the
// same for all settings.
func (a *Auth) session() *scs.SessionManager { return a.settings.Load().session }

// Name is what the provider calls the person who is signed in.
func (a *Auth) Name(ctx context.Context) string { return a.session().GetString(ctx, keyName) }

// Tell keeps a notice for the next page that the person sees.
func (a *Auth) Tell(ctx context.Context, notice string) { a.session().Put(ctx, keyNotice, notice) }

// Told returns the notice that was kept, once.
func (a *Auth) Told(ctx context.Context) string { return a.session().PopString(ctx, keyNotice) }

// Start sends somebody to the OpenID provider, to come back to a path of ours.
func (a *Auth) Start(w http.ResponseWriter, r *http.Request, back string) error {
	s := a.settings.Load()
	if s.people == nil {
		return errors.New("nobody can sign in: web.oidc is not set")
	}
	p, err := s.people.find(r.Context())
	if err != nil {
		return fmt.Errorf("the OpenID provider %s does not answer: %w", s.Issuer, err)
	}
	b := begun{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Return: Local(back), At: a.now()}
	a.keep(w, b)
	http.Redirect(w, r, s.oauth(p.Endpoint()).AuthCodeURL(b.State, oidc.Nonce(b.Nonce), oauth2.S256ChallengeOption(b.Verifier)), http.StatusSeeOther)
	return nil
}

// Finish takes somebody back from the OpenID provider, and returns the path to
// go on to. The session is another one from then on: whoever knew it before does
// not know it any more.
func (a *Auth) Finish(w http.ResponseWriter, r *http.Request) (back string, err error) {
	s := a.settings.Load()
	ctx, q := r.Context(), r.URL.Query()
	b, ok := a.taken(w, r)
	switch {
	case s.people == nil:
		return "", errors.New("nobody can sign in: web.oidc is not set")
	case !ok || subtle.ConstantTimeCompare([]byte(b.State), []byte(q.Get("state"))) != 1:
		return "", errors.New("this sign-in was not begun here, or is used up")
	case a.now().Sub(b.At) > patience:
		return "", errors.New("signing in took too long")
	case q.Get("error") != "":
		return "", fmt.Errorf("the OpenID provider says %s: %s", clip(q.Get("error")), clip(q.Get("error_description")))
	}
	p, err := s.people.find(ctx)
	if err != nil {
		return "", err
	}
	client := s.Client
	if client == nil {
		client = &http.Client{Timeout: 10 * time.Second}
	}
	token, err := s.oauth(p.Endpoint()).Exchange(oidc.ClientContext(ctx, client), q.Get("code"), oauth2.VerifierOption(b.Verifier))
	if err != nil {
		return "", errors.New("the OpenID provider did not take the code") // its answer may hold secrets
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := s.people.verify(ctx, raw, s.ClientID)
	if err != nil {
		return "", fmt.Errorf("the ID token is not good: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(b.Nonce), []byte(id.Nonce)) != 1 {
		return "", errors.New("the ID token was not made for this sign-in")
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		return "", err
	}
	person, err := s.person(claims)
	if err != nil {
		return "", err
	}
	if err := s.Left(ctx, person); err != nil {
		return "", err
	}
	if err := a.session().RenewToken(ctx); err != nil {
		return "", err
	}
	name, _ := claims["name"].(string)
	a.session().Put(ctx, keyPerson, string(person))
	a.session().Put(ctx, keyName, clip(name))
	a.log.Info("signed in", "person", string(person))
	return Local(b.Return), a.bind(ctx, person)
}

// bind tells the store whose the session is. It has to be there for that.
func (a *Auth) bind(ctx context.Context, p engine.Person) error {
	token, _, err := a.session().Commit(ctx)
	if err != nil {
		return err
	}
	return a.store.Bind(ctx, token, p)
}

// Forget ends the session. Where nobody is signed in it writes nothing: anybody
// may sign out, as often as they like, and writers wait for each other.
func (a *Auth) Forget(ctx context.Context) error {
	if a.session().GetString(ctx, keyPerson) == "" {
		return nil
	}
	return a.session().Destroy(ctx)
}

// Local returns a path of ours that is safe to send somebody to, or "/".
func Local(back string) string {
	u, err := url.Parse(back)
	if err != nil || u.IsAbs() || u.Host != "" || u.Opaque != "" || !strings.HasPrefix(back, "/") ||
		strings.HasPrefix(back, "//") || strings.ContainsAny(back, "\\\r\n\t") || strings.HasPrefix(u.Path, SignIn) {
		return "/"
	}
	return u.RequestURI()
}

func clip(s string) string {
	if r := []rune(s); len(r) > 200 {
		s = string(r[:200])
	}
	return strings.ToValidUTF8(s, "?")
}

// secure reports whether a URL is reached over TLS.
func secure(at string) bool {
	u, err := url.Parse(at)
	return err == nil && u.Scheme == "https"
}

// Remote is the address of whoever calls: the nearest one that is none of our
// own proxies.
func Remote(r *http.Request, behind []*net.IPNet) string {
	at, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		at = r.RemoteAddr
	}
	ours := func(s string) bool {
		ip := net.ParseIP(s)
		for _, n := range behind {
			if ip != nil && n.Contains(ip) {
				return true
			}
		}
		return false
	}
	if !ours(at) {
		return at
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop := strings.TrimSpace(hops[i])
		if net.ParseIP(hop) == nil {
			return at
		}
		if at = hop; !ours(hop) {
			return hop
		}
	}
	return at
}
