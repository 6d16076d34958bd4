package oktatest

import (
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"net/url"
	"strconv"
	"strings"
)

// limit reads the size of a page. A size above the largest gets the largest.
func (c *call) limit(usual, most int) (int, *failure) {
	text := c.q.Get("limit")
	if text == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, invalid("limit", "limit: The value must be a whole number greater than zero.")
	}
	return min(n, most), nil
}

// strict is limit for the calls that refuse a larger page.
func (c *call) strict(usual, most int) (int, *failure) {
	n, f := c.limit(usual, most+1)
	if f == nil && n > most {
		return 0, invalid("limit", "limit: The value must be at most "+strconv.Itoa(most)+".")
	}
	return n, f
}

// after reads the cursor, and gives the position at which the page begins: 0
// without one. A cursor is good for the list it came from only.
func (c *call) after() (int, *failure) {
	text := c.q.Get("after")
	if text == "" {
		return 0, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(text, "c,"))
	sum, pos, _ := strings.Cut(string(raw), ":")
	n, nerr := strconv.Atoi(pos)
	if err != nil || nerr != nil || n < 0 || sum != c.stamp() {
		return 0, badCursor()
	}
	return n, nil
}

func badCursor() *failure { return invalid("after", "after: The cursor is not valid.") }

// stamp binds a cursor to its list and to this server.
func (c *call) stamp() string {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, c.secret, c.r.URL.Path, "|", c.q.Get("filter"), "|", c.q.Get("search"), "|", c.q.Get("q"))
	return strconv.FormatUint(h.Sum64(), 36)
}

// nextURL is the link to the page that begins at a position.
func (c *call) nextURL(position int) string {
	q := url.Values{}
	for name, values := range c.q {
		q[name] = values
	}
	q.Del("since") // a log's cursor stands in its place
	cursor := base64.RawURLEncoding.EncodeToString([]byte(c.stamp() + ":" + strconv.Itoa(position)))
	q.Del("after")
	query := q.Encode()
	if query != "" {
		query += "&"
	}
	if c.opts.CommaCursors {
		cursor = "c," + cursor // as it is, in the URL: a comma may stand there
	}
	return c.base + c.r.URL.EscapedPath() + "?" + query + "after=" + cursor
}
