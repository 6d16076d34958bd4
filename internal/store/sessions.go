package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/daypass-dev/daypass/engine"
)

// sparing is by how much the end of a session has to move before that is
// written: it moves with every page.
const sparing = time.Minute

// Sessions keeps the sessions of people who are signed in. Of their tokens it
// keeps hashes: a copy of the database gives nobody a session. The database's
// clock decides when one is over.
type Sessions struct{ s *Store }

var _ scs.CtxStore = Sessions{}

// Sessions returns the sessions that the store keeps.
func (s *Store) Sessions() Sessions { return Sessions{s} }

// sessionRow is a row.
type sessionRow struct {
	data    []byte
	expires time.Time
	ended   bool
}

func scanSession(r row) (v sessionRow, err error) {
	err = r.Scan(&v.data, stamp{&v.expires}, &v.ended)
	return v, err
}

// FindCtx returns what a session remembers, and false when there is none, or
// none any more.
func (s Sessions) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	found, err := s.find(ctx, token)
	if err != nil || found == nil || found.ended {
		return nil, false, err
	}
	return found.data, true, nil
}

func (s Sessions) find(ctx context.Context, token string) (found *sessionRow, err error) {
	err = s.s.read(ctx, "session", func(ctx context.Context, t *tx) error {
		found, err = one(ctx, t, scanSession, sqlSession, hashed(token))
		return err
	})
	return found, err
}

// CommitCtx writes a session. One that was ended stays so: a page that was still
// being answered does not bring it back. An end that moves by less than a minute
// is not worth a write.
func (s Sessions) CommitCtx(ctx context.Context, token string, data []byte, expires time.Time) error {
	there, err := s.find(ctx, token)
	if err != nil {
		return err
	}
	if there != nil && (there.ended || sameSession(there.data, data) && expires.Sub(there.expires).Abs() < sparing) {
		return nil
	}
	return s.s.write(ctx, "write session", func(ctx context.Context, t *tx) error {
		if _, err := t.exec(ctx, sqlSweepSessions); err != nil {
			return err
		}
		_, err := t.exec(ctx, sqlPutSession, hashed(token), data, expires.UnixMicro())
		return err
	})
}

// sameSession compares what sessions remember: their bytes are in no order.
func sameSession(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	endA, valuesA, errA := scs.GobCodec{}.Decode(a)
	endB, valuesB, errB := scs.GobCodec{}.Decode(b)
	return errA == nil && errB == nil && endA.Equal(endB) && reflect.DeepEqual(valuesA, valuesB)
}

// DeleteCtx ends a session. One that is not there is no error.
func (s Sessions) DeleteCtx(ctx context.Context, token string) error {
	return s.end(ctx, sqlEndSession, hashed(token))
}

// EndSessions ends every session of a person: sign out everywhere.
func (s Sessions) EndSessions(ctx context.Context, p engine.Person) error {
	if p == "" { // of those who are about to sign in
		return nil
	}
	return s.end(ctx, sqlEndSessions, string(p))
}

func (s Sessions) end(ctx context.Context, query, key string) error {
	return s.s.write(ctx, "end session", func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, query, key, []byte{})
		return err
	})
}

// Bind tells whose a session is. One that is not there, or not any more, wraps
// [ErrNotFound].
func (s Sessions) Bind(ctx context.Context, token string, p engine.Person) error {
	return s.s.write(ctx, "bind session", func(ctx context.Context, t *tx) error {
		res, err := t.exec(ctx, sqlBindSession, hashed(token), string(p))
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err == nil && n == 0 {
			err = fmt.Errorf("session of %s: %w; sign in again", p, ErrNotFound)
		}
		return err
	})
}

// Find is FindCtx without a context.
func (s Sessions) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

// Commit is CommitCtx without a context.
func (s Sessions) Commit(token string, data []byte, expires time.Time) error {
	return s.CommitCtx(context.Background(), token, data, expires)
}

// Delete is DeleteCtx without a context.
func (s Sessions) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }

// hashed is a secret as it is kept. It is random and long: it needs no salt.
func hashed(secret string) string {
	h := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(h[:])
}

const (
	sqlSession       = `SELECT data, expires, ended FROM sessions WHERE hash = $1 AND expires > {clock}`
	sqlSweepSessions = `DELETE FROM sessions WHERE expires <= {clock}`
	sqlPutSession    = `INSERT INTO sessions (hash, person, data, expires, ended) VALUES ($1, '', $2, $3, 0)
		ON CONFLICT (hash) DO UPDATE SET data = excluded.data, expires = excluded.expires WHERE sessions.ended = 0`
	sqlEndSession  = `UPDATE sessions SET data = $2, ended = 1 WHERE hash = $1`
	sqlEndSessions = `UPDATE sessions SET data = $2, ended = 1 WHERE person = $1`
	sqlBindSession = `UPDATE sessions SET person = $2 WHERE hash = $1 AND ended = 0 AND expires > {clock}`
)
