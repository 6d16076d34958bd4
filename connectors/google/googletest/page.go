package googletest

import (
	"encoding/base64"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// pageAge is how long a chain of pages lives: Google answers 503 to listings
// that take more than an hour.
const pageAge = time.Hour

// cursor is a place in a listing, as a page token holds it: after which key
// the next page begins, when the listing began, and what it lists.
type cursor struct {
	after uint64
	began time.Time
	cut   time.Time
	of    string
}

// of names a listing: a token of another one is refused.
func (c *call) of() string {
	var b strings.Builder
	b.WriteString(c.route.name)
	for _, name := range []string{"groupKey", "userKey", "applicationName", "group"} {
		b.WriteString("|" + c.path[name])
	}
	for _, name := range []string{
		"customer", "domain", "query", "userKey", "roles", "includeDerivedMembership", "showDeleted", "parent", "eventName",
		"startTime", "endTime", "filters", "roleId", "view",
	} {
		b.WriteString("|" + c.query.Get(name))
	}
	return etag(b.String())
}

// cursor reads the page token of a request, or begins a listing.
func (c *call) cursor() (cursor, error) {
	at := cursor{began: c.now, cut: c.cut, of: c.of()}
	text := c.query.Get("pageToken")
	if text == "" {
		return at, nil
	}
	bad := invalid("pageToken")
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return at, bad
	}
	var began, cut int64
	var of string
	if _, err := fmt.Sscanf(string(raw), "%d %d %d %s", &at.after, &began, &cut, &of); err != nil || of != at.of || at.after > math.MaxUint32 {
		return at, bad
	}
	at.began, at.cut = time.Unix(0, began), time.Unix(0, cut)
	if c.now.Sub(at.began) >= pageAge {
		return at, refuse(http.StatusServiceUnavailable, "backendError", "Service unavailable. Please try again")
	}
	return at, nil
}

// token is the page token of what comes after a key.
func (at cursor) token(after uint64) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %d %d %s", after, at.began.UnixNano(), at.cut.UnixNano(), at.of))
}

// size reads how many entries a page may have. More than most is most, unless
// the contract names it as a bound: then it is refused.
func (c *call) size(param string, usual, most int, bound bool) (int, error) {
	text := c.query.Get(param)
	if text == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || bound && n > most {
		return 0, refuse(http.StatusBadRequest, "invalidParameter",
			fmt.Sprintf("Invalid value '%s'. Values must be within the range: [1, %d]", text, most))
	}
	return min(n, most), nil
}
