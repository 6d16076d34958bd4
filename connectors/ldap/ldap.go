// Package ldap connects daypass to directories that speak LDAP: OpenLDAP, 389
// Directory Server, Samba and Microsoft Active Directory. It asks the server
// what it is, finds out how each group keeps its members, and changes single
// values only. It knows nothing of grants.
package ldap

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// Config describes one directory. The zero value of an optional field means
// its default.
type Config struct {
	// Name is the directory's configured name; errors begin with it.
	Name string
	// URL is ldap://host[:port], ldaps://host[:port] or ldapi://%2Fpath.
	URL string
	// StartTLS encrypts an ldap:// connection before anything else is said.
	StartTLS bool
	// CAFile holds the certificates that may sign the server's, as PEM. The
	// default is the system's. Verification can not be switched off.
	CAFile string
	// ServerName is the name on the server's certificate, where it differs
	// from the host of URL.
	ServerName string
	// Plaintext permits ldap:// without StartTLS to a host that is not this one.
	Plaintext bool

	// BindDN and Password are the credentials; Active Directory also takes
	// name@domain as BindDN. Password is asked for each new connection.
	BindDN   string
	Password func(context.Context) (string, error)
	// External authenticates with ClientCert and ClientKey (PEM files), or as
	// the owner of this process over ldapi (SASL EXTERNAL).
	External              bool
	ClientCert, ClientKey string

	People People
	Groups Groups
	Schema Schema
	// Placeholder stands in a group that must not be empty (groupOfNames,
	// groupOfUniqueNames) while it has no member: a DN. The default is the
	// empty DN, which no account can have. It is never listed as a member.
	Placeholder string
	// Accounts are exceptions to People.Match: an account's native id, DN or
	// login.
	Accounts map[engine.Person]string
	// ProfileName is the attribute with a person's name to be read; by default
	// displayName, and cn where an entry has none.
	ProfileName string
	// ProfileManager is the attribute with the DN or the work address of a
	// person's manager; manager by default.
	ProfileManager string
	// ProfileAttributes are the further attributes that Describe tells, by the
	// name to give them.
	ProfileAttributes map[string]string

	// Timeout bounds each wait for the server; 60 seconds by default. A
	// listing may take longer as long as answers keep coming. A change of one
	// membership is given up after half of it, though not before 30 seconds.
	Timeout time.Duration
	// Connections is the most that are open at once; 4 by default.
	Connections int
	// PageSize is how many entries are asked for at a time; 500 by default. It
	// is halved as long as the server finds it too large.
	PageSize int
	// Observe is told of each search and modify: its result code, 0 when all is
	// well and -1 without an answer, and how long it took. Nil tells nobody.
	Observe func(ctx context.Context, op string, result int, took time.Duration)
}

// People says where accounts are and which one a person has.
type People struct {
	Base string
	// Match is the filter that finds a person's account. Each {person} in it
	// becomes the person's address, escaped. The default is (mail={person}).
	Match string
	// Login is the attribute shown to people, and stored in memberUid: uid by
	// default, sAMAccountName on Active Directory.
	Login string
	// ID is the attribute that never changes: found out by default.
	ID string
}

// Groups says where groups are.
type Groups struct {
	Base string
	// Name is the attribute that groups are called by; cn by default.
	Name string
	// Filter tells groups from other entries. The default knows the usual
	// object classes.
	Filter string
	// ID is the attribute that never changes: found out by default.
	ID string
}

// Schema is for directories whose groups are of a class of their own. Its
// members are DNs.
type Schema struct {
	ObjectClass string // of the groups
	Member      string // their attribute; member by default
}

// Connector is a directory behind LDAP. Its methods may be called from several
// goroutines. Close it after use.
type Connector struct {
	cfg         Config
	match       template
	pool        *pool
	seen        *accounts
	groups      *groups
	page        atomic.Int64 // the page size that the server accepts
	placeholder string       // its key; "" is the empty DN
	window      int          // tests ask for members in windows of this size
}

var (
	_ engine.Connector    = (*Connector)(nil)
	_ engine.Lister       = (*Connector)(nil)
	_ engine.BulkResolver = (*Connector)(nil)
	_ engine.Changer      = (*Connector)(nil)
	_ engine.Prober       = (*Connector)(nil)
	_ engine.Clock        = (*Connector)(nil)
	_ engine.Expirer      = (*Connector)(nil)
	_ engine.Describer    = (*Connector)(nil)
)

// New checks cfg, all of it, and returns a connector that connects when it is
// first used.
func New(cfg Config) (*Connector, error) {
	cfg = withDefaults(cfg)
	t, err := dialTarget(cfg)
	match, matchErr := parseTemplate(cfg.People.Match)
	if err := errors.Join(err, matchErr, cfg.check()); err != nil {
		return nil, fmt.Errorf("directory %q: %w", cfg.Name, err)
	}
	c := &Connector{cfg: cfg, match: match, seen: newAccounts(), groups: newGroups()}
	c.pool = newPool(cfg, t)
	if cfg.Placeholder != "" {
		c.placeholder = dnKey(cfg.Placeholder)
	}
	c.page.Store(int64(cfg.PageSize))
	return c, nil
}

