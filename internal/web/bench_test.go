package web_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
)

const (
	manyRequests  = 100_000
	manyPeople    = 2000
	manyResources = 200
	manyWaiting   = 1000 // of the requests
	manyUsers     = 50
)

func someone(i int) string { return fmt.Sprintf("p%04d", i%manyPeople) }

// town is a rig with the requests of more than a year, one every six minutes;
// the newest wait for decisions. Every resource has five approvers, and the
// person after them as its owner; the first two people are auditors.
func town(b *testing.B) *rig {
	b.Helper()
	var names []string
	for i := range manyPeople {
		names = append(names, someone(i))
	}
	r := open(b, names...)
	r.rules.Auditors = people(someone(0), someone(1))
	r.rules.Resources = nil
	for i := range manyResources {
		name := fmt.Sprintf("res-%03d", i)
		r.corp.AddGroup(name)
		group := r.corp.AddGroup("approvers-" + name)
		for k := range 5 {
			r.corp.Put(group, r.ids[someone(7*i+k)])
		}
		steps := []access.Step{{Name: "team", Approvers: access.Who{Groups: []engine.GroupRef{ref("approvers-" + name)}}, Quorum: 1, Within: 24 * time.Hour}}
		if i%2 == 0 {
			steps = append(steps, access.Step{Name: "owner", Approvers: access.Who{Owners: true}, Quorum: 1})
		}
		r.rules.Resources = append(r.rules.Resources, desk.Resource{
			Resource: access.Resource{Name: name, Title: fmt.Sprint("Resource ", i), Groups: []engine.GroupRef{ref(name)}, Owners: people(someone(7*i + 5))},
			Policy: &access.Policy{
				Name: name, Ask: access.Who{Anyone: true}, For: access.Anyone, Max: 8 * time.Hour, Default: 2 * time.Hour, Ahead: 168 * time.Hour,
				Pending: 168 * time.Hour, Reason: access.Text{Required: true}, Steps: steps, Extend: &access.Extend{Times: 1, Max: time.Hour},
			},
			Description: "What this gives, in a sentence of a usual length", Tags: []string{"team-" + fmt.Sprint(i%10)},
		})
	}
	var batch []access.Request
	var events []engine.Event
	var grants []engine.Grant
	for i := range manyRequests {
		x := r.past(i)
		if w, ok := x.Window(); ok && w.Until.After(start()) {
			grants = append(grants, engine.Grant{ID: x.GrantID(), Person: x.Person, Group: ref(x.Resource), Resource: x.Resource, When: w, Origin: "request " + x.ID})
		}
		batch = append(batch, x)
		for _, kind := range []engine.EventKind{engine.EventRequested, engine.EventApproved, engine.EventGranted}[:1+2*min(1, len(x.Course.Decisions))] {
			events = append(events, engine.Event{At: x.At, Kind: kind, Person: x.Person, Group: x.Resource, By: string(x.Person), Via: "page", Request: x.ID, Reason: x.Reason})
		}
		if len(batch) == 5000 {
			if err := r.store.SaveRequests(b.Context(), batch, events, nil); err != nil {
				b.Fatal(err)
			}
			batch, events = nil, nil
		}
	}
	r.rules.Grants = func() []engine.Grant { return grants }
	r.desk.Use(r.rules)
	return r
}

// past is the i-th request.
func (r *rig) past(i int) access.Request {
	res := r.rules.Resources[i%manyResources]
	p := at(someone(i * 31))
	x := access.Request{
		ID: fmt.Sprintf("r%019d", i*7919), Version: 1, Resource: res.Name, Person: p, By: access.Actor{Person: p, Via: access.Page}, Reason: fmt.Sprintf("CHG-%d to mend what broke", i),
		For: 2 * time.Hour, At: start().Add(time.Duration(i-manyRequests) * 6 * time.Minute), Policy: *res.Policy, Status: access.Asked,
	}
	x.Course = access.Course{Steps: x.Policy.Steps, Since: x.At, Lapses: x.At.AddDate(1, 0, 0)}
	if i >= manyRequests-manyWaiting {
		x.Course.Steps = slices.Clone(x.Course.Steps)
		x.Course.Steps[0].Within = 0 // the oldest are asked some days ago
		return x
	}
	if i%10 == 0 {
		x.Status, x.Course.Closed = access.Withdrawn, x.At.Add(time.Minute)
		return x
	}
	for k := range x.Policy.Steps {
		by := access.Actor{Person: at(someone(7*(i%manyResources) + 5*k)), Via: access.Page}
		x.Course.Decisions = append(x.Course.Decisions, access.Decision{Step: k, By: by, At: x.At.Add(time.Minute), Approve: true})
	}
	x.Status, x.Course.Step, x.Course.Closed = access.Approved, len(x.Policy.Steps), x.At.Add(time.Minute)
	x.Grant = &access.Grant{From: x.Course.Closed, Until: x.Course.Closed.Add(x.For)}
	if i%50 == 1 {
		x.Grant.Until = start().Add(time.Duration(1+i%8) * time.Hour) // 2,000 are in now
	}
	return x
}

// user is somebody who looks at pages.
type user struct {
	*browser
	n     int
	pages []string // one after the other
	turn  int
}

// pageNames are the pages that are looked at, by what is reported of them.
func pageNames() []string {
	return []string{"ask", "form", "mine", "inbox", "requests", "request", "resources", "resource", "audit", "history"}
}

