package ldap

import (
	"context"
	"fmt"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/daypass-dev/daypass/connectors/ldap/internal/wire"
	"github.com/daypass-dev/daypass/engine"
)

// One Modify holds at most this much: slapd ends a connection that sends a
// message above 4 MB (sockbuf_max_incoming_auth), and Active Directory wants
// no more than 5,000 link changes in a transaction.
const (
	maxValues = 5000
	maxBytes  = 2 << 20
)

// A change waits at most this long for all that it needs, a connection included,
// and each further member's for the time beside it. Who waits for it tries again.
const (
	changeMin  = 30 * time.Second // or half of Config.Timeout, where that is more
	changeEach = time.Second
)

// patience is how long a change of n memberships may take as a whole.
func (c *Connector) patience(n int) time.Duration {
	return max(changeMin, c.cfg.Timeout/2) + time.Duration(n-1)*changeEach
}

// edit is one membership to make or to end, and what came of it.
type edit struct {
	member  engine.Member
	remove  bool
	value   string // as the group's attribute has it
	settled bool
	same    *edit // an edit before that says the same
	effect  engine.Effect
}

func (e *edit) settle(changed bool, err error) {
	e.settled, e.effect = true, engine.Effect{Changed: changed, Err: err}
}

// edits are edits of one group.
type edits []*edit

func (es edits) settle(changed bool, err error) {
	for _, e := range es {
		if !e.settled {
			e.settle(changed, err)
		}
	}
}

func (es edits) open() edits {
	var open edits
	for _, e := range es {
		if !e.settled {
			open = append(open, e)
		}
	}
	return open
}

// Add makes the account m a direct member of g.
func (c *Connector) Add(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
	added, _ := c.Change(ctx, g, []engine.Member{m}, nil)
	return added[0].Changed, added[0].Err
}

// Remove ends the direct membership of m in g. The account is found by its id;
// the value of a ghost is its Ref.
func (c *Connector) Remove(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
	_, removed := c.Change(ctx, g, nil, []engine.Member{m})
	return removed[0].Changed, removed[0].Err
}

// Change adds and removes members of g with one Modify, additions first, as
// long as the server agrees. Only single values are added and deleted: members
// that nobody spoke of are never touched.
func (c *Connector) Change(ctx context.Context, g engine.GroupID, add, remove []engine.Member) (added, removed []engine.Effect) {
	var all edits
	for _, m := range add {
		all = append(all, &edit{member: m})
	}
	for _, m := range remove {
		all = append(all, &edit{member: m, remove: true})
	}
	if len(all) > 0 {
		most := c.patience(len(all))
		own, cancel := context.WithTimeoutCause(ctx, most, fmt.Errorf("not done within %s", most))
		c.change(own, g, all)
		cancel()
	}
	effects := make([]engine.Effect, len(all))
	for i, e := range all {
		effects[i] = e.effect
		if e.same != nil {
			effects[i].Err = e.same.effect.Err
		}
		effects[i].Err = c.fail(c.doing(g, e), effects[i].Err)
	}
	return effects[:len(add):len(add)], effects[len(add):]
}

func (c *Connector) doing(g engine.GroupID, e *edit) string {
	if e.remove {
		return "remove " + e.who() + " from " + c.nameOf(g)
	}
	return "add " + e.who() + " to " + c.nameOf(g)
}

// who names the member in errors.
func (e *edit) who() string {
	if e.member.Login == "" {
		return string(e.member.ID)
	}
	return e.member.Login
}

func (c *Connector) change(ctx context.Context, id engine.GroupID, all edits) {
	g, err := c.prepare(ctx, id, all)
	if err != nil {
		all.settle(false, err)
		return
	}
	for _, part := range parts(all.open()) {
		if err := c.apply(ctx, &g, part); err != nil {
			all.settle(false, err)
			return
		}
	}
}

