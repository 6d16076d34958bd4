package desk

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/audit"
	"github.com/daypass-dev/daypass/internal/report"
)

// reads refuses those who may not read everything.
func (d *Desk) reads(ctx context.Context, c Caller) error {
	if err := c.scope(Read); err != nil {
		return err
	}
	ctx = d.people.inquire(ctx)
	if err := d.left(ctx, c); err != nil {
		return err
	}
	roles := d.roles(ctx, c, true)
	switch {
	case roles.reads():
		return nil
	case roles.Doubt != nil:
		return d.doubtful("whether you are an auditor or administrator", roles.Doubt)
	}
	return forbidden("only auditors and administrators see this")
}

// administers refuses those who are no administrators.
func (d *Desk) administers(ctx context.Context, c Caller) error {
	if err := c.scope(Admin); err != nil {
		return err
	}
	ctx = d.people.inquire(ctx)
	if err := d.left(ctx, c); err != nil {
		return err
	}
	return d.administrator(ctx, c)
}

// gives refuses those who are no administrators, and whoever may have left, for
// what lets others have something.
func (d *Desk) gives(ctx context.Context, c Caller) error {
	if err := c.scope(Admin); err != nil {
		return err
	}
	ctx = d.people.inquire(ctx)
	if err := d.present(ctx, c.Person, "your account"); err != nil {
		return err
	}
	return d.administrator(ctx, c)
}

func (d *Desk) administrator(ctx context.Context, c Caller) error {
	roles := d.roles(ctx, c, true)
	switch {
	case roles.Administrator:
		return nil
	case roles.Doubt != nil:
		return d.doubtful("whether you are an administrator", roles.Doubt)
	}
	return forbidden("only administrators may do this")
}

func (d *Desk) doubtful(what string, err error) error {
	refusal := access.Unsure(what, err)
	d.doubt(what, refusal)
	return outspoken(refusal)
}

// Runs lists the latest runs, at most as many as limit.
func (d *Desk) Runs(ctx context.Context, c Caller, limit int) ([]Run, error) {
	if err := d.reads(ctx, c); err != nil {
		return nil, err
	}
	var out []Run
	for r, err := range d.cfg.Store.Runs(ctx) {
		if err != nil {
			return nil, err
		}
		if len(out) == limit {
			break
		}
		out = append(out, r)
	}
	return out, nil
}

// Holds lists what limits hold.
func (d *Desk) Holds(ctx context.Context, c Caller) ([]engine.Hold, error) {
	if err := d.reads(ctx, c); err != nil {
		return nil, err
	}
	return d.cfg.Store.Holds(ctx)
}

// Release lets exactly one held set through, once.
func (d *Desk) Release(ctx context.Context, c Caller, digest, reason string) (engine.Release, error) {
	if err := d.gives(ctx, c); err != nil {
		return engine.Release{}, err
	}
	reason = strings.TrimSpace(reason)
	if err := access.Readable("reason", "the reason", reason); err != nil {
		return engine.Release{}, err
	}
	if reason == "" {
		return engine.Release{}, &access.Error{Kind: access.Invalid, Field: "reason", Message: "say why it is let through; the audit log keeps it"}
	}
	holds, err := d.cfg.Store.Holds(ctx)
	if err != nil {
		return engine.Release{}, err
	}
	if !slices.ContainsFunc(holds, func(h engine.Hold) bool { return h.Digest == digest }) {
		return engine.Release{}, notFound("nothing is held under " + quoted(digest) + " any more; look at what is held now")
	}
	now := d.now()
	return d.cfg.Store.AddRelease(ctx, engine.Release{
		Digest: digest, By: c.String(), At: now, Expires: now.Add(d.rules.Load().ReleaseFor), Reason: reason,
	})
}

// Report holds desired against actual for every managed group.
func (d *Desk) Report(ctx context.Context, c Caller) (*report.Compliance, error) {
	if err := d.reads(ctx, c); err != nil {
		return nil, err
	}
	return d.rules.Load().Inspect(ctx, nil)
}

// AuditQuery narrows the audit log. Limit is 100 when zero, and at most 1000.
// Events about a person are found under all of their addresses.
type AuditQuery = audit.Search

// ParseSought reads whom events are looked for of: a work address, or a machine as
// the log writes it, such as "machine ci".
func ParseSought(s string) (engine.Person, error) {
	s = strings.TrimSpace(s)
	if name, found := strings.CutPrefix(s, access.MachinePrefix); found && strings.TrimSpace(name) != "" {
		return engine.Person(access.MachinePrefix + strings.TrimSpace(name)), nil
	}
	p, err := engine.ParsePerson(s)
	if err != nil {
		return "", fmt.Errorf("%w; a machine is written as in %sci", err, access.MachinePrefix)
	}
	return p, nil
}

