// Package config reads daypass.yaml strictly into typed structs: an unknown
// key, a wrong type or a broken reference is an error with its file, line and
// column, and all errors are reported at once. Secrets stand in the file by
// reference only, and are resolved when they are needed.
//
// It knows how the settings are written and what makes them consistent. It
// opens no store, and asks no directory.
package config

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/daypass-dev/daypass/engine"
)

// Config is the content of one configuration file, checked and complete:
// relative paths are absolute, people are in canonical form, and defaults are
// filled in. Make one with [Load].
type Config struct {
	// The version of this format. Always 1.
	Version int `yaml:"version" jsonschema:"enum=1"`
	// Where the ledger and the audit log live: sqlite:PATH on one machine, or
	// postgres://USER@HOST/DATABASE for more. The password is that of
	// PGPASSWORD or ~/.pgpass; or name where the whole address is, as env:NAME,
	// file:PATH or exec:[program]. Default sqlite:daypass.db, beside the
	// configuration file.
	Store string `yaml:"store,omitempty" jsonschema:"pattern=^(sqlite|postgres|postgresql|env|file|exec):.+"`
	// The identity providers, by the name that groups refer to.
	Directories map[engine.Directory]Directory `yaml:"directories"`
	// Exceptions to the match rules of the directories: for a person, the
	// native id of the account in a directory.
	People map[engine.Person]map[engine.Directory]string `yaml:"people,omitempty"`
	// Settings of single groups, written directory/group, where they differ
	// from the defaults.
	Groups map[string]Group `yaml:"groups,omitempty"`
	// What people ask for by name. Each stands for one or more groups.
	Resources map[string]Resource `yaml:"resources,omitempty"`
	// How people come by what they ask for, by the name that resources refer to.
	Policies map[string]Policy `yaml:"policies,omitempty"`
	// Files with more policies, below policies: as here; as paths or patterns
	// such as policies/*.yaml.
	PolicyFiles []string `yaml:"policyFiles,omitempty"`
	// Requests that are filled in already, by name.
	Templates map[string]Template `yaml:"templates,omitempty"`
	// The identities of pipelines that ask, by the name that policies refer to.
	Machines map[string]Machine `yaml:"machines,omitempty"`
	// Who may do more than ask and decide.
	Roles Roles `yaml:"roles,omitempty"`
	// Second addresses of one human, each with the one that the human is known
	// by: nobody decides on their own request through a second account.
	Aliases map[engine.Person]engine.Person `yaml:"aliases,omitempty"`
	// The directory that describes people to policies: their manager and
	// attributes. Default the only one.
	Profiles engine.Directory `yaml:"profiles,omitempty"`
	// The page where people ask and decide, and the API. Without it there is
	// none.
	Web *Web `yaml:"web,omitempty"`
	// Grant files, as paths or patterns such as grants/*.yaml.
	Grants []string `yaml:"grants,omitempty"`
	// How long a removal may be due before it counts as overdue. Default 1h.
	Overdue Duration `yaml:"overdue,omitempty"`
	// How long a directory that tells what changed is taken at its word before
	// every group of it is listed again. Default 24h.
	Relist Duration `yaml:"relist,omitempty"`
	// How daypass serve works.
	Serve Serve `yaml:"serve,omitempty"`
	// How long a release of held changes stays good. Default 24h.
	ReleaseFor Duration `yaml:"releaseFor,omitempty"`
	// Settings for every group that does not say otherwise.
	Group `yaml:",inline"`

	// Path is the file that was read, and Dir its folder, which relative paths
	// start from. Both are absolute.
	Path string `yaml:"-"`
	Dir  string `yaml:"-"`
	// Warnings are what is allowed but unwise, each with its place.
	Warnings []string `yaml:"-"`

	storeRef Secret              `yaml:"-"` // where Store is written, when it is a reference
	against  map[string][]string `yaml:"-"` // by resource, those that exclude it
}

// Serve holds the settings of the daemon.
type Serve struct {
	// Where it answers: health, metrics, and requests to run at once. As
	// HOST:PORT; default 127.0.0.1:8750.
	Listen string `yaml:"listen,omitempty"`
	// How often every directory is looked at as a whole. Default 15m, at least
	// 1m.
	Every Duration `yaml:"every,omitempty"`
	// How long the other replicas wait for one that died before they take its
	// directories over; on PostgreSQL only. Default 15s, at least 5s.
	Lease Duration `yaml:"lease,omitempty"`
	// What this replica is called in logs and leases. Default the machine's
	// name and the process id.
	Name string `yaml:"name,omitempty"`
}

