package sim

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Effect is what a fault does to a request.
type Effect int

// Effects.
const (
	Answer Effect = iota // answer with the fault's Status, Header and Body; nothing is carried out
	Lose                 // carry it out, then answer with the fault's Status, or cut the connection when that is 0
	Drop                 // cut the connection before anything is carried out
	Hang                 // carry nothing out and never answer, until the client gives up
	Half                 // carry it out and send half of the body, then cut the connection
	Empty                // a 200 with an empty list, for a listing
	Slow                 // carry it out and send the body in pieces over Delay
	Late                 // carry it out, after Delay
)

// Fault is one thing that goes wrong.
type Fault struct {
	Match  func(*http.Request) bool // nil: every request; it must leave the body alone
	Inner  bool                     // strike requests inside a batch instead of those on the wire
	Skip   int                      // let so many matching requests pass first
	Times  int                      // then strike so many; 1 when zero, for ever when negative
	Effect Effect
	Status int // of Answer, 503 when zero
	Header http.Header
	Body   string
	Delay  time.Duration // wait so long before anything else; with Slow, spread over the body
}

// Faults are the faults in store. The zero value has none. Its methods may be
// called from several goroutines.
type Faults struct {
	// Blank makes the body of an answered listing an empty list, for [Empty].
	// Nil: every list at the top becomes empty, and links to a next page go.
	Blank func(r *http.Request, header http.Header, body []byte) []byte

	mu     sync.Mutex
	armed  []*Fault
	struck int
}

// Inject arms a fault. Of several that would strike a request, the first one
// that was armed does.
func (f *Faults) Inject(fault Fault) {
	if fault.Times == 0 {
		fault.Times = 1
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = append(f.armed, &fault)
}

// Clear disarms every fault.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = nil
}

// Struck tells how many requests were struck.
func (f *Faults) Struck() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.struck
}

// next returns the fault that strikes a request, or nil.
func (f *Faults) next(r *http.Request, inner bool) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, a := range f.armed {
		switch {
		case a.Inner != inner, a.Match != nil && !a.Match(r):
			continue
		case a.Skip > 0:
			a.Skip--
			continue
		}
		if a.Times > 0 {
			if a.Times--; a.Times == 0 {
				f.armed = append(f.armed[:i:i], f.armed[i+1:]...)
			}
		}
		f.struck++
		strike := *a
		return &strike
	}
	return nil
}

// Wrap lets the armed faults strike what h serves. A cut connection is a panic
// with [http.ErrAbortHandler], as in net/http.
func (f *Faults) Wrap(h http.Handler) http.Handler { return f.wrap(h, false) }

// WrapInner is Wrap for the requests inside a batch: only faults with Inner
// strike there. A cut connection is that of the whole batch.
func (f *Faults) WrapInner(h http.Handler) http.Handler { return f.wrap(h, true) }

func (f *Faults) wrap(h http.Handler, inner bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fault := f.next(r, inner)
		if fault == nil {
			h.ServeHTTP(w, r)
			return
		}
		f.strike(fault, h, w, r)
	})
}

func (f *Faults) strike(fault *Fault, h http.Handler, w http.ResponseWriter, r *http.Request) {
	if fault.Effect != Slow && !wait(r, fault.Delay) {
		panic(http.ErrAbortHandler)
	}
	switch fault.Effect {
	case Answer:
		answer(fault, w, http.StatusServiceUnavailable)
	case Drop:
		panic(http.ErrAbortHandler)
	case Hang:
		hang(r)
	case Lose:
		h.ServeHTTP(newRecorder(), r)
		if fault.Status == 0 {
			panic(http.ErrAbortHandler)
		}
		answer(fault, w, fault.Status)
	case Half:
		rec := record(h, r)
		rec.writeHead(w)
		body := rec.body.Bytes()
		_, _ = w.Write(body[:len(body)/2])
		flush(w)
		panic(http.ErrAbortHandler)
	case Empty:
		f.empty(record(h, r), w, r)
	case Late:
		h.ServeHTTP(w, r)
	case Slow:
		slow(fault.Delay, record(h, r), w, r)
	}
}

func answer(fault *Fault, w http.ResponseWriter, status int) {
	for name, values := range fault.Header {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	if fault.Status != 0 {
		status = fault.Status
	}
	if w.Header().Get("Content-Type") == "" && strings.HasPrefix(fault.Body, "{") {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, fault.Body)
}

// hang drains the body first: net/http notices that a client went away only
// once its request was read.
func hang(r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

func (f *Faults) empty(rec *recorder, w http.ResponseWriter, r *http.Request) {
	body := rec.body.Bytes()
	if rec.status < 300 {
		blank := f.Blank
		if blank == nil {
			blank = blankLists
		}
		body = blank(r, rec.header, body)
	}
	rec.body = *bytes.NewBuffer(body)
	rec.writeHead(w)
	_, _ = w.Write(body)
}

const pieces = 8 // pieces of a slow body

func slow(over time.Duration, rec *recorder, w http.ResponseWriter, r *http.Request) {
	rec.writeHead(w)
	body := rec.body.Bytes()
	size := max(1, (len(body)+pieces-1)/pieces)
	count := max(1, (len(body)+size-1)/size)
	for len(body) > 0 {
		n := min(size, len(body))
		_, _ = w.Write(body[:n])
		flush(w)
		body = body[n:]
		if !wait(r, over/time.Duration(count)) {
			panic(http.ErrAbortHandler)
		}
	}
}

// wait reports false when the client gave up first.
func wait(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

func flush(w http.ResponseWriter) {
	_ = http.NewResponseController(w).Flush()
}

// blankLists empties the lists of a JSON body and takes out its links to a
// next page.
func blankLists(_ *http.Request, header http.Header, body []byte) []byte {
	header.Del("Link")
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
		return []byte("[]")
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil {
		return body
	}
	for name, v := range object {
		switch {
		case strings.Contains(strings.ToLower(name), "next"):
			delete(object, name)
		case bytes.HasPrefix(bytes.TrimSpace(v), []byte("[")):
			object[name] = json.RawMessage("[]")
		}
	}
	blank, err := json.Marshal(object)
	if err != nil {
		return body
	}
	return blank
}

// recorder holds an answer back.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newRecorder() *recorder { return &recorder{header: make(http.Header)} }

// record serves r and returns the answer.
func record(h http.Handler, r *http.Request) *recorder {
	rec := newRecorder()
	h.ServeHTTP(rec, r)
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	return rec
}

// Record serves r and returns the answer instead of sending it, for a request
// inside a batch.
func Record(h http.Handler, r *http.Request) (status int, header http.Header, body []byte) {
	rec := record(h, r)
	return rec.status, rec.header, rec.body.Bytes()
}

func (rec *recorder) Header() http.Header { return rec.header }

func (rec *recorder) WriteHeader(status int) {
	if rec.status == 0 {
		rec.status = status
	}
}

func (rec *recorder) Write(p []byte) (int, error) {
	rec.WriteHeader(http.StatusOK)
	return rec.body.Write(p)
}

// writeHead sends the head with the length of the whole body, so that a client
// can tell when it got only part of it.
func (rec *recorder) writeHead(w http.ResponseWriter) {
	for name, values := range rec.header {
		w.Header()[name] = values
	}
	if rec.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(rec.body.Len()))
	}
	w.WriteHeader(rec.status)
}
