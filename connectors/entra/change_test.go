package entra

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	abs "github.com/microsoft/kiota-abstractions-go"

	"github.com/daypass-dev/daypass/engine"
)

func member(id string) engine.Member {
	return engine.Member{ID: engine.MemberID(id), Login: "login-" + id[len(id)-1:]}
}

func ids(n int) []engine.Member {
	var ms []engine.Member
	for i := range n {
		ms = append(ms, member(fmt.Sprintf("cccccccc-0000-4000-8000-%012d", i)))
	}
	return ms
}

// groupThen answers what the group is, and leaves the rest to f; n counts the
// rest only.
func groupThen(f func(n int, a asked) canned) func(int, asked) canned {
	n := -1
	return func(_ int, a asked) canned {
		if a.method == http.MethodGet && a.path == "/groups/"+groupA {
			return ok(plainGroup)
		}
		n++
		return f(n, a)
	}
}

// writesOf returns the requests that write.
func writesOf(f *fake) []asked {
	var out []asked
	for _, a := range f.requests() {
		if a.method != http.MethodGet {
			out = append(out, a)
		}
	}
	return out
}

// TestAnswersToWrites: what each answer to a single write says, first for an
// addition and then for a removal.
func TestAnswersToWrites(t *testing.T) {
	t.Parallel()
	const changed, asItWas = "changed", "as it was"
	denied := refused(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
	for _, tc := range []struct {
		name        string
		answers     []canned
		add, remove string // or the kind of the error
	}{
		{"done", []canned{noContent()}, changed, changed},
		{"already", []canned{refused(400, badRequest400, alreadyText)}, asItWas, "rejected"},
		{"not there", []canned{refused(404, notThereCode, notThereText(userA))}, "not-found", asItWas},
		{"denied", []canned{denied}, "denied", "denied"},
		{"another 400 is for good", []canned{refused(400, badRequest400, "Invalid value specified for property 'x'.")}, "rejected", "rejected"},
		{"a 400 that is no JSON", []canned{{400, http.Header{"Content-Type": {"text/html"}}, "<html>already exist members</html>"}}, "rejected", "rejected"},
		{"200 is not Graph's answer", []canned{ok("{}")}, "unavailable", "unavailable"},
		{"a web page", []canned{{http.StatusOK, http.Header{"Content-Type": {"text/html"}}, "<html>"}}, "unavailable", "unavailable"},
		{"a redirect", []canned{{http.StatusFound, http.Header{"Location": {"/x"}}, ""}}, "unavailable", "unavailable"},
		{"throttled, then done", []canned{refused(429, "TooManyRequests", "Please retry again later."), noContent()}, changed, changed},
		{"throttled, then as it was", []canned{refused(429, "TooManyRequests", "x"), refused(400, badRequest400, alreadyText)}, asItWas, "rejected"},
		{"cut, then done: the first did nothing", []canned{{status: -1}, noContent()}, changed, changed},
		{"cut, then already", []canned{{status: -1}, refused(400, badRequest400, alreadyText)}, "unavailable", "unavailable"},
		{"503, then not there", []canned{refused(503, "ServiceUnavailable", ""), refused(404, notThereCode, notThereText(userA))}, "unavailable", "unavailable"},
		{"503, then not known yet, then already", []canned{refused(503, "ServiceUnavailable", ""), refused(400, badRequest400, notYetText), refused(400, badRequest400, alreadyText)}, "unavailable", "unavailable"},
		{"503, then denied", []canned{refused(503, "ServiceUnavailable", ""), denied}, "unavailable", "unavailable"},
		{"503 for ever", []canned{refused(503, "ServiceUnavailable", "")}, "unavailable", "unavailable"},
		{"throttled for ever", []canned{refused(429, "TooManyRequests", "x")}, "throttled", "throttled"},
		{"503, then throttled for ever", []canned{refused(503, "ServiceUnavailable", ""), refused(429, "TooManyRequests", "x")}, "unavailable", "unavailable"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for op, want := range map[engine.Op]string{engine.Add: tc.add, engine.Remove: tc.remove} {
				synctest.Test(t, func(t *testing.T) {
					c, f := talk(t, groupThen(func(n int, _ asked) canned { return tc.answers[min(n, len(tc.answers)-1)] }))
					defer c.Close()
					do := c.Add
					if op == engine.Remove {
						do = c.Remove
					}
					did, err := do(t.Context(), groupA, member(userA))
					got := asItWas
					switch {
					case err != nil && did:
						got = "changed, and an error"
					case err != nil:
						got = string(engine.KindOf(err))
					case did:
						got = changed
					}
					if got != want {
						t.Errorf("%s: got %s (%v), want %s", op, got, err, want)
					}
					for _, a := range writesOf(f) {
						if a.method == http.MethodDelete && !strings.HasSuffix(a.path, "/members/"+userA+"/$ref") {
							t.Errorf("%s: got request %s, want a reference to be deleted", op, a)
						}
					}
				})
			}
		})
	}
}