// prepare finds the group and the value of each member.
func (c *Connector) prepare(ctx context.Context, id engine.GroupID, all edits) (group, error) {
	var g group
	err := c.read(ctx, func(s *session) error {
		var err error
		if g, err = c.known(ctx, s, id); err != nil {
			return err
		}
		if g, err = c.confirm(ctx, s, g); err != nil {
			return err
		}
		if g.shape.why != "" {
			return trouble(engine.Unmanageable, "%s", g.shape.why)
		}
		return c.locate(ctx, s, g, all)
	})
	if err == nil {
		all.open().twice()
	}
	return g, err
}

// confirm makes sure that g is where it was, for servers that take neither an
// id as a name nor an assertion with a change: another group may have come to
// that place.
func (c *Connector) confirm(ctx context.Context, s *session, g group) (group, error) {
	if _, ok := s.nameByID(c.groupID(s.srv), string(g.id)); ok || s.srv.can(wire.AssertionOID) {
		return g, nil
	}
	now, found, err := c.groupAt(ctx, s, g.dn)
	if err == nil && (!found || now.id != g.id) {
		err = c.follow(ctx, s, &g)
	}
	return g, err
}

// twice settles edits that say the same as one before: that one makes the
// difference, if it can.
func (es edits) twice() {
	type wish struct {
		value  string
		remove bool
	}
	first := map[wish]*edit{}
	for _, e := range es {
		w := wish{e.value, e.remove}
		if first[w] == nil {
			first[w] = e
			continue
		}
		e.settle(false, nil)
		e.same = first[w]
	}
}

// parts divides edits so that each fits into one Modify. Edits come additions
// first, and stay so.
func parts(es edits) []edits {
	var all []edits
	var part edits
	size := 0
	for _, e := range es {
		if len(part) == maxValues || len(part) > 0 && size+len(e.value) > maxBytes {
			all, part, size = append(all, part), nil, 0
		}
		part = append(part, e)
		size += len(e.value) + 8
	}
	if len(part) > 0 {
		all = append(all, part)
	}
	return all
}

// apply settles every edit of one part. It returns an error when going on
// makes no sense: what is not settled by then was not done or is not known.
//
// Servers refuse the whole when one value is there already (20, on Active
// Directory 68) or not there (16, 53), and with codes that mean other things
// as well. So after a refusal it looks at the values concerned, tries once
// more without those that are as wished, and then goes one by one.
func (c *Connector) apply(ctx context.Context, g *group, es edits) error {
	for range 2 {
		err := c.modify(ctx, *g, es.open())
		if err == nil {
			es.settle(true, nil)
			return nil
		}
		if !aboutValues(err) {
			return err
		}
		if err := c.compare(ctx, g, es.open()); err != nil {
			return err
		}
		if len(es.open()) == 0 {
			return nil
		}
	}
	for _, e := range es.open() {
		if err := c.single(ctx, g, e); err != nil {
			return err
		}
	}
	return nil
}

// race is how often one edit is tried whose value others put in and out at the
// same time: what was seen is over when the change arrives.
const race = 6

// single settles one edit that the server did not take together with others.
func (c *Connector) single(ctx context.Context, g *group, e *edit) error {
	for tries := 1; ; tries++ {
		refusal := c.modify(ctx, *g, edits{e})
		if refusal == nil {
			e.settle(true, nil)
			return nil
		}
		if !aboutValues(refusal) {
			return refusal
		}
		if err := c.compare(ctx, g, edits{e}); err != nil {
			return err
		}
		overtaken := is(refusal, goldap.LDAPResultAttributeOrValueExists) || is(refusal, goldap.LDAPResultEntryAlreadyExists)
		if e.remove {
			overtaken = is(refusal, goldap.LDAPResultNoSuchAttribute) || is(refusal, goldap.LDAPResultUnwillingToPerform)
		}
		switch {
		case e.settled:
			return nil
		case overtaken && tries < race:
			continue
		case is(refusal, goldap.LDAPResultNoSuchObject): // the group is there: it was just read
			refusal = trouble(engine.NotFound, "%w", errNoAccount)
		}
		e.settle(false, refusal)
		return nil
	}
}

