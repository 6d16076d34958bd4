package entratest

import (
	"time"

	"github.com/daypass-dev/daypass/internal/sim"
)

// What a tenant is called that was not told.
const (
	DefaultTenant = "7a5d3b0c-1e0f-4c5b-9d53-0c1a2b3c4d5e"
	DefaultApp    = "a11ce000-dead-4bee-8f00-00000000feed"
	DefaultSecret = "simulated-secret"
	DefaultDomain = "example.org"
)

// DefaultRoles are what an app needs for daypass, and no more.
func DefaultRoles() []string {
	return []string{"GroupMember.ReadWrite.All", "User.Read.All", "Member.Read.Hidden", "Organization.Read.All"}
}

// FullRoles are what an app needs for all that daypass can do where somebody
// asks for it: let the directory end memberships, and end sessions.
func FullRoles() []string {
	return append(DefaultRoles(), writesTerms, readsPolicy, "User.RevokeSessions.All")
}

// Options say what tenant it is. The zero value is a small one without lag and
// quota, with one app that may do what daypass needs.
type Options struct {
	Tenant string // its id
	Domain string // of its first users; also a name of the tenant
	Apps   []App  // which may log in; one with DefaultApp, DefaultSecret and Roles when empty
	Roles  []string
	Clock  *sim.Clock // this machine's when nil
	Seed   uint64     // of all that is drawn

	// Lag is how far a read of members may be behind a write that was answered:
	// each read draws its own, or has all of it when Steady. What the harness
	// does is seen at once. DeltaLag is the same for groups/delta, CountLag for
	// /members/$count, on top of Lag.
	Lag, DeltaLag, CountLag time.Duration
	Steady                  bool
	// Newborn is for how long a new object is not found, once the tenant is
	// open ([Server.Open]).
	Newborn time.Duration
	// Quota is what may be spent; nil is no limit.
	Quota *Quota

	// ServicePrincipals makes v1.0 list service principals as members. It does
	// not, as a known issue of the service says.
	ServicePrincipals bool
	// HiddenRefused answers 403 to who lists hidden members without the role.
	// Otherwise the list is empty, which is the worse case.
	HiddenRefused bool
	// RetriedTokens makes the tokens useless that a page requested twice leads
	// to: DirectoryPageTokenNotFoundException.
	RetriedTokens bool
	// EmptyPages puts an empty page with a link before every n-th page of a
	// listing.
	EmptyPages int
	// OverlapPages begins every page with the last entry of the one before.
	OverlapPages bool
	// BatchConflicts answers 409 to every n-th of several writes to one group
	// that stand in one batch without dependsOn.
	BatchConflicts int
	// OrderedBatch answers a batch in the order asked.
	OrderedBatch bool

	// Unlicensed is a tenant without the licence that PIM for Groups needs.
	Unlicensed bool
	// TakesOver makes PIM for Groups assign who is a member already: the
	// membership gets an end. Otherwise it answers RoleAssignmentExists. Neither
	// is documented.
	TakesOver bool
	// Lingering makes an assignment of PIM for Groups outlive the removal of the
	// member from the group, which is not documented either.
	Lingering bool
	// RevokesWith204 answers revokeSignInSessions without a body. The reference
	// has 200, and a known issue that it is another.
	RevokesWith204 bool

	// Extensions are properties that apps extended the directory by,
	// extension_{app}_{name}; those that a user is given are as well.
	Extensions []string

	// Latency is how long each answer takes, by this machine's clock.
	Latency time.Duration
	// OnWrite is called after every write that was carried out, one at a time.
	// It must not call the server.
	OnWrite func(Write)
	// OnLapse is the same for memberships that the tenant ended by itself. A
	// tenant that is served ([Server.Start]) tells them within a second.
	OnLapse func(Write)
}

// App is an app registration with its service principal.
type App struct {
	ID      string   `json:"id"`
	Secret  string   `json:"secret,omitempty"`
	Expired bool     `json:"expired,omitempty"` // its secret
	Roles   []string `json:"roles"`
	// Certificate is a PEM block; assertions that its key signed are taken.
	Certificate string `json:"certificate,omitempty"`
	// Issuer and Subject are those of a federated credential. Who signed the
	// assertion is not looked at.
	Issuer  string `json:"issuer,omitempty"`
	Subject string `json:"subject,omitempty"`
}

// Quota are the limits of one app in one tenant. Zero is the documented one,
// a negative number is none.
type Quota struct {
	ResourceUnits int // in 10 s; 3,500, 5,000 or 8,000 by the number of users
	Writes        int // in 150 s; 3,000
	// PerMinute is a plain number of requests a minute, for measuring; those in
	// a batch count one by one, the batch itself does not. Zero is none.
	PerMinute int
}

func (o Options) withDefaults() Options {
	if o.Tenant == "" {
		o.Tenant = DefaultTenant
	}
	if o.Domain == "" {
		o.Domain = DefaultDomain
	}
	if o.Clock == nil {
		o.Clock = &sim.Clock{}
	}
	if o.Roles == nil {
		o.Roles = DefaultRoles()
	}
	if o.OnWrite == nil {
		o.OnWrite = func(Write) {}
	}
	if len(o.Apps) == 0 {
		o.Apps = []App{{ID: DefaultApp, Secret: DefaultSecret, Roles: o.Roles}}
	}
	return o
}
