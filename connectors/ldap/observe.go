package ldap

import (
	"context"
	"time"

	"github.com/daypass-dev/daypass/connectors/ldap/internal/wire"
)

// The names of operations, for Config.Observe.
const (
	opSearch = "search"
	opModify = "modify"
)

// observe tells of an operation that began at start and was answered just now,
// or was not.
func (s *session) observe(ctx context.Context, op string, start time.Time, err error) {
	if s.watch == nil {
		return
	}
	result := 0
	if err != nil {
		result = code(err)
	}
	s.watch(context.WithoutCancel(ctx), op, result, time.Since(start))
}

// Modify is [wire.Conn.Modify], observed.
func (s *session) Modify(ctx context.Context, dn string, changes []wire.Change, controls ...wire.Control) error {
	start := time.Now()
	err := s.Conn.Modify(ctx, dn, changes, controls...)
	s.observe(ctx, opModify, start, err)
	return err
}

// Search is [wire.Conn.Search], observed.
func (s *session) Search(ctx context.Context, q wire.Search, visit func(*wire.Entry) error) ([]wire.Control, error) {
	start := time.Now()
	done, err := s.Conn.Search(ctx, q, visit)
	if !decided(err) { // else the answer was not to our liking
		s.observe(ctx, opSearch, start, err)
	}
	return done, err
}

// SearchEach is [wire.Conn.SearchEach], observed: each search that was
// answered, and one for all of those that were not.
func (s *session) SearchEach(ctx context.Context, qs []wire.Search, visit func(int, *wire.Entry) error, done func(int, []wire.Control, error) error) error {
	start, open := time.Now(), len(qs)
	err := s.Conn.SearchEach(ctx, qs, visit, func(i int, controls []wire.Control, err error) error {
		open--
		s.observe(ctx, opSearch, start, err)
		return done(i, controls, err)
	})
	if open > 0 && !decided(err) {
		s.observe(ctx, opSearch, start, err)
	}
	return err
}