// TestRemoveFromNoGroup: the 404 of a group that is gone reads like that of a
// member that is not there. Only a group that is there has no such member.
func TestRemoveFromNoGroup(t *testing.T) {
	t.Parallel()
	looks := 0
	c, _ := talk(t, func(_ int, a asked) canned {
		if a.method == http.MethodGet {
			if looks++; looks == 1 {
				return ok(plainGroup)
			}
		}
		return refused(404, notThereCode, notThereText(groupA))
	})
	if changed, err := c.Remove(t.Context(), groupA, member(userA)); changed || engine.KindOf(err) != engine.NotFound {
		t.Errorf("Remove: got changed %t and error %v, want kind not-found", changed, err)
	}
}

// TestJustCreated: for some seconds Graph may not know a new group or account
// everywhere.
func TestJustCreated(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		refused int // times
		many    bool
		wait    time.Duration
		want    engine.Kind
	}{
		{"once", 1, false, 2 * time.Second, ""},
		{"three times", 3, false, 22 * time.Second, ""},
		{"for ever", 99, false, 22 * time.Second, engine.Rejected},
		{"several members, twice", 2, true, 7 * time.Second, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, _ := talk(t, groupThen(func(n int, _ asked) canned {
					if n < tc.refused {
						return refused(400, badRequest400, notYetText)
					}
					return noContent()
				}))
				defer c.Close()
				start := time.Now()
				ms := ids(1)
				if tc.many {
					ms = ids(3)
				}
				effects, _ := c.Change(t.Context(), groupA, ms, nil)
				for _, e := range effects {
					if tc.want == "" && (e.Err != nil || !e.Changed) || tc.want != "" && engine.KindOf(e.Err) != tc.want {
						t.Errorf("Add: got %+v, want changed, or kind %q", e, tc.want)
					}
				}
				if got := time.Since(start).Round(time.Second); got < tc.wait || got > tc.wait+2*time.Second {
					t.Errorf("it took %s, want %s", got, tc.wait)
				}
			})
		})
	}
}

// TestAddsTogether: 20 to a request, and one alone by reference.
func TestAddsTogether(t *testing.T) {
	t.Parallel()
	c, f := talk(t, groupThen(func(int, asked) canned { return noContent() }))
	added, _ := c.Change(t.Context(), groupA, ids(41), nil)
	for i, e := range added {
		if !e.Changed || e.Err != nil {
			t.Errorf("effect %d: got %+v, want changed", i, e)
		}
	}
	var binds []int
	for _, a := range writesOf(f) {
		binds = append(binds, strings.Count(a.body, `"`+fakeRoot+`/v1.0/directoryObjects/cccccccc`))
	}
	want := "[PATCH /groups/" + groupA + " PATCH /groups/" + groupA + " POST /groups/" + groupA + "/members/$ref]"
	if got := fmt.Sprint(writesOf(f)); got != want || fmt.Sprint(binds) != "[20 20 1]" {
		t.Errorf("requests: got %s with %v members, want %s with 20, 20 and 1", got, binds, want)
	}
}

