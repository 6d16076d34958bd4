package ldaptest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// Fault is a misbehaviour on demand. The zero value of a field leaves that
// out; a fault with only a Delay is a slow, right answer.
type Fault struct {
	// Op and DN choose the requests: "" is any. The DN of a search is its base.
	Op Op
	DN string
	// Match chooses further, when set: for a modify it is given the changes.
	Match func(changes []Change) bool
	// After is how many of the chosen requests pass first.
	After int
	// Times is how many requests are hit after that: 0 is one, negative is all.
	Times int

	// Delay comes before anything else.
	Delay time.Duration
	// Apply carries the request out before it is answered falsely.
	Apply bool
	// Entries is how many entries of a search are sent before it is answered
	// falsely.
	Entries int
	// References are continuation references sent before the end of a search.
	References []string
	// Unmarked leaves the paged results control out of the answer, so that the
	// client cannot tell whether the page was the last.
	Unmarked bool
	// Drop closes the connection instead of answering.
	Drop bool
	// Code, Message and Referrals are the false answer. Code 10 with Referrals
	// is a referral; code 4 with Entries is a size limit.
	Code      uint16
	Message   string
	Referrals []string
}

// replaces reports whether the fault answers in the server's place.
func (f *Fault) replaces() bool { return f != nil && (f.Drop || f.Code != 0) }

// unmark takes the mark off the end of a page.
func (f *Fault) unmark(cs []control) []control {
	if f == nil || !f.Unmarked {
		return cs
	}
	return slices.DeleteFunc(cs, func(c control) bool { return c.oid == ldap.ControlTypePaging })
}

func (f *Fault) result() result {
	return result{code: f.Code, text: f.Message, referrals: f.Referrals}
}

func (f *Fault) wait(ctx context.Context) {
	if f == nil || f.Delay <= 0 {
		return
	}
	t := time.NewTimer(f.Delay)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// faults are the armed faults, first armed first.
type faults struct {
	mu    sync.Mutex
	armed []*armedFault
}

type armedFault struct {
	Fault
	dn   string
	left int // hits, negative for ever
	skip int
}

// Fail arms a fault. The returned function takes it back.
func (s *Server) Fail(f Fault) (disarm func()) {
	dn, err := normalDN(f.DN)
	if err != nil {
		dn = strings.ToLower(f.DN)
	}
	a := &armedFault{Fault: f, dn: dn, left: f.Times, skip: f.After}
	if f.Times == 0 {
		a.left = 1
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.armed = append(s.faults.armed, a)
	return func() {
		s.faults.mu.Lock()
		defer s.faults.mu.Unlock()
		a.left = 0
	}
}

// ClearFaults takes every fault back.
func (s *Server) ClearFaults() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.armed = nil
}

// hit returns the fault that a request meets, nil for none. Every fault that
// chose the request counts it.
func (fs *faults) hit(op Op, dn string, changes []Change) *Fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if len(fs.armed) == 0 {
		return nil
	}
	norm, err := normalDN(dn)
	if err != nil {
		norm = strings.ToLower(dn)
	}
	for _, a := range fs.armed {
		if a.left == 0 || a.Op != "" && a.Op != op || a.DN != "" && a.dn != norm || a.Match != nil && !a.Match(changes) {
			continue
		}
		if a.skip > 0 {
			a.skip--
			continue
		}
		if a.left > 0 {
			a.left--
		}
		return &a.Fault
	}
	return nil
}
