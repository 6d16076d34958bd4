package api_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/api"
)

func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	r := open(t)
	const key = "Idempotency-Key: 0b6f4c1e"
	first := r.call("ada", "POST", "/api/v1/requests", staging, key).want(t, 201)
	again := r.call("ada", "POST", "/api/v1/requests", staging, key).want(t, 201)
	if string(first.body) != string(again.body) || again.Header.Get("Idempotent-Replayed") != "true" || first.Header.Get("Idempotent-Replayed") != "" {
		t.Errorf("again: %v %s", again.Header, again.body)
	}
	for _, h := range []string{"ETag", "Location", "Content-Type"} {
		if first.Header.Get(h) == "" || first.Header.Get(h) != again.Header.Get(h) {
			t.Errorf("%s: %q, and again %q", h, first.Header.Get(h), again.Header.Get(h))
		}
	}
	r.call("ada", "POST", "/api/v1/requests", strings.Replace(staging, "2h", "1h", 1), key).problem(t, 422, "key-reused")
	id := into[api.RequestDetail](t, first).ID
	r.call("ada", "POST", "/api/v1/requests/"+id+"/withdraw", staging, key).problem(t, 422, "key-reused")
	// Another caller's keys are others.
	if got := r.ask("bob", staging, key); got.ID == id {
		t.Error("bob got ada's answer")
	}
	for _, bad := range []string{"a b", strings.Repeat("x", 256), "é"} {
		r.call("ada", "POST", "/api/v1/requests", staging, "Idempotency-Key: "+bad).problem(t, 422, "invalid")
	}
	// A decision too is repeated and not made again.
	path := "/api/v1/requests/" + id + "/approve"
	r.call("bob", "POST", path, `{"step":0}`, "Idempotency-Key: yes").want(t, 200)
	r.call("bob", "POST", path, `{"step":0}`, "Idempotency-Key: yes").want(t, 200)
	r.call("bob", "POST", path, `{"step":0}`).problem(t, 409, "conflict")
	r.clock.Pass(25 * time.Hour)
	r.call("ada", "POST", "/api/v1/requests", staging, key).want(t, 201) // the key is forgotten after a day
}

// dying is a process that dies after what was asked is on record, and before its
// answer is.
type dying struct{ api.Keys }

func (dying) Answer(context.Context, string, string, int, []byte) error { return errors.New("killed") }

// TestKeyOutlivesACrash: a call whose answer was lost is not done again.
func TestKeyOutlivesACrash(t *testing.T) {
	t.Parallel()
	r := open(t, func(c *api.Config) { c.Keys = dying{c.Keys} })
	for _, body := range []string{`{"resource":"free"}`, staging} {
		key := "Idempotency-Key: " + strconv.Itoa(len(body))
		first := into[api.RequestDetail](t, r.call("ada", "POST", "/api/v1/requests", body, key).want(t, 201))
		r.clock.Pass(61 * time.Second) // nobody answers for that long: another takes over
		again := into[api.RequestDetail](t, r.call("ada", "POST", "/api/v1/requests", body, key).want(t, 201))
		if again.ID != first.ID {
			t.Errorf("%s: one key made %s and %s", body, first.ID, again.ID)
		}
		if other := r.call("bob", "POST", "/api/v1/requests", body, key); other.StatusCode == 201 && into[api.RequestDetail](t, other).ID == first.ID {
			t.Errorf("%s: bob has ada's request", body)
		}
	}
}

// TestKeyOfARefusalIsFree: what was not done can be tried again.
func TestKeyOfARefusalIsFree(t *testing.T) {
	t.Parallel()
	r := open(t)
	const key = "Idempotency-Key: k"
	id := r.ask("ada", staging).ID
	r.call("ada", "POST", "/api/v1/requests", staging, key).problem(t, 409, "conflict")
	r.call("ada", "POST", "/api/v1/requests/"+id+"/withdraw", "").want(t, 200)
	r.call("ada", "POST", "/api/v1/requests", staging, key).want(t, 201)
	a := r.call("ada", "POST", "/api/v1/requests", staging, key).want(t, 201)
	if a.Header.Get("Idempotent-Replayed") != "true" {
		t.Error("what was done in the end is not kept")
	}
}

// TestOneKeyAtOnce: of twenty at once with one key, one asks, and the others are
// told to wait or get its answer. The policy gives it at once, so that nothing
// but the key is in the way of twenty.
func TestOneKeyAtOnce(t *testing.T) {
	t.Parallel()
	r := open(t)
	var wait sync.WaitGroup
	answers := make([]answer, 20)
	for i := range answers {
		wait.Go(func() {
			answers[i] = r.call("ada", "POST", "/api/v1/requests", `{"resource":"free"}`, "Idempotency-Key: one")
		})
	}
	wait.Wait()
	ids := make(map[string]int)
	firsts := 0
	for _, a := range answers {
		switch a.StatusCode {
		case http.StatusCreated:
			ids[into[api.RequestDetail](t, a).ID]++
			if a.Header.Get("Idempotent-Replayed") == "" {
				firsts++
			}
		default:
			if a.problem(t, 409, "in-progress"); a.Header.Get("Retry-After") == "" {
				t.Error("in progress without Retry-After")
			}
		}
	}
	if len(ids) != 1 || firsts != 1 {
		t.Errorf("%d requests, %d of them first: %v", len(ids), firsts, ids)
	}
	all := into[struct{ Requests []api.Request }](t, r.call("ada", "GET", "/api/v1/requests", "").want(t, 200))
	if len(all.Requests) != 1 {
		t.Errorf("%d requests in the store", len(all.Requests))
	}
}

