package desk

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/daypass-dev/daypass/internal/access"
)

// mostWaiting is how many requests somebody is shown to decide on at once.
const mostWaiting = 50

// Inbox is what waits for somebody's word: requests, extensions, and emergencies
// to review, the oldest first; after them, what waits in vain.
type Inbox struct {
	Waiting []View
	More    bool // there are more
	// Doubt is why more may wait than was found; nil when all that waits was. What
	// cannot be read is named in it to those only who may read everything.
	Doubt error
}

// Inbox returns what waits for the caller's word.
func (d *Desk) Inbox(ctx context.Context, c Caller) (Inbox, error) {
	var in Inbox
	if err := c.scope(Read); err != nil {
		return in, err
	}
	if c.Machine != "" {
		return in, nil
	}
	all, unread, err := d.pending.all(ctx, d.cfg.Store)
	if err != nil {
		return in, err
	}
	known := make(map[string]access.Answer)
	var doubts []error
	var vacant []*pendingRequest // nobody is in a group that is not there
	for _, p := range all {
		a := p.waits(c, known, func(w access.Who) access.Answer { return d.fits(ctx, c, w, p.Request) })
		switch {
		case len(access.Gone(a.Err)) > 0:
			vacant = append(vacant, p)
		case a.Err != nil:
			doubts = append(doubts, a.Err)
		}
		if !certain(a) {
			continue
		}
		v := d.view(ctx, c, p.Request)
		if !v.May.Decide && !v.May.Review {
			continue // decided by the caller already
		}
		if len(in.Waiting) == mostWaiting {
			in.More = true
			break
		}
		in.Waiting = append(in.Waiting, v)
	}
	d.stuck(ctx, c, vacant, &in)
	if err := d.mark(ctx, c, in.Waiting); err != nil {
		return in, err
	}
	if len(doubts) > 0 {
		in.Doubt = d.doubtful("whether more waits for you", doubts[0])
	}
	if len(unread.ids) > 0 && d.roles(ctx, c, false).reads() {
		in.Doubt = errors.Join(in.Doubt, d.unread(access.Listing{Unread: unread.ids}, unread.err))
	}
	return in, nil
}

// stuck adds to an inbox what waits in vain, because a group that decides is not
// there, for those who own the resource or read everything: it waits for them to
// have that mended.
func (d *Desk) stuck(ctx context.Context, c Caller, vacant []*pendingRequest, in *Inbox) {
	oversees := make(map[string]bool)
	for _, p := range vacant {
		yes, known := oversees[p.Resource]
		if !known {
			yes = certain(d.oversight(ctx, c, p.Resource))
			oversees[p.Resource] = yes
		}
		if !yes {
			continue
		}
		v := d.view(ctx, c, p.Request)
		switch {
		case !v.Stuck:
		case len(in.Waiting) == mostWaiting:
			in.More = true
			return
		default:
			in.Waiting = append(in.Waiting, v)
		}
	}
}

// pending are the requests that wait for somebody's word, as they are on record.
// They are kept, for there may be a thousand, and everybody looks at their inbox.
type pending struct {
	mu     sync.Mutex
	seq    int64 // how far the record went when they were read
	sorted []*pendingRequest
	unread unreadable
}

// unreadable are requests on record that cannot be read.
type unreadable struct {
	ids []string
	err error // why
}

// pendingRequest is a request that waits, and for whom. It does not change.
type pendingRequest struct {
	access.Request
	decide, review wanted
}

// wanted are people whose word is waited for.
type wanted struct {
	whos []access.Who
	// key is the same where the same people are meant; empty where that depends
	// on more of the request than its resource.
	key string
}

// all returns them, the oldest first. Nobody changes what it returns.
func (p *pending) all(ctx context.Context, s Store) (all []*pendingRequest, unread unreadable, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	head, err := s.Head(ctx) // before the rest is read: whatever comes after is seen next time
	if err != nil {
		return nil, unread, err
	}
	if p.sorted != nil && p.seq == head.Seq {
		return p.sorted, p.unread, nil
	}
	versions, err := s.PendingRequests(ctx)
	if err != nil {
		return nil, unread, err
	}
	all = make([]*pendingRequest, 0, len(versions))
	for _, x := range p.sorted {
		if versions[x.ID] == x.Version {
			all = append(all, x)
			delete(versions, x.ID)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(versions)) {
		r, err := s.Request(ctx, id)
		switch {
		case errors.Is(err, ErrUnreadable):
			unread.ids, unread.err = append(unread.ids, id), errors.Join(unread.err, err)
			continue
		case err != nil:
			return nil, unread, err
		case r == nil || r.Undecided() == nil && !r.Review.Open():
			continue // it moved on since
		}
		all = append(all, newPending(*r))
	}
	slices.SortFunc(all, func(a, b *pendingRequest) int { return a.At.Compare(b.At) })
	p.seq, p.sorted, p.unread = head.Seq, all, unread
	return all, unread, nil
}

func newPending(r access.Request) *pendingRequest {
	p := &pendingRequest{Request: r}
	if step, waits := r.Undecided().Now(); waits {
		whos := []access.Who{step.Approvers}
		if step.Escalate != nil && r.Undecided().Escalated {
			whos = append(whos, step.Escalate.To)
		}
		p.decide = wantedOf(r.Resource, whos)
	}
	if r.Review.Open() && r.Policy.BreakGlass != nil {
		p.review = wantedOf(r.Resource, []access.Who{r.Policy.BreakGlass.Review.By})
	}
	return p
}

func wantedOf(resource string, whos []access.Who) wanted {
	w := wanted{whos: whos}
	for _, x := range whos {
		if x.Manager || x.When != "" {
			return w
		}
	}
	if text, err := json.Marshal(struct {
		Resource string
		Whos     []access.Who
	}{resource, whos}); err == nil {
		w.key = string(text)
	}
	return w
}

// waits reports whether it waits for the caller, as far as their right goes.
// known are the answers that hold for other requests too.
func (p *pendingRequest) waits(c Caller, known map[string]access.Answer, fits func(access.Who) access.Answer) access.Answer {
	ask := func(w wanted) access.Answer {
		if a, ok := known[w.key]; ok && w.key != "" {
			return a
		}
		asks := make([]func() access.Answer, len(w.whos))
		for i, who := range w.whos {
			asks[i] = func() access.Answer { return fits(who) }
		}
		a := either(asks...)
		if w.key != "" {
			known[w.key] = a
		}
		return a
	}
	var asks []func() access.Answer
	if p.decide.whos != nil && (p.Policy.SelfApproval || p.Person != c.Person) {
		asks = append(asks, func() access.Answer { return ask(p.decide) })
	}
	if p.review.whos != nil && p.Person != c.Person {
		asks = append(asks, func() access.Answer { return ask(p.review) })
	}
	return either(asks...)
}
