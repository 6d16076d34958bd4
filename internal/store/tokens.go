package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// Token is a secret by which a program acts, without the secret.
type Token = access.Token

const (
	tokenPrefix = "dp_"
	// shortestSecret is what 256 random bits come to in the densest of usual
	// ways to write them. Less could be guessed from its hash.
	shortestSecret = len(tokenPrefix) + 43
	usedEvery      = time.Minute
)

// AddToken records a token, and its event. Of the secret, 256 random bits after
// "dp_", only a hash is kept.
func (s *Store) AddToken(ctx context.Context, k Token, secret string) error {
	if !strings.HasPrefix(secret, tokenPrefix) || len(secret) < shortestSecret {
		return errors.New("token: the secret is not 256 random bits after " + tokenPrefix)
	}
	k.Made, k.Expires = whole(k.Made), whole(k.Expires)
	scopes, err := list(k.Scopes)
	if err != nil {
		return err
	}
	return s.write(ctx, "add token", func(ctx context.Context, t *tx) error {
		if _, err := t.exec(ctx, sqlAddToken, k.ID, hashed(secret), string(k.Person), k.Machine, k.Name, scopes,
			micros(k.Made), micros(k.Expires)); err != nil {
			return err
		}
		return appendEvents(ctx, t, []engine.Event{tokenEvent(k, engine.EventTokenMade, k.Person, k.Made)})
	})
}

// TokenBySecret returns the token of a secret, and notes that it was used. One
// that there never was, that expired or that was revoked wraps [ErrNotFound]:
// which of them it is, is not to be told.
func (s *Store) TokenBySecret(ctx context.Context, secret string, now time.Time) (Token, error) {
	found, err := s.tokens(ctx, sqlTokenByHash, hashed(secret))
	if err != nil {
		return Token{}, err
	}
	if len(found) == 0 || !now.Before(found[0].Expires) || !found[0].Revoked.IsZero() {
		return Token{}, fmt.Errorf("token: %w", ErrNotFound)
	}
	k := found[0]
	if now.Sub(k.Used) < usedEvery {
		return k, nil
	}
	k.Used = whole(now)
	return k, s.write(ctx, "use token", func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, sqlUseToken, k.ID, micros(now))
		return err
	})
}

// Tokens returns a person's tokens, newest first, also those that are over.
func (s *Store) Tokens(ctx context.Context, p engine.Person) ([]Token, error) {
	return s.tokens(ctx, sqlTokens, string(p))
}

func (s *Store) tokens(ctx context.Context, query string, args ...any) ([]Token, error) {
	var all []Token
	err := s.read(ctx, "tokens", func(ctx context.Context, t *tx) (err error) {
		all, err = collect(ctx, t, scanAccessToken, query, args...)
		return err
	})
	return all, err
}

// AllTokens returns everybody's tokens, newest first, also those that are over.
func (s *Store) AllTokens(ctx context.Context) ([]Token, error) { return s.tokens(ctx, sqlAllTokens) }

// RevokeToken ends a token of a person, or of anybody where p is empty, at once
// and for good. One that the person does not have wraps [ErrNotFound]; one that
// was revoked before stays as it is.
func (s *Store) RevokeToken(ctx context.Context, id string, p, by engine.Person, at time.Time) error {
	return s.write(ctx, "revoke token", func(ctx context.Context, t *tx) error {
		k, err := one(ctx, t, scanAccessToken, sqlToken, id, string(p))
		switch {
		case err != nil:
			return err
		case k == nil:
			return fmt.Errorf("token %q: %w among those of %s", id, ErrNotFound, cmp.Or(p, "anybody"))
		case !k.Revoked.IsZero():
			return nil
		}
		if _, err := t.exec(ctx, sqlRevokeToken, id, micros(at)); err != nil {
			return err
		}
		return appendEvents(ctx, t, []engine.Event{tokenEvent(*k, engine.EventTokenRevoked, by, at)})
	})
}

// tokenEvent tells what became of a token: whose, what for, and how far it goes.
func tokenEvent(k Token, kind engine.EventKind, by engine.Person, at time.Time) engine.Event {
	who := ""
	if k.Machine != "" {
		who = " as machine " + k.Machine
	}
	return engine.Event{
		At: at, Kind: kind, By: string(by), Person: k.Person, Expires: &k.Expires,
		Reason: fmt.Sprintf("%s: %s%s, scopes %s", k.ID, k.Name, who, strings.Join(k.Scopes, " ")),
	}
}

const (
	sqlTokenColumns = `id, person, machine, name, scopes, made, expires, used, revoked`
	sqlAddToken     = `INSERT INTO tokens (id, hash, person, machine, name, scopes, made, expires)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
	sqlTokenByHash = `SELECT ` + sqlTokenColumns + ` FROM tokens WHERE hash = $1`
	sqlToken       = `SELECT ` + sqlTokenColumns + ` FROM tokens WHERE id = $1 AND ('' = $2 OR person = $2)`
	sqlTokens      = `SELECT ` + sqlTokenColumns + ` FROM tokens WHERE person = $1 ORDER BY made DESC, id`
	sqlAllTokens   = `SELECT ` + sqlTokenColumns + ` FROM tokens ORDER BY made DESC, id`
	sqlUseToken    = `UPDATE tokens SET used = $2 WHERE id = $1 AND (used IS NULL OR used < $2)`
	sqlRevokeToken = `UPDATE tokens SET revoked = $2 WHERE id = $1`
)

func scanAccessToken(r row) (k Token, err error) {
	err = r.Scan(&k.ID, &k.Person, &k.Machine, &k.Name, jsonList[string]{&k.Scopes},
		stamp{&k.Made}, stamp{&k.Expires}, stamp{&k.Used}, stamp{&k.Revoked})
	return k, err
}
