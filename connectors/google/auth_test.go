package google

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"github.com/daypass-dev/daypass/connectors/google/googletest"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/sim"
)

// keyedLab logs in with the simulator's service account. Assertions are signed
// with this machine's time, so the customer's clock runs with it.
func keyedLab(t *testing.T, opt googletest.Options, edit ...func(*Config)) *lab {
	t.Helper()
	opt.Clock = &sim.Clock{}
	l := newLab(t, opt)
	_, err := l.sim.AddUser(googletest.User{Email: "boss" + home, SuperAdmin: true})
	l.must(err)
	l.Connector = l.connect(append([]func(*Config){func(c *Config) {
		c.TokenSource = nil
		c.Key = func(context.Context) (string, error) { return string(l.sim.Credentials()), nil }
	}}, edit...)...)
	return l
}

func TestServiceAccountKey(t *testing.T) {
	t.Parallel()
	l := keyedLab(t, googletest.Options{})
	l.wantAdd("ada", true)
	l.wantList("ada")
	if n := l.count("POST /token"); n != 1 {
		t.Errorf("tokens: got %d requests, want one for several calls", n)
	}
}

func TestDelegationActsAsTheSubject(t *testing.T) {
	t.Parallel()
	l := keyedLab(t, googletest.Options{}, func(c *Config) { c.Subject = "boss" + home })
	l.wantAdd("ada", true)
	if by := l.sim.Writes()[0].By; by != "boss"+home {
		t.Errorf("write: got it done by %s, want the subject", by)
	}
}

// One scope that was not delegated refuses the whole token: the answer names
// all that are needed, and doctor the one that is missing.
func TestMissingScopeOfADelegation(t *testing.T) {
	t.Parallel()
	scopes := forDirectory.scopes()
	l := keyedLab(t, googletest.Options{Delegated: scopes[:2]}, func(c *Config) { c.Subject = "boss" + home })
	_, err := l.Group(l.ctx(), "prod-db"+home)
	wantKind(t, "Group", err, engine.Denied, append([]string{"unauthorized_client", "Domain-wide delegation"}, scopes...)...)
	if n := l.count("POST /token"); n != 1 {
		t.Errorf("refused tokens: got %d requests, want no second one", n)
	}
	found := l.Probe(l.ctx())
	if found[0].OK || !strings.Contains(found[0].Message, scopes[2]) || strings.Contains(found[0].Message, scopes[0]) {
		t.Errorf("Probe: got %+v, want only the missing scope %s", found[0], scopes[2])
	}
}

// What is optional takes nothing else away: no scope for the log and for kinds.
func TestOptionalScopesAreOptional(t *testing.T) {
	t.Parallel()
	l := keyedLab(t, googletest.Options{Delegated: forDirectory.scopes()}, func(c *Config) { c.Subject = "boss" + home })
	if g, err := l.Group(l.ctx(), "prod-db"+home); err != nil || g.ID != l.g {
		t.Errorf("Group: got %+v and error %v, want the group", g, err)
	}
	l.all("")
	l.wantAdd("ada", true)
	for _, f := range l.Probe(l.ctx()) {
		if !f.OK {
			t.Errorf("Probe: got %+v, want it well", f)
		}
	}
}

func TestRefusedKeys(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		key   func(l *lab) (string, error)
		words []string
	}{
		"a clock that is wrong": {func(l *lab) (string, error) {
			l.sim.Clock.Advance(2 * time.Hour)
			return string(l.sim.Credentials()), nil
		}, []string{"invalid_grant", "clock"}},
		"no JSON":             {func(*lab) (string, error) { return "-----BEGIN PRIVATE KEY-----MIIsecret", nil }, []string{"not JSON"}},
		"a user's credential": {func(*lab) (string, error) { return `{"type":"authorized_user","client_secret":"MIIsecret"}`, nil }, []string{"not that of a service account"}},
		"a key that is broken": {func(l *lab) (string, error) {
			return strings.Replace(string(l.sim.Credentials()), "KEY-----", "KEY-----MIIsecret", 1), nil
		}, []string{"no token"}},
		"a secret that is not there": {func(*lab) (string, error) { return "", errors.New("env: GOOGLE_KEY is not set") }, []string{"GOOGLE_KEY is not set"}},
		"a token endpoint in clear text": {func(*lab) (string, error) {
			return `{"type":"service_account","client_email":"x","private_key":"MIIsecret","token_uri":"http://tokens.example.org/"}`, nil
		}, []string{"clear text"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, googletest.Options{Clock: &sim.Clock{}})
			l.Connector = l.connect(func(cfg *Config) {
				cfg.TokenSource = nil
				cfg.Key = func(context.Context) (string, error) { return c.key(l) }
			})
			_, err := l.Resolve(l.ctx(), "ada"+home)
			wantKind(t, "Resolve", err, engine.Denied, c.words...)
			if err != nil && strings.Contains(err.Error(), "MIIsecret") {
				t.Errorf("Resolve: got the key in %q", err)
			}
			if n := l.sim.Log.Total(); n > 1 {
				t.Errorf("Resolve: got %d requests, want at most the one for a token", n)
			}
		})
	}
}

func TestSubjectThatDoesNotExist(t *testing.T) {
	t.Parallel()
	l := keyedLab(t, googletest.Options{}, func(c *Config) { c.Subject = "nobody" + home })
	_, err := l.Resolve(l.ctx(), "ada"+home)
	wantKind(t, "Resolve", err, engine.Denied, "invalid_grant", "subject")
}

