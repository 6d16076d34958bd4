package engine

import (
	"fmt"
	"time"
)

// Counts sums up a run.
type Counts struct {
	Groups   int `json:"groups"`
	Members  int `json:"members"`
	Added    int `json:"added"`
	Removed  int `json:"removed"`
	Forgot   int `json:"forgotten"`
	Failed   int `json:"failed"`
	Held     int `json:"held"`
	Overdue  int `json:"overdue"`
	Problems int `json:"problems"`
	Foreign  int `json:"foreign"`
	// Moved are ends that the directory itself gives memberships and that were
	// moved, and Lapsed those memberships that it was found to have ended.
	Moved  int `json:"moved,omitempty"`
	Lapsed int `json:"lapsed,omitempty"`
	// Yielded are changes that were not sent any more: when their turn came,
	// another run of the same process had the membership in hand, or the grant
	// was over.
	Yielded int `json:"yielded,omitempty"`
}

// Result tells what a run did.
type Result struct {
	Run      RunID
	Started  time.Time
	Ended    time.Time
	Plan     Plan // as it was decided, before it was carried out
	Counts   Counts
	Failures []Failure
	Done     []Done    // what was changed, in the order of the plan
	Findings []Problem // what came out while the plan was carried out, and failed nothing in it
	Overdue  []Late
	Past     []Past   // memberships of ours that this run showed to be over
	Release  *Release // the go-ahead that this run used, if any
	// GrantsErr tells why the grants could not be read. What was due by the
	// ledger's times was ended all the same.
	GrantsErr error
	// Open are the groups in which something was sent, by this run or shortly
	// before it by another, and not read back yet, Again those in which an agreed
	// end failed, or is not known to have happened, and Yielded those in which
	// something was not sent any more, see [Counts]: they are to be looked at again
	// soon. All are sorted.
	Open, Again, Yielded []Group
	// Rest is set when a run of some groups left something to a whole one, and
	// Against are the limits' objections because of which it did. The whole run
	// decides anew, and puts on record what it holds.
	Rest    bool
	Against []Objection
}

// Moved is the error of a run that was to carry out a reviewed plan, and found
// that the plan of today is another one.
type Moved struct{ Want, Have string }

func (e *Moved) Error() string {
	return fmt.Sprintf("the world moved: the reviewed plan is %s, the plan of now is %s; nothing was changed, review it again", short(e.Want), short(e.Have))
}

// short is a digest as people read it.
func short(d string) string { return d[:min(len(d), len("sha256:")+12)] }

func (res *Result) count(c Counts) {
	c.Groups = len(res.Plan.Groups)
	for _, g := range res.Plan.Groups {
		c.Members += g.Members
	}
	c.Held = len(res.Plan.HeldChanges())
	c.Overdue = len(res.Overdue)
	c.Problems = len(res.Plan.Problems)
	c.Foreign = len(res.Plan.Foreign)
	res.Counts = c
}