func (r *rig) users() []*user {
	var all []*user
	for n := range manyUsers {
		u := &user{browser: r.by(someone(n)), n: n}
		own := fmt.Sprintf("/requests/r%019d", u.newest()*7919)
		res := fmt.Sprintf("res-%03d", n)
		u.pages = []string{"/ask", "/ask/" + res, "/mine", "/approve", "/requests", own, "/resources", "/resources/" + res}
		if n < 2 {
			u.pages = append(u.pages, "/audit", "/audit?request="+own[len("/requests/"):])
		}
		all = append(all, u)
	}
	return all
}

// newest is the number of the newest request for the user.
func (u *user) newest() int {
	for i := manyRequests - 1; ; i-- {
		if i*31%manyPeople == u.n {
			return i
		}
	}
}

// next is the page that they look at next, and its place among the names.
func (u *user) next() (path string, which int) {
	which = u.turn % len(u.pages)
	u.turn++
	return u.pages[which], which
}

// times are how long each page took.
type times struct {
	mu  sync.Mutex
	all map[string][]time.Duration
}

func (s *times) add(page string, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[page] = append(s.all[page], d)
}

func (s *times) report(b *testing.B) {
	b.Helper()
	ms := func(d time.Duration) float64 { return d.Seconds() * 1000 }
	var whole []time.Duration
	for _, page := range pageNames() {
		ds := s.all[page]
		if len(ds) == 0 {
			continue
		}
		whole = append(whole, ds...)
		slices.Sort(ds)
		b.ReportMetric(ms(ds[len(ds)/2]), page+"-p50-ms")
		b.ReportMetric(ms(ds[len(ds)*99/100]), page+"-p99-ms")
		b.ReportMetric(ms(ds[len(ds)-1]), page+"-max-ms")
	}
	slices.Sort(whole)
	b.ReportMetric(ms(whole[len(whole)/2]), "all-p50-ms")
	b.ReportMetric(ms(whole[len(whole)*99/100]), "all-p99-ms")
}

// BenchmarkPages looks at pages with 100,000 requests on record, of 2,000 people
// for 200 resources, 1,000 of them undecided: one person alone; 50 people, each a
// page every second and a half, by the time that the server takes; and 50
// connections without a pause, over HTTP, by the time that the client waits.
func BenchmarkPages(b *testing.B) {
	r := town(b)
	users := r.users()
	names := pageNames()
	serve := func(u *user, t *times) error {
		path, which := u.next()
		req := httptest.NewRequest(http.MethodGet, site+path, nil)
		to, _ := url.Parse(site)
		for _, c := range u.client.Jar.Cookies(to) {
			req.AddCookie(c)
		}
		w := httptest.NewRecorder()
		begun := time.Now()
		r.web.ServeHTTP(w, req)
		t.add(names[which], time.Since(begun))
		if w.Code != http.StatusOK {
			return fmt.Errorf("%s: %d %.2000s", path, w.Code, w.Body)
		}
		return nil
	}
	for _, u := range users { // what is asked of the directory is kept for half a minute
		for range u.pages {
			if err := serve(u, &times{all: make(map[string][]time.Duration)}); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("one", func(b *testing.B) {
		t := &times{all: make(map[string][]time.Duration)}
		for i := 0; b.Loop(); i++ {
			if err := serve(users[i/10%manyUsers], t); err != nil {
				b.Fatal(err)
			}
		}
		t.report(b)
	})
	b.Run("users", func(b *testing.B) {
		t := &times{all: make(map[string][]time.Duration)}
		everybodyDoes(b, users, func(u *user) error {
			time.Sleep(time.Duration(rand.Int64N(int64(3 * time.Second))))
			return serve(u, t)
		})
		t.report(b)
	})
	b.Run("http", func(b *testing.B) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		s := &http.Server{Handler: r.web, ReadHeaderTimeout: time.Minute}
		go func() { _ = s.Serve(listener) }()
		b.Cleanup(func() { _ = s.Close() })
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: manyUsers}}
		t := &times{all: make(map[string][]time.Duration)}
		begun := time.Now()
		everybodyDoes(b, users, func(u *user) error {
			path, which := u.next()
			req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://"+listener.Addr().String()+path, nil)
			if err != nil {
				return err
			}
			to, _ := url.Parse(site)
			for _, c := range u.client.Jar.Cookies(to) {
				req.AddCookie(c)
			}
			from := time.Now()
			res, err := client.Do(req)
			if err != nil {
				return err
			}
			defer res.Body.Close()
			if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
				return fmt.Errorf("%s: %d %w", path, res.StatusCode, err)
			}
			t.add(names[which], time.Since(from))
			return nil
		})
		b.ReportMetric(float64(b.N)/time.Since(begun).Seconds(), "pages/s")
		t.report(b)
	})
}

// everybodyDoes lets everybody do something at once, b.N times in all.
func everybodyDoes(b *testing.B, users []*user, do func(*user) error) {
	b.Helper()
	ctx, cancel := context.WithCancelCause(b.Context())
	defer cancel(nil)
	var left atomic.Int64
	left.Store(int64(b.N))
	var wait sync.WaitGroup
	for _, u := range users {
		wait.Go(func() {
			for left.Add(-1) >= 0 && ctx.Err() == nil {
				if err := do(u); err != nil {
					cancel(err)
				}
			}
		})
	}
	wait.Wait()
	if err := context.Cause(ctx); err != nil {
		b.Fatal(err)
	}
}