// TestAddsOneByOne: the request for all is refused when somebody is there, or
// is nobody, and Graph does not tell who. Each effect is true all the same.
func TestAddsOneByOne(t *testing.T) {
	t.Parallel()
	ms := ids(4)
	for _, whole := range []canned{refused(400, badRequest400, alreadyText), refused(404, notThereCode, notThereText("x"))} {
		c, f := talk(t, groupThen(func(_ int, a asked) canned {
			if a.method == http.MethodPatch {
				return whole
			}
			return batchAnswers(a, func(s step) (int, string, string) {
				body := fmt.Sprint(s.Body)
				switch {
				case strings.Contains(body, string(ms[1].ID)):
					return 400, "", refused(400, badRequest400, alreadyText).body
				case strings.Contains(body, string(ms[2].ID)):
					return 404, "", refused(404, notThereCode, notThereText(string(ms[2].ID))).body
				}
				return 204, "", ""
			})
		}))
		added, _ := c.Change(t.Context(), groupA, ms, nil)
		wantEffects(t, added, "changed", "as it was", "not-found", "changed")
		if got := fmt.Sprint(writesOf(f)); got != "[PATCH /groups/"+groupA+" POST /$batch]" {
			t.Errorf("requests: got %s, want the PATCH and one batch", got)
		}
	}
}

func wantEffects(t *testing.T, got []engine.Effect, want ...string) {
	t.Helper()
	for i, e := range got {
		s := "as it was"
		switch {
		case e.Err != nil:
			s = string(engine.KindOf(e.Err))
		case e.Changed:
			s = "changed"
		}
		if s != want[i] {
			t.Errorf("effect %d: got %s (%v), want %s", i, s, e.Err, want[i])
		}
	}
}

// TestAddsLost: an answer that was lost may have been a yes for all. Whoever is
// there afterwards may be there by it; whoever is not, is not.
func TestAddsLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ms := ids(2)
		c, _ := talk(t, groupThen(func(n int, a asked) canned {
			switch {
			case n == 0:
				return canned{status: -1}
			case a.method == http.MethodPatch:
				return refused(400, badRequest400, alreadyText)
			}
			return batchAnswers(a, func(s step) (int, string, string) {
				if strings.Contains(fmt.Sprint(s.Body), string(ms[0].ID)) {
					return 400, "", refused(400, badRequest400, alreadyText).body
				}
				return 204, "", ""
			})
		}))
		defer c.Close()
		added, _ := c.Change(t.Context(), groupA, ms, nil)
		wantEffects(t, added, "unavailable", "changed")
	})
}

// TestRemovesInBatches: 20 to a batch, each by reference, and in whatever order
// the answers come.
func TestRemovesInBatches(t *testing.T) {
	t.Parallel()
	ms := ids(23)
	absent := string(ms[7].ID)
	sizes := ""
	c, f := talk(t, groupThen(func(_ int, a asked) canned {
		n := 0
		defer func() { sizes += fmt.Sprint(n, " ") }()
		return batchAnswers(a, func(s step) (int, string, string) {
			n++
			if s.Method != http.MethodDelete || !strings.HasSuffix(s.URL, "/$ref") || !strings.HasPrefix(s.URL, "/groups/"+groupA+"/members/") {
				t.Errorf("request in a batch: got %s %s, want a reference deleted", s.Method, s.URL)
			}
			if strings.Contains(s.URL, absent) {
				return 404, "", refused(404, notThereCode, notThereText(absent)).body
			}
			return 204, "", ""
		})
	}))
	_, removed := c.Change(t.Context(), groupA, nil, ms)
	for i, e := range removed {
		if e.Err != nil || e.Changed != (i != 7) {
			t.Errorf("effect %d: got %+v, want changed, and not for the eighth", i, e)
		}
	}
	if sizes != "20 3 " || len(writesOf(f)) != 2 {
		t.Errorf("batches: got %s in %d requests, want 20 and 3 in two", sizes, len(writesOf(f)))
	}
}

// TestRemovalsAreSentFirst: access that ends does not wait behind access that
// begins.
func TestRemovalsAreSentFirst(t *testing.T) {
	t.Parallel()
	ms := ids(4)
	c, f := talk(t, groupThen(func(_ int, a asked) canned {
		if a.method == http.MethodPost {
			return batchAnswers(a, func(step) (int, string, string) { return 204, "", "" })
		}
		return noContent()
	}))
	added, removed := c.Change(t.Context(), groupA, ms[:2], ms[2:])
	wantEffects(t, added, "changed", "changed")
	wantEffects(t, removed, "changed", "changed")
	if got := fmt.Sprint(writesOf(f)); got != "[POST /$batch PATCH /groups/"+groupA+"]" {
		t.Errorf("requests: got %s, want the batch of removals first", got)
	}
}

