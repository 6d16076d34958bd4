package auth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
)

// Bearer returns who the request's bearer token shows: a token made on the page,
// a person's token of the OpenID provider, or a pipeline's token of one that a
// machine names. Any doubt wraps [ErrNobody], and what could not be found out
// just now [ErrLater]; why is for the log only, and holds nothing of the token
// that opens anything. A person who left is refused with words for them, and so is
// a machine by the token of one.
func (a *Auth) Bearer(r *http.Request) (desk.Caller, error) {
	kind, raw, found := strings.Cut(r.Header.Get("Authorization"), " ")
	raw = strings.TrimSpace(raw)
	if !found || !strings.EqualFold(kind, "Bearer") || raw == "" {
		return desk.Caller{}, ErrNobody
	}
	var c desk.Caller
	var err error
	if strings.HasPrefix(raw, "dp_") {
		c, err = a.byToken(r.Context(), raw)
	} else {
		c, err = a.byJWT(r.Context(), raw)
	}
	switch {
	case errors.Is(err, ErrNobody), errors.Is(err, ErrLater):
		return desk.Caller{}, err
	case err != nil:
		return desk.Caller{}, fmt.Errorf("%w: %w", ErrNobody, err)
	}
	if err := a.left(r.Context(), c); err != nil {
		return desk.Caller{}, err
	}
	c.Via = access.API
	if strings.HasPrefix(r.UserAgent(), "daypass-cli/") {
		c.Via = access.CLI
	}
	return c, nil
}

// left refuses a person who left, a machine whose account is gone, and one by the
// token of a person who left.
func (a *Auth) left(ctx context.Context, c desk.Caller) error {
	left := a.settings.Load().Left
	if err := left(ctx, c.Person); err != nil || c.Maker == "" {
		return err
	}
	if err := left(ctx, c.Maker); err != nil {
		return desk.OfLeaver(c.Maker, err)
	}
	return nil
}

func (a *Auth) byToken(ctx context.Context, secret string) (desk.Caller, error) {
	t, err := a.store.TokenBySecret(ctx, secret, a.now())
	switch {
	case err != nil:
		return desk.Caller{}, fmt.Errorf("%w: %w", ErrLater, err)
	case t == nil:
		return desk.Caller{}, ErrNobody
	}
	c := desk.Caller{Actor: access.Actor{Person: t.Person}, Token: t.ID, Scopes: make([]desk.Scope, len(t.Scopes))}
	for i, s := range t.Scopes {
		c.Scopes[i] = desk.Scope(s)
	}
	s := a.settings.Load()
	if t.Machine != "" {
		i := slices.IndexFunc(s.Machines, func(m Machine) bool { return m.Name == t.Machine })
		if i < 0 {
			return desk.Caller{}, fmt.Errorf("token %s: the machine %q left the configuration", t.ID, t.Machine)
		}
		c.Machine, c.Person, c.Maker = t.Machine, s.Machines[i].Person, s.Canonical(t.Person)
		return c, nil
	}
	c.Person = s.Canonical(c.Person)
	return c, nil
}

// byJWT looks at who issued the token, and believes that only once the issuer's
// keys say so.
func (a *Auth) byJWT(ctx context.Context, raw string) (desk.Caller, error) {
	s := a.settings.Load()
	url, err := claimedIssuer(raw)
	if err != nil {
		return desk.Caller{}, err
	}
	issuer, known := s.issuers[url]
	if !known {
		return desk.Caller{}, fmt.Errorf("nobody here trusts the issuer %q", clip(url))
	}
	var audiences []string
	if s.people == issuer {
		audiences = append(audiences, s.ClientID)
	}
	for _, m := range s.Machines {
		if m.Issuer == url {
			audiences = append(audiences, m.Audience)
		}
	}
	t, err := issuer.verify(ctx, raw, audiences...)
	if err != nil {
		return desk.Caller{}, err
	}
	var claims map[string]any
	if err := t.Claims(&claims); err != nil {
		return desk.Caller{}, err
	}
	if m, found, err := s.machine(url, t, claims); err != nil || found {
		return desk.Caller{Actor: access.Actor{Machine: m.Name, Person: m.Person}, Scopes: []desk.Scope{desk.Read, desk.Request}}, err
	}
	if s.people == issuer && slices.Contains(t.Audience, s.ClientID) {
		p, err := s.person(claims)
		return desk.Caller{Actor: access.Actor{Person: p}, Scopes: []desk.Scope{desk.Read, desk.Request, desk.Approve, desk.Admin}, Token: "oidc"}, err
	}
	return desk.Caller{}, fmt.Errorf("no machine has the claims of this token of %s", url)
}

// machine returns the machine that a token shows. A token that fits several is
// an error: nobody can say which one was meant.
func (s *settings) machine(issuer string, t *oidc.IDToken, claims map[string]any) (m Machine, found bool, err error) {
	for _, x := range s.Machines {
		if x.Issuer != issuer || !slices.Contains(t.Audience, x.Audience) || len(x.Claims) == 0 || !x.fits(claims) {
			continue
		}
		if found {
			return Machine{}, false, fmt.Errorf("the token fits the machines %s and %s: make their claims differ", m.Name, x.Name)
		}
		m, found = x, true
	}
	return m, found, nil
}

func (m Machine) fits(claims map[string]any) bool {
	for name, allowed := range m.Claims {
		got, ok := text(claims[name])
		if !ok || !slices.Contains(allowed, got) {
			return false
		}
	}
	return true
}

// text returns a claim as the configuration writes it.
func text(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return fmt.Sprint(v), true
	case float64: // beyond 2^53 it may be the neighbour of what was written
		return fmt.Sprintf("%.0f", v), v == math.Trunc(v) && math.Abs(v) < 1<<53
	}
	return "", false
}

// person returns the person whom the claims of an ID token name.
func (s *settings) person(claims map[string]any) (engine.Person, error) {
	address, ok := claims[s.Claim].(string)
	if !ok || address == "" {
		return "", &refusal{
			told: "the page that you sign in with does not tell daypass your work address; ask whoever runs daypass to mend that",
			why:  fmt.Sprintf("the provider does not tell the claim %q; set web.oidc.person and web.oidc.scopes", s.Claim),
		}
	}
	if s.Claim == "email" && !s.Unverified && !verified(claims["email_verified"]) {
		return "", &refusal{
			told: "the page that you sign in with has not verified your address " + clip(address) + "; verify it there, or ask whoever runs it to",
			why:  "the provider has not verified the address " + clip(address) + "; set web.oidc.trustUnverified if every address there is",
		}
	}
	p, err := engine.ParsePerson(address)
	if err != nil {
		return "", err
	}
	return s.Canonical(p), nil
}

// refusal is why somebody is not let in: for them, and for the log, with the way
// out for operators.
type refusal struct{ told, why string }

func (e *refusal) Error() string { return e.why }

// Words are what an error of [Auth.Finish] says to whoever wanted to sign in; the
// error itself is for the log.
func Words(err error) string {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.told
	}
	return err.Error()
}

// verified reads a claim that some providers write as a text.
func verified(v any) bool { return v == true || v == "true" }

// claimedIssuer reads who a token says has issued it, which proves nothing.
func claimedIssuer(raw string) (string, error) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 || len(raw) > 16<<10 {
		return "", ErrNobody
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", ErrNobody
	}
	var c struct {
		Issuer string `json:"iss"`
	}
	if err := json.Unmarshal(body, &c); err != nil {
		return "", ErrNobody
	}
	return c.Issuer, nil
}
