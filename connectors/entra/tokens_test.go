package entra

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/sim"
)

func unauthorized(challenge string) canned {
	c := refused(401, "InvalidAuthenticationToken", "Access token has expired or is not yet valid.")
	c.header = http.Header{"Www-Authenticate": {challenge}}
	return c
}

// withBadge gives a connector a credential to look at.
func withBadge(b *badge) func(*Config) { return func(c *Config) { c.Credential = b } }

// TestTokenIsKept: one token serves until shortly before its end.
func TestTokenIsKept(t *testing.T) {
	t.Parallel()
	now := time.Now()
	b := &badge{ends: now.Add(time.Hour)}
	c, f := talk(t, func(int, asked) canned { return ok(pageBody("")) }, withBadge(b), func(c *Config) { c.Now = func() time.Time { return now } })
	for _, passes := range []time.Duration{0, 30 * time.Minute, 20 * time.Minute, 6 * time.Minute} {
		now = now.Add(passes)
		if _, err := c.Members(t.Context(), groupA); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, a := range f.requests() {
		got = append(got, a.header.Get("Authorization"))
	}
	if want := "[Bearer token-1 Bearer token-1 Bearer token-1 Bearer token-2]"; fmt.Sprint(got) != want {
		t.Errorf("tokens: got %v, want %s", got, want)
	}
}

// TestTokenRefused: a 401 is answered with a new token, once.
func TestTokenRefused(t *testing.T) {
	t.Parallel()
	claims := `{"access_token":{"nbf":{"essential":true,"value":"1702682181"}}}`
	encoded := base64.StdEncoding.EncodeToString([]byte(claims))
	for _, tc := range []struct {
		name, challenge, claims string
		for401                  int // answers
		want                    engine.Kind
	}{
		{"once", `Bearer realm=""`, "", 1, ""},
		{"for ever", `Bearer realm=""`, "", 99, engine.Denied},
		{"revoked, with claims", `Bearer realm="", error="insufficient_claims", claims="` + encoded + `"`, claims, 1, ""},
		{"revoked for ever, with claims", `Bearer realm="", claims="` + encoded + `"`, claims, 99, engine.Denied},
		{"claims without quotes", `Bearer claims=` + encoded, "", 99, engine.Denied},
		{"claims that are none", `Bearer claims="%%%"`, "", 1, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := &badge{}
				c, f := talk(t, func(n int, _ asked) canned {
					if n > 0 && n <= tc.for401 { // the first is answered: the token is good at first
						return unauthorized(tc.challenge)
					}
					return ok(pageBody(""))
				}, withBadge(b))
				defer c.Close()
				_, err := c.Members(t.Context(), groupA)
				time.Sleep(time.Minute)
				if err == nil {
					_, err = c.Members(t.Context(), groupA)
				}
				if tc.want == "" && err != nil || tc.want != "" && engine.KindOf(err) != tc.want {
					t.Errorf("Members: got error %v, want kind %q", err, tc.want)
				}
				if got := f.requests(); len(got) != 3 || got[2].header.Get("Authorization") != "Bearer token-2" {
					t.Errorf("requests: got %d, want 3 and the last with the second token", len(got))
				}
				if got := b.claims[len(b.claims)-1]; got != tc.claims {
					t.Errorf("claims asked for: got %q, want %q", got, tc.claims)
				}
			})
		})
	}
}

// TestTokenRefusedToMany: those who were refused at once share one new token.
func TestTokenRefusedToMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &badge{}
		c, _ := talk(t, func(_ int, a asked) canned {
			if a.header.Get("Authorization") == "Bearer token-1" && a.path != "/groups" {
				time.Sleep(time.Second) // until many have asked
				return unauthorized("Bearer")
			}
			return ok(pageBody(""))
		}, withBadge(b))
		defer c.Close()
		for range c.Groups(t.Context()) {
		}
		time.Sleep(time.Minute)
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				if _, err := c.Members(t.Context(), groupA); err != nil {
					t.Errorf("Members: got error %v, want none", err)
				}
			})
		}
		wg.Wait()
		if b.n != 2 {
			t.Errorf("tokens: got %d, want 2", b.n)
		}
	})
}

