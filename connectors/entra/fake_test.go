package entra

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/daypass-dev/daypass/internal/sim"
)

// What no simulator should answer is answered by hand.

// canned is an answer. Without a type it is JSON.
type canned struct {
	status int
	header http.Header
	body   string
}

// asked is a request as it came.
type asked struct {
	method, path, query, body string
	header                    http.Header
}

func (a asked) String() string { return a.method + " " + a.path }

// fake is a Graph whose answers are made by a function; n counts from 0.
type fake struct {
	answer func(n int, a asked) canned

	mu  sync.Mutex
	got []asked
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	a := asked{r.Method, strings.TrimPrefix(r.URL.Path, "/v1.0"), r.URL.RawQuery, string(body), r.Header.Clone()}
	f.mu.Lock()
	n := len(f.got)
	f.got = append(f.got, a)
	f.mu.Unlock()
	c := f.answer(n, a)
	if c.status < 0 {
		panic(http.ErrAbortHandler) // cut
	}
	w.Header().Set("Content-Type", "application/json;odata.metadata=minimal")
	for k, v := range c.header {
		w.Header()[k] = v
	}
	w.WriteHeader(c.status)
	_, _ = w.Write([]byte(c.body))
}

func (f *fake) requests() []asked {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]asked(nil), f.got...)
}

// badge is a credential whose tokens are numbered.
type badge struct {
	mu     sync.Mutex
	n      int
	claims []string
	ends   time.Time
}

func (b *badge) GetToken(_ context.Context, opts policy.TokenRequestOptions) (azcore.AccessToken, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.n++
	b.claims = append(b.claims, opts.Claims)
	ends := b.ends
	if ends.IsZero() {
		ends = time.Now().Add(time.Hour)
	}
	return azcore.AccessToken{Token: "token-" + strconv.Itoa(b.n), ExpiresOn: ends}, nil
}

const (
	groupA = "aaaaaaaa-0000-4000-8000-000000000001"
	groupB = "aaaaaaaa-0000-4000-8000-000000000002"
	userA  = "bbbbbbbb-0000-4000-8000-000000000001"
	userB  = "bbbbbbbb-0000-4000-8000-000000000002"
	userC  = "bbbbbbbb-0000-4000-8000-000000000003"
)

const fakeRoot = "https://graph.example.org"

// talk connects to a fake.
func talk(t *testing.T, answer func(n int, a asked) canned, edits ...func(*Config)) (*Connector, *fake) {
	t.Helper()
	f := &fake{answer: answer}
	cfg := Config{Name: "corp", URL: fakeRoot, Authority: "https://login.example.org", Credential: &badge{}, Transport: sim.Transport(f)}
	for _, edit := range edits {
		edit(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c, f
}

func ok(body string) canned { return canned{status: http.StatusOK, body: body} }

func noContent() canned { return canned{status: http.StatusNoContent} }

func refused(status int, code, text string) canned {
	body, _ := json.Marshal(map[string]any{"error": map[string]string{"code": code, "message": text}})
	return canned{status: status, body: string(body)}
}

// Texts of Graph (facts of the vendor's documentation).
const (
	alreadyText   = "One or more added object references already exist for the following modified properties: 'members'."
	notYetText    = "The source resource object or one of the objects being referenced don't exist."
	plainGroup    = `{"id":"` + groupA + `","displayName":"prod-db","groupTypes":[],"mailEnabled":false,"securityEnabled":true}`
	notThereCode  = "Request_ResourceNotFound"
	badRequest400 = "Request_BadRequest"
)

func notThereText(id string) string {
	return "Resource '" + id + "' does not exist or one of its queried reference-property objects are not present."
}

// batchAnswers answers each request of a batch.
func batchAnswers(a asked, each func(s step) (status int, header, body string)) canned {
	var b struct{ Requests []step }
	_ = json.Unmarshal([]byte(a.body), &b)
	var parts []string
	for i := len(b.Requests) - 1; i >= 0; i-- { // in no particular order
		s := b.Requests[i]
		status, header, body := each(s)
		if status == 0 {
			continue // left out
		}
		if body == "" {
			body = "null"
		}
		if header == "" {
			header = "{}"
		}
		parts = append(parts, `{"id":"`+s.ID+`","status":`+strconv.Itoa(status)+`,"headers":`+header+`,"body":`+body+`}`)
	}
	return ok(`{"responses":[` + strings.Join(parts, ",") + `]}`)
}

const forgotPage = `{"error":{"code":"DirectoryPageTokenNotFoundException","message":"The page token is not known."}}`
