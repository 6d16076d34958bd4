// Package auth tells who somebody is: people by OpenID Connect and a session,
// pipelines by the tokens that their own system issues to them, and programs by
// tokens made on the page. What somebody may do is not its business.
//
// A cookie counts on the pages only, and a bearer token in the API only: so no
// other site can act in the API with a person's cookie.
package auth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/alexedwards/scs/v2"
	"golang.org/x/oauth2"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
)

// Settings are what the configuration says. Others take their place when it is
// read again; sessions go on.
type Settings struct {
	URL string // where people reach daypass, without a slash at its end
	// The OpenID provider that people sign in with.
	Issuer     string
	ClientID   string
	Secret     string // empty for a public client
	Scopes     []string
	Claim      string // that holds the work address; "email" when empty
	Unverified bool   // an address that the provider has not verified is good enough
	Machines   []Machine
	Canonical  func(engine.Person) engine.Person
	// Left says why a person certainly left, and nothing where they did not, or
	// nobody can tell. It is asked for each page and call.
	Left       func(context.Context, engine.Person) error
	Idle, Life time.Duration // of a session
	Client     *http.Client  // for the providers; a default one when nil
}

// Machine is the identity of a pipeline: tokens of an issuer for an audience
// that have all the claims.
type Machine struct {
	Name     string
	Person   engine.Person // whose accounts it has
	Issuer   string
	Audience string
	Claims   map[string][]string // of each, one of the values
}

// Store keeps sessions and tokens.
type Store interface {
	scs.CtxStore
	// TokenBySecret returns nil when there is none that is good at now.
	TokenBySecret(ctx context.Context, secret string, now time.Time) (*access.Token, error)
	// Bind tells whose a session is, so that it can be ended.
	Bind(ctx context.Context, token string, p engine.Person) error
	// EndSessions ends all of a person.
	EndSessions(ctx context.Context, p engine.Person) error
}

// Auth serves any number of callers at once. Make one with New.
type Auth struct {
	store    Store
	now      func() time.Time
	log      *slog.Logger
	settings atomic.Pointer[settings]
	standard scs.SessionManager // what the sessions of all settings are made from
}

// settings with what is made from them.
type settings struct {
	Settings
	people  *issuer // nil when nobody can sign in
	issuers map[string]*issuer
	session *scs.SessionManager
}

// New returns an Auth for a page at a URL that does not change. Use gives it
// settings before anybody comes.
func New(store Store, url string, now func() time.Time, log *slog.Logger) *Auth {
	if now == nil {
		now = time.Now
	}
	// Not scs.New, which leaves a store of its own behind that sweeps for ever.
	s := scs.SessionManager{Store: store, Codec: scs.GobCodec{}, Lifetime: 24 * time.Hour}
	s.ErrorFunc = func(w http.ResponseWriter, r *http.Request, err error) {
		log.Error("a session could not be read or written", "path", r.URL.Path, "error", err)
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Retry-After", "10")
		http.Error(w, ErrLater.Error(), http.StatusServiceUnavailable)
	}
	s.Cookie = scs.SessionCookie{Name: "daypass", HttpOnly: true, Path: "/", SameSite: http.SameSiteLaxMode}
	if secure(url) { // the prefix keeps other hosts of the domain from setting it
		s.Cookie.Name, s.Cookie.Secure = "__Host-daypass", true
	}
	return &Auth{store: store, now: now, log: log, standard: s}
}

// Use puts settings in the place of those before.
func (a *Auth) Use(s Settings) {
	in := &settings{Settings: s, issuers: make(map[string]*issuer)}
	if in.Canonical == nil {
		in.Canonical = func(p engine.Person) engine.Person { return p }
	}
	if in.Left == nil {
		in.Left = func(context.Context, engine.Person) error { return nil }
	}
	if in.Claim == "" {
		in.Claim = "email"
	}
	of := func(url string) *issuer {
		if in.issuers[url] == nil {
			in.issuers[url] = &issuer{url: url, client: s.Client, now: a.now}
		}
		return in.issuers[url]
	}
	if s.Issuer != "" {
		in.people = of(s.Issuer)
	}
	for _, m := range s.Machines {
		of(m.Issuer)
	}
	session := a.standard // not changed in place: pages are being answered
	if s.Idle > 0 {
		session.IdleTimeout = s.Idle
	}
	if s.Life > 0 {
		session.Lifetime = s.Life
	}
	in.session = &session
	a.settings.Store(in)
}

// oauth is how a person is sent to the provider and comes back.
func (s *settings) oauth(e oauth2.Endpoint) *oauth2.Config {
	scopes := append([]string{"openid"}, s.Scopes...)
	if len(s.Scopes) == 0 {
		scopes = append(scopes, "email", "profile")
	}
	return &oauth2.Config{ClientID: s.ClientID, ClientSecret: s.Secret, Endpoint: e, RedirectURL: s.URL + Callback, Scopes: scopes}
}

type callerKey struct{}

// From returns who calls, and false when nobody is signed in.
func From(ctx context.Context) (desk.Caller, bool) {
	c, ok := ctx.Value(callerKey{}).(desk.Caller)
	return c, ok
}

// With returns a context in which c calls.
func With(ctx context.Context, c desk.Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// ErrNobody is the error of a token that shows nobody, and ErrLater that of one
// that could not be looked at just now, for the store or its issuer does not
// answer. Their messages are all that a caller is told.
var (
	ErrNobody = errors.New("the token is not known here, or not good any more")
	ErrLater  = errors.New("who you are could not be found out just now; try again in a while")
)
