package durable

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// Errand says that there is something to do in a directory.
type Errand struct {
	Directory string
	Groups    []string // names or ids, in any order; empty for the whole directory
	Urgency   Urgency
}

// Urgency says which errands of a directory go first.
type Urgency string

// From the most urgent to the least.
const (
	Ends   Urgency = "ends"
	Starts Urgency = "starts"
	Full   Urgency = "full"
)

// priority is River's: 1 goes first.
func (u Urgency) priority() int {
	switch u {
	case Ends:
		return 1
	case Starts:
		return 2
	case Full:
		return 4
	}
	return 0
}

// args is an errand as it stands in the database, and says with that which are
// the same.
type args struct {
	Directory string   `json:"directory"`
	Groups    []string `json:"groups,omitempty"`
	Urgency   Urgency  `json:"urgency"`
}

// Kind is River's name for errands.
func (args) Kind() string { return "errand" }

// key is the same for errands that ask for the same.
func (a args) key() string {
	return strings.Join(append([]string{string(a.Urgency)}, a.Groups...), "\x00")
}

func (a args) opts() *river.InsertOpts {
	return &river.InsertOpts{
		MaxAttempts: math.MaxInt16,
		Priority:    a.Urgency.priority(),
		Queue:       queue(a.Directory),
		// To River one that runs is no other than one that waits: see begun.
		UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: append(waiting(), rivertype.JobStateRunning)},
	}
}

// waiting are the states of an errand that is not begun, or was put off.
func waiting() []rivertype.JobState {
	return []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending,
		rivertype.JobStateRetryable, rivertype.JobStateScheduled,
	}
}

// queue is the name of a directory's queue. River is strict about names.
func queue(directory string) string {
	sum := sha256.Sum256([]byte(directory))
	return "directory-" + hex.EncodeToString(sum[:8])
}

// Send leaves an errand for whoever leads its directory. When the same one
// waits already, that one will do. One that is being worked will not, for it may
// have looked before this one came: it is followed by another.
//
// Send needs no Run. What the errand is about has to be in the database before.
func (j *Jobs) Send(ctx context.Context, e Errand) error {
	if e.Directory == "" || e.Urgency.priority() == 0 {
		return errors.New("an errand needs a directory and an urgency")
	}
	groups := slices.Compact(slices.Sorted(slices.Values(e.Groups)))
	a := args{Directory: e.Directory, Groups: groups, Urgency: e.Urgency}
	if _, err := j.client.Insert(ctx, a, a.opts()); err != nil {
		return fmt.Errorf("send an errand to %s: %w", e.Directory, err)
	}
	return nil
}

// mostCounted bounds what Depth reads.
const mostCounted = 10_000

// Depth returns how many errands wait, by directory. It counts no more than ten
// thousand in all, and leaves out directories for which none does.
func (j *Jobs) Depth(ctx context.Context) (map[string]int, error) {
	res, err := j.client.JobList(ctx, river.NewJobListParams().
		Kinds(args{}.Kind()).States(waiting()...).First(mostCounted))
	if err != nil {
		return nil, fmt.Errorf("count the errands that wait: %w", err)
	}
	depth := map[string]int{}
	for _, row := range res.Jobs {
		var a args
		if err := json.Unmarshal(row.EncodedArgs, &a); err != nil {
			return nil, fmt.Errorf("read errand %d: %w", row.ID, err)
		}
		depth[a.Directory]++
	}
	return depth, nil
}
