package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/daypass-dev/daypass/internal/desk"
)

// Keys remembers what was answered under an idempotency key, so that a call
// that is repeated does nothing twice.
type Keys interface {
	// Once takes a caller's key for what has a fingerprint. It is not known to
	// whoever comes first, who then calls Answer or Forget. Whoever comes after
	// gets the first one's answer; the status is zero while there is none. The
	// error wraps ErrReused when the key was taken for another fingerprint.
	Once(ctx context.Context, caller, key, fingerprint string, at time.Time) (answer []byte, status int, known bool, err error)
	Answer(ctx context.Context, caller, key string, status int, answer []byte) error
	// Forget gives the key back: nothing was done under it.
	Forget(ctx context.Context, caller, key string) error
}

// ErrReused is the error of Keys for a key that was used for something else.
var ErrReused = errors.New("the idempotency key was used for something else")

const (
	keyHeader = "Idempotency-Key"
	longest   = 255 // of a key
)

// reply is an answer as it is kept.
type reply struct {
	Head http.Header `json:"head"`
	Body string      `json:"body"`
}

// once does what is asked under a key, unless it was done already: then it
// repeats what was answered. An answer that says that nothing was done is not
// kept, so that the same can be tried again.
func (a *API) once(w http.ResponseWriter, r *http.Request, c desk.Caller, body []byte) {
	keys := r.Header.Values(keyHeader)
	key := keys[0]
	if len(keys) != 1 || key == "" || len(key) > longest || strings.ContainsFunc(key, func(c rune) bool { return c <= ' ' || c > '~' }) {
		const message = "an idempotency key is one word of 1 to 255 visible ASCII characters, such as a UUID"
		invalid.says(message, Detail{Detail: message, Header: keyHeader}).write(w)
		return
	}
	// From here on it goes on to its end even if the caller leaves: the next try
	// gets the answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), patience)
	defer cancel()
	answer, status, known, err := a.cfg.Keys.Once(ctx, c.Name(), key, fingerprint(r, body), a.cfg.Now())
	switch {
	case errors.Is(err, ErrReused):
		reused.says("this key was used for another call or another body; take a new one").write(w)
	case err != nil:
		a.problem(ctx, "idempotency key", err).write(w)
	case known && status == 0:
		inProgress.says("the first call with this key is not answered yet; try again in a moment").after(1).write(w)
	case known:
		a.replay(w, status, answer)
	default:
		a.first(w, r.WithContext(ctx), c, key)
	}
}

// first does what is asked, and keeps the answer before it is sent.
func (a *API) first(w http.ResponseWriter, r *http.Request, c desk.Caller, key string) {
	kept := &recorder{head: make(http.Header)}
	a.guard(kept, r, a.mux.ServeHTTP)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 5*time.Second)
	defer cancel()
	var err error
	if kept.status >= 200 && kept.status < 300 {
		var answer []byte
		if answer, err = json.Marshal(reply{kept.head, kept.body.String()}); err == nil {
			err = a.cfg.Keys.Answer(ctx, c.Name(), key, kept.status, answer)
		}
	} else {
		err = a.cfg.Keys.Forget(ctx, c.Name(), key)
	}
	if err != nil { // what was done is done; a repetition is told that it is going on
		a.cfg.Log.Error("what was answered under an idempotency key was not kept", "caller", c.Name(), "error", err)
	}
	send(w, kept.status, kept.head, kept.body.Bytes())
}

func (a *API) replay(w http.ResponseWriter, status int, answer []byte) {
	var kept reply
	if err := json.Unmarshal(answer, &kept); err != nil {
		a.cfg.Log.Error("what was answered under an idempotency key cannot be read", "error", err)
		failed.says("what was answered before cannot be read; look whether it was done").write(w)
		return
	}
	w.Header().Set("Idempotent-Replayed", "true")
	send(w, status, kept.Head, []byte(kept.Body))
}

func send(w http.ResponseWriter, status int, head http.Header, body []byte) {
	for name, values := range head {
		w.Header()[name] = values
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // whoever asked is gone
}

// fingerprint tells whether two calls ask for the same.
func fingerprint(r *http.Request, body []byte) string {
	h := sha256.New()
	for _, part := range []string{r.Method, r.URL.EscapedPath(), r.URL.RawQuery} {
		_, _ = h.Write([]byte(part + "\n"))
	}
	_, _ = h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// recorder keeps an answer.
type recorder struct {
	head   http.Header
	status int
	body   bytes.Buffer
}

// Header implements [http.ResponseWriter].
func (k *recorder) Header() http.Header { return k.head }

// WriteHeader implements [http.ResponseWriter].
func (k *recorder) WriteHeader(status int) {
	if k.status == 0 {
		k.status = status
	}
}

// Write implements [http.ResponseWriter].
func (k *recorder) Write(b []byte) (int, error) {
	k.WriteHeader(http.StatusOK)
	return k.body.Write(b)
}
