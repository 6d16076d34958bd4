package oktatest

import (
	"crypto"
	"time"

	"github.com/daypass-dev/daypass/internal/sim"
)

// DefaultToken is the API token of an org whose options name no credential.
const DefaultToken = "00oktatest-token"

// AdminLogin is the login of the administrator to whom API tokens belong. The
// user is there from the start.
const AdminLogin = "okta.admin@example.org"

// Options describe an org. The zero value answers at once, never lags, tells
// quotas that nobody reaches, and accepts [DefaultToken].
type Options struct {
	// Token is an API token with every right; "" is [DefaultToken] when there
	// are no Credentials either.
	Token string
	// Credentials are further API tokens and service apps.
	Credentials []Credential
	// Clock is the org's time; nil is this machine's.
	Clock *sim.Clock
	// Seed makes what is drawn by chance repeatable.
	Seed uint64

	// Lag is how old the members that a listing shows may be; changes by the
	// harness are seen at once. How it is drawn is LagMode.
	Lag     time.Duration
	LagMode LagMode
	// SearchLag is how long the index behind the parameter search lacks any
	// change of a user or a group, the harness's too.
	SearchLag time.Duration
	// MarkLag is how long lists of groups still show, and filter by, the
	// lastMembershipUpdated from before a write.
	MarkLag time.Duration
	// LogLag is the longest time until an event is in the System Log. Each is
	// drawn, so that events come out of their order.
	LogLag time.Duration
	// Latency is how long each answer takes, by this machine's clock.
	Latency time.Duration

	Quota Quota

	// MemberPage is the largest page of a group's members; 0 is 1000.
	MemberPage int
	// FoldLinks sends both links of a page in one Link header, as proxies do.
	FoldLinks bool
	// CommaCursors puts a comma into every cursor.
	CommaCursors bool
	// Linger leaves deleted users in the listings of their groups.
	Linger bool
	// RefuseInactive refuses to add users who are deactivated or suspended (403,
	// E0000038). Okta's documentation leaves open whether it does.
	RefuseInactive bool

	// OnWrite is called after every write that was carried out, one at a time.
	// It must not call the server.
	OnWrite func(Write)
}

// LagMode says how stale a listing is.
type LagMode int

// The modes.
const (
	// Drawn makes every listing as old as is drawn for it, up to Lag.
	Drawn LagMode = iota
	// Steady makes every listing as old as Lag.
	Steady
	// Recorded is what recordings of real orgs show, with a Lag of two seconds:
	// within Lag one reading in five misses an added member, each on its own;
	// removals show at once.
	Recorded
)

// Credential is an API token or a service app, and what it may do.
type Credential struct {
	// Token is an API token. It belongs to the user with the login
	// [AdminLogin].
	Token string
	// ClientID and Key are a service app, which gets access tokens for an
	// assertion signed with the private half of Key (*rsa.PublicKey or
	// *ecdsa.PublicKey).
	ClientID string
	Key      crypto.PublicKey
	// Scopes are granted to the service app; nil is the four that daypass
	// needs.
	Scopes []string
	// Roles are the types of the administrator roles, "SUPER_ADMIN" when nil.
	// Only administrators of the org, of users or of memberships may write.
	Roles []string
	// Groups are the ids of the only groups that the role reaches; nil is all.
	// A credential without any role, or whose role reaches no group, has an
	// empty list: it gets 200 with no groups, and no error.
	Groups []string
	// DPoP makes the app demand proofs of possession.
	DPoP bool
}

// Quota is an org's rate limits. The zero value tells limits in the headers
// that nobody reaches.
type Quota struct {
	// Limits are requests a minute, by method and path template ("GET
	// /api/v1/groups/{id}/users"). Other is for those not listed; 0 is no limit.
	Limits map[string]int
	Other  int
	// Share is the part of each limit that one credential may use; 0 is a half,
	// as by default in Okta.
	Share float64
	// PerMinute replaces all that by one limit for everything together, all of
	// it for one credential.
	PerMinute int
	// Concurrency is how many requests may be in flight; 0 is 75.
	Concurrency int
}

// Workforce are the last published limits of Okta's Workforce offer. In which
// of them group members fall was never stated: here it is the widest.
func Workforce() Quota {
	return Quota{Other: 1200, Limits: map[string]int{
		"GET /api/v1/groups":            500,
		"GET /api/v1/groups/rules":      500,
		"GET /api/v1/groups/rules/{id}": 500,
		"GET /api/v1/groups/{id}":       1000,
		"GET /api/v1/users":             600,
		"GET /api/v1/users/{id}":        2000,
		"GET /api/v1/logs":              120,
	}}
}

// Write is one write that was carried out.
type Write struct {
	At      time.Time
	Op      string // "add", "remove", "end sessions", "end sessions and tokens", "deactivate user", "delete user" or "delete group"
	Group   string // its id; "" where it is about a user
	Name    string // its name
	User    string // the id
	Login   string
	By      string // who: the login or the app of the credential
	Changed bool   // whether it made a difference
}

func (o Options) withDefaults() Options {
	if o.Token == "" && len(o.Credentials) == 0 {
		o.Token = DefaultToken
	}
	if o.MemberPage <= 0 {
		o.MemberPage = 1000
	}
	if o.Quota.Concurrency <= 0 {
		o.Quota.Concurrency = 75
	}
	if o.Quota.Share <= 0 {
		o.Quota.Share = 0.5
	}
	if o.OnWrite == nil {
		o.OnWrite = func(Write) {}
	}
	return o
}