func TestETags(t *testing.T) {
	t.Parallel()
	r := open(t)
	made := r.call("ada", "POST", "/api/v1/requests", `{"resource":"prod","reason":"x"}`).want(t, 201)
	path := "/api/v1/requests/" + into[api.RequestDetail](t, made).ID
	seen := r.call("bob", "GET", path, "").want(t, 200).Header.Get("ETag")
	if !strings.HasPrefix(seen, `"1-`) {
		t.Fatalf("the ETag is %s", seen)
	}
	for _, tag := range []string{seen, "W/" + seen, `"x", ` + seen, "*"} {
		r.call("bob", "GET", path, "", "If-None-Match: "+tag).want(t, http.StatusNotModified)
	}
	r.call("bob", "GET", path, "", `If-None-Match: "1-000000000000"`).want(t, 200)

	for _, tag := range []string{`"2-abc"`, `"nonsense"`, "1", `""`, `"-1"`, seen + ", " + seen} {
		r.call("bob", "POST", path+"/approve", `{"step":0}`, "If-Match: "+tag).problem(t, 412, "changed")
	}
	r.call("bob", "POST", path+"/approve", `{"step":1}`, "If-Match: "+seen).problem(t, 409, "conflict") // of that version, and still not so
	r.call("bob", "POST", path+"/approve", `{"step":0}`, "If-Match: "+seen).want(t, 200)
	r.call("root", "POST", path+"/approve", `{"step":1}`, "If-Match: "+seen).problem(t, 412, "changed")
	r.call("ada", "POST", path+"/withdraw", "", "If-Match: "+seen).problem(t, 412, "changed")
	r.call("root", "POST", path+"/approve", `{"step":1}`, "If-Match: *").want(t, 200)
	r.call("ada", "POST", path+"/extend", `{"for":"1h","reason":"x"}`, "If-Match: "+seen).problem(t, 412, "changed")
	r.call("ada", "POST", path+"/end", "", `If-Match: "3"`).want(t, 200)
}

// TestETagOfWhatTimeDid: what is shown may be ahead of what is on record.
func TestETagOfWhatTimeDid(t *testing.T) {
	t.Parallel()
	r := open(t)
	path := "/api/v1/requests/" + r.ask("ada", `{"resource":"staging","reason":"it burns","breakGlass":true}`).ID
	before := r.call("bob", "GET", path, "").Header.Get("ETag")
	r.clock.Pass(72 * time.Hour)
	after := r.call("bob", "GET", path, "")
	if into[api.RequestDetail](t, after).Review.Late != true {
		t.Errorf("nobody looked at it in time: %s", after.body)
	}
	const word = `{"justified":false,"comment":"it did not"}`
	r.call("bob", "POST", path+"/review", word, "If-Match: "+before).problem(t, 412, "changed")
	r.call("bob", "POST", path+"/review", word, "If-Match: "+after.Header.Get("ETag")).want(t, 200)
}

// TestTwoDecisionsAtOnce: one wins, and the other is told.
func TestTwoDecisionsAtOnce(t *testing.T) {
	t.Parallel()
	r := open(t)
	path := "/api/v1/requests/" + r.ask("ada", staging).ID
	tag := "If-Match: " + r.call("bob", "GET", path, "").Header.Get("ETag")
	var wait sync.WaitGroup
	var approve, deny answer
	wait.Go(func() { approve = r.call("bob", "POST", path+"/approve", `{"step":0}`, tag) })
	wait.Go(func() { deny = r.call("carol", "POST", path+"/deny", `{"step":0,"comment":"no"}`, tag) })
	wait.Wait()
	if approve.StatusCode+deny.StatusCode != 200+412 {
		t.Errorf("approve %d, deny %d", approve.StatusCode, deny.StatusCode)
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	r := open(t, func(c *api.Config) { c.Rate = api.Rate{Calls: 1, CallsAtOnce: 3, Failures: 0.1, FailuresAtOnce: 5} })
	for range 3 {
		r.call("ada", "GET", "/api/v1/me", "").want(t, 200)
	}
	a := r.call("ada", "GET", "/api/v1/me", "")
	if a.problem(t, 429, "too-many"); a.Header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After is %q", a.Header.Get("Retry-After"))
	}
	r.call("ada-reads", "GET", "/api/v1/me", "").problem(t, 429, "too-many") // another token of hers
	r.call("bob", "GET", "/api/v1/me", "").want(t, 200)
	r.call("ci", "GET", "/api/v1/me", "").want(t, 200)
	r.clock.Pass(time.Second)
	r.call("ada", "GET", "/api/v1/me", "").want(t, 200)

	for range 5 {
		r.call("nobody", "GET", "/api/v1/me", "").problem(t, 401, "unauthenticated")
	}
	a = r.call("nobody", "GET", "/api/v1/me", "")
	if a.problem(t, 429, "too-many"); a.Header.Get("Retry-After") != "10" {
		t.Errorf("Retry-After is %q", a.Header.Get("Retry-After"))
	}
	r.clock.Pass(10 * time.Second)
	r.call("nobody", "GET", "/api/v1/me", "").problem(t, 401, "unauthenticated")
}
