package desk

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"time"

	"github.com/daypass-dev/daypass/internal/access"
)

// keptFor is how long a key stands for the request that was made with it.
const keptFor = 24 * time.Hour

// keyed is the id of the request that a caller makes with a key: the same every
// time, so that there cannot be two, whatever dies between the wish and its
// answer. The keys of a machine are its own, by whichever token it comes.
func keyed(c Caller, key string) string {
	h := sha256.Sum256([]byte("request\x00" + c.Name() + "\x00" + key))
	return "r" + strings.ToLower(base32.StdEncoding.EncodeToString(h[:]))[:20]
}

// idFor returns the id for what a caller asks for with a key, and the request,
// where they asked for it within a day before. Without a key the id is new.
func (d *Desk) idFor(ctx context.Context, c Caller, key string) (id string, made *access.Request, err error) {
	if key == "" {
		return d.cfg.NewID(), nil, nil
	}
	id = keyed(c, key)
	made, err = d.cfg.Store.Request(ctx, id)
	if err == nil && made != nil && d.now().Sub(made.At) >= keptFor { // the key is forgotten, and the id is taken
		return d.cfg.NewID(), nil, nil
	}
	return id, made, err
}
