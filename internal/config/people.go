package config

import "github.com/daypass-dev/daypass/engine"

// Role names those who have it, or who own a resource.
type Role struct {
	// People by their work addresses.
	People []engine.Person `yaml:"people,omitempty"`
	// The direct members of groups, written directory/group.
	Groups []string `yaml:"groups,omitempty"`
}

// Roles say who may do more than ask and decide.
type Roles struct {
	// Those who may do everything that the pages can.
	Administrators Role `yaml:"administrators,omitempty"`
	// Those who may read everything.
	Auditors Role `yaml:"auditors,omitempty"`
}

// Template is a request that is filled in already.
type Template struct {
	// What to call it on pages. Default its name.
	Title string `yaml:"title,omitempty"`
	// The resource that it asks for.
	Resource string `yaml:"resource"`
	// For how long. Default what the policy says.
	For Duration `yaml:"for,omitempty"`
	// The reason.
	Reason string `yaml:"reason,omitempty"`
	// The ticket.
	Ticket string `yaml:"ticket,omitempty"`
	// Answers to the questions of the policy, by their names.
	Answers map[string]string `yaml:"answers,omitempty"`
}

// Machine is the identity of a pipeline that asks without a secret: it shows a
// token that an issuer signed.
type Machine struct {
	// The person whose accounts it has.
	Person engine.Person `yaml:"person"`
	// Who signs its tokens, as the token's iss claim has it.
	Issuer string `yaml:"issuer"`
	// Whom its tokens are made for, as the aud claim has it.
	Audience string `yaml:"audience"`
	// What else a token has to say: for a claim its value, or a list of values
	// that will do. At least one.
	Claims map[string]Values `yaml:"claims"`
}

// Values are one value or several.
type Values []string