// Group holds settings that a group may have of its own, and that the top of
// the file gives for all. What is empty is inherited.
type Group struct {
	// What to do with members that neither a grant nor the ledger explains.
	// Default report.
	Foreign engine.ForeignRule `yaml:"foreign,omitempty" jsonschema:"enum=report,enum=ignore,enum=remove"`
	// What to do when somebody takes out a member whose grant is in force.
	// Default restore.
	Removed engine.RemovedRule `yaml:"removed,omitempty" jsonschema:"enum=restore,enum=end,enum=report"`
	// How long a foreign member is reported before it is removed. Default 24h.
	Notice Duration `yaml:"notice,omitempty"`
	// Permanent members: explained, and never removed. A group's list adds to
	// the default one.
	Standing []engine.Person `yaml:"standing,omitempty"`
	// People who are never removed, except when a grant of theirs ends. A
	// group's list adds to the default one.
	Protect []engine.Person `yaml:"protect,omitempty"`
	// How much surprise is allowed, in a group and in a run.
	Limits Limits `yaml:"limits,omitempty"`
	// Whether the directory is to end memberships by itself too, so that they
	// end although daypass is stopped. At the top of the file it speaks of the
	// directories that can do so: entra, google and ldap. Default false.
	Expire *bool `yaml:"expire,omitempty"`
	// Whether the sessions of a person end with a membership, where the
	// directory can do so: entra, google and okta. Default false.
	EndSessions *bool `yaml:"endSessions,omitempty"`
}

// Limits say how much surprise passes without a release. They never hold the
// agreed end of a grant. What is nil is inherited.
type Limits struct {
	// Unexplained removals allowed. Default 50.
	Remove *int `yaml:"remove,omitempty" jsonschema:"minimum=0"`
	// Unexplained removals allowed, in percent of a group's members. Default 20.
	RemovePercent *int `yaml:"removePercent,omitempty" jsonschema:"minimum=0,maximum=100"`
	// This many unexplained removals pass whatever their percentage. Default 2.
	RemoveFree *int `yaml:"removeFree,omitempty" jsonschema:"minimum=0"`
	// Additions allowed in a run, and beside what is on hold. Default 500.
	Add *int `yaml:"add,omitempty" jsonschema:"minimum=0"`
}

// Resource is what people ask for by name.
type Resource struct {
	// What to call it on pages.
	Title string `yaml:"title,omitempty"`
	// What it is for, for people who look for it.
	Description string `yaml:"description,omitempty"`
	// The groups that it stands for, written directory/group.
	Groups []string `yaml:"groups" jsonschema:"minItems=1"`
	// The name of the policy that requests for it follow. Without one, nobody
	// can ask for it.
	Policy string `yaml:"policy,omitempty"`
	// Who answers for it: they may end access to it, and decide where a policy
	// says owners.
	Owners Role `yaml:"owners,omitempty"`
	// Words to find it by.
	Tags []string `yaml:"tags,omitempty"`
	// Whether only those see it who may ask for it. Default false.
	Hidden bool `yaml:"hidden,omitempty"`
	// Whether the sessions of a person end with a membership in one of the
	// groups, those apart that say otherwise themselves. Default false.
	EndSessions bool `yaml:"endSessions,omitempty"`
}

// Directory is one identity provider: its type, and the settings of that type.
// The others are nil.
type Directory struct {
	Type   string
	LDAP   *LDAP
	Entra  *Entra
	Okta   *Okta
	Google *Google
}

// settings are those of one type of directory.
type settings interface {
	// check reports what is well formed but wrong.
	check(w *walker, path string, c *Config)
	// complete makes paths absolute and fills in defaults.
	complete(c *Config)
	// secrets are by the path below the directory.
	secrets() map[string]Secret
}

// settings returns nil where the type was not understood.
func (d Directory) settings() settings {
	switch {
	case d.LDAP != nil:
		return d.LDAP
	case d.Entra != nil:
		return d.Entra
	case d.Okta != nil:
		return d.Okta
	case d.Google != nil:
		return d.Google
	}
	return nil
}

// expires reports whether directories of the type can end memberships by
// themselves.
func (d Directory) expires() bool { return d.LDAP != nil || d.Entra != nil || d.Google != nil }

// StoreDSN returns where the store is, for the package that opens it. It may
// hold a password: it is not to be printed.
func (c *Config) StoreDSN(ctx context.Context) (string, error) {
	if !c.storeRef.Set() {
		return c.Store, nil
	}
	dsn, err := c.storeRef.Reveal(ctx)
	if err != nil {
		return "", fmt.Errorf("%s: store: %w", c.Path, err)
	}
	scheme, rest, found := strings.Cut(dsn, ":")
	switch {
	case found && (scheme == "postgres" || scheme == "postgresql"):
		return dsn, nil
	case found && scheme == "sqlite" && rest != "":
		return "sqlite:" + c.abs(rest), nil
	}
	return "", fmt.Errorf("%s: store: what %s holds is neither sqlite:PATH nor postgres://USER@HOST/DATABASE", c.Path, c.storeRef.Ref())
}

// StorePath returns the absolute path of the SQLite file; it is for a Store
// that names one.
func (c *Config) StorePath() string {
	return strings.TrimPrefix(c.Store, "sqlite:")
}

// abs makes a path from the file absolute.
func (c *Config) abs(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(c.Dir, path)
}