// aboutValues reports whether a refusal may be about some of the values only,
// or about the group having moved. It is false for lost connections.
func aboutValues(err error) bool {
	switch kindOf(err) {
	case engine.Rejected, engine.NotFound:
		return code(err) >= 0 && !is(err, goldap.LDAPResultReferral)
	}
	return false
}

// modify sends one Modify, with a placeholder going in or out of a group that
// may not be empty.
func (c *Connector) modify(ctx context.Context, g group, es edits) error {
	err := c.send(ctx, g, es, nil)
	if is(err, goldap.LDAPResultObjectClassViolation) && g.shape.full && es.removes() {
		swap := []wire.Change{{Attr: g.shape.attr, Values: []string{c.cfg.Placeholder}}}
		if err = c.send(ctx, g, es, swap); err == nil {
			c.groups.hold(g.id, true)
		}
	}
	return err
}

func (es edits) removes() bool {
	for _, e := range es {
		if e.remove {
			return true
		}
	}
	return false
}

func (c *Connector) send(ctx context.Context, g group, es edits, extra []wire.Change) error {
	add, remove := wire.Change{Attr: g.shape.attr}, wire.Change{Attr: g.shape.attr, Delete: true}
	for _, e := range es {
		if e.remove {
			remove.Values = append(remove.Values, e.value)
		} else {
			add.Values = append(add.Values, e.value)
		}
	}
	leaves := len(add.Values) > 0 && c.groups.holds(g.id)
	if leaves {
		remove.Values = append(remove.Values, c.cfg.Placeholder)
	}
	changes := extra
	for _, ch := range []wire.Change{add, remove} {
		if len(ch.Values) > 0 {
			changes = append(changes, ch)
		}
	}
	err := c.write(ctx, func(s *session) error {
		controls, err := c.guard(s, g)
		if err != nil {
			return err
		}
		return s.Modify(ctx, c.groupName(s, g), changes, controls...)
	})
	if leaves && (err == nil || aboutValues(err)) {
		c.groups.hold(g.id, false) // it is gone, or it was not there
	}
	return err
}

// guard makes a change fail where another group is by now at the DN of g.
func (c *Connector) guard(s *session, g group) ([]wire.Control, error) {
	if !s.srv.can(wire.AssertionOID) {
		return nil, nil
	}
	filter, ok := idFilter(c.groupID(s.srv), string(g.id))
	if !ok {
		return nil, nil
	}
	control, err := wire.Asserting(filter)
	return []wire.Control{control}, err
}

// compare settles the edits that are as wished already. It finds the group
// again if it moved.
func (c *Connector) compare(ctx context.Context, g *group, es edits) error {
	present := make([]bool, len(es))
	err := c.read(ctx, func(s *session) error {
		if err := c.follow(ctx, s, g); err != nil {
			return err
		}
		names := make([]string, len(es))
		for i := range names {
			names[i] = c.groupName(s, *g)
		}
		holds := func(i int) string {
			return "(" + g.shape.attr + "=" + goldap.EscapeFilter(es[i].value) + ")"
		}
		return s.each(ctx, names, holds, []string{"1.1"}, func(i int, _ *wire.Entry) error {
			present[i] = true
			return nil
		}, func(i int, err error) error {
			if is(err, goldap.LDAPResultInvalidDNSyntax, goldap.LDAPResultInvalidAttributeSyntax) {
				return nil
			}
			return err
		})
	})
	for i, e := range es {
		if err == nil && present[i] != e.remove {
			e.settle(false, nil)
		}
	}
	return err
}

// follow makes sure that g is where we think it is.
func (c *Connector) follow(ctx context.Context, s *session, g *group) error {
	c.groups.forgetPlace(g.id)
	now, err := c.known(ctx, s, g.id)
	if err == nil {
		*g = now
	}
	return err
}
