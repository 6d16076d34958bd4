package sim

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Request is one request as it was answered.
type Request struct {
	At     time.Time
	Method string
	Path   string
	Route  string // the path's template, such as /groups/{id}/members
	Query  string
	Status int  // 0 when the connection was cut before an answer
	Inner  bool // it came inside a batch
}

// remembered is how many requests a log holds in full. Counts go on.
const remembered = 20000

// Log is the record of what a simulator was asked. The zero value is empty.
// Its methods may be called from several goroutines.
type Log struct {
	mu       sync.Mutex
	requests []Request
	first    int // requests is a ring once it is full
	counts   map[string]int
	total    int
}

// Wrap records what h serves, by the simulator's clock. Route names the
// template of a request's path; nil, or an empty answer, is the path itself.
func (l *Log) Wrap(clock *Clock, route func(*http.Request) string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req := Request{At: clock.Now(), Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery}
		if route != nil {
			req.Route = route(r)
		}
		watch := &watcher{ResponseWriter: w}
		// Recorded when all is over, panics included, and before a client in
		// memory sees the end of the answer.
		defer func() {
			if p := recover(); p != nil {
				req.Status = watch.status
				l.Add(req)
				panic(p)
			}
			req.Status = watch.status
			if req.Status == 0 {
				req.Status = http.StatusOK
			}
			l.Add(req)
		}()
		h.ServeHTTP(watch, r)
	})
}

// Add records a request that Wrap does not see, such as one inside a batch.
func (l *Log) Add(r Request) {
	if r.Route == "" {
		r.Route = r.Path
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts == nil {
		l.counts = make(map[string]int)
	}
	l.counts[r.Method+" "+r.Route]++
	if !r.Inner {
		l.total++
	}
	if len(l.requests) < remembered {
		l.requests = append(l.requests, r)
		return
	}
	l.requests[l.first] = r
	l.first = (l.first + 1) % remembered
}

// Count tells how many requests a route got, those inside batches included:
// "GET /groups/{id}/members", or without the method for all of them.
func (l *Log) Count(route string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if strings.Contains(route, " ") {
		return l.counts[route]
	}
	n := 0
	for name, count := range l.counts {
		if _, path, _ := strings.Cut(name, " "); path == route {
			n += count
		}
	}
	return n
}

// Counts returns the counts of every route, by method and template.
func (l *Log) Counts() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.counts)
}

// Total tells how many requests came over the wire; a batch is one.
func (l *Log) Total() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}

// Requests returns the last 20,000 requests, oldest first.
func (l *Log) Requests() []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Concat(l.requests[l.first:], l.requests[:l.first])
}

// Reset forgets everything.
func (l *Log) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests, l.first, l.counts, l.total = nil, 0, nil, 0
}

// watcher notes the status that is sent.
type watcher struct {
	http.ResponseWriter
	status int
}

func (w *watcher) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *watcher) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController find Flush.
func (w *watcher) Unwrap() http.ResponseWriter { return w.ResponseWriter }
