package okta

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
)

const (
	// markVersion changes with the shape or the meaning of marks.
	markVersion = 1
	// markOverlap is how far a reading goes back behind the mark, beside the
	// grace: lists of groups show a change late by a second or so.
	markOverlap = time.Minute
	// namesEvery is how often names are said to have changed without a sign of
	// it: lists do not tell of deleted groups.
	namesEvery = 10 * time.Minute
)

// place is what a mark holds. All times are the directory's own, in
// milliseconds since 1970, UTC.
type place struct {
	Version int    `json:"v"`
	Org     string `json:"org"`   // a mark of another org is not understood
	At      int64  `json:"at"`    // the latest change that was told
	Names   int64  `json:"names"` // when names were last said to have changed
	// Seen are the changes within the overlap that were told: of members, and of
	// the group itself; zero where one is too fresh to be done with.
	Seen map[engine.GroupID][2]int64 `json:"seen,omitempty"`
}

// Changed lists the groups that changed since the mark, by Okta's two times of
// each group, lastMembershipUpdated and lastUpdated. It is one request for 200
// changed groups.
//
// A change is told again as long as it is younger than the grace, by Okta's
// clock: the listing of the group's members may still lack it, and the times
// may be cut to the second. Names is set when a group is new or its own
// description changed. A deletion is in no list, so that Names is also set
// every ten minutes.
func (c *Connector) Changed(ctx context.Context, since engine.Mark) (engine.Changes, error) {
	p, ok := c.parseMark(since)
	if !ok {
		now, err := c.clock(ctx)
		if err != nil {
			return engine.Changes{}, c.fail("find out what changed", err)
		}
		p = place{Version: markVersion, Org: c.root, At: now.UnixMilli(), Names: now.UnixMilli()}
	}
	changes, next, err := c.changes(ctx, p)
	if err != nil {
		return engine.Changes{}, c.fail("find out what changed", err)
	}
	if !ok { // what was read tells the next call what is known already
		changes = engine.Changes{All: true}
	}
	text, err := json.Marshal(next)
	if err != nil {
		return engine.Changes{}, c.fail("find out what changed", err)
	}
	changes.Next = engine.Mark(text)
	return changes, nil
}

func (c *Connector) parseMark(m engine.Mark) (place, bool) {
	var p place
	if json.Unmarshal([]byte(m), &p) != nil || p.Version != markVersion || p.Org != c.root || p.At <= 0 {
		return place{}, false
	}
	return p, true
}

// changes reads what changed since p.
func (c *Connector) changes(ctx context.Context, p place) (engine.Changes, place, error) {
	overlap := (markOverlap + c.Grace()).Milliseconds()
	back := p.At - overlap
	since := time.UnixMilli(back).UTC().Format(oktaTime)
	filter := `lastMembershipUpdated gt "` + since + `" or lastUpdated gt "` + since + `"`
	var read []group
	err := walk(ctx, c, query("/api/v1/groups", "filter", filter, "limit", pageSize), func(gs []group) (bool, error) {
		read = append(read, gs...)
		return true, nil
	})
	if err != nil {
		return engine.Changes{}, p, err
	}
	now, err := c.clock(ctx)
	if err != nil {
		return engine.Changes{}, p, err
	}
	settled := now.Add(-c.Grace()).UnixMilli()
	next := place{Version: markVersion, Org: c.root, At: p.At, Names: p.Names, Seen: map[engine.GroupID][2]int64{}}
	var changes engine.Changes
	for _, g := range read {
		times := [2]int64{stamp(g.LastMembershipUpdated), stamp(g.LastUpdated)}
		told := p.Seen[g.ID]
		members, self := times[0] > back && times[0] != told[0], times[1] > back && times[1] != told[1]
		if members || self {
			changes.Groups = append(changes.Groups, g.ID)
		}
		changes.Names = changes.Names || self
		for i, at := range times {
			if at > settled {
				times[i] = 0
			}
			if at <= now.UnixMilli() { // a time to come is no place to begin from
				next.At = max(next.At, at)
			}
		}
		next.Seen[g.ID] = times
	}
	for id, times := range next.Seen {
		if max(times[0], times[1]) <= next.At-overlap {
			delete(next.Seen, id)
		}
	}
	if now.UnixMilli()-p.Names >= namesEvery.Milliseconds() {
		changes.Names = true
	}
	if changes.Names {
		next.Names = now.UnixMilli()
	}
	slices.Sort(changes.Groups)
	changes.Groups = slices.Compact(changes.Groups)
	return changes, next, nil
}

// oktaTime is how Okta writes times.
const oktaTime = "2006-01-02T15:04:05.000Z"

func stamp(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// Time returns the org's clock, in UTC and to the second, as its last answer
// told it. Only when there was none yet, it asks.
func (c *Connector) Time(ctx context.Context) (time.Time, error) {
	t, err := c.clock(httpx.Urgent(ctx)) // ends wait for it
	return t, c.fail("read the clock", err)
}

func (c *Connector) clock(ctx context.Context) (time.Time, error) {
	if err := ctx.Err(); err != nil {
		return time.Time{}, err
	}
	if t, ok := c.http.Time(); ok {
		return t.UTC(), nil
	}
	if _, err := c.firstPage(ctx, query("/api/v1/groups", "limit", "1")); err != nil {
		return time.Time{}, err
	}
	t, ok := c.http.Time()
	if !ok {
		return time.Time{}, trouble(engine.Unavailable, "the answer has no date")
	}
	return t.UTC(), nil
}

// firstPage reads no more than one page, and counts what is on it.
func (c *Connector) firstPage(ctx context.Context, path string) (int, error) {
	var page many[json.RawMessage]
	_, err := c.get(ctx, path, &page)
	return len(page.values), err
}
