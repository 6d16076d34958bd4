package entra

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	abs "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoft/kiota-abstractions-go/serialization"
)

// batchMax is how many requests Graph takes in one batch.
const batchMax = 20

// outcome is what became of one request of a batch.
type outcome struct {
	body serialization.ParseNode // of a success
	err  error                   // a fault, or the context's error
}

// read makes a model of a body, as wire.read does.
func (o outcome) read(model serialization.ParsableFactory) (serialization.Parsable, error) {
	if o.err != nil {
		return nil, o.err
	}
	v, err := o.body.GetObjectValue(model)
	if err == nil && v == nil {
		err = errors.New("an answer without a body")
	}
	if err != nil {
		return nil, &fault{status: http.StatusOK, err: err}
	}
	return v, nil
}

// ask answers each of the requests, which only read, in as few requests as
// Graph allows.
func (w *wire) ask(ctx context.Context, rs []request) []outcome {
	out := make([]outcome, len(rs))
	if len(rs) == 1 {
		out[0] = w.askOne(ctx, rs[0])
		return out
	}
	var wg sync.WaitGroup
	for at := 0; at < len(rs); at += batchMax {
		end := min(at+batchMax, len(rs))
		wg.Go(func() { copy(out[at:end], w.batch(ctx, rs[at:end])) })
	}
	wg.Wait()
	return out
}

// askOne asks without a batch around it.
func (w *wire) askOne(ctx context.Context, r request) outcome {
	var body serialization.ParseNode
	keep := func(n serialization.ParseNode) (serialization.Parsable, error) {
		body = n
		return nothing{}, nil
	}
	if _, err := w.read(ctx, r, keep); err != nil {
		return outcome{err: err}
	}
	return outcome{body: body}
}

// do carries out writes of one group, batch after batch.
func (w *wire) do(ctx context.Context, rs []request) []outcome {
	var out []outcome
	for part := range slices.Chunk(rs, batchMax) {
		out = append(out, w.batch(ctx, part)...)
	}
	return out
}

// Each request of a batch is throttled by itself, so a batch is tried again in
// part: never what had an answer.
const (
	batchTries    = 4
	batchPatience = 2 * time.Minute // of all waits of one batch together
	batchPause    = time.Second     // where Graph does not say how long
)

// batch sends at most batchMax requests at once. They are all reads or all
// writes.
func (w *wire) batch(ctx context.Context, rs []request) []outcome {
	b := &batch{wire: w, requests: rs, out: make([]outcome, len(rs)), lost: make([]bool, len(rs))}
	for i := range rs {
		b.left = append(b.left, i)
	}
	for try := 1; ; try++ {
		wait := b.send(ctx)
		if len(b.left) == 0 || try == batchTries || b.waited+wait > batchPatience {
			return b.out
		}
		b.waited += wait
		if err := pause(ctx, wait); err != nil {
			for _, i := range b.left {
				b.out[i].err = err
			}
			return b.out
		}
	}
}

// batch is one under way.
type batch struct {
	wire     *wire
	requests []request
	out      []outcome
	lost     []bool // an attempt may have been carried out
	left     []int  // without a final outcome yet
	waited   time.Duration
}

// step is a request in the words of a batch.
type step struct {
	ID      string            `json:"id"`
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    any               `json:"body,omitempty"`
}

// send sends what is left, and returns how long to wait before what is left
// then is sent again.
func (b *batch) send(ctx context.Context) (wait time.Duration) {
	got, err := b.exchange(ctx, b.whole())
	if err != nil {
		for _, i := range b.left {
			b.out[i].err = b.mark(i, err)
		}
		b.left = nil
		return 0
	}
	var left []int
	for _, i := range b.left {
		again, need := b.take(i, got[strconv.Itoa(i)])
		if again {
			left, wait = append(left, i), max(wait, need)
		}
	}
	b.left = left
	return wait
}

// whole makes one request of what is left.
func (b *batch) whole() request {
	r := request{method: abs.POST, path: path("$batch")}
	var steps []step
	for _, i := range b.left {
		inner := b.requests[i]
		s := step{ID: strconv.Itoa(i), Method: inner.method.String(), URL: inner.path}
		if inner.query != "" {
			s.URL += "?" + inner.query
		}
		if inner.body != nil {
			s.Body, s.Headers = inner.body, map[string]string{"Content-Type": "application/json"}
		}
		steps = append(steps, s)
		r.weight = r.weight.plus(inner.weight)
	}
	r.body = map[string]any{"requests": steps}
	return r
}

// exchange sends a batch and returns the answers by the ids of the requests.
func (b *batch) exchange(ctx context.Context, r request) (map[string]*answer, error) {
	v, ex, err := b.wire.send(ctx, r, newAnswers)
	if ex.Lost {
		for _, i := range b.left {
			b.lost[i] = true
		}
	}
	switch {
	case ctx.Err() != nil && err != nil:
		return nil, ctx.Err()
	case err != nil || ex.Status != http.StatusOK || v == nil:
		return nil, faultOf(ex, err, r.weight.writes > 0)
	}
	got := map[string]*answer{}
	for _, a := range v.(*answers).list {
		if a, ok := a.(*answer); ok {
			got[a.id] = a
		}
	}
	return got, nil
}

// mark makes an error of the whole one of a request, which may have been
// carried out before.
func (b *batch) mark(i int, err error) error {
	if b.lost[i] && b.requests[i].weight.writes > 0 {
		return afterLost(err)
	}
	return err
}

// take takes the answer to one request, and reports whether it is to be sent
// again, and when.
func (b *batch) take(i int, a *answer) (again bool, wait time.Duration) {
	write := b.requests[i].weight.writes > 0
	if a == nil {
		b.lost[i] = true
		b.out[i].err = &fault{write: write, lost: true, err: errors.New("the batch's answer leaves the request out")}
		return true, batchPause
	}
	f := &fault{status: int(a.status), id: a.reqID, wait: a.wait, write: write}
	switch {
	case write && b.requests[i].done(int(a.status)), !write && a.status == http.StatusOK:
		b.out[i] = outcome{body: a.body}
		return false, 0
	case a.status < http.StatusBadRequest:
		f.err = errors.New("that is no answer of Microsoft Graph")
		b.lost[i] = true
	case a.body != nil:
		f.code, f.text = reasonOf(a.body)
	}
	switch a.status {
	case http.StatusTooManyRequests, http.StatusConflict: // not carried out
		again = true
	case http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		again, b.lost[i] = true, true
	}
	f.lost = b.lost[i]
	b.out[i].err = f
	return again, max(a.wait, batchPause)
}

// pause waits, or ends with the context.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