// TestWithinABatch: each request is throttled, fails and is lost by itself, and
// what had its answer is not sent again.
func TestWithinABatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ms := ids(7)
		sent := map[string]int{}
		c, f := talk(t, groupThen(func(_ int, a asked) canned {
			return batchAnswers(a, func(s step) (int, string, string) {
				sent[s.URL]++
				first := sent[s.URL] == 1
				switch i := strings.Index("0123456", s.URL[len(s.URL)-6:len(s.URL)-5]); {
				case i == 1 && first: // throttled, by a text or a number
					return 429, `{"Retry-After":"7"}`, refused(429, "TooManyRequests", "x").body
				case i == 2 && first:
					return 429, `{"Retry-After":3}`, `"a text"`
				case i == 3 && first: // carried out, perhaps
					return 503, "", ""
				case i == 3:
					return 404, "", refused(404, notThereCode, "x").body
				case i == 4: // for ever
					return 429, `{"Retry-After":"1"}`, ""
				case i == 5 && first: // left out
					return 0, "", ""
				case i == 6:
					return 403, "", refused(403, "Authorization_RequestDenied", "no").body
				}
				return 204, "", ""
			})
		}))
		defer c.Close()
		start := time.Now()
		_, removed := c.Change(t.Context(), groupA, nil, ms)
		wantEffects(t, removed, "changed", "changed", "changed", "unavailable", "throttled", "changed", "denied")
		if took := time.Since(start); took < 7*time.Second {
			t.Errorf("it took %s, want the longest of the times to wait", took)
		}
		if n := sent["/groups/"+groupA+"/members/"+string(ms[0].ID)+"/$ref"]; n != 1 {
			t.Errorf("a request that had its answer: got it sent %d times, want once", n)
		}
		if got := len(writesOf(f)); got != batchTries {
			t.Errorf("batches: got %d, want %d", got, batchTries)
		}
	})
}

// TestBatchLost: when the answer to a batch was lost, whoever is not there
// afterwards may have been removed by it; whoever was still there, was not.
func TestBatchLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ms := ids(2)
		c, _ := talk(t, groupThen(func(n int, a asked) canned {
			if n == 0 {
				return canned{status: -1}
			}
			return batchAnswers(a, func(s step) (int, string, string) {
				if strings.Contains(s.URL, string(ms[0].ID)) {
					return 404, "", refused(404, notThereCode, notThereText(string(ms[0].ID))).body
				}
				return 204, "", ""
			})
		}))
		defer c.Close()
		_, removed := c.Change(t.Context(), groupA, nil, ms)
		wantEffects(t, removed, "unavailable", "changed")
	})
}

// TestOneChangeAtATime: of two writes to one member the last must be noted
// last. Other groups do not wait.
func TestOneChangeAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		c, f := talk(t, func(_ int, a asked) canned {
			switch {
			case a.method == http.MethodGet:
				return ok(strings.Replace(plainGroup, groupA, a.path[len("/groups/"):], 1))
			case strings.Contains(a.path, groupA):
				<-hold
			}
			return noContent()
		})
		defer c.Close()
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = c.Add(t.Context(), groupA, member(userA)) })
		synctest.Wait()
		wg.Go(func() { _, _ = c.Remove(t.Context(), groupA, member(userA)) })
		wg.Go(func() { _, _ = c.Add(t.Context(), groupB, member(userA)) })
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := c.Remove(ctx, groupA, member(userB)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Remove that waits: got error %v, want the context's", err)
			}
		})
		synctest.Wait()
		if got := fmt.Sprint(writesOf(f)); strings.Count(got, groupA) != 1 || strings.Count(got, groupB) != 1 {
			t.Errorf("writes under way: got %s, want one for each group", got)
		}
		time.Sleep(2 * time.Second)
		close(hold)
		wg.Wait()
		if op, known := c.writes.Last(groupA, userA); !known || op != engine.Remove {
			t.Errorf("noted last: got %q, want the removal", op)
		}
	})
}

