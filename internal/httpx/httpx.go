// Package httpx is how connectors speak HTTP: one place that retries, keeps
// to a directory's quota, bounds every answer, and logs without secrets.
//
// A connector says what it knows of its vendor in a [Policy], and hands
// [Client.HTTP] to the vendor's SDK with the SDK's own retries and caches off.
// What the SDK makes of an answer does not matter: [Trace] tells what really
// went over the wire.
//
// It knows nothing of groups, and of no vendor more than [GuardRefDelete].
package httpx

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Client speaks to one directory. Its methods may be called from several
// goroutines.
type Client struct {
	policy   Policy
	governor *governor
	http     *http.Client

	mu     sync.Mutex
	told   time.Time // the last answer's Date
	toldAt time.Time // when that answer came, by this machine's clock
}

// New returns a client. Nothing is sent yet.
func New(p Policy) *Client {
	p = p.withDefaults()
	c := &Client{policy: p, governor: newGovernor(p)}
	c.http = &http.Client{Transport: (*shell)(c), CheckRedirect: asIs}
	return c
}

// HTTP returns the client to hand to an SDK. A request that failed for good
// ends in an [*Error]; any other answer is returned as it is, with its whole
// body in memory. Redirects are not followed: they would take the credential
// elsewhere.
func (c *Client) HTTP() *http.Client { return c.http }

// Time returns the directory's clock as its last answer told it, run on by
// this machine's; ok is false before the first answer, and when that is minutes
// old: a machine that slept does not know how long. It is exact to a second.
func (c *Client) Time() (t time.Time, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.told.IsZero() || time.Now().Round(0).Sub(c.toldAt.Round(0)).Abs() > toldFor {
		return time.Time{}, false
	}
	return c.told.Add(time.Since(c.toldAt)), true
}

// toldFor is how long an answer tells the time.
const toldFor = 5 * time.Minute

// Spent tells that another process may have used the quota up until now:
// nothing has been saved for a burst, and requests go out at an even pace until
// something is again. What the directory told of its quota stays.
func (c *Client) Spent() { c.governor.spent() }

// Close gives up the connections that are idle. The client may be used again.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// heard notes the clock of an answer that came just now.
func (c *Client) heard(resp *http.Response) {
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told, c.toldAt = date, time.Now()
}

// shell is the client as its SDK sees it.
type shell Client

func (s *shell) RoundTrip(req *http.Request) (*http.Response, error) {
	return (*Client)(s).do(req)
}

// CloseIdleConnections is what [http.Client.CloseIdleConnections] looks for.
func (s *shell) CloseIdleConnections() {
	if t, ok := s.policy.Transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

func asIs(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

type urgentKey struct{}

// Urgent returns a context whose requests overtake those that wait for the
// quota: removals must not starve behind additions and listings.
func Urgent(ctx context.Context) context.Context {
	return context.WithValue(ctx, urgentKey{}, true)
}

func isUrgent(ctx context.Context) bool {
	urgent, _ := ctx.Value(urgentKey{}).(bool)
	return urgent
}
