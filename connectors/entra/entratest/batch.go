package entratest

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/daypass-dev/daypass/internal/sim"
)

// batchMost is how many requests a batch can hold.
const batchMost = 20

type (
	batchKey   struct{}
	batchState struct {
		groups     map[uint32]int // writes, by group
		sequential bool           // one depends on another
	}

	step struct {
		ID        string            `json:"id"`
		Method    string            `json:"method"`
		URL       string            `json:"url"`
		Headers   map[string]string `json:"headers"`
		Body      json.RawMessage   `json:"body"`
		DependsOn []string          `json:"dependsOn"`
	}

	stepAnswer struct {
		ID      string            `json:"id"`
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Body    json.RawMessage   `json:"body"`
	}
)

// batch carries out its requests one by one, whatever becomes of them, and
// answers them in any order.
func (c *call) batch() (reply, *failure) {
	var body struct {
		Requests []step `json:"requests"`
	}
	if f := c.read(&body); f != nil {
		return reply{}, f
	}
	if f := c.checkBatch(body.Requests); f != nil {
		return reply{}, f
	}
	state := &batchState{groups: make(map[uint32]int)}
	for _, st := range body.Requests {
		state.sequential = state.sequential || len(st.DependsOn) > 0
	}
	done := make(map[string]int)
	var answers []stepAnswer
	for _, st := range body.Requests {
		a := c.step(st, done, state)
		done[strings.ToLower(st.ID)] = a.Status
		answers = append(answers, a)
	}
	if !c.s.opts.OrderedBatch {
		c.s.notes.Lock()
		c.s.notes.rng.Shuffle(len(answers), func(i, j int) { answers[i], answers[j] = answers[j], answers[i] })
		c.s.notes.Unlock()
	}
	b, err := json.Marshal(map[string]any{"responses": answers})
	if err != nil {
		panic(err) // bodies are JSON already
	}
	return reply{body: b, kind: "application/json"}, nil
}

func (c *call) checkBatch(steps []step) *failure {
	bad := func(message string) *failure { return fail(http.StatusBadRequest, "BadRequest", message) }
	switch {
	case len(steps) == 0:
		c.violation("the batch is empty")
		return bad("Invalid batch payload format.")
	case len(steps) > batchMost:
		c.violation("%d requests, more than %d", len(steps), batchMost)
		return bad("Number of batch request steps exceeds the maximum value of 20.")
	}
	ids := make(map[string]bool)
	for _, st := range steps {
		id := strings.ToLower(st.ID)
		switch {
		case id == "" || ids[id]:
			c.violation("the id %q is missing or there twice", st.ID)
			return bad("Request Id " + st.ID + " has to be unique.")
		case st.Method == "" || st.URL == "" || strings.Contains(st.URL, "://"):
			c.violation("request %s is not a method and a relative url", st.ID)
			return bad("Invalid batch payload format.")
		}
		for _, on := range st.DependsOn {
			if !ids[strings.ToLower(on)] {
				c.violation("request %s depends on %q, which does not stand before it", st.ID, on)
				return bad("Request " + st.ID + " depends on an unknown request.")
			}
		}
		ids[id] = true
	}
	return nil
}

func (c *call) step(st step, done map[string]int, state *batchState) stepAnswer {
	for _, on := range st.DependsOn {
		if status := done[strings.ToLower(on)]; status >= 300 {
			f := fail(http.StatusFailedDependency, "FailedDependency", "Request "+st.ID+" depends on a request that failed.")
			return stepAnswer{ID: st.ID, Status: f.status, Headers: map[string]string{}, Body: f.body(http.Header{}, c.now)}
		}
	}
	r, f := c.innerRequest(st, state)
	if f != nil {
		return stepAnswer{ID: st.ID, Status: f.status, Headers: map[string]string{"Content-Type": "application/json"}, Body: f.body(http.Header{}, c.now)}
	}
	req := sim.Request{At: c.now, Method: r.Method, Path: r.URL.Path, Route: template(r), Query: r.URL.RawQuery, Inner: true}
	defer func() { c.s.Log.Add(req) }() // when the connection is cut, too
	status, header, body := sim.Record(c.s.inner, r)
	req.Status = status
	return stepAnswer{ID: st.ID, Status: status, Headers: flat(header), Body: asJSON(body)}
}

// innerRequest makes a request of its own out of a step, by the same caller.
func (c *call) innerRequest(st step, state *batchState) (*http.Request, *failure) {
	u, err := url.Parse("/" + c.version + "/" + strings.TrimPrefix(st.URL, "/"))
	if err != nil || u.Path == "/"+c.version+"/$batch" || strings.HasPrefix(st.URL, "/v1.0") || strings.HasPrefix(st.URL, "/beta") {
		c.violation("the url %q is not one relative to the version", st.URL)
		return nil, fail(http.StatusBadRequest, "BadRequest", "Invalid url '"+st.URL+"'.")
	}
	var body []byte
	if string(st.Body) != "null" {
		body = st.Body
	}
	ctx := context.WithValue(c.r.Context(), batchKey{}, state)
	r, err := http.NewRequestWithContext(ctx, strings.ToUpper(st.Method), u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fail(http.StatusBadRequest, "BadRequest", "Invalid request "+st.ID+".")
	}
	r.Host, r.TLS = c.r.Host, c.r.TLS
	for name, value := range st.Headers {
		r.Header.Set(name, value)
	}
	r.Header.Set("Authorization", c.r.Header.Get("Authorization"))
	if priority := c.r.Header.Get("x-ms-throttle-priority"); priority != "" && r.Header.Get("x-ms-throttle-priority") == "" {
		r.Header.Set("x-ms-throttle-priority", priority)
	}
	return r, nil
}

func flat(h http.Header) map[string]string {
	all := make(map[string]string, len(h))
	for name, values := range h {
		if name != "Date" {
			all[name] = strings.Join(values, ",")
		}
	}
	return all
}

// asJSON is a body inside a batch: null when there is none, and text that is
// no JSON as a string.
func asJSON(body []byte) json.RawMessage {
	switch {
	case len(body) == 0:
		return json.RawMessage("null")
	case json.Valid(body):
		return body
	}
	return quote(nil, string(body))
}
