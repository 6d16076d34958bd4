package config

import (
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// Policy is who may ask for a resource, for how long, and who has to approve in
// which order.
type Policy struct {
	// Who may ask. One line that fits is enough.
	Ask Askers `yaml:"ask"`
	// For whom they may ask. Default self.
	For access.Whom `yaml:"for,omitempty" jsonschema:"enum=self,enum=others,enum=anyone"`
	// The longest that may be asked for.
	Max Duration `yaml:"max"`
	// How long it is where nobody says. Default 8h, or max where that is less.
	Default Duration `yaml:"default,omitempty"`
	// How far ahead the start may lie. Default 30d.
	Ahead Duration `yaml:"ahead,omitempty"`
	// What is asked about the reason.
	Reason Text `yaml:"reason,omitempty"`
	// What is asked about a ticket.
	Ticket Text `yaml:"ticket,omitempty"`
	// What else is asked.
	Questions []Question `yaml:"questions,omitempty"`
	// The approvals that are needed, one after the other.
	Steps []Step `yaml:"steps,omitempty"`
	// An expression. Where it holds, no approval is needed.
	Auto string `yaml:"auto,omitempty"`
	// Resources that nobody may hold beside one of this policy; it holds the
	// other way round too.
	NotWith []string `yaml:"notWith,omitempty"`
	// Access in an emergency: at once, short, and looked at afterwards. Without
	// it there is none.
	BreakGlass *BreakGlass `yaml:"breakGlass,omitempty"`
	// How access may be made to last longer. Without it, it may not.
	Extend *Extend `yaml:"extend,omitempty"`
	// How long a request waits for decisions before it lapses. Default 7d.
	Pending Duration `yaml:"pending,omitempty"`
	// Whether people may decide on what they asked for, or what is for them.
	// Default false.
	SelfApproval bool `yaml:"selfApproval,omitempty"`
	// Whether one person may count in several steps. Default false.
	Twice bool `yaml:"twice,omitempty"`
}

// Who names people. Somebody belongs when one line of it says so.
type Who struct {
	// People by their work addresses.
	People []engine.Person `yaml:"people,omitempty"`
	// The direct members of groups, written directory/group.
	Groups []string `yaml:"groups,omitempty"`
	// The owners of the resource.
	Owners bool `yaml:"owners,omitempty"`
	// The manager of the person who is to have the access.
	Manager bool `yaml:"manager,omitempty"`
	// An expression: whoever it holds for.
	When string `yaml:"when,omitempty"`
}

// Askers names those who may ask.
type Askers struct {
	Who `yaml:",inline"`
	// Machines that the configuration names.
	Machines []string `yaml:"machines,omitempty"`
	// Every person who is signed in.
	Anyone bool `yaml:"anyone,omitempty"`
}

// Text is a rule for something written.
type Text struct {
	// Whether it has to be given. Default true for a reason, and false for
	// everything else.
	Required *bool `yaml:"required,omitempty"`
	// A regular expression (RE2) that the whole has to match.
	Pattern string `yaml:"pattern,omitempty"`
	// What it should look like, for people.
	Hint string `yaml:"hint,omitempty"`
}

// Question is something else that is asked.
type Question struct {
	// What answers, templates and expressions call it.
	Name string `yaml:"name" jsonschema:"pattern=^[A-Za-z][A-Za-z0-9_]*$"`
	// What people read. Default the name.
	Title string `yaml:"title,omitempty"`
	// The type of the answer; a date is written 2026-11-23. Default text.
	Type access.Type `yaml:"type,omitempty" jsonschema:"enum=text,enum=number,enum=boolean,enum=choice,enum=date"`
	// The answers to choose from, of a choice.
	Choices []string `yaml:"choices,omitempty"`
	// The least that a number may be.
	Min *float64 `yaml:"min,omitempty"`
	// The most that a number may be.
	Max  *float64 `yaml:"max,omitempty"`
	Text `yaml:",inline"`
}

// Step is one of the approvals that a request needs.
type Step struct {
	// What pages and the audit log call it.
	Name string `yaml:"name"`
	// Who may decide. One line that fits is enough.
	Approvers Who `yaml:"approvers"`
	// How many different people have to approve. Default 1.
	Quorum *int `yaml:"quorum,omitempty" jsonschema:"minimum=1"`
	// How long they have. Default as long as the request waits.
	Within Duration `yaml:"within,omitempty"`
	// What happens after that. Default deny.
	Then string `yaml:"then,omitempty" jsonschema:"enum=deny,enum=escalate"`
	// Who may decide as well after that, with then: escalate.
	Escalate *Escalate `yaml:"escalate,omitempty"`
	// An expression. Where it holds, the step is not needed.
	Skip string `yaml:"skip,omitempty"`
}

// Escalate names who may decide as well when nobody did in time.
type Escalate struct {
	// Who may decide as well.
	To Who `yaml:"to"`
	// How long all of them have from then on, before the request is denied.
	// Default as long as the request waits.
	Within Duration `yaml:"within,omitempty"`
}

// BreakGlass is access in an emergency.
type BreakGlass struct {
	// Who may have it. One line that fits is enough.
	Ask Askers `yaml:"ask"`
	// The longest that it may last.
	Max Duration `yaml:"max"`
	// Who looks at it afterwards.
	Review Review `yaml:"review"`
}

// Review is the look at an emergency.
type Review struct {
	// Who may close it; never the person themselves.
	By Who `yaml:"by"`
	// How long they have, from the beginning of the access. What is late is
	// told loudly.
	Within Duration `yaml:"within"`
}

// Extend is how access may be made to last longer.
type Extend struct {
	// How often. Default once.
	Times *int `yaml:"times,omitempty" jsonschema:"minimum=1"`
	// The longest that one extension may last.
	Max Duration `yaml:"max"`
	// An expression. Where it holds, an extension needs no approval.
	Auto string `yaml:"auto,omitempty"`
	// The approvals that an extension needs. Default the steps of the policy.
	Steps []Step `yaml:"steps,omitempty"`
}
