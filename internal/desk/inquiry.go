package desk

import (
	"context"
	"errors"
	"fmt"
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
// in doubt already. So directories are asked side by side wherever several are: one
// that hangs takes from none of the others.
type inquiry struct {
	since moment
	end   time.Time

	mu  sync.Mutex
	all map[engine.Directory]*awaited
}

// awaited is a directory that an inquiry asks. inquiry.mu guards it.
type awaited struct {
	questions int       // that are under way
	upTo      time.Time // how long it is waited for; zero where it answered all that it was asked
}

type inquiryKey struct{}

// inquire begins an inquiry, unless ctx is of one already.
func (p *people) inquire(ctx context.Context) context.Context {
	if inquiryOf(ctx) != nil {
		return ctx
	}
	in := &inquiry{since: p.moment(), end: time.Now().Add(inquiring), all: make(map[engine.Directory]*awaited)}
	return context.WithValue(ctx, inquiryKey{}, in)
}

func inquiryOf(ctx context.Context) *inquiry {
	in, _ := ctx.Value(inquiryKey{}).(*inquiry)
	return in
}

// of returns a directory that is asked. mu is held.
func (in *inquiry) of(d engine.Directory) *awaited {
	w, asked := in.all[d]
	if !asked {
		w = new(awaited)
		in.all[d] = w
	}
	return w
}

// put takes in that a directory is asked something.
func (in *inquiry) put(d engine.Directory) {
	in.mu.Lock()
	defer in.mu.Unlock()
	w := in.of(d)
	if w.upTo.IsZero() {
		w.upTo = time.Now().Add(answer)
	}
	w.questions++
}

// done takes in that a question is not waited for any more. left is whether it
// is the caller who does not: that says nothing of the directory.
func (in *inquiry) done(d engine.Directory, left bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	w := in.of(d)
	if w.questions--; left && w.questions == 0 {
		w.upTo = time.Time{}
	}
}

// heard takes in that a directory answered. An inquiry may be nil.
func (in *inquiry) heard(d engine.Directory) {
	if in == nil {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	w := in.of(d)
	if w.upTo = (time.Time{}); w.questions > 0 {
		w.upTo = time.Now().Add(answer)
	}
}

var (
	errSilent = errors.New("the directory does not answer")
	errLate   = errors.New("there was no time left to ask the directory")
)

// left returns how long a directory is waited for still, and why it is not any
// more: it was asked in vain, or not at all before the time of the whole was over.
// It is empty where several are asked: they have all of that time.
func (in *inquiry) left(d engine.Directory) (time.Duration, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	now, w := time.Now(), in.of(d)
	left, unanswering := in.end.Sub(now), !w.upTo.IsZero()
	if unanswering && d != "" {
		left = min(left, w.upTo.Sub(now))
	}
	switch {
	case left > 0:
		return left, nil
	case unanswering:
		return 0, unanswered(d, errSilent)
	}
	return 0, fmt.Errorf("%s: %w", d, errLate)
}

// over returns why a directory is not asked any more. An inquiry may be nil: then
// it is asked for as long as the caller has.
func (in *inquiry) over(d engine.Directory) error {
	if in == nil {
		return nil
	}
	_, err := in.left(d)
	return err
}

// await waits for the answer of a directory. The error is errSilent where that
// takes too long.
func (in *inquiry) await(ctx context.Context, d engine.Directory, done <-chan struct{}) error {
	if in == nil {
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	in.put(d)
	for {
		left, err := in.left(d)
		select {
		case <-done:
			in.done(d, false)
			return nil
		default:
		}
		if err != nil {
			in.done(d, false)
			return err
		}
		select {
		case <-done:
		case <-ctx.Done():
			in.done(d, true)
			return ctx.Err()
		case <-time.After(left): // it may have answered something else meanwhile
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