// Close ends all connections. Calls under way end when they are done.
func (c *Connector) Close() error {
	c.pool.close()
	return nil
}

func withDefaults(cfg Config) Config {
	fill := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	fill(&cfg.People.Match, "(mail={person})")
	fill(&cfg.Groups.Name, "cn")
	fill(&cfg.ProfileManager, "manager")
	if cfg.Schema.ObjectClass != "" {
		fill(&cfg.Schema.Member, "member")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = time.Minute
	}
	if cfg.Connections == 0 {
		cfg.Connections = 4
	}
	if cfg.PageSize == 0 {
		cfg.PageSize = 500
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
	add(cfg.Name == "", "it has no name")
	add(!validDN(cfg.People.Base), "people.base %q is not a DN such as ou=people,dc=example,dc=org", cfg.People.Base)
	add(!validDN(cfg.Groups.Base), "groups.base %q is not a DN such as ou=groups,dc=example,dc=org", cfg.Groups.Base)
	add(cfg.Groups.Filter != "" && !validFilter(cfg.Groups.Filter), "groups.filter %q is not an LDAP filter such as (objectClass=groupOfNames)", cfg.Groups.Filter)
	add(cfg.Placeholder != "" && !validDN(cfg.Placeholder), "placeholder %q is not a DN", cfg.Placeholder)
	add(cfg.Schema.Member != "" && cfg.Schema.ObjectClass == "", "schema.member needs schema.objectClass: the class of the groups that have it")
	names := []string{cfg.People.Login, cfg.People.ID, cfg.Groups.ID, cfg.Groups.Name, cfg.Schema.Member, cfg.Schema.ObjectClass, cfg.ProfileName, cfg.ProfileManager}
	for _, a := range slices.AppendSeq(names, maps.Values(cfg.ProfileAttributes)) {
		add(a != "" && !validName(a), "%q is not the name of an attribute or class", a)
	}
	add(cfg.Timeout < 0, "timeout %s is negative", cfg.Timeout)
	add(cfg.Connections < 0, "connections %d is negative", cfg.Connections)
	add(cfg.PageSize < 0, "page size %d is negative", cfg.PageSize)
	errs = append(errs, cfg.checkCredentials())
	return errors.Join(errs...)
}

func (cfg Config) checkCredentials() error {
	switch {
	case cfg.External && (cfg.BindDN != "" || cfg.Password != nil):
		return errors.New("external and a bind DN exclude each other; remove one")
	case cfg.External && (cfg.ClientCert == "") != (cfg.ClientKey == ""):
		return errors.New("a client certificate needs both files, certificate and key")
	case cfg.External && cfg.ClientCert == "" && !strings.HasPrefix(cfg.URL, "ldapi:"):
		return errors.New("external needs a client certificate and key, or an ldapi url")
	case !cfg.External && cfg.ClientCert != "":
		return errors.New("a client certificate is only used with external")
	case !cfg.External && (cfg.BindDN == "" || cfg.Password == nil):
		// With a name and no password a server binds as nobody and says it
		// went well (RFC 4513 section 5.1.2).
		return errors.New("it needs a bind DN and a password, or external")
	}
	return nil
}

// target is where to connect, and how.
type target struct {
	network, address, host string
	tls, startTLS          bool
}

func dialTarget(cfg Config) (target, error) {
	if rest, found := strings.CutPrefix(cfg.URL, "ldapi://"); found {
		path, err := url.PathUnescape(strings.TrimSuffix(rest, "/"))
		if err != nil || !strings.HasPrefix(path, "/") {
			return target{}, fmt.Errorf("url %q is not written as ldapi://%%2Fpath%%2Fto%%2Fsocket", cfg.URL)
		}
		if cfg.StartTLS {
			return target{}, errors.New("a unix socket needs no startTLS; remove it")
		}
		return target{network: "unix", address: path}, nil
	}
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Hostname() == "" || u.Scheme != "ldap" && u.Scheme != "ldaps" ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return target{}, fmt.Errorf("url %q is not written as ldaps://host or ldap://host:port", redact(cfg.URL))
	}
	t := target{network: "tcp", host: u.Hostname(), tls: u.Scheme == "ldaps", startTLS: cfg.StartTLS}
	switch {
	case t.tls && t.startTLS:
		return target{}, errors.New("ldaps is encrypted from the start; remove startTLS or write ldap://")
	case !t.tls && !t.startTLS && !cfg.Plaintext && !loopback(t.host):
		return target{}, fmt.Errorf("url %q would send the password in clear text: write ldaps://, or set startTLS, or plaintext if the network itself is encrypted", cfg.URL)
	}
	port := u.Port()
	if port == "" {
		port = map[bool]string{true: "636", false: "389"}[t.tls]
	}
	t.address = net.JoinHostPort(t.host, port)
	return t, nil
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
