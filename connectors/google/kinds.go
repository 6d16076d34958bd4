package google

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// What a group is, Google tells only in the labels of the Cloud Identity API
// (reference of groups, "labels"). Without the scope for that, or with that API
// switched off, daypass goes by what Google refuses.
const (
	labelDynamic = "cloudidentity.googleapis.com/groups.dynamic"
	labelLocked  = "cloudidentity.googleapis.com/groups.locked"
)

const (
	kindFor    = time.Minute // a kind is believed so long
	kindsPause = time.Hour   // and a refusal to tell
	fewGroups  = 5           // so many are asked one by one
)

const (
	whyDynamic = "dynamic group: its members follow from a query"
	whyLocked  = "locked group: Google lets only some administrators change its members; unlock it, or give the service account such a role"
)

// kinds remembers for a short while which groups are dynamic.
type kinds struct {
	off pause

	mu       sync.Mutex
	known    map[engine.GroupID]kind
	all      time.Time // when all dynamic groups were last found
	customer string    // customers/C..., where it was seen
}

type kind struct {
	dynamic, locked bool
	at              time.Time
}

func newKinds() *kinds { return &kinds{known: map[engine.GroupID]kind{}} }

func (k *kinds) put(id engine.GroupID, what kind) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known[id] = what
}

// get returns what is known of a group's kind by now.
func (k *kinds) get(id engine.GroupID, now time.Time) (kind, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	what, ok := k.known[id]
	if ok && now.Sub(what.at) < kindFor {
		return what, true
	}
	delete(k.known, id)
	return kind{}, !k.all.IsZero() && now.Sub(k.all) < kindFor
}

// why says why a group must not be changed. Of a locked group that remains to
// be seen.
func (k *kinds) why(id engine.GroupID, now time.Time) string {
	if what, _ := k.get(id, now); what.dynamic {
		return whyDynamic
	}
	return ""
}

// withKind adds to a group why it must not be changed.
func (c *Connector) withKind(ctx context.Context, g engine.GroupInfo) engine.GroupInfo {
	now := c.cfg.Now()
	if _, ok := c.kinds.get(g.ID, now); !ok {
		c.readKind(ctx, g.ID)
	}
	g.Unmanageable = c.kinds.why(g.ID, now)
	return g
}

func (c *Connector) withKinds(ctx context.Context, found []engine.Found) {
	now := c.cfg.Now()
	var unknown []string
	for _, f := range found {
		if _, ok := c.kinds.get(f.Info.ID, now); !ok && f.Err == nil {
			unknown = append(unknown, string(f.Info.ID))
		}
	}
	if unknown = unique(unknown); len(unknown) > fewGroups {
		c.findDynamic(ctx, engine.GroupID(unknown[0]))
	} else {
		for _, id := range unknown {
			c.readKind(ctx, engine.GroupID(id))
		}
	}
	for i, f := range found {
		if f.Err == nil {
			found[i].Info.Unmanageable = c.kinds.why(f.Info.ID, now)
		}
	}
}

// readKind reads one group's labels. That they cannot be read is no error:
// then Google's refusal of a change has to tell.
func (c *Connector) readKind(ctx context.Context, id engine.GroupID) kind {
	if c.kinds.off.on(c.cfg.Now()) || !plainID.MatchString(string(id)) {
		return kind{}
	}
	what, err := c.labels(ctx, id)
	if err != nil {
		return kind{}
	}
	c.kinds.put(id, what)
	return what
}

// labels asks the Cloud Identity API about one group.
func (c *Connector) labels(ctx context.Context, id engine.GroupID) (kind, error) {
	var g struct {
		Labels map[string]string
		Parent string
	}
	tctx, x := traced(ctx)
	if err := c.fetch(tctx, c.identity+"v1/groups/"+string(id), url.Values{"fields": {"labels,parent"}}, &g); err != nil {
		return kind{}, c.noKinds(ctx, x, err)
	}
	if strings.HasPrefix(g.Parent, "customers/C") {
		c.kinds.mu.Lock()
		c.kinds.customer = g.Parent
		c.kinds.mu.Unlock()
	}
	_, dynamic := g.Labels[labelDynamic]
	_, locked := g.Labels[labelLocked]
	return kind{dynamic, locked, c.cfg.Now()}, nil
}

// noKinds stops asking for a while when we are not allowed to. Of a group that
// is not there, or not yet, the API says 403 as well, as if it were a matter
// of rights: that alone is no reason for a long while.
func (c *Connector) noKinds(ctx context.Context, x *exchange, err error) error {
	failure := x.fail(ctx, err)
	if engine.KindOf(failure) != engine.Denied {
		return failure
	}
	while := kindsPause
	if a := x.answered(err); a.status == http.StatusForbidden && strings.Contains(a.message, "may not exist") {
		while = kindFor
	}
	c.kinds.off.begin(c.cfg.Now().Add(while))
	return failure
}

// findDynamic finds all dynamic groups of the customer with one search, and
// another request before it where one of its groups has to tell whose it is.
func (c *Connector) findDynamic(ctx context.Context, one engine.GroupID) {
	now := c.cfg.Now()
	if c.customer() == "" {
		c.readKind(ctx, one)
	}
	customer := c.customer()
	if c.kinds.off.on(now) || customer == "" {
		return
	}
	query := fmt.Sprintf("parent == '%s' && '%s' in labels", customer, labelDynamic)
	var ids []engine.GroupID
	seen := map[string]bool{}
	for token := ""; ; {
		var got struct {
			Groups        []struct{ Name string }
			NextPageToken string
		}
		tctx, x := traced(ctx)
		values := url.Values{"query": {query}, "pageSize": {"1000"}, "fields": {"groups(name),nextPageToken"}}
		if token != "" {
			values.Set("pageToken", token)
		}
		if err := c.fetch(tctx, c.identity+"v1/groups:search", values, &got); err != nil {
			_ = c.noKinds(ctx, x, err) // then the kinds are not known
			return
		}
		for _, g := range got.Groups {
			ids = append(ids, engine.GroupID(strings.TrimPrefix(g.Name, "groups/")))
		}
		if token = got.NextPageToken; token == "" {
			break
		}
		if seen[token] {
			return
		}
		seen[token] = true
	}
	for _, id := range ids {
		c.kinds.put(id, kind{dynamic: true, at: now})
	}
	c.kinds.mu.Lock()
	c.kinds.all = now
	c.kinds.mu.Unlock()
}

// customer is the parent of all groups in the Cloud Identity API, which does
// not know my_customer.
func (c *Connector) customer() string {
	if c.cfg.Customer != defaultCustomer {
		return "customers/" + c.cfg.Customer
	}
	c.kinds.mu.Lock()
	defer c.kinds.mu.Unlock()
	return c.kinds.customer
}