// door is a token endpoint in clear text, as a simulator's.
func door(t *testing.T, secret func(context.Context) (string, error), answer func(n int, a asked) canned) (*Connector, *fake) {
	t.Helper()
	f := &fake{answer: answer}
	c, err := New(Config{
		Name: "corp", Tenant: "contoso.onmicrosoft.com", ClientID: userA, Secret: secret,
		URL: "http://localhost", Authority: "http://localhost", Transport: sim.Transport(f),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, f
}

const tokenPath = "/contoso.onmicrosoft.com/oauth2/v2.0/token"

// TestLogonRefused: what the token endpoint says comes out with the way out,
// and without the secret.
func TestLogonRefused(t *testing.T) {
	t.Parallel()
	aadsts := func(kind string, code int, text string) canned {
		return canned{status: 401, body: fmt.Sprintf(`{"error":%q,"error_description":"AADSTS%d: %s Trace ID: 1 Correlation ID: 2","error_codes":[%d]}`, kind, code, text, code)}
	}
	for _, tc := range []struct {
		name   string
		answer canned
		want   engine.Kind
		text   string
	}{
		{"wrong secret", aadsts("invalid_client", 7000215, "Invalid client secret provided."), engine.Denied, "invalid_client: AADSTS7000215: Invalid client secret provided.; write the secret's value, which is shown once, and not its id"},
		{"expired secret", aadsts("invalid_client", 7000222, "The provided client secret keys are expired."), engine.Denied, "make a new one"},
		{"unknown app", aadsts("unauthorized_client", 700016, "Application not found."), engine.Denied, "check the client id"},
		{"unknown tenant", aadsts("invalid_request", 90002, "Tenant not found."), engine.Denied, "check the tenant"},
		{"unknown reason", aadsts("invalid_request", 1, "Something."), engine.Denied, "AADSTS1: Something."},
		{"not from there", canned{status: 403, body: "<html>"}, engine.Denied, "the token endpoint answers 403"},
		{"busy", canned{status: 429, header: http.Header{"Retry-After": {"900"}}}, engine.Throttled, "is busy"},
		{"broken", canned{status: 503}, engine.Unavailable, "get a token"},
		{"cut", canned{status: -1}, engine.Unavailable, "get a token from localhost"},
		{"no token", ok(`{"token_type":"Bearer"}`), engine.Unavailable, "200 without one"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, f := door(t, static("s3cret"), func(_ int, a asked) canned { return tc.answer })
				defer c.Close()
				_, err := c.Members(t.Context(), groupA)
				if engine.KindOf(err) != tc.want || !strings.Contains(err.Error(), tc.text) {
					t.Errorf("Members: got error %v (%s), want kind %s and %q", err, engine.KindOf(err), tc.want, tc.text)
				}
				if strings.Contains(err.Error(), "s3cret") {
					t.Errorf("Members: got error %v, want one without the secret", err)
				}
				for _, a := range f.requests() {
					if a.path != tokenPath {
						t.Errorf("request: got %s, want none but for a token", a)
					}
				}
				// What is known of a write that was never sent: nothing was changed, or not known.
				if changed, err := c.Remove(t.Context(), groupA, member(userA)); changed || engine.KindOf(err) != tc.want {
					t.Errorf("Remove: got changed %t and error %v, want kind %s", changed, err, tc.want)
				}
			})
		})
	}
}

// TestSecretOnUse: the secret is asked for when a token is needed, and may be
// another one by then.
func TestSecretOnUse(t *testing.T) {
	t.Parallel()
	n := 0
	c, f := door(t, func(context.Context) (string, error) {
		n++
		if n == 3 {
			return "", errors.New("read /run/secrets/entra: permission denied")
		}
		return fmt.Sprint("secret-", n), nil
	}, func(_ int, a asked) canned {
		if a.path == tokenPath {
			return ok(`{"access_token":"t","expires_in":1}`) // good for nothing, so another is needed
		}
		return ok(pageBody(""))
	})
	if n != 0 {
		t.Errorf("secret: got asked for %d times before it is needed, want none", n)
	}
	for i := range 3 {
		_, err := c.Members(t.Context(), groupA)
		if i < 2 && err != nil || i == 2 && (engine.KindOf(err) != engine.Denied || !strings.Contains(err.Error(), "permission denied")) {
			t.Errorf("Members: got error %v, want none, and in the end kind denied", err)
		}
	}
	if got := f.requests(); len(got) != 4 || !strings.Contains(got[0].body, "client_secret=secret-1") || !strings.Contains(got[2].body, "client_secret=secret-2") {
		t.Errorf("requests: got %v, want two for tokens, with the secret of the time", got)
	}
}

