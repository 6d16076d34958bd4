package engine

// Limits say how much surprise is allowed. They speak of unexplained removals
// (withdrawn, foreign) and of additions, for a group and for a whole run. They
// never hold an agreed end.
type Limits struct {
	Remove        int // unexplained removals allowed
	RemovePercent int // of the group's members; objects only above RemoveFree
	RemoveFree    int // this many unexplained removals pass whatever their percentage
	Add           int // additions allowed
}

// DefaultLimits are in force where the configuration says nothing.
func DefaultLimits() Limits {
	return Limits{Remove: 50, RemovePercent: 20, RemoveFree: 2, Add: 500}
}

// LimitName names the limit behind an objection.
type LimitName string

// Limits that object.
const (
	LimitRemove        LimitName = "remove"
	LimitRemovePercent LimitName = "removePercent"
	LimitAdd           LimitName = "add"
	LimitGrants        LimitName = "grants"  // most of the grants vanished at once
	LimitReading       LimitName = "reading" // a listing is whole but implausible
	LimitGone          LimitName = "gone"    // a group that holds memberships of ours is not there
)

// Objection is a limit's refusal, with the way out in its message.
type Objection struct {
	Limit   LimitName `json:"limit"`
	Group   string    `json:"group,omitempty"` // "directory/group"; empty for the whole run
	Value   int       `json:"value"`
	Allowed int       `json:"allowed"`
	Message string    `json:"message"`

	group Group
}
