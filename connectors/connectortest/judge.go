package connectortest

import (
	"context"
	"fmt"
	"runtime"
	"sync"
)

// Clauses returns the names of the tests that a world has the features for, in
// the order in which Run registers them.
func Clauses(w World) []string {
	var names []string
	has := w.Features()
	for _, test := range tests() {
		if len(lacking(has, test.needs)) == 0 {
			names = append(names, test.name)
		}
	}
	return names
}

// Judge holds a fresh world to one clause and returns what is wrong with it,
// nothing when all is well. It is Run for those who want to see a test fail:
// the suite's own tests, and authors of simulators.
func Judge(ctx context.Context, clause string, w World) []string {
	for _, test := range tests() {
		if test.name == clause {
			r := &recorder{ctx: ctx}
			r.run(test.run, w)
			return r.complaints
		}
	}
	return []string{fmt.Sprintf("there is no clause %q", clause)}
}

// recorder is a test that writes down why it failed.
type recorder struct {
	ctx        context.Context
	mu         sync.Mutex
	complaints []string
}

func (r *recorder) run(test func(*check), w World) {
	done := make(chan struct{})
	go func() { // its own goroutine, so that Fatalf can end it
		defer close(done)
		test(newCheck(r, w))
	}()
	<-done
}

func (r *recorder) Helper() {}

func (r *recorder) Context() context.Context { return r.ctx }

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.complaints = append(r.complaints, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}
