package api_test

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/api"
	"github.com/daypass-dev/daypass/internal/desk"
	"github.com/daypass-dev/daypass/internal/store"
)

// records is the store as the desk, the API and package auth want it. Its
// errors are theirs.
type records struct{ *store.Store }

func translated(err error) error {
	for from, to := range map[error]error{
		store.ErrStale: desk.ErrStale, store.ErrTwice: desk.ErrTwice, store.ErrCursor: desk.ErrCursor, store.ErrMismatch: api.ErrReused,
	} {
		if errors.Is(err, from) {
			return errors.Join(to, err)
		}
	}
	return err
}

func (s records) SaveRequests(ctx context.Context, rs []access.Request, events []engine.Event) error {
	return translated(s.Store.SaveRequests(ctx, rs, events))
}

func (s records) Request(ctx context.Context, id string) (*access.Request, error) {
	r, err := s.Store.Request(ctx, id)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrAmbiguous) {
		return nil, nil //nolint:nilnil // as the desk wants it
	}
	return &r, err
}

func (s records) Requests(ctx context.Context, q access.Query) (access.Listing, error) {
	page, err := s.Store.Requests(ctx, q)
	return page, translated(err)
}

func (s records) PastRequests(ctx context.Context, p engine.Person, resource string) (access.Past, error) {
	counts, last, err := s.Store.PastRequests(ctx, p, resource)
	return access.Past{Counts: counts, Last: last}, err
}

func (s records) Runs(ctx context.Context) iter.Seq2[desk.Run, error] {
	return func(yield func(desk.Run, error) bool) {
		for r, err := range s.Store.Runs(ctx) {
			if !yield(desk.Run(r), err) {
				return
			}
		}
	}
}

func (s records) RevokeToken(ctx context.Context, id string, by engine.Person, at time.Time) error {
	err := s.Store.RevokeToken(ctx, id, by, at)
	if errors.Is(err, store.ErrNotFound) {
		return errors.Join(desk.ErrNoToken, err)
	}
	return err
}

func (s records) Once(ctx context.Context, caller, key, fingerprint string, at time.Time) ([]byte, int, bool, error) {
	answer, status, known, err := s.Store.Once(ctx, caller, key, fingerprint, at)
	if errors.Is(err, store.ErrBusy) {
		return nil, 0, true, nil
	}
	return answer, status, known, translated(err)
}

// people is the store as package auth wants it.
type people struct {
	store.Sessions
	*store.Store
}

func (p people) TokenBySecret(ctx context.Context, secret string, now time.Time) (*access.Token, error) {
	t, err := p.Store.TokenBySecret(ctx, secret, now)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil //nolint:nilnil // as package auth wants it
	}
	return &t, err
}
