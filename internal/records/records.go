// Package records is the store as the desk, the API and package auth want it:
// the same rows, and the errors that they act on.
package records

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/api"
	"github.com/daypass-dev/daypass/internal/auth"
	"github.com/daypass-dev/daypass/internal/desk"
	"github.com/daypass-dev/daypass/internal/store"
)

// Records is a store.
type Records struct {
	*store.Store
}

// People is the part of a store that package auth wants.
type People struct {
	store.Sessions
	from *store.Store
}

var (
	_ desk.Store = Records{}
	_ api.Keys   = Records{}
	_ auth.Store = People{}
)

// Of returns a store as the desk and the API want it, and as package auth does.
func Of(s *store.Store) (Records, People) { return Records{s}, People{s.Sessions(), s} }

// translated is an error as those who call know it.
func translated(err error) error {
	for from, to := range map[error]error{
		store.ErrStale: desk.ErrStale, store.ErrTwice: desk.ErrTwice, store.ErrExcluded: desk.ErrExcluded, store.ErrGiven: desk.ErrGiven,
		store.ErrUnreadable: desk.ErrUnreadable,
		store.ErrCursor:     desk.ErrCursor, store.ErrMismatch: api.ErrReused,
	} {
		if errors.Is(err, from) {
			return fmt.Errorf("%w: %w", to, err)
		}
	}
	return err
}

// SaveRequests implements [desk.Store].
func (r Records) SaveRequests(ctx context.Context, rs []access.Request, events []engine.Event, also map[engine.Person][]engine.Person) error {
	return translated(r.Store.SaveRequests(ctx, rs, events, also))
}

// Request implements [desk.Store]. The beginning of an ID is enough when there is
// only one that begins so.
func (r Records) Request(ctx context.Context, id string) (*access.Request, error) {
	found, err := r.Store.Request(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrAmbiguous):
		return nil, nil //nolint:nilnil // there is none
	case err != nil:
		return nil, translated(err)
	}
	return &found, nil
}

// DueRequests implements [desk.Store].
func (r Records) DueRequests(ctx context.Context, now time.Time, limit int) ([]access.Request, error) {
	due, err := r.Store.DueRequests(ctx, now, limit)
	return due, translated(err)
}

// Requests implements [desk.Store].
func (r Records) Requests(ctx context.Context, q access.Query) (access.Listing, error) {
	page, err := r.Store.Requests(ctx, q)
	return page, translated(err)
}

// PastRequests implements [desk.Store].
func (r Records) PastRequests(ctx context.Context, p engine.Person, resource string, before time.Time) (access.Past, error) {
	counts, last, err := r.Store.PastRequests(ctx, p, resource, before)
	return access.Past{Counts: counts, Last: last}, err
}

// Runs implements [desk.Store].
func (r Records) Runs(ctx context.Context) iter.Seq2[desk.Run, error] {
	return func(yield func(desk.Run, error) bool) {
		for run, err := range r.Store.Runs(ctx) {
			if !yield(desk.Run(run), err) {
				return
			}
		}
	}
}

// RevokeToken implements [desk.Store].
func (r Records) RevokeToken(ctx context.Context, id string, p, by engine.Person, at time.Time) error {
	err := r.Store.RevokeToken(ctx, id, p, by, at)
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("%w: %w", desk.ErrNoToken, err)
	}
	return err
}

// Once implements [api.Keys].
func (r Records) Once(ctx context.Context, caller, key, fingerprint string, at time.Time) (answer []byte, status int, known bool, err error) {
	answer, status, known, err = r.Store.Once(ctx, caller, key, fingerprint, at)
	if errors.Is(err, store.ErrBusy) {
		return nil, 0, true, nil
	}
	return answer, status, known, translated(err)
}

// TokenBySecret implements [auth.Store].
func (p People) TokenBySecret(ctx context.Context, secret string, now time.Time) (*access.Token, error) {
	t, err := p.from.TokenBySecret(ctx, secret, now)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil //nolint:nilnil // there is none
	case err != nil:
		return nil, err
	}
	return &t, nil
}
