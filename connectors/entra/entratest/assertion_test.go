package entratest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"
)

func signed(t *testing.T, key *rsa.PrivateKey, claims map[string]any) string {
	t.Helper()
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"PS256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(body)
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:], nil)
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func TestAssertions(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	ok(t, err)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	ok(t, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "daypass"}},
		&x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "daypass"}}, &key.PublicKey, key)
	ok(t, err)
	const federated = "fede0000-0000-4000-8000-000000000001"
	s, c := open(t, Options{Apps: []App{
		{ID: DefaultApp, Certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), Roles: DefaultRoles()},
		{ID: federated, Issuer: "https://oidc.example", Subject: "system:serviceaccount:ops:daypass", Roles: DefaultRoles()},
	}})
	c.token = ""
	good := func() map[string]any {
		return map[string]any{"iss": DefaultApp, "sub": DefaultApp, "aud": s.URL() + "/" + DefaultTenant + "/oauth2/v2.0/token", "exp": s.Clock.Now().Add(time.Minute).Unix()}
	}
	expired, stranger, pod, otherPod := good(), good(), good(), good()
	expired["exp"] = s.Clock.Now().Unix()
	stranger["sub"] = nobody
	pod["iss"], pod["sub"] = "https://oidc.example", "system:serviceaccount:ops:daypass"
	otherPod["iss"], otherPod["sub"] = "https://oidc.example", "system:serviceaccount:ops:other"
	for _, tc := range []struct {
		name, app, assertion string
		want                 string
	}{
		{"good", DefaultApp, signed(t, key, good()), ""},
		{"another key", DefaultApp, signed(t, other, good()), "AADSTS700027"},
		{"expired", DefaultApp, signed(t, key, expired), "AADSTS700024"},
		{"another app", DefaultApp, signed(t, key, stranger), "AADSTS700021"},
		{"garbage", DefaultApp, "x", "AADSTS50027"},
		{"a pod", federated, signed(t, other, pod), ""},
		{"another pod", federated, signed(t, other, otherPod), "AADSTS700213"},
	} {
		form := url.Values{
			"grant_type": {"client_credentials"}, "client_id": {tc.app}, "scope": {"https://graph.microsoft.com/.default"},
			"client_assertion_type": {assertionType}, "client_assertion": {tc.assertion},
		}
		a := c.do("POST", s.URL()+"/"+DefaultTenant+"/oauth2/v2.0/token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
		if got := a.text("error_description"); tc.want == "" && a.status != 200 || !strings.HasPrefix(got, tc.want) {
			t.Errorf("%s: %d %s, want %q", tc.name, a.status, a.raw, tc.want)
		}
	}
	a := c.do("POST", s.URL()+"/"+DefaultTenant+"/oauth2/v2.0/token", "grant_type=client_credentials&client_id="+DefaultApp, "Content-Type", "application/x-www-form-urlencoded")
	if a.status != 401 || !strings.Contains(a.raw, "AADSTS7000218") {
		t.Errorf("nothing to show: %d %s", a.status, a.raw)
	}
}