// Logged is an event with its number in the audit log.
type Logged struct {
	Seq int64
	engine.Event
}

// Audit lists events, newest first. next is the number to go on before; zero
// when there is nothing before.
func (d *Desk) Audit(ctx context.Context, c Caller, q AuditQuery) (events []Logged, next int64, err error) {
	if err := d.reads(ctx, c); err != nil {
		return nil, 0, err
	}
	limit := q.Limit
	if limit <= 0 {
		limit = 100
	}
	limit = min(limit, 1000)
	q.Limit = limit + 1
	found, err := d.search(ctx, q)
	if err != nil {
		return nil, 0, err
	}
	if len(found) > limit {
		found = found[:limit]
		next = found[limit-1].Seq
	}
	for _, rec := range found {
		e, err := rec.Event()
		if err != nil {
			return nil, 0, err
		}
		events = append(events, Logged{Seq: rec.Seq, Event: e})
	}
	return events, next, nil
}

// Head is how far the audit log goes, to be written down elsewhere.
func (d *Desk) Head(ctx context.Context, c Caller) (audit.Head, error) {
	if err := d.reads(ctx, c); err != nil {
		return audit.Head{}, err
	}
	return d.cfg.Store.Head(ctx)
}

// Tokens are for programs of a person. The longest they are good is a year.
const longestToken = 366 * 24 * time.Hour

// NewToken makes a token by which a program acts for the caller, or, made by an
// administrator, as a machine. The secret is returned once and kept nowhere.
// Only a person at the page makes tokens, never another token.
func (d *Desk) NewToken(ctx context.Context, c Caller, name, machine string, scopes []Scope, length time.Duration) (access.Token, string, error) {
	var none access.Token
	invalid := func(field, message string) (access.Token, string, error) {
		return none, "", &access.Error{Kind: access.Invalid, Field: field, Message: message}
	}
	name = strings.TrimSpace(name)
	switch {
	case c.Token != "" || c.Machine != "" || c.Scopes != nil:
		return none, "", forbidden("a token cannot make tokens; sign in on the page")
	case name == "":
		return invalid("name", "say what the token is for")
	case len(scopes) == 0:
		return invalid("scopes", "say what the token may do: read, request, approve, admin")
	case length <= 0 || length > longestToken:
		return invalid("for", "a token is good for a year at most")
	}
	if err := access.Readable("name", "the name", name); err != nil {
		return none, "", err
	}
	ctx = d.people.inquire(ctx)
	if err := d.present(ctx, c.Person, "your account"); err != nil {
		return none, "", err
	}
	t := access.Token{ID: "t" + d.cfg.NewID(), Person: c.Person, Machine: machine, Name: name, Made: d.now()}
	t.Expires = t.Made.Add(length)
	for _, s := range scopes {
		if !slices.Contains([]Scope{Read, Request, Approve, Admin}, s) {
			return invalid("scopes", "there is no scope "+quoted(string(s))+"; there are read, request, approve, admin")
		}
		if !slices.Contains(t.Scopes, string(s)) {
			t.Scopes = append(t.Scopes, string(s))
		}
	}
	if machine != "" {
		if err := d.administrator(ctx, c); err != nil {
			return none, "", err
		}
		if _, ok := d.rules.Load().Machines[machine]; !ok {
			return invalid("machine", "there is no machine "+quoted(machine))
		}
		if slices.Contains(scopes, Approve) || slices.Contains(scopes, Admin) {
			return invalid("scopes", "a machine asks and reads; it neither approves nor administers")
		}
	}
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	secret := "dp_" + hex.EncodeToString(b)
	return t, secret, d.cfg.Store.AddToken(ctx, t, secret)
}

// Tokens lists the caller's tokens, also those that are over.
func (d *Desk) Tokens(ctx context.Context, c Caller) ([]access.Token, error) {
	if err := c.scope(Read); err != nil {
		return nil, err
	}
	if c.Machine != "" {
		return nil, forbidden("a machine has no tokens of its own")
	}
	return d.tokens(ctx, c.Person)
}

// RevokeToken ends a token of the caller at once; an administrator ends anybody's.
// A token may always end itself, and others only when it may do all that the
// person may.
func (d *Desk) RevokeToken(ctx context.Context, c Caller, id string) error {
	if c.Machine != "" {
		return forbidden("a machine has no tokens of its own")
	}
	if c.Token != id {
		if err := c.scope(Admin); err != nil {
			return err
		}
	}
	err := d.revoke(ctx, c, id)
	if errors.Is(err, ErrNoToken) {
		return notFound("you have no token " + quoted(id))
	}
	return err
}
