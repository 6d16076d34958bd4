package entra

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	abs "github.com/microsoft/kiota-abstractions-go"

	"github.com/daypass-dev/daypass/engine"
)

// mark is what a [engine.Mark] of this connector holds: the token of a delta
// query, which lives for seven days (Microsoft, delta query overview), and the
// groups that were told lately.
//
// A changed group is told again for as long as a listing may lag: the listing
// that follows the first telling may lack the very change, and nothing would
// tell of it any more.
type mark struct {
	Version int                          `json:"v"`
	Token   string                       `json:"token"`
	Lately  map[engine.GroupID]time.Time `json:"lately,omitempty"`
}

const markVersion = 1

func readMark(s engine.Mark) (mark, bool) {
	var m mark
	err := json.Unmarshal([]byte(s), &m)
	return m, err == nil && m.Version == markVersion && m.Token != ""
}

func (m mark) String() string {
	text, err := json.Marshal(m)
	if err != nil {
		return "" // cannot be: strings and times
	}
	return string(text)
}

// deltaSelect are the properties whose change is told, members among them.
const deltaSelect = groupSelect + ",members"

// Changed asks the directory what changed, with one request for each page of
// changes. They are told some time after they happen, for which Microsoft
// publishes no bound.
func (c *Connector) Changed(ctx context.Context, since engine.Mark) (engine.Changes, error) {
	const op = "ask what changed"
	if m, ok := readMark(since); ok {
		changes, err := c.changedSince(ctx, m)
		f := asFault(err)
		switch {
		case err == nil:
			return changes, nil
		case f == nil || !f.noSuchState():
			return engine.Changes{}, c.fail(op, err)
		}
	}
	token, err := c.latest(ctx)
	if err != nil {
		return engine.Changes{}, c.fail(op, err)
	}
	return engine.Changes{All: true, Next: engine.Mark(mark{Version: markVersion, Token: token}.String())}, nil
}

func deltaRequest(query string) request {
	return request{
		method: abs.GET, path: path("groups", "delta"), query: query, weight: reading(1),
		prefer: "return=minimal", // only what changed, so that a change of members is told from one of the name
	}
}

// latest returns the token of now, without the state that led to it.
func (c *Connector) latest(ctx context.Context) (string, error) {
	_, token, err := c.delta(ctx, deltaRequest(query("$select", deltaSelect, "$deltatoken", "latest")))
	return token, err
}

func (c *Connector) changedSince(ctx context.Context, m mark) (engine.Changes, error) {
	// What to select is in the token.
	groups, token, err := c.delta(ctx, deltaRequest(query("$deltatoken", m.Token)))
	if err != nil {
		return engine.Changes{}, err
	}
	var out engine.Changes
	now := c.cfg.Now()
	told := maps.Clone(m.Lately)
	maps.DeleteFunc(told, func(_ engine.GroupID, at time.Time) bool { return now.Sub(at) >= c.cfg.Grace })
	all := slices.Collect(maps.Keys(told))
	next := mark{Version: markVersion, Token: token, Lately: told}
	for _, g := range groups {
		id := engine.GroupID(lower(g.id))
		out.Names = out.Names || g.removed || g.described
		all = append(all, id)
		if next.Lately == nil {
			next.Lately = map[engine.GroupID]time.Time{}
		}
		next.Lately[id] = now
		c.kinds.forget(id)
	}
	slices.Sort(all)
	out.Groups = slices.Compact(all)
	out.Next = engine.Mark(next.String())
	return out, nil
}

// delta reads the groups of a delta query to its end, and the token to go on
// with.
func (c *Connector) delta(ctx context.Context, r request) (groups []*group, token string, err error) {
	p, err := readPage(ctx, c.wire, r, newGroup)
	if err != nil {
		return nil, "", err
	}
	last := ""
	err = follow(ctx, c.wire, p, r, func(p *page) error {
		for _, v := range p.values {
			g, ok := v.(*group)
			if !ok || !isID(g.id) {
				return partial(errors.New("a change of a group without an id"))
			}
			groups = append(groups, g)
		}
		last = p.delta
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	token, err = c.deltaToken(last)
	return groups, token, err
}

// deltaToken takes the token out of a link. The rest of the link is not kept:
// where to ask is not for an answer, or for a store, to say.
func (c *Connector) deltaToken(link string) (string, error) {
	u, err := url.Parse(link)
	if err != nil || u.Host != c.root.Host || !strings.HasPrefix(u.Path, c.root.Path+"/groups/") {
		return "", partial(errors.New("the changes end without a link to go on with"))
	}
	for name, values := range u.Query() {
		if strings.EqualFold(name, "$deltatoken") && values[0] != "" {
			return values[0], nil
		}
	}
	return "", partial(errors.New("the changes end with a link without a token"))
}