// A token endpoint that is down says nothing about the credential.
func TestTokenEndpointThatIsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, tokenEndpointDown)
}

func tokenEndpointDown(t *testing.T) {
	l := keyedLab(t, googletest.Options{})
	down := sim.Fault{Times: -1, Status: http.StatusServiceUnavailable, Match: func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/token") }}
	l.sim.Faults.Inject(down)
	_, err := l.Add(l.ctx(), l.g, l.who("ada"))
	wantKind(t, "Add", err, engine.Unavailable)
	l.sim.Faults.Clear()
	l.wantAdd("ada", true)
}

// A token that ends before its time is replaced, once.
func TestRevokedToken(t *testing.T) {
	t.Parallel()
	l := keyedLab(t, googletest.Options{})
	l.wantAdd("ada", true)
	l.sim.Revoke()
	l.wantAdd("bob", true)
	if n := l.count("POST /token"); n != 2 {
		t.Errorf("tokens: got %d requests, want 2", n)
	}

	given := newLab(t, googletest.Options{})
	given.sim.Revoke()
	_, err := given.Resolve(given.ctx(), "ada"+home)
	wantKind(t, "Resolve with a token that is not taken", err, engine.Denied, "does not take the token")
	if n := given.sim.Log.Total(); n != 1 {
		t.Errorf("a token that cannot be renewed: got %d requests, want one", n)
	}
}

// Whoever waits for somebody else's token leaves with their own context.
func TestWaitingForATokenEndsWithTheContext(t *testing.T) {
	t.Parallel()
	l := keyedLab(t, googletest.Options{})
	l.sim.Faults.Inject(sim.Fault{Effect: sim.Hang, Times: -1})
	ctx, cancel := context.WithTimeout(l.ctx(), 30*time.Millisecond)
	defer cancel()
	done := make(chan error, 4)
	for range cap(done) {
		go func() {
			_, err := l.Resolve(ctx, "ada"+home)
			done <- err
		}()
	}
	for range cap(done) {
		if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Resolve: got error %v, want the context's", err)
		}
	}
}

// The SDK would log tokens when the environment asks it to.
func TestSDKDoesNotLog(t *testing.T) {
	t.Setenv("GOOGLE_SDK_GO_LOGGING_LEVEL", "debug")
	out := capture(t, func() {
		l := newLab(t, googletest.Options{})
		l.wantAdd("ada", true)
	})
	if out != "" {
		t.Errorf("stderr: got %q, want nothing", out)
	}
}

// capture returns what f writes to standard error.
func capture(t *testing.T, f func()) string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stderr
	os.Stderr = file
	defer func() { os.Stderr = before }()
	f()
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The credential of the machine, as a file that the environment names.
func TestAmbient(t *testing.T) {
	l := newLab(t, googletest.Options{Clock: &sim.Clock{}})
	file := filepath.Join(t.TempDir(), "key.json")
	l.must(os.WriteFile(file, l.sim.Credentials(), 0o600))
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
	l.Connector = l.connect(func(c *Config) { c.TokenSource, c.Ambient = nil, true })
	l.wantAdd("ada", true)
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file+"x")
	l.Connector = l.connect(func(c *Config) { c.TokenSource, c.Ambient = nil, true })
	_, err := l.Resolve(l.ctx(), "ada"+home)
	wantKind(t, "Resolve without a credential", err, engine.Denied, "ambient")
}

func TestConfig(t *testing.T) {
	t.Parallel()
	good := func() Config {
		return Config{Name: "corp", TokenSource: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: bearer})}
	}
	key := func(context.Context) (string, error) { return "", nil }
	for name, c := range map[string]struct {
		edit func(*Config)
		want string // "" is good
	}{
		"good":                {func(*Config) {}, ""},
		"simulator":           {func(c *Config) { c.URL = "http://127.0.0.1:8080/google/" }, ""},
		"no name":             {func(c *Config) { c.Name = "" }, "no name"},
		"clear text":          {func(c *Config) { c.URL = "http://example.org" }, "clear text"},
		"no URL":              {func(c *Config) { c.URL = "example.org" }, "https://host"},
		"a secret in the URL": {func(c *Config) { c.URL = "https://user:pass@example.org" }, "https://host"},
		"no credential":       {func(c *Config) { c.TokenSource = nil }, "no credential"},
		"two credentials":     {func(c *Config) { c.Ambient = true }, "keep one"},
		"subject alone":       {func(c *Config) { c.Subject = "root" + home }, "needs the key"},
		"odd subject":         {func(c *Config) { c.TokenSource, c.Key, c.Subject = nil, key, "root" }, "address"},
		"customer":            {func(c *Config) { c.Customer = "example.org" }, "C0123abcd"},
		"domain":              {func(c *Config) { c.Domain = "@example.org" }, "domain"},
		"share":               {func(c *Config) { c.Share = 1.5 }, "share"},
		"quota":               {func(c *Config) { c.PerMinute = -1 }, "quota"},
		"connections":         {func(c *Config) { c.Connections = -1 }, "connections"},
	} {
		cfg := good()
		c.edit(&cfg)
		_, err := New(cfg)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want %q", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "pass") {
			t.Errorf("%s: got a secret in %q", name, err)
		}
	}
}
