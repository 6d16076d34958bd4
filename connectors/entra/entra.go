// Package entra connects daypass to Microsoft Entra ID by way of Microsoft
// Graph v1.0. It reads groups and accounts, and changes single memberships by
// reference only. It knows nothing of grants.
//
// Of Microsoft's SDK it uses the request adapter and the error models, never
// the generated model of the whole of Graph: that alone takes minutes and
// gigabytes to compile. Nor does it use the SDK's own HTTP client, which spoils
// the bodies of requests that it retries: requests go through internal/httpx.
package entra

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
)

// Config describes one tenant. The zero value of an optional field means its
// default.
type Config struct {
	// Name is the directory's configured name; errors begin with it.
	Name string
	// Tenant is one of the tenant's domains, or its GUID.
	Tenant string
	// Cloud is the national cloud that the tenant is in: usgov, dod or china.
	// Empty is the global one.
	Cloud string
	// URL and Authority replace the roots of Graph and of the token endpoint.
	// Clear text is for this machine only.
	URL, Authority string

	// ClientID is the application's. Of a managed identity it is needed only
	// where that is a user-assigned one.
	ClientID string
	// Exactly one of the following five says how to log in. Secret is the
	// client secret, asked for whenever a token is needed.
	Secret func(context.Context) (string, error)
	// CertFile holds a certificate and its private key, as PEM or PKCS#12, and
	// CertPassword the password of a PKCS#12 file.
	CertFile     string
	CertPassword func(context.Context) (string, error)
	// Workload takes the token that the platform puts into TokenFile, by
	// default the file that AZURE_FEDERATED_TOKEN_FILE names.
	Workload  bool
	TokenFile string
	// ManagedIdentity takes the identity of the machine in Azure.
	ManagedIdentity bool
	// Credential is any other source of tokens.
	Credential azcore.TokenCredential

	// Match says where a person's work address stands: userPrincipalName or
	// mail. Empty is either, and two accounts are ambiguous.
	Match string
	// Accounts are exceptions to Match: an account's object id or
	// userPrincipalName.
	Accounts map[engine.Person]string
	// Profile... say where the directory keeps what Describe tells: the name,
	// the manager, and further attributes by the name to give them. Empty is the
	// kind's default.
	ProfileName, ProfileManager string
	ProfileAttributes           map[string]string
	// RoleAssignable permits to manage groups to which Entra roles can be
	// assigned.
	RoleAssignable bool
	// Expire and EndSessions tell that some group wants the directory to end
	// memberships, or sessions after them. Then Probe wants the permissions.
	Expire, EndSessions bool

	// Grace is how long an answered write is believed more than a listing; two
	// minutes by default. Microsoft publishes no bound, and calls seconds
	// normal.
	Grace time.Duration
	// Now is the clock; time.Now by default.
	Now func() time.Time
	// Transport carries the requests; nil is the default of httpx.
	Transport http.RoundTripper
	// Log gets a line for each request at level Debug; nil is silent.
	Log *slog.Logger
	// Observe is told of each attempt of a request; nil tells nobody.
	Observe func(context.Context, httpx.Sent)
	// Share is the part of the quota that may be spent, from 0 to 1; 1 when
	// zero.
	Share float64
	// PerMinute is a quota set by hand, in requests a minute. Zero is the
	// vendor's.
	PerMinute int
	// Connections is how many requests may be under way at once; 8 when zero.
	Connections int
}

// defaultGrace is twice the window that Microsoft's advice on eventual
// consistency (March 2026) makes one wait at least.
const defaultGrace = 2 * time.Minute

// Connector is a tenant behind Microsoft Graph. Its methods may be called from
// several goroutines.
type Connector struct {
	cfg    Config
	root   *url.URL // of Graph, with the version
	wire   *wire
	tokens *tokens
	kinds  *kinds
	turns  engine.Turns[engine.GroupID] // Graph does not say what becomes of writes to one group that meet
	writes *engine.Writes
	terms  *terms
	looks  *looks
	slowed sync.Map // the quotas whose limit is near, as the directory told us
}

var (
	_ engine.Connector    = (*Connector)(nil)
	_ engine.Lister       = (*Connector)(nil)
	_ engine.BulkResolver = (*Connector)(nil)
	_ engine.BulkFinder   = (*Connector)(nil)
	_ engine.Changer      = (*Connector)(nil)
	_ engine.Prober       = (*Connector)(nil)
	_ engine.Clock        = (*Connector)(nil)
	_ engine.Lagging      = (*Connector)(nil)
	_ engine.Recaller     = (*Connector)(nil)
	_ engine.Marker       = (*Connector)(nil)
	_ engine.Expirer      = (*Connector)(nil)
	_ engine.SessionEnder = (*Connector)(nil)
	_ engine.Describer    = (*Connector)(nil)
)

// New checks cfg, all of it, and returns a connector that connects when it is
// first used.
func New(cfg Config) (*Connector, error) {
	if cfg.Grace == 0 {
		cfg.Grace = defaultGrace
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	graph, authority, err := cfg.roots()
	if err := errors.Join(err, cfg.check(), cfg.checkCredentials(authority)); err != nil {
		return nil, fmt.Errorf("directory %q: %w", cfg.Name, err)
	}
	root := *graph
	root.Path += "/v1.0"
	c := &Connector{cfg: cfg, root: &root}
	c.kinds = newKinds(cfg.Now)
	c.writes = engine.NewWrites(cfg.Grace, cfg.Now)
	c.terms, c.looks = newTerms(cfg.Grace, cfg.Now), newLooks(cfg.Grace, cfg.Now)
	c.tokens = newTokens(cfg, graph, authority)
	if c.wire, err = newWire(httpx.New(c.policy()), c.root); err != nil {
		return nil, fmt.Errorf("directory %q: %w", cfg.Name, err)
	}
	return c, nil
}

// Close gives up idle connections.
func (c *Connector) Close() error { return c.wire.client.Close() }

// Grace is how long a listing may lack what was written.
func (c *Connector) Grace() time.Duration { return c.cfg.Grace }

func (cfg Config) check() error {
	var errs []error
	add := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	add(cfg.Name == "", "it has no name")
	add(!tenantName.MatchString(cfg.Tenant) && !cfg.ManagedIdentity && cfg.Credential == nil,
		"tenant %q is neither a domain such as contoso.onmicrosoft.com nor a GUID", cfg.Tenant)
	add(cfg.Match != "" && cfg.Match != matchUPN && cfg.Match != matchMail, "match %q is neither %s nor %s", cfg.Match, matchUPN, matchMail)
	add(cfg.Share < 0 || cfg.Share > 1, "share %g of the quota is not between 0 and 1", cfg.Share)
	add(cfg.PerMinute < 0, "%d requests a minute are negative", cfg.PerMinute)
	add(cfg.Connections < 0, "connections %d is negative", cfg.Connections)
	add(cfg.Grace < 0, "grace %s is negative", cfg.Grace)
	return errors.Join(append(errs, cfg.checkProfile())...)
}

// tenantName is a domain or a GUID. The names that stand for many tenants
// (common, organizations, consumers) have no dot.
var tenantName = regexp.MustCompile(`^(?i:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-z0-9-]+(\.[a-z0-9-]+)+)$`)

var guid = regexp.MustCompile(`^(?i:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$`)

// isID reports whether s can be the id of an object. Nothing else is ever put
// into a path.
func isID(s string) bool { return guid.MatchString(s) }

// lower is the one spelling of ids.
func lower(s string) string { return strings.ToLower(s) }
