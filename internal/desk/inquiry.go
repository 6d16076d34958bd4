package desk

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// inquiring is how long all that one decision asks of directories may take.
const inquiring = 15 * time.Second

// inquiry is all that one decision asks of directories. It holds by answers that
// began after the decision was asked for, the same for everything that it wants to
// know. A directory that answers none of its questions for as long as one may take
// is not waited for any more, whatever else is to be asked of it: the decision is
// in doubt already.
type inquiry struct {
	since moment
	end   time.Time

	mu   sync.Mutex
	upTo map[engine.Directory]time.Time // how long each directory is waited for
}

type inquiryKey struct{}

// inquire begins an inquiry, unless ctx is of one already.
func (p *people) inquire(ctx context.Context) context.Context {
	if inquiryOf(ctx) != nil {
		return ctx
	}
	in := &inquiry{since: p.moment(), end: time.Now().Add(inquiring), upTo: make(map[engine.Directory]time.Time)}
	return context.WithValue(ctx, inquiryKey{}, in)
}

func inquiryOf(ctx context.Context) *inquiry {
	in, _ := ctx.Value(inquiryKey{}).(*inquiry)
	return in
}

// left returns how long a directory is waited for still. It may be nil: then it is
// as long as the caller has.
func (in *inquiry) left(d engine.Directory) (left time.Duration, limited bool) {
	if in == nil {
		return 0, false
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	now := time.Now()
	upTo, asked := in.upTo[d]
	switch {
	case d == "":
		upTo = in.end
	case !asked:
		upTo = now.Add(answer)
		in.upTo[d] = upTo
	}
	return min(upTo.Sub(now), in.end.Sub(now)), true
}

// heard takes in that a directory answered.
func (in *inquiry) heard(d engine.Directory) {
	if in == nil {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.upTo[d] = time.Now().Add(answer)
}

// over reports whether a directory is not waited for any more.
func (in *inquiry) over(d engine.Directory) bool {
	left, limited := in.left(d)
	return limited && left <= 0
}

var errSilent = errors.New("the directory does not answer")

// await waits for the answer of a directory. The error is errSilent where that
// takes too long.
func (in *inquiry) await(ctx context.Context, d engine.Directory, done <-chan struct{}) error {
	for {
		var late <-chan time.Time
		if left, limited := in.left(d); limited {
			late = time.After(left)
		}
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-late: // it may have answered meanwhile, this or something else
		}
		select {
		case <-done:
			return nil
		default:
		}
		if in.over(d) {
			return unanswered(d, errSilent)
		}
	}
}

// silence is the error of a question that a directory did not answer.
type silence struct {
	directory engine.Directory
	error
}

func (e *silence) Unwrap() error { return e.error }

func unanswered(d engine.Directory, err error) error {
	if d == "" {
		return err
	}
	return &silence{d, err}
}

// silentIn returns the directories that did not answer, anywhere in err.
func silentIn(err error) []engine.Directory {
	switch e := err.(type) { //nolint:errorlint // every branch is walked
	case *silence:
		return []engine.Directory{e.directory}
	case interface{ Unwrap() []error }:
		var all []engine.Directory
		for _, one := range e.Unwrap() {
			all = append(all, silentIn(one)...)
		}
		return all
	case interface{ Unwrap() error }:
		return silentIn(e.Unwrap())
	}
	return nil
}

// outspoken makes a doubt name the directories that did not answer.
func outspoken(err error) error {
	e, ok := errors.AsType[*access.Error](err)
	if !ok || e.Kind != access.Doubt {
		return err
	}
	silent := silentIn(e.Err)
	if len(silent) == 0 {
		return err
	}
	slices.Sort(silent)
	var names []string
	for _, d := range slices.Compact(silent) {
		names = append(names, string(d))
	}
	verb := " does not answer"
	if len(names) > 1 {
		verb = " do not answer"
	}
	suffix := "; " + strings.Join(names, " and ") + verb
	if strings.HasSuffix(e.Message, suffix) {
		return err
	}
	out := *e
	out.Message += suffix
	return &out
}