// TestWaitingForAToken ends with the context.
func TestWaitingForAToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		block := make(chan struct{})
		c, _ := door(t, static("s3cret"), func(int, asked) canned {
			<-block
			return canned{status: 503}
		})
		defer c.Close()
		defer close(block)
		for range 2 { // the second one waits for the first
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := c.Members(ctx, groupA)
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Members: got error %v, want the context's", err)
			}
		}
	})
}

func TestReadPassport(t *testing.T) {
	t.Parallel()
	payload := base64.RawURLEncoding.EncodeToString([]byte(`{"appid":"a","tid":"t","roles":["User.Read.All"]}`))
	p, ok := readPassport("x." + payload + ".y")
	if !ok || p.App != "a" || p.Tenant != "t" || !granted(p, "user.read.all") || granted(p, "User.ReadWrite.All") {
		t.Errorf("readPassport: got %+v and %t, want the app, the tenant and one role", p, ok)
	}
	for _, bad := range []string{"", "opaque", "a.b.c", "x." + base64.RawURLEncoding.EncodeToString([]byte("[]")) + ".y"} {
		if p, ok := readPassport(bad); ok {
			t.Errorf("readPassport(%q): got %+v, want it unreadable", bad, p)
		}
	}
}

// TestLostAnswerThenNoToken: a write may have been carried out, and for the
// next attempt there is no token. That is no refusal of the first one.
func TestLostAnswerThenNoToken(t *testing.T) {
	t.Parallel()
	cut, failed := canned{status: -1}, refused(503, "ServiceUnavailable", "")
	within := func(status int) canned { return canned{status: status, body: "within"} }
	for _, tc := range []struct {
		name    string
		op      engine.Op
		members int
		answers []canned // after the last of them there are no tokens
		want    engine.Kind
	}{
		{"one added", engine.Add, 1, []canned{cut}, engine.Unavailable},
		{"one removed", engine.Remove, 1, []canned{cut}, engine.Unavailable},
		{"many added", engine.Add, 2, []canned{cut}, engine.Unavailable},
		{"many added, one by one at last", engine.Add, 2, []canned{failed, refused(400, badRequest400, alreadyText)}, engine.Unavailable},
		{"many removed", engine.Remove, 2, []canned{cut}, engine.Unavailable},
		{"many removed, each failed within the batch", engine.Remove, 2, []canned{within(503)}, engine.Unavailable},
		{"many removed, each throttled within the batch", engine.Remove, 2, []canned{within(429)}, engine.Denied},
		{"not known yet", engine.Add, 1, []canned{failed, refused(400, badRequest400, notYetText)}, engine.Unavailable},
		{"not known yet, and nothing lost", engine.Add, 1, []canned{refused(400, badRequest400, notYetText)}, engine.Denied},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				writes := 0
				vault := func(context.Context) (string, error) {
					if writes == len(tc.answers) {
						return "", errors.New("the vault is sealed")
					}
					return "s3cret", nil
				}
				c, _ := door(t, vault, func(_ int, a asked) canned {
					switch {
					case a.path == tokenPath:
						return ok(`{"access_token":"t","expires_in":1}`) // another one for each request
					case a.method == http.MethodGet:
						return ok(plainGroup)
					}
					writes++
					answer := tc.answers[writes-1]
					if answer.body == "within" {
						return batchAnswers(a, func(step) (int, string, string) { return answer.status, "", "" })
					}
					return answer
				})
				defer c.Close()
				var effects []engine.Effect
				if tc.op == engine.Add {
					effects, _ = c.Change(t.Context(), groupA, ids(tc.members), nil)
				} else {
					_, effects = c.Change(t.Context(), groupA, nil, ids(tc.members))
				}
				for _, e := range effects {
					if e.Changed || engine.KindOf(e.Err) != tc.want || !strings.Contains(fmt.Sprint(e.Err), "the vault is sealed") {
						t.Errorf("got %+v of kind %s, want kind %s and the reason", e, engine.KindOf(e.Err), tc.want)
					}
				}
			})
		})
	}
}
