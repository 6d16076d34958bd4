package googletest

import (
	"log/slog"
	"time"

	"github.com/daypass-dev/daypass/internal/sim"
)

// Options describe a customer. The zero value is example.org, whose service
// account may do everything that a group administrator may.
type Options struct {
	// Customer is the customer's id; "" is C03demo01.
	Customer string
	// Domains are the customer's own; nil is example.org. Everybody elsewhere is
	// an outsider.
	Domains []string
	// Clock is the simulator's time; nil runs with this machine.
	Clock *sim.Clock

	// Lag is how far readers are behind writes of the API; every read draws anew
	// up to it, or takes all of it when Steady is set. What the harness does is
	// seen at once.
	Lag    time.Duration
	Steady bool
	// Seed is where the drawing begins.
	Seed uint64

	// Latency is how long each answer takes, by this machine's clock.
	Latency time.Duration

	// PerMinute is how many requests a minute each API takes; 0 is Google's 2,400,
	// less than 0 is no limit. Google tells it in no header, and refuses with
	// 403 quotaExceeded.
	PerMinute int
	// Concurrent is how many requests may be in flight before the account-wide
	// limit answers 429; 0 is no limit.
	Concurrent int

	// Lacks are the rights that the service account's admin role lacks.
	Lacks []Right
	// Silent makes a missing right to read groups an empty list with status 200
	// instead of 403.
	Silent bool
	// Delegated are the scopes that the service account may ask for in the name
	// of a user; nil is all. In its own name it may ask for any.
	Delegated []string
	// TokenClock judges the times in assertions, and how long tokens last; nil is
	// the simulator's clock. Set it to time.Now where the client signs with this
	// machine's time.
	TokenClock func() time.Time

	// Precondition makes the API say 412 conditionNotMet where it says 409 for a
	// present member and 404 for an absent one. Both were seen of Google.
	Precondition bool
	// EmptyOK makes a removal answer 200 with an empty body instead of 204.
	EmptyOK bool
	// HideKinds keeps the Cloud Identity API switched off: 403
	// SERVICE_DISABLED, as in a project that never enabled it.
	HideKinds bool

	// Endless makes the customer's edition one without memberships that end: 403,
	// with Google's number 3005 in its message.
	Endless bool
	// Linger is how long a membership that ended, and that no reading shows any
	// more, is in the way of a new one: 409. Google does not say how soon it is
	// gone.
	Linger time.Duration

	// Reports is how the audit log of groups behaves.
	Reports Reports

	// Log receives a line for every write. nil is silence.
	Log *slog.Logger
	// OnWrite is called after every write of the API, refused or not, one at a
	// time. It must not call the server.
	OnWrite func(Write)
}

// Reports is how the audit log of groups behaves.
type Reports struct {
	// Lag is how long after an event the log shows it. Google promises nothing;
	// minutes to tens of minutes are usual.
	Lag time.Duration
	// Lose makes every so-manieth event never appear; 0 is none.
	Lose int
	// ByID names groups by id instead of by address. Google only says
	// "identifier of the target group".
	ByID bool
}

// Right is something that an admin role allows.
type Right string

// The rights, named as the privileges of Google's admin roles.
const (
	ReadGroups  Right = "GROUPS_RETRIEVE"
	WriteGroups Right = "GROUPS_UPDATE"
	ReadUsers   Right = "USERS_RETRIEVE"
	ReadReports Right = "REPORTS_ACCESS"
	ReadRoles   Right = "ROLES_RETRIEVE"
	SecureUsers Right = "USER_SECURITY_ALL"
)

// rights are all of them.
func rights() []Right {
	return []Right{ReadGroups, WriteGroups, ReadUsers, ReadReports, ReadRoles, SecureUsers}
}

func (o Options) withDefaults() Options {
	if o.Customer == "" {
		o.Customer = "C03demo01"
	}
	if len(o.Domains) == 0 {
		o.Domains = []string{"example.org"}
	}
	if o.Clock == nil {
		o.Clock = &sim.Clock{}
	}
	if o.PerMinute == 0 {
		o.PerMinute = 2400
	}
	if o.Delegated == nil {
		o.Delegated = knownScopes()
	}
	if o.TokenClock == nil {
		o.TokenClock = o.Clock.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.OnWrite == nil {
		o.OnWrite = func(Write) {}
	}
	return o
}

// Write is one write request of the API and what became of it.
type Write struct {
	At      time.Time
	Op      string // "add", "remove", "expire", "role", "sign-out", "delete-group", "delete-user"
	Group   string // address; "" for a sign-out
	Member  string // address, or id of what has none
	Role    string
	Until   time.Time // when the membership is to end; zero when it does not
	By      string    // who asked: the service account, or whom it spoke for
	Status  int
	Changed bool
}
