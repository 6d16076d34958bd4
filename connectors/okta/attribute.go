package okta

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// Events of the System Log that daypass reads.
const (
	eventAdded   = "group.user_membership.add"
	eventRemoved = "group.user_membership.remove"
)

// logKept is how long the System Log keeps events. A query that begins earlier
// than 180 days ago is refused.
const logKept = 90 * 24 * time.Hour

// logEvent is what daypass reads of an event.
type logEvent struct {
	ID        string    `json:"uuid"`
	Published time.Time `json:"published"`
	Type      string    `json:"eventType"`
	Actor     party     `json:"actor"`
	Target    []party   `json:"target"`
	Outcome   struct {
		Result string `json:"result"`
	} `json:"outcome"`
}

// party is who acts, or what is acted on. The order of targets is not fixed.
type party struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	AltID   string `json:"alternateId"`
	Display string `json:"displayName"`
}

func (e logEvent) check() error {
	if e.ID == "" || e.Published.IsZero() {
		return errors.New("an event without a uuid or a time")
	}
	return nil
}

func (e logEvent) target(kind string) party {
	for _, p := range e.Target {
		if p.Type == kind {
			return p
		}
	}
	return party{}
}

// by names the actor for people.
func (p party) by() string {
	name := p.Display
	switch {
	case name == "":
		name = p.AltID
	case p.AltID != "" && p.AltID != name && p.AltID != "unknown":
		name += " (" + p.AltID + ")"
	}
	if name == "" {
		name = p.ID
	}
	if p.Type != "" && p.Type != "User" {
		name += ", " + p.Type
	}
	return clip(name)
}

// Attribute reads from the System Log who changed the members of g since a
// time, oldest first. The log lags, and goes back 90 days; it needs the scope
// okta.logs.read. The query is bounded: one without an end would be a polling
// one, which leads to a next page for ever.
func (c *Connector) Attribute(ctx context.Context, g engine.GroupID, since time.Time) ([]engine.Attribution, error) {
	op := "read who changed " + c.kinds.called(g)
	if !isGroup(g) {
		return nil, c.fail(op, trouble(engine.NotFound, "%q is not the id of an Okta group", clip(string(g))))
	}
	now, err := c.clock(ctx)
	if err != nil {
		return nil, c.fail(op, err)
	}
	if earliest := now.Add(-logKept); since.Before(earliest) {
		since = earliest
	}
	until := now.Add(time.Minute) // the events of this very moment too
	path := query("/api/v1/logs",
		"since", since.UTC().Format(oktaTime), "until", until.Format(oktaTime), "sortOrder", "ASCENDING", "limit", "1000",
		"filter", fmt.Sprintf(`(eventType eq "%s" or eventType eq "%s") and target.id eq "%s"`, eventAdded, eventRemoved, g))
	var out []engine.Attribution
	seen := map[string]bool{}
	err = walk(ctx, c, path, func(events []logEvent) (bool, error) {
		for _, e := range events {
			a, ok := e.attribution(g)
			if ok && !seen[e.ID] && !e.Published.Before(since.Truncate(time.Millisecond)) {
				out = append(out, a)
			}
			seen[e.ID] = true
		}
		return len(events) > 0, nil
	})
	if err != nil {
		return nil, c.fail(op, err)
	}
	slices.SortStableFunc(out, func(a, b engine.Attribution) int { return a.At.Compare(b.At) })
	return out, nil
}

func (e logEvent) attribution(g engine.GroupID) (engine.Attribution, bool) {
	member := engine.MemberID(e.target("User").ID)
	if engine.GroupID(e.target("UserGroup").ID) != g || member == "" || e.Outcome.Result != "" && e.Outcome.Result != "SUCCESS" {
		return engine.Attribution{}, false
	}
	a := engine.Attribution{At: e.Published.UTC(), Member: member, By: e.Actor.by()}
	switch e.Type {
	case eventAdded:
		a.Op = engine.Add
	case eventRemoved:
		a.Op = engine.Remove
	default:
		return engine.Attribution{}, false
	}
	return a, true
}
