package google

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	admin "google.golang.org/api/admin/directory/v1"
	reports "google.golang.org/api/admin/reports/v1"
	"google.golang.org/api/option"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
)

// services makes the SDK's clients. Their own log is off: it would print the
// Authorization header when GOOGLE_SDK_GO_LOGGING_LEVEL is set.
func (c *Connector) services(root string) error {
	opts := []option.ClientOption{
		option.WithHTTPClient(c.client.HTTP()),
		option.WithEndpoint(root),
		option.WithLogger(slog.New(slog.DiscardHandler)),
	}
	var err error
	if c.dir, err = admin.NewService(context.Background(), opts...); err != nil {
		return fmt.Errorf("client of the Directory API: %w", err)
	}
	if c.log, err = reports.NewService(context.Background(), opts...); err != nil {
		return fmt.Errorf("client of the Reports API: %w", err)
	}
	return nil
}

func (c *Connector) policy() httpx.Policy {
	quota := httpx.Quota{Units: float64(c.cfg.PerMinute), Per: time.Minute}
	return httpx.Policy{
		Directory: c.cfg.Name, Transport: c.cfg.Transport, Allow: engine.Held, Log: c.cfg.Log, Observe: c.cfg.Observe,
		Authorize: c.tokens.authorize, Renew: c.tokens.renew, Guard: guard, Judge: judge,
		// Each API has a quota of its own, per account and project.
		Bucket: func(req *http.Request) (string, float64) { return purposeOf(req).bucket(), 1 },
		Quotas: map[string]httpx.Quota{
			bucketDirectory: quota, bucketIdentity: quota, bucketReports: quota,
		},
		Share: c.cfg.Share, Concurrency: c.cfg.Connections,
	}
}

// The APIs, by what their quotas are called here.
const (
	bucketDirectory = "directory"
	bucketIdentity  = "identity"
	bucketReports   = "reports"
)

func (p purpose) bucket() string {
	switch p {
	case forReports:
		return bucketReports
	case forKinds, forExpiry:
		return bucketIdentity
	}
	return bucketDirectory
}

// judge knows that Google says "too many" with 403 as well.
func judge(resp *http.Response, body []byte) httpx.Verdict {
	if resp.StatusCode == http.StatusForbidden && parse(resp.StatusCode, body).quota() {
		return httpx.Throttled
	}
	return httpx.Standard(resp, body)
}

// written are the paths that daypass writes to. The same methods on a shorter
// path delete a group or a user.
var written = regexp.MustCompile(`/admin/directory/v1/groups/[0-9A-Za-z_-]+/members(/[0-9A-Za-z_-]+)?$`)

// posted are the other paths that take a POST: a membership with an end, the
// moving of an end, and a sign-out.
var posted = regexp.MustCompile(`/v1/(groups/[0-9A-Za-z_-]+/memberships(/[0-9A-Za-z_-]+:modifyMembershipRoles)?|users/[0-9A-Za-z_-]+/signOut)$`)

// guard refuses whatever is neither a reading nor a change of one plain
// membership, nor a sign-out.
func guard(req *http.Request) error {
	m := written.FindStringSubmatch(req.URL.EscapedPath())
	switch {
	case req.Method == http.MethodGet,
		req.Method == http.MethodPost && posted.MatchString(req.URL.EscapedPath()),
		req.Method == http.MethodPost && m != nil && m[1] == "",
		req.Method == http.MethodDelete && m != nil && m[1] != "":
		return nil
	}
	return fmt.Errorf("%s %s was not sent: daypass adds and removes members, and ends sessions, nothing else", req.Method, req.URL.Path)
}

// exchange is one call and what came back.
type exchange struct {
	httpx.Exchange
}

func traced(ctx context.Context) (context.Context, *exchange) {
	x := &exchange{}
	return httpx.Trace(ctx, &x.Exchange), x
}

// fetch reads what the linked parts of the SDK do not cover.
func (c *Connector) fetch(ctx context.Context, address string, query url.Values, into any) error {
	return c.send(ctx, http.MethodGet, address+"?"+query.Encode(), nil, into)
}

// post writes what they do not cover.
func (c *Connector) post(ctx context.Context, address string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return c.send(ctx, http.MethodPost, address, text, into)
}

func (c *Connector) send(ctx context.Context, method, address string, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.client.HTTP().Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// parts of groups and people that are asked for. The kind tells an answer of
// Google's from anything else that is JSON: an empty list has no other field.
const (
	groupFields = "id,email,aliases,nonEditableAliases"
	userFields  = "id,primaryEmail,aliases,nonEditableAliases,suspended,archived,customerId"
)

// isAddress reports whether s can be an address at Google.
func isAddress(s string) bool {
	local, domain, found := strings.Cut(s, "@")
	return found && local != "" && domain != "" && !strings.Contains(domain, "@") &&
		!strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`/\?#%*"<>`, r) })
}

// plainID is what ids of groups and members are made of. Anything else must
// not get into the path of a write.
var plainID = regexp.MustCompile(`^[0-9A-Za-z_-]{1,128}$`)
