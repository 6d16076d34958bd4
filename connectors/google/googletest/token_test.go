package googletest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/sim"
)

// sign makes an assertion from the key file, as a client does.
func (w *world) sign(edit func(*claims)) string {
	w.t.Helper()
	var file struct {
		Key   string `json:"private_key"`
		Email string `json:"client_email"`
		Token string `json:"token_uri"`
	}
	w.must(json.Unmarshal(w.Credentials(), &file))
	block, _ := pem.Decode([]byte(file.Key))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	w.must(err)
	now := w.Clock.Now()
	c := claims{Iss: file.Email, Scope: scopeMember, Aud: file.Token, Iat: now.Unix(), Exp: now.Add(time.Hour).Unix()}
	edit(&c)
	text, err := json.Marshal(c)
	w.must(err)
	signed := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(text)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key.(*rsa.PrivateKey), crypto.SHA256, sum[:])
	w.must(err)
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func (w *world) token(assertion string) (status int, body map[string]any) {
	w.t.Helper()
	resp, err := w.client.PostForm("https://oauth2.googleapis.com/token", url.Values{"grant_type": {grantType}, "assertion": {assertion}})
	w.must(err)
	defer resp.Body.Close()
	w.must(json.NewDecoder(resp.Body).Decode(&body))
	return resp.StatusCode, body
}

func TestTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Delegated: []string{scopeMember}})
	hour := int64(time.Hour / time.Second)
	for name, tc := range map[string]struct {
		edit   func(*claims)
		status int
		code   string
	}{
		"its own":             {func(*claims) {}, 200, ""},
		"in a user's name":    {func(c *claims) { c.Sub = "root@example.org" }, 200, ""},
		"not delegated":       {func(c *claims) { c.Sub, c.Scope = "root@example.org", scopeMember+" "+scopeUserRead }, 401, "unauthorized_client"},
		"no such user":        {func(c *claims) { c.Sub = "nobody@example.org" }, 400, "invalid_grant"},
		"another account":     {func(c *claims) { c.Iss = "x@example-project.iam.gserviceaccount.com" }, 400, "invalid_grant"},
		"for somebody else":   {func(c *claims) { c.Aud = "https://elsewhere.test/token" }, 400, "invalid_grant"},
		"from the future":     {func(c *claims) { c.Iat, c.Exp = c.Iat+hour, c.Exp+hour }, 400, "invalid_grant"},
		"from yesterday":      {func(c *claims) { c.Iat, c.Exp = c.Iat-24*hour, c.Exp-24*hour }, 400, "invalid_grant"},
		"for too long":        {func(c *claims) { c.Exp += hour }, 400, "invalid_grant"},
		"for nothing":         {func(c *claims) { c.Scope = "" }, 400, "invalid_scope"},
		"for something wrong": {func(c *claims) { c.Scope = "https://www.googleapis.com/auth/admin.directory.groups" }, 400, "invalid_scope"},
	} {
		status, body := w.token(w.sign(tc.edit))
		if code, _ := body["error"].(string); status != tc.status || code != tc.code {
			t.Errorf("%s: got %d %v, want %d %s", name, status, body, tc.status, tc.code)
		}
	}
	good := w.sign(func(*claims) {})
	if status, body := w.token(good[:len(good)-8] + "AAAAAAAA"); status != 400 || body["error_description"] != "Invalid JWT Signature." {
		t.Errorf("a broken signature: got %d %v", status, body)
	}
	if status, body := w.token("x"); status != 400 || body["error"] != "invalid_request" {
		t.Errorf("no assertion: got %d %v", status, body)
	}
}

func TestScopesAreEnforced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	_, body := w.token(w.sign(func(c *claims) { c.Scope = scopeMemberRead }))
	w.bearer, _ = body["access_token"].(string)
	w.want(200, "", "GET", groupPath(vpn)+"/members", "")
	a := w.want(403, "insufficientPermissions", "POST", groupPath(vpn)+"/members", `{"email":"ken@example.org"}`)
	if a.path("error", "status") != "PERMISSION_DENIED" || a.header.Get("Www-Authenticate") == "" {
		t.Errorf("a scope that is missing: got %s", a.text)
	}
	w.want(403, "insufficientPermissions", "GET", groupPath(vpn), "")
	if w.Has(vpn, ken) {
		t.Error("a refused write took effect")
	}
}

func TestTokensEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.Clock.Advance(time.Hour)
	w.want(401, "authError", "GET", groupPath(vpn), "")
	w.Grant("all")
	w.want(200, "", "GET", groupPath(vpn), "")
	w.Revoke()
	w.want(401, "authError", "GET", groupPath(vpn), "")
	w.bearer = ""
	w.want(401, "authError", "GET", groupPath(vpn), "")
}

// TestDelegation: whoever is spoken for must be a super administrator here, and
// not be suspended.
func TestDelegation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Lacks: rights()})
	speak := func(sub string) {
		_, body := w.token(w.sign(func(c *claims) { c.Sub = sub }))
		w.bearer, _ = body["access_token"].(string)
	}
	speak("root@example.org")
	w.want(200, "", "POST", groupPath("break-glass@example.org")+"/members", `{"email":"ken@example.org"}`)
	speak(ada)
	w.want(403, "forbidden", "GET", groupPath(vpn)+"/members", "")
	speak("root@example.org")
	w.must(w.Suspend("root@example.org"))
	w.want(401, "authError", "GET", groupPath(vpn)+"/members", "")
}

// TestMissingRole: without its role the service account is refused, or is told
// that there is nothing.
func TestMissingRole(t *testing.T) {
	t.Parallel()
	list := directoryRoot + "/groups?customer=my_customer"
	w := newWorld(t, Options{Lacks: rights()})
	w.want(403, "forbidden", "GET", list, "")
	w.want(403, "forbidden", "GET", directoryRoot+"/users?customer=my_customer", "")
	w.want(401, "authError", "GET", activities, "")
	w.want(403, "Error(2028)", "GET", "/v1/groups:lookup?groupKey.id="+vpn, "")
	w = newWorld(t, Options{Lacks: rights(), Silent: true})
	if a := w.want(200, "", "GET", list, ""); a.json["groups"] != nil {
		t.Errorf("groups: got %s, want none", a.text)
	}
	w.want(403, "forbidden", "GET", groupPath(vpn), "")
	w = newWorld(t, Options{HideKinds: true})
	w.want(403, "has not been used", "GET", "/v1/groups:lookup?groupKey.id="+vpn, "")
}

func TestOnAPort(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Clock: &sim.Clock{}})
	w.must(w.Start(""))
	defer w.Close()
	resp, err := http.Get(w.URL() + groupPath("a/b@example.org"))
	w.must(err)
	defer resp.Body.Close()
	if resp.StatusCode != 401 || w.Log.Count("GET "+pathGroup) != 1 {
		t.Errorf("a group with a slash: got %d and %v, want 401 and its route", resp.StatusCode, w.Log.Counts())
	}
	if got := string(w.Credentials()); !json.Valid([]byte(got)) || w.tokenURL() != w.URL()+"/token" {
		t.Errorf("key file: got %s", got)
	}
}
