package googletest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/sim"
)

var start = time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)

// world is a demo customer and a client that may do everything.
type world struct {
	*Server
	t      *testing.T
	client *http.Client
	bearer string
	header http.Header // of each request
}

func newWorld(t *testing.T, opt Options) *world {
	t.Helper()
	if opt.Clock == nil {
		opt.Clock = sim.Frozen(start)
	}
	s := New(opt)
	if err := s.Demo(20); err != nil {
		t.Fatal(err)
	}
	s.Grant("all")
	return &world{Server: s, t: t, client: &http.Client{Transport: s.Transport()}, bearer: "all"}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	text   string
	json   map[string]any
}

// reason is that of the first error.
func (a answer) reason() string {
	one, _ := a.path("error", "errors").([]any)
	if len(one) == 0 {
		return ""
	}
	reason, _ := one[0].(map[string]any)["reason"].(string)
	return reason
}

func (a answer) message() string {
	m, _ := a.path("error", "message").(string)
	return m
}

func (a answer) path(names ...string) any {
	var v any = a.json
	for _, name := range names {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

// list returns the objects under a name.
func (a answer) list(name string) []map[string]any {
	list, _ := a.json[name].([]any)
	var all []map[string]any
	for _, v := range list {
		all = append(all, v.(map[string]any))
	}
	return all
}

func (w *world) try(method, path, body string) (answer, error) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, "https://admin.googleapis.com"+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for name, values := range w.header {
		r.Header[name] = values
	}
	r.Header.Set("Authorization", "Bearer "+w.bearer)
	resp, err := w.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	a := answer{status: resp.StatusCode, header: resp.Header, text: string(text)}
	_ = json.Unmarshal(text, &a.json)
	return a, err
}

func (w *world) do(method, path, body string) answer {
	w.t.Helper()
	a, err := w.try(method, path, body)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

// want does a request and wants a status, and a reason or a part of the
// message.
func (w *world) want(status int, reason, method, path, body string) answer {
	w.t.Helper()
	a := w.do(method, path, body)
	if a.status != status || reason != "" && a.reason() != reason && !strings.Contains(a.message(), reason) {
		w.t.Errorf("%s %s %s: got %d %s, want %d %s", method, path, body, a.status, a.text, status, reason)
	}
	return a
}

func groupPath(group string) string { return directoryRoot + "/groups/" + url.PathEscape(group) }

func memberPath(group, member string) string {
	return groupPath(group) + "/members/" + url.PathEscape(member)
}

func (w *world) insert(group, email string) answer {
	w.t.Helper()
	return w.do("POST", groupPath(group)+"/members", `{"email":"`+email+`","role":"MEMBER"}`)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// emails lists the addresses in a group, as a reader sees it.
func (w *world) emails(group string) []string {
	w.t.Helper()
	var all []string
	for _, m := range w.want(200, "", "GET", groupPath(group)+"/members", "").list("members") {
		email, _ := m["email"].(string)
		all = append(all, email)
	}
	return all
}
