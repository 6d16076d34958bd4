// Package provider runs an OpenID provider in the test process, with people of
// the test's choosing who sign in on its own page, and issuers that sign
// whatever tokens a test asks for, good and bad.
package provider

import (
	"context"
	"crypto/rand"
	"errors"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// Password is everybody's.
const Password = "correct horse battery staple"

// Person is somebody who can sign in, by the email address.
type Person struct {
	Sub        string // the subject of the tokens; the email address when empty
	Email      string
	Unverified bool // the claim email_verified is false
	Name       string
	Claims     map[string]any // further claims, in the ID token and in userinfo
}

// Client is an application that may ask people to sign in.
type Client struct {
	ID       string
	Secret   string // empty for a public client
	Redirect string // the only address that codes are sent to
}

// Provider is an OpenID provider that knows the code flow, and refuses it
// without PKCE (S256).
type Provider struct {
	Issuer string // http://127.0.0.1:PORT

	mu      sync.Mutex
	people  map[string]Person // by subject
	clients map[string]Client
}

// New starts a provider that ends with the test.
func New(t testing.TB, people ...Person) *Provider {
	t.Helper()
	p := &Provider{people: map[string]Person{}, clients: map[string]Client{}}
	for _, who := range people {
		p.Know(who)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("provider: %v", err)
	}
	p.Issuer = "http://" + listener.Addr().String()
	s := &store{Storage: storage.NewStorage(known{p}), provider: p}
	config := &op.Config{CodeMethodS256: true, AuthMethodPost: true, SupportedClaims: op.DefaultSupportedClaims}
	_, _ = rand.Read(config.CryptoKey[:]) // never fails
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	handler, err := op.NewProvider(config, s, op.StaticIssuer(p.Issuer), op.WithAllowInsecure(), op.WithLogger(log))
	if err != nil {
		t.Fatalf("provider: %v", err)
	}
	login := &login{store: s, back: op.AuthCallbackURL(handler)}
	mux := http.NewServeMux()
	mux.Handle("/", handler)
	mux.Handle("/login", op.NewIssuerInterceptor(handler.IssuerFromRequest).Handler(login))
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: mux}} //nolint:gosec // tests are its clients
	server.Start()
	t.Cleanup(server.Close)
	return p
}

// Know lets somebody sign in from now on, in place of whoever had the subject.
func (p *Provider) Know(who Person) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if who.Sub == "" {
		who.Sub = who.Email
	}
	p.people[who.Sub] = who
}

// Register lets an application ask people to sign in.
func (p *Provider) Register(c Client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clients[c.ID] = c
}

// Form is what signing in takes of a page in a browser.
type Form interface {
	Fill(label, value string)
	Press(button string)
}

// SignIn signs in on the provider's page, which the form shows.
func (p *Provider) SignIn(form Form, email string) {
	form.Fill("Email", email)
	form.Fill("Password", Password)
	form.Press("Sign in")
}

func (p *Provider) person(sub string) (Person, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	who, ok := p.people[sub]
	if !ok {
		return Person{}, errors.New("nobody has this subject")
	}
	return who, nil
}

func (p *Provider) client(id string) (Client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok := p.clients[id]
	if !ok {
		return Client{}, errors.New("no such client")
	}
	return c, nil
}

// known is the provider as the example's storage wants to know people.
type known struct{ *Provider }

// GetUserByID implements [storage.UserStore].
func (k known) GetUserByID(id string) *storage.User {
	who, err := k.person(id)
	if err != nil {
		return nil
	}
	return &storage.User{ID: who.Sub, Username: who.Email, Password: Password}
}

// GetUserByUsername implements [storage.UserStore].
func (k known) GetUserByUsername(name string) *storage.User {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, who := range k.people {
		if who.Email == name {
			return &storage.User{ID: who.Sub, Username: who.Email, Password: Password}
		}
	}
	return nil
}

// ExampleClientID implements [storage.UserStore].
func (known) ExampleClientID() string { return "none" }

// store is the example's storage with our people and clients.
type store struct {
	*storage.Storage
	provider *Provider
}

// CreateAuthRequest refuses what comes without PKCE: a provider that does
// not ask for it would not show that it was forgotten.
func (s *store) CreateAuthRequest(ctx context.Context, r *oidc.AuthRequest, user string) (op.AuthRequest, error) {
	if r.CodeChallenge == "" || r.CodeChallengeMethod != oidc.CodeChallengeMethodS256 {
		return nil, oidc.ErrInvalidRequest().WithDescription("no code_challenge with the method S256")
	}
	return s.Storage.CreateAuthRequest(ctx, r, user)
}

// GetClientByClientID implements [op.Storage].
func (s *store) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	c, err := s.provider.client(id)
	if err != nil {
		return nil, err
	}
	return client{storage.WebClient(c.ID, c.Secret, c.Redirect), c}, nil
}

// AuthorizeClientIDSecret implements [op.Storage].
func (s *store) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	c, err := s.provider.client(id)
	if err == nil && c.Secret != secret {
		err = errors.New("wrong secret")
	}
	return err
}

// SetUserinfoFromRequest fills the ID token.
func (s *store) SetUserinfoFromRequest(_ context.Context, info *oidc.UserInfo, r op.IDTokenRequest, scopes []string) error {
	return s.describe(info, r.GetSubject(), scopes)
}

// SetUserinfoFromToken fills userinfo.
func (s *store) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, token, sub, origin string) error {
	if err := s.Storage.SetUserinfoFromToken(ctx, new(oidc.UserInfo), token, sub, origin); err != nil {
		return err // the token is not valid
	}
	return s.describe(info, sub, []string{oidc.ScopeOpenID, oidc.ScopeEmail, oidc.ScopeProfile})
}

func (s *store) describe(info *oidc.UserInfo, sub string, scopes []string) error {
	who, err := s.provider.person(sub)
	if err != nil {
		return err
	}
	info.Subject = who.Sub
	for _, scope := range scopes {
		switch scope {
		case oidc.ScopeEmail:
			info.Email, info.EmailVerified = who.Email, oidc.Bool(!who.Unverified)
		case oidc.ScopeProfile:
			info.Name, info.PreferredUsername = who.Name, who.Email
		}
	}
	for name, value := range who.Claims {
		info.AppendClaims(name, value)
	}
	return nil
}

// client is the example's web client, with the claims in the ID token, as the
// large providers have them.
type client struct {
	*storage.Client
	c Client
}

func (c client) LoginURL(id string) string { return "/login?id=" + template.URLQueryEscaper(id) }

func (c client) IDTokenUserinfoClaimsAssertion() bool { return true }

func (c client) AuthMethod() oidc.AuthMethod {
	if c.c.Secret == "" {
		return oidc.AuthMethodNone
	}
	return oidc.AuthMethodBasic
}
