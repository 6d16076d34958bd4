package okta

import (
	"cmp"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
)

// policy is how to speak to the org.
func (c *Connector) policy(cred *credentials, perMinute float64) httpx.Policy {
	return httpx.Policy{
		Directory: c.cfg.Name, Transport: c.cfg.Transport, Concurrency: c.cfg.Connections, Share: c.cfg.Share,
		Authorize: cred.authorize, Renew: cred.renew, Guard: guard, Wait: wait, Allow: engine.Held, Log: c.cfg.Log, Observe: c.cfg.Observe, Learn: learn,
		Bucket:  func(r *http.Request) (string, float64) { return bucket(r.Method, r.URL.Path), 1 },
		Ceiling: httpx.Quota{Units: perMinute, Per: time.Minute},
	}
}

// ceiling is how many requests a minute may be sent in all, by hand; 0 is no
// such limit. Of a limit set by hand all is ours, unless it says otherwise.
func (cfg Config) ceiling() float64 {
	return float64(cfg.PerMinute) * cmp.Or(cfg.Share, 1)
}

// anID is a part of a path that names an object.
var anID = regexp.MustCompile(`^0[0-9a-z][0-9A-Za-z]{18}$`)

// bucket is the rate limit that a call counts against: Okta counts by method
// and path template, and does not say which template a path falls under; so
// each has one of its own, and Okta's headers tell its size.
func bucket(method, path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if anID.MatchString(part) || i > 0 && parts[i-1] == "users" && part != "me" {
			parts[i] = "{id}"
		}
	}
	return method + " " + strings.Join(parts, "/")
}

// learn reads the limit of the bucket from an answer. The numbers are of the
// bucket as a whole, for everybody.
func learn(resp *http.Response) (httpx.Quota, bool) {
	limit, err := strconv.ParseFloat(resp.Header.Get("X-Rate-Limit-Limit"), 64)
	if err != nil || limit <= 0 { // zero tells of the limit on requests in flight
		return httpx.Quota{}, false
	}
	q := httpx.Quota{Units: limit, Per: time.Minute}
	left, err := strconv.ParseFloat(resp.Header.Get("X-Rate-Limit-Remaining"), 64)
	if reset, ok := epoch(resp.Header.Get("X-Rate-Limit-Reset")); ok && err == nil {
		q.Left, q.Reset = left, reset
	}
	return q, true
}

// crowded is how long to wait when too many requests are in flight: Okta's
// reset is no promise then.
const crowded = time.Second

// farOff is more than any window of Okta's, which are of a minute.
const farOff = time.Hour

// wait tells when to try again after a 429. Okta sends no Retry-After: the
// window ends at X-Rate-Limit-Reset, by the clock of the same answer's Date.
func wait(resp *http.Response) (time.Duration, bool) {
	if resp.StatusCode != http.StatusTooManyRequests {
		return 0, false
	}
	if resp.Header.Get("X-Rate-Limit-Limit") == "0" {
		return crowded, true
	}
	reset, ok := epoch(resp.Header.Get("X-Rate-Limit-Reset"))
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if !ok || err != nil {
		return 0, false
	}
	return min(max(reset.Sub(date), 0), farOff) + time.Second, true // both are cut to the second
}

func epoch(text string) (time.Time, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		return time.Time{}, false
	}
	return time.Unix(n, 0).UTC(), true
}

// limits remembers what Okta told of its rate limits, for doctor.
type limits struct {
	mu   sync.Mutex
	told map[string]int
}

func newLimits() *limits { return &limits{told: make(map[string]int)} }

func (l *limits) note(method, path string, h http.Header) {
	n, err := strconv.Atoi(h.Get("X-Rate-Limit-Limit"))
	if err != nil || n <= 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told[bucket(method, shown(path))] = n
}

// list returns the limits told, as "GET /api/v1/groups 500".
func (l *limits) list() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, name := range slices.Sorted(maps.Keys(l.told)) {
		out = append(out, name+" "+strconv.Itoa(l.told[name]))
	}
	return out
}
