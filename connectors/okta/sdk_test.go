package okta

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/daypass-dev/daypass/connectors/okta/oktatest"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/sim"
)

// small is an org with one group of one member, and a connector on it.
func small(t testing.TB, edit ...func(*Config)) (b *bench, c *Connector, g engine.GroupID, ada engine.MemberID) {
	t.Helper()
	b = newBench(t, oktatest.Options{})
	ada = b.userOf(oktatest.User{Login: "ada" + testMail})
	g = b.group("prod-db", string(ada))
	return b, b.connector(edit...), g, ada
}

// The SDK answers listings from a cache for 300 seconds by default.
func TestListingsAreNeverFromMemory(t *testing.T) {
	t.Parallel()
	b, c, g, _ := small(t)
	bob := b.userOf(oktatest.User{Login: "bob" + testMail})
	for _, want := range []int{1, 2, 1} {
		ms, err := c.Members(t.Context(), g)
		if err != nil || len(ms) != want {
			t.Fatalf("Members: got %d and error %v, want %d", len(ms), err, want)
		}
		if want == 1 {
			b.must(b.s.Put(string(g), string(bob)))
		} else {
			b.must(b.s.Take(string(g), string(bob)))
		}
	}
	if got := b.s.Log.Count("GET /api/v1/groups/{id}/users"); got != 3 {
		t.Errorf("requests: got %d, want one for each listing", got)
	}
}

// The SDK tries again three times by itself, and on a closed connection for
// ever and without a pause.
func TestOneLayerRetries(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]sim.Fault{
		"too many requests": answered(429, "E0000047", "slow down"),
		"unavailable":       answered(503, "E0000010", "read only"),
		"closed connection": {Effect: sim.Drop},
		"half an answer":    {Effect: sim.Half},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, c, g, _ := small(t) // outside of the bubble: the SDK starts a goroutine that never ends
			f.Times = -1
			b.s.Faults.Inject(f)
			var ms []engine.Member
			var err error
			synctest.Test(t, func(t *testing.T) { ms, err = c.Members(t.Context(), g) })
			want := engine.Unavailable
			if f.Status == 429 {
				want = engine.Throttled
			}
			wantKind(t, "Members", err, want, "corp: list the members of")
			if got := b.s.Log.Total(); got != 4 || ms != nil {
				t.Errorf("got %d requests and %d members, want 4 and none", got, len(ms))
			}
		})
	}
}

// The SDK puts ids into paths as they are.
func TestIDsAreCheckedBeforeTheyReachAPath(t *testing.T) {
	t.Parallel()
	b, c, g, ada := small(t)
	for _, id := range []string{"", ".", "..", "x/../../users/" + string(ada), string(g) + "/../x", string(g) + "?limit=1", "00g", string(ada), string(g) + "\n"} {
		ms, err := c.Members(t.Context(), engine.GroupID(id))
		wantKind(t, fmt.Sprintf("Members(%q)", id), err, engine.NotFound)
		_, err = c.Add(t.Context(), engine.GroupID(id), engine.Member{ID: ada, Login: "ada"})
		wantKind(t, fmt.Sprintf("Add to %q", id), err, engine.NotFound)
		_, err = c.Attribute(t.Context(), engine.GroupID(id), b.clock.Now())
		wantKind(t, fmt.Sprintf("Attribute(%q)", id), err, engine.NotFound)
		if ms != nil {
			t.Errorf("Members(%q): got %v", id, ms)
		}
	}
	if got := b.s.Log.Total(); got != 0 {
		t.Errorf("requests for groups: got %d, want none", got)
	}
	for _, id := range []string{"", "me", "../" + string(g), "ada" + testMail, string(g), string(ada) + "/lifecycle/deactivate"} {
		_, err := c.Add(t.Context(), g, engine.Member{ID: engine.MemberID(id), Login: "x"})
		wantKind(t, fmt.Sprintf("Add of %q", id), err, engine.NotFound)
	}
	if got := len(b.s.Writes()); got != 0 {
		t.Errorf("writes: got %d, want none", got)
	}
}

// The SDK reads ~/.okta/okta.yaml and OKTA_*, and prints to standard output
// when it can not.
func TestNothingIsReadFromTheEnvironment(t *testing.T) { // not parallel: it changes the environment
	home := t.TempDir()
	if err := os.MkdirAll(filepath.Join(home, ".okta"), 0o700); err != nil {
		t.Fatal(err)
	}
	text := "okta:\n  client:\n    orgUrl: https://evil.example.org\n    token: evil\n    cache: {enabled: true}\n    rateLimit: {maxRetries: 9}\n"
	if err := os.WriteFile(filepath.Join(home, ".okta", "okta.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"HOME": home, "OKTA_CLIENT_ORGURL": "https://evil.example.org", "OKTA_CLIENT_TOKEN": "evil", "OKTA_CLIENT_AUTHORIZATIONMODE": "PrivateKey",
		"OKTA_CLIENT_CACHE_ENABLED": "perhaps", "OKTA_CLIENT_RATE_LIMIT_MAX_RETRIES": "9", "OKTA_CLIENT_REQUEST_TIMEOUT": "1",
		"OKTA_TESTING_DISABLE_HTTPS_CHECK": "true",
	} {
		t.Setenv(name, value)
	}
	stdout := os.Stdout
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	os.Stdout = w
	var host, agent string
	b, c, g, _ := small(t, func(cfg *Config) {
		next := cfg.Transport
		cfg.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			host, agent = r.URL.Host, r.Header.Get("Authorization")
			return next.RoundTrip(r)
		})
	})
	_, err = c.Members(t.Context(), g)
	os.Stdout = stdout
	w.Close()
	printed, _ := io.ReadAll(r)
	if err != nil || host != strings.TrimPrefix(b.s.URL(), "https://") || agent != "SSWS "+testToken || len(printed) > 0 {
		t.Errorf("got host %q, credential %q, error %v and printed %q, want those of the configuration and silence", host, agent, err, printed)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A PUT without a length is 411 at Okta; this goes through net/http.
func TestOverARealConnection(t *testing.T) {
	t.Parallel()
	b, _, g, ada := small(t)
	b.must(b.s.Start(""))
	t.Cleanup(func() { _ = b.s.Close() })
	c := b.connector(func(cfg *Config) { cfg.Transport = nil })
	t.Cleanup(func() { _ = c.http.Close() })
	m := engine.Member{ID: ada, Login: "ada" + testMail}
	for _, step := range []struct {
		do   func() (bool, error)
		want bool
	}{
		{func() (bool, error) { return c.Remove(t.Context(), g, m) }, true},
		{func() (bool, error) { return c.Remove(t.Context(), g, m) }, false},
		{func() (bool, error) { return c.Add(t.Context(), g, m) }, true},
		{func() (bool, error) { return c.Add(t.Context(), g, m) }, false},
	} {
		if got, err := step.do(); err != nil || got != step.want {
			t.Errorf("got changed %t and error %v, want %t", got, err, step.want)
		}
	}
	if found, err := c.Resolve(t.Context(), "ada"+testMail); err != nil || found != m {
		t.Errorf("Resolve: got %+v and error %v, want %+v", found, err, m)
	}
}