// TestBatchAsAWhole: when the batch itself is refused or lost, so is each
// request in it.
func TestBatchAsAWhole(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer canned
		want   string
	}{
		"denied":       {refused(403, "Authorization_RequestDenied", "no"), "denied"},
		"throttled":    {refused(429, "TooManyRequests", "x"), "throttled"},
		"cut":          {canned{status: -1}, "unavailable"},
		"no answers":   {ok(`{}`), "unavailable"},
		"half a text":  {ok(`{"responses":[`), "unavailable"},
		"null answers": {ok(`{"responses":[null]}`), "unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, _ := talk(t, groupThen(func(int, asked) canned { return tc.answer }))
				defer c.Close()
				_, removed := c.Change(t.Context(), groupA, nil, ids(3))
				wantEffects(t, removed, tc.want, tc.want, tc.want)
			})
		})
	}
}

// TestNoDeleteOfAccounts: without its last word the path of a membership is
// that of the account. No layer lets it pass, alone or in a batch.
func TestNoDeleteOfAccounts(t *testing.T) {
	t.Parallel()
	c, f := talk(t, func(int, asked) canned { return noContent() })
	for _, r := range []request{
		{method: abs.DELETE, path: path("groups", groupA, "members", userA)},
		{method: abs.DELETE, path: path("users", userA)},
		{method: abs.DELETE, path: path("groups", groupA)},
	} {
		if r.method.String() != http.MethodDelete {
			t.Fatalf("method: got %s, want DELETE", r.method)
		}
		if err := c.wire.write(t.Context(), r); engine.KindOf(err) != engine.Rejected {
			t.Errorf("%s: got error %v, want it refused", r.path, err)
		}
		r.weight = writing()
		for _, o := range c.wire.do(t.Context(), []request{r, {method: abs.DELETE, path: path("groups", groupA, "members", userB, "$ref"), weight: writing()}}) {
			if engine.KindOf(o.err) != engine.Rejected {
				t.Errorf("%s in a batch: got error %v, want it refused", r.path, o.err)
			}
		}
	}
	for _, id := range []engine.MemberID{"", "x", userA + "/..", "../" + userA, userA + "?", "me"} {
		if changed, err := c.Remove(t.Context(), groupA, engine.Member{ID: id}); changed {
			t.Errorf("Remove(%q): got changed and error %v, want nothing removed", id, err)
		}
	}
	if got := writesOf(f); len(got) > 0 {
		t.Errorf("requests: got %v, want none to write", got)
	}
}

// TestReasonOfARefusal: a group that became dynamic a moment ago refuses with a
// 403 that does not tell why.
func TestReasonOfARefusal(t *testing.T) {
	t.Parallel()
	looks := 0
	c, _ := talk(t, func(_ int, a asked) canned {
		if a.method == http.MethodGet {
			if looks++; looks > 1 {
				return ok(strings.Replace(plainGroup, `"groupTypes":[]`, `"groupTypes":["DynamicMembership"]`, 1))
			}
			return ok(plainGroup)
		}
		return refused(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
	})
	_, err := c.Add(t.Context(), groupA, member(userA))
	if engine.KindOf(err) != engine.Unmanageable || !strings.Contains(err.Error(), "dynamic membership") {
		t.Errorf("Add: got error %v, want kind unmanageable and the reason", err)
	}
}

// TestGroupIsAskedOnce: what a group is, is asked once in a minute and not
// before each write.
func TestGroupIsAskedOnce(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c, f := talk(t, groupThen(func(int, asked) canned { return noContent() }), func(c *Config) { c.Now = func() time.Time { return now } })
	for i, m := range ids(4) {
		if i == 3 {
			now = now.Add(fresh)
		}
		if changed, err := c.Add(t.Context(), groupA, m); !changed || err != nil {
			t.Errorf("Add: got changed %t and error %v, want changed", changed, err)
		}
	}
	if got := len(f.requests()) - len(writesOf(f)); got != 2 {
		t.Errorf("requests about the group: got %d, want 2", got)
	}
}
