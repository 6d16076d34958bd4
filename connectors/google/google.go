// Package google connects daypass to Google Workspace and Cloud Identity,
// through the Directory API of the Admin SDK. It reads which kind a group is
// from the Cloud Identity API, and what changed from the Reports API, where it
// may; without them it works all the same. Where it is asked to, it makes
// memberships that Google ends by itself, through the Cloud Identity API. It
// knows nothing of grants.
//
// daypass adds and removes plain members only: entries of type USER with the
// role MEMBER. Owners and managers, nested groups, and the entry that stands
// for everybody in the customer are listed as what they are, and never
// touched.
package google

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"golang.org/x/oauth2"
	admin "google.golang.org/api/admin/directory/v1"
	reports "google.golang.org/api/admin/reports/v1"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
)

// Config describes one customer of Google. The zero value of an optional field
// means its default.
type Config struct {
	// Name is the directory's configured name; errors begin with it.
	Name string
	// URL is the root of the APIs, of a simulator; Google's own by default. Clear
	// text is for loopback only.
	URL string
	// Customer is the customer's id, such as C0123abcd; by default my_customer,
	// the one that the credential belongs to.
	Customer string
	// Domain narrows listings of groups and people to one domain of the
	// customer.
	Domain string

	// Exactly one of Key, TokenSource and Ambient is the credential.

	// Key is the JSON key of a service account. It is asked for each new token.
	Key func(context.Context) (string, error)
	// Subject is the administrator to act as, with domain-wide delegation; empty
	// where the service account has an admin role of its own. Only with Key.
	Subject string
	// TokenSource gives tokens with whatever scopes they have.
	TokenSource oauth2.TokenSource
	// Ambient takes the credential of the machine: workload identity, a service
	// account of Google Cloud, or GOOGLE_APPLICATION_CREDENTIALS.
	Ambient bool

	// Accounts are exceptions to "a person's account has the person's address":
	// an account's id or address.
	Accounts map[engine.Person]string
	// Profile... say where the directory keeps what Describe tells: the name,
	// the manager, and further attributes by the name to give them. Empty is the
	// kind's default.
	ProfileName, ProfileManager string
	ProfileAttributes           map[string]string
	// Grace is how long a write that was answered is believed more than a
	// listing; two minutes when zero, none when negative. Google says of group
	// memberships only that changes take time to show.
	Grace time.Duration
	// Now is the clock; nil is this machine's.
	Now func() time.Time
	// Transport carries the requests; nil is one with sane timeouts.
	Transport http.RoundTripper
	// Log gets one line for each request at level Debug; nil is silent.
	Log *slog.Logger
	// Observe is told of each attempt of a request; nil tells nobody.
	Observe func(context.Context, httpx.Sent)
	// Share is the part of the quota that may be spent, above 0 and up to 1; all
	// when zero.
	Share float64
	// PerMinute is the quota in requests a minute; 2,400 when zero, which is
	// Google's default for one account in one project.
	PerMinute int
	// Connections is how many requests may be in flight; 8 when zero.
	Connections int
}

const (
	defaultGrace     = 2 * time.Minute
	defaultPerMinute = 2400
	defaultCustomer  = "my_customer"

	directoryRoot = "https://admin.googleapis.com/"
	identityRoot  = "https://cloudidentity.googleapis.com/"
)

// Connector is a customer of Google. Its methods may be called from several
// goroutines.
type Connector struct {
	cfg      Config
	tokens   *tokens
	client   *httpx.Client
	dir      *admin.Service
	log      *reports.Service
	identity string // the root of the Cloud Identity API

	names  *names
	kinds  *kinds
	feed   pause // the Reports API refused us
	writes *engine.Writes
	ends   *ends
	noEnds pause                           // the customer's edition has no memberships that end
	turns  engine.Turns[engine.Membership] // one change of a membership at a time
	users  extent                          // how many pages a listing of people or groups has
	groups extent
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
	_ engine.Marker       = (*Connector)(nil)
	_ engine.Recaller     = (*Connector)(nil)
	_ engine.Expirer      = (*Connector)(nil)
	_ engine.SessionEnder = (*Connector)(nil)
	_ engine.Describer    = (*Connector)(nil)
)

// New checks cfg, all of it, and returns a connector. Nothing is sent yet.
func New(cfg Config) (*Connector, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("directory %q: %w", cfg.Name, err)
	}
	cfg = cfg.withDefaults()
	c := &Connector{
		cfg: cfg, identity: identityRoot,
		names: newNames(), kinds: newKinds(),
		writes: engine.NewWrites(max(0, cfg.Grace), cfg.Now), ends: newEnds(max(0, cfg.Grace), cfg.Now),
	}
	c.tokens = newTokens(cfg)
	c.client = httpx.New(c.policy())
	root := directoryRoot
	if cfg.URL != "" {
		root = cfg.URL + "/" // the SDK drops a path that does not end in a slash
		c.identity = root
	}
	if err := c.services(root); err != nil {
		return nil, fmt.Errorf("directory %q: %w", cfg.Name, err)
	}
	return c, nil
}

func (cfg Config) withDefaults() Config {
	cfg.URL = strings.TrimRight(cfg.URL, "/")
	if cfg.Customer == "" {
		cfg.Customer = defaultCustomer
	}
	if cfg.Grace == 0 {
		cfg.Grace = defaultGrace
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.PerMinute == 0 {
		cfg.PerMinute = defaultPerMinute
	}
	return cfg
}

var customerID = regexp.MustCompile(`^(my_customer|C[0-9A-Za-z]+)$`)

func (cfg Config) check() error {
	var errs []error
	add := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	add(cfg.Name == "", "it has no name")
	add(cfg.Customer != "" && !customerID.MatchString(cfg.Customer), "customer %q is not written as C0123abcd or my_customer", cfg.Customer)
	add(strings.ContainsAny(cfg.Domain, "@/ "), "domain %q is not a domain such as example.org", cfg.Domain)
	ways := 0
	for _, set := range []bool{cfg.Key != nil, cfg.TokenSource != nil, cfg.Ambient} {
		if set {
			ways++
		}
	}
	add(ways == 0, "it has no credential; set the key of a service account, or ambient")
	add(ways > 1, "key, ambient and a source of tokens exclude each other; keep one")
	add(cfg.Subject != "" && cfg.Key == nil, "subject needs the key of a service account")
	add(cfg.Subject != "" && !isAddress(cfg.Subject), "subject %q is not the address of an administrator", cfg.Subject)
	add(cfg.Share < 0 || cfg.Share > 1, "share %g is not between 0 and 1", cfg.Share)
	add(cfg.PerMinute < 0, "quota of %d requests a minute is negative", cfg.PerMinute)
	add(cfg.Connections < 0, "connections %d is negative", cfg.Connections)
	errs = append(errs, cfg.checkProfile(), checkURL("url", cfg.URL))
	return errors.Join(errs...)
}

// checkURL refuses roots that would carry a token in clear text off this
// machine.
func checkURL(what, s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	switch {
	case err != nil, u.Host == "", u.Scheme != "https" && u.Scheme != "http", u.User != nil, u.RawQuery != "", u.Fragment != "":
		return fmt.Errorf("%s is not written as https://host", what)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return fmt.Errorf("%s would send the credential to %s in clear text: write https://", what, u.Hostname())
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Grace is how long a write is believed more than a listing.
func (c *Connector) Grace() time.Duration { return max(0, c.cfg.Grace) }
