package serve

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/schedule"
)

// A directory that answered nothing for a while, be it that nobody asked or that
// it hangs, is asked one small thing, so that an outage is known within a minute
// whatever daypass does just then. One that is busy is never asked.
const (
	// hush is how long a directory may answer nothing before it is asked.
	hush = 30 * time.Second
	// within is how long it has to answer that.
	within = 10 * time.Second
	// anew is the pause before it is asked again, while it does not.
	anew = 5 * time.Second
)

// listen finds out whether the directory answers, until ctx ends. When it does
// again, what failed meanwhile is tried at once.
func (l *lead) listen(ctx context.Context) {
	silent := false
	for wait := hush; schedule.Pause(ctx, wait); {
		if quiet := l.quiet(); !silent && quiet < hush {
			wait = hush - quiet
			continue
		}
		answers, err := l.asks(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			silent = true
			l.day.cfg.Watch.Answers(l.d, err)
		case answers && silent:
			silent = false
			l.day.cfg.Watch.Answers(l.d, nil)
			now := l.day.cfg.Now()
			for _, ln := range []*lane{l.ends, l.looks, l.whole} {
				ln.hurry(now)
			}
		}
		if wait = hush; silent {
			wait = anew
		}
	}
}

// quiet returns for how long the directory has answered nothing. A clock that was
// set back does not make it talkative.
func (l *lead) quiet() time.Duration {
	house, leave := l.day.enter()
	defer leave()
	if house.Ask == nil {
		return 0
	}
	quiet := l.day.cfg.Now().Sub(house.Heard(l.d))
	if quiet < 0 {
		return hush
	}
	return quiet
}

// asks asks the directory whether it answers, and reports that it did, or an error
// when it certainly did not: it had its time, and nobody else was answered either.
// Neither is the case when the question could not be asked.
func (l *lead) asks(ctx context.Context) (answers bool, err error) {
	house, leave := l.day.enter()
	defer leave()
	if house.Ask == nil {
		return false, nil
	}
	before := house.Heard(l.d)
	own, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err = house.Ask(own, l.d)
	switch k := engine.KindOf(err); {
	case err == nil, k.Refusal() && k != engine.Throttled, !house.Heard(l.d).Equal(before):
		return true, nil
	case k != engine.Unavailable:
		return false, nil
	case errors.Is(err, context.DeadlineExceeded):
		return false, fmt.Errorf("no answer within %s", within)
	}
	return false, err
}
