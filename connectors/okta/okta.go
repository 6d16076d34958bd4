// Package okta connects daypass to an Okta org. It keeps the vendor's SDK on a
// short lead: no cache, no retries of its own, nothing read from the
// environment, one funnel for every call. It manages groups of type OKTA_GROUP
// that no rule fills, and knows nothing of grants.
package okta

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	sdk "github.com/okta/okta-sdk-golang/v2/okta"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
)

// Config describes one org. The zero value of an optional field means its
// default.
type Config struct {
	// Name is the directory's configured name; errors begin with it.
	Name string
	// URL is the org: https://example.okta.com, or its custom domain. Clear
	// text is for simulators on this machine only.
	URL string

	// Token reveals an API token (SSWS). It has the rights of the administrator
	// who made it. It is asked for once, and again when Okta refuses it.
	Token func(context.Context) (string, error)
	// ClientID and PrivateKey are those of a service app, which stands instead
	// of a token. The key is PEM: RSA as PKCS#1 or PKCS#8, or EC. KeyID is the
	// key's id (kid), where the app has several.
	ClientID   string
	PrivateKey func(context.Context) (string, error)
	KeyID      string

	// Match says where a person's address stands: MatchLogin, which is the
	// default, or MatchEmail.
	Match string
	// Accounts are exceptions to Match: an account's id (00u...) or login.
	Accounts map[engine.Person]string
	// Profile... say where the directory keeps what Describe tells: the name,
	// the manager, and further attributes by the name to give them. Empty is the
	// kind's default.
	ProfileName, ProfileManager string
	ProfileAttributes           map[string]string

	// Grace is how long a write is believed more than a listing that lacks it;
	// 15 seconds by default, none when negative. Okta's own lag is 0 to 2
	// seconds.
	Grace time.Duration
	// Now is the clock; time.Now by default.
	Now func() time.Time
	// Transport carries the requests; the default has timeouts.
	Transport http.RoundTripper
	// Log gets a line for each attempt at level Debug.
	Log *slog.Logger
	// Observe is told of each attempt of a request; nil tells nobody.
	Observe func(context.Context, httpx.Sent)
	// Share is the part of each rate limit that may be spent, above 0 and up to
	// 1. The default is a half: Okta gives one token or app no more.
	Share float64
	// PerMinute is a limit set by hand, in requests a minute, for all calls
	// together. Where Share is set, that part of it may be spent. The limits
	// that Okta tells are kept to as well.
	PerMinute int
	// Connections is how many requests may be under way; 4 by default, of the
	// 75 that an org has for everybody.
	Connections int
}

// Values of Config.Match.
const (
	MatchLogin = "login"
	MatchEmail = "email"
)

const (
	defaultGrace       = 15 * time.Second
	defaultConnections = 4
	defaultShare       = 0.5
)

// Connector is an Okta org. Its methods may be called from several goroutines.
type Connector struct {
	cfg    Config
	root   string // scheme and host
	http   *httpx.Client
	sdk    *sdk.RequestExecutor
	app    *serviceApp // nil with an API token
	limits *limits
	writes *engine.Writes
	turns  engine.Turns[engine.GroupID] // one change of a group at a time
	kinds  *kinds
	rules  *ruleBook
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
	_ engine.Attributor   = (*Connector)(nil)
	_ engine.SessionEnder = (*Connector)(nil)
	_ engine.Describer    = (*Connector)(nil)
)

// New checks cfg, all of it, and returns a connector. Nothing is sent yet.
func New(cfg Config) (*Connector, error) {
	perMinute := cfg.ceiling()
	cfg = withDefaults(cfg)
	root, err := parseRoot(cfg.URL)
	if err := errors.Join(err, cfg.check()); err != nil {
		return nil, fmt.Errorf("directory %q: %w", cfg.Name, err)
	}
	c := &Connector{
		cfg: cfg, root: root, limits: newLimits(), kinds: newKinds(cfg.Now), rules: newRuleBook(),
		writes: engine.NewWrites(max(cfg.Grace, 0), cfg.Now),
	}
	c.http = httpx.New(c.policy(c.credentials(), perMinute))
	c.sdk = newExecutor(c.http.HTTP(), root)
	return c, nil
}

func withDefaults(cfg Config) Config {
	if cfg.Match == "" {
		cfg.Match = MatchLogin
	}
	if cfg.Grace == 0 {
		cfg.Grace = defaultGrace
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Connections == 0 {
		cfg.Connections = defaultConnections
	}
	if cfg.Share == 0 {
		cfg.Share = defaultShare
	}
	return cfg
}

func (cfg Config) check() error {
	var errs []error
	add := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	app := cfg.ClientID != "" || cfg.PrivateKey != nil || cfg.KeyID != ""
	add(cfg.Name == "", "it has no name")
	add(cfg.Token != nil && app, "an API token and a service app exclude each other; remove one")
	add(cfg.Token == nil && !app, "it needs an API token, or the clientID and private key of a service app")
	add(app && (cfg.ClientID == "" || cfg.PrivateKey == nil), "a service app needs both its clientID and its private key")
	add(cfg.Match != MatchLogin && cfg.Match != MatchEmail, "match %q is neither login nor email", cfg.Match)
	add(cfg.Share < 0 || cfg.Share > 1, "share %v is not between 0 and 1", cfg.Share)
	add(cfg.PerMinute < 0, "per minute %d is negative", cfg.PerMinute)
	add(cfg.Connections < 0, "connections %d is negative", cfg.Connections)
	for _, name := range append(slices.Sorted(maps.Values(cfg.ProfileAttributes)), cfg.ProfileName, cfg.ProfileManager) {
		add(name != "" && !attributeName.MatchString(name), "profile attribute %q is not written as department", name)
	}
	return errors.Join(errs...)
}

// adminConsole is where administrators log in, and where the API is not.
var adminConsole = regexp.MustCompile(`(?i)^([a-z0-9-]+)-admin\.(okta|oktapreview|okta-emea|okta-gov)\.(com|mil)$`)

// parseRoot returns scheme and host of an org's URL.
func parseRoot(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("url %q is not written as https://example.okta.com", redact(text))
	}
	if m := adminConsole.FindStringSubmatch(u.Hostname()); m != nil {
		return "", fmt.Errorf("url %q is the admin console's; use the org URL, https://%s", text, strings.Replace(u.Host, "-admin.", ".", 1))
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return "", fmt.Errorf("url %q would send the credential in clear text; write https://", text)
	}
	return u.Scheme + "://" + u.Host, nil
}

// redact hides what somebody may have put before an @.
func redact(s string) string {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		return "..." + s[i:]
	}
	return s
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Grace is how long a write is believed more than a listing that lacks it.
func (c *Connector) Grace() time.Duration { return max(c.cfg.Grace, 0) }
