package access

import (
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// Policy is who may ask for a resource, for how long, and who has to approve in
// which order. A request keeps the policy as it was when it was made.
type Policy struct {
	Name string `json:"name"`
	Ask  Who    `json:"ask"`
	For  Whom   `json:"for"`
	// Max is the longest that may be asked for, Default what is offered.
	Max     time.Duration `json:"max"`
	Default time.Duration `json:"default"`
	// Ahead is how far in the future a start may lie.
	Ahead     time.Duration `json:"ahead"`
	Reason    Text          `json:"reason"`
	Ticket    Text          `json:"ticket"`
	Questions []Question    `json:"questions,omitempty"`
	// Auto is an expression: where it holds, no approval is needed.
	Auto  string `json:"auto,omitempty"`
	Steps []Step `json:"steps,omitempty"`
	// Pending is how long a request waits for decisions before it lapses.
	Pending time.Duration `json:"pending"`
	// NotWith are resources that nobody may hold beside this one.
	NotWith    []string    `json:"notWith,omitempty"`
	BreakGlass *BreakGlass `json:"breakGlass,omitempty"`
	Extend     *Extend     `json:"extend,omitempty"`
	// SelfApproval lets people decide on what is for them or asked by them,
	// Twice lets one person count in several steps.
	SelfApproval bool `json:"selfApproval,omitempty"`
	Twice        bool `json:"twice,omitempty"`
}

// Whom a request may be for.
type Whom string

// Whom.
const (
	Self   Whom = "self"
	Others Whom = "others" // not for oneself
	Anyone Whom = "anyone"
)

// Who names people. Somebody belongs when one line of it says so.
type Who struct {
	Anyone   bool              `json:"anyone,omitempty"` // whoever is signed in; never a machine
	People   []engine.Person   `json:"people,omitempty"`
	Groups   []engine.GroupRef `json:"groups,omitempty"` // their direct members
	Machines []string          `json:"machines,omitempty"`
	Owners   bool              `json:"owners,omitempty"`  // of the resource
	Manager  bool              `json:"manager,omitempty"` // of the person who is to have the access
	When     string            `json:"when,omitempty"`    // an expression
}

// Empty reports whether nobody belongs.
func (w Who) Empty() bool {
	return !w.Anyone && !w.Owners && !w.Manager && w.When == "" && len(w.People)+len(w.Groups)+len(w.Machines) == 0
}

// Text is a rule for something written.
type Text struct {
	Required bool   `json:"required,omitempty"`
	Pattern  string `json:"pattern,omitempty"` // a regular expression that the whole has to match
	Hint     string `json:"hint,omitempty"`    // what it should look like, for people
}

// Type is the type of an answer.
type Type string

// Types of answer.
const (
	TypeText   Type = "text"
	TypeNumber Type = "number"
	TypeBool   Type = "boolean"
	TypeChoice Type = "choice"
	TypeDate   Type = "date" // 2026-11-23
)

// Question is an extra question of a policy.
type Question struct {
	Name    string   `json:"name"`
	Title   string   `json:"title,omitempty"`
	Type    Type     `json:"type"`
	Choices []string `json:"choices,omitempty"`
	Min     *float64 `json:"min,omitempty"` // of a number
	Max     *float64 `json:"max,omitempty"`
	Text             // Required; Pattern of a text
}

// Step is one of the approvals that a request needs, one after the other.
type Step struct {
	Name      string `json:"name"`
	Approvers Who    `json:"approvers"`
	Quorum    int    `json:"quorum"` // how many different people have to approve
	// Skip is an expression: where it holds, the step is not needed.
	Skip string `json:"skip,omitempty"`
	// Within is how long the approvers have; zero when nothing presses but
	// Policy.Pending. Then is what happens after.
	Within   time.Duration `json:"within,omitempty"`
	Escalate *Escalate     `json:"escalate,omitempty"` // nil: then the request is denied
}

// Escalate names who may decide a step as well when its own approvers did not
// in time.
type Escalate struct {
	To     Who           `json:"to"`
	Within time.Duration `json:"within,omitempty"` // after that the request is denied; zero: it waits until it lapses
}

// BreakGlass is access in an emergency: at once, short, and looked at afterwards.
type BreakGlass struct {
	Ask    Who           `json:"ask"`
	Max    time.Duration `json:"max"`
	Review Review        `json:"review"`
}

// Review is who has to look at an emergency afterwards, and until when.
type Review struct {
	By     Who           `json:"by"`
	Within time.Duration `json:"within"` // from the beginning of the access
}

// Extend is how access may be made to last longer.
type Extend struct {
	Times int           `json:"times"` // how often
	Max   time.Duration `json:"max"`   // each time
	Auto  string        `json:"auto,omitempty"`
	Steps []Step        `json:"steps,omitempty"`
}
