package entra

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/entra/entratest"
	"github.com/daypass-dev/daypass/engine"
)

// certificate makes a certificate and its key, both as PEM.
func certificate(t *testing.T) (cert, both string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "daypass"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return cert, cert + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// assertion is a token as a platform puts it into a file.
func assertion(issuer, subject string) string {
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	return part(`{"alg":"RS256"}`) + "." + part(`{"iss":"`+issuer+`","sub":"`+subject+`","aud":"api://AzureADTokenExchange","exp":4102444800}`) + "." + part("signed")
}

// TestWaysToLogIn: each of them by the SDK's own credential, over TLS as it
// wants.
func TestWaysToLogIn(t *testing.T) {
	t.Parallel()
	cert, both := certificate(t)
	_, other := certificate(t)
	platform := assertion("https://cluster.example.org", "system:serviceaccount:daypass")
	roles := entratest.DefaultRoles()
	apps := []entratest.App{
		{ID: entratest.DefaultApp, Secret: entratest.DefaultSecret, Roles: roles},
		{ID: userA, Certificate: cert, Roles: roles},
		{ID: userB, Issuer: "https://cluster.example.org", Subject: "system:serviceaccount:daypass", Roles: roles},
		{ID: userC, Secret: "old", Expired: true, Roles: roles},
	}
	for _, tc := range []struct {
		name string
		edit func(*Config)
		want string // in the error; empty: none
	}{
		{"secret", func(c *Config) {}, ""},
		{"wrong secret", func(c *Config) { c.Secret = static("wr0ng") }, "AADSTS7000215"},
		{"expired secret", func(c *Config) { c.ClientID, c.Secret = userC, static("old") }, "make a new one"},
		{"empty secret", func(c *Config) { c.Secret = static("") }, "the client secret is empty"},
		{"unknown app", func(c *Config) { c.ClientID = groupA }, "AADSTS700016"},
		{"unknown tenant", func(c *Config) { c.Tenant = "nowhere.example" }, "AADSTS90002"},
		{"tenant by its domain", func(c *Config) { c.Tenant = entratest.DefaultDomain }, ""},
		{"certificate", func(c *Config) { c.Secret, c.ClientID, c.CertFile = nil, userA, write(t, "a.pem", both) }, ""},
		{"wrong certificate", func(c *Config) { c.Secret, c.ClientID, c.CertFile = nil, userA, write(t, "a.pem", other) }, "upload the certificate"},
		{"certificate without key", func(c *Config) { c.Secret, c.ClientID, c.CertFile = nil, userA, write(t, "a.pem", cert) }, "read certificate"},
		{"no certificate", func(c *Config) { c.Secret, c.ClientID, c.CertFile = nil, userA, "/nowhere/a.pem" }, "/nowhere/a.pem"},
		{"workload", func(c *Config) {
			c.Secret, c.ClientID, c.Workload, c.TokenFile = nil, userB, true, write(t, "token", platform)
		}, ""},
		{"workload of somebody else", func(c *Config) {
			c.Secret, c.ClientID, c.Workload, c.TokenFile = nil, userB, true, write(t, "token", assertion("https://cluster.example.org", "x"))
		}, "add a federated credential"},
		{"workload without its file", func(c *Config) {
			c.Secret, c.ClientID, c.Workload, c.TokenFile = nil, userB, true, "/nowhere/token"
		}, "/nowhere/token"},
		{"managed identity", func(c *Config) { c.Secret, c.ClientID, c.ManagedIdentity = nil, "", true }, ""},
		{"user-assigned identity", func(c *Config) { c.Secret, c.ClientID, c.ManagedIdentity = nil, userB, true }, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, entratest.Options{Apps: apps})
			c := l.connect(func(c *Config) { c.URL, c.Authority = l.URL(), l.URL() }, tc.edit)
			_, err := c.Group(t.Context(), "nothing")
			switch {
			case tc.want == "" && engine.KindOf(err) != engine.NotFound:
				t.Errorf("Group: got error %v, want kind not-found: logged in, and no such group", err)
			case tc.want != "" && (engine.KindOf(err) != engine.Denied || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("Group: got error %v (%s), want kind denied and %q", err, engine.KindOf(err), tc.want)
			}
			for _, secret := range []string{entratest.DefaultSecret, "wr0ng", "BEGIN", platform} {
				if strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "\n") {
					t.Errorf("Group: got error %v, want one line without secrets", err)
				}
			}
		})
	}
}

// TestSecretIsExchanged: a new secret is used as soon as it is needed.
func TestSecretIsExchanged(t *testing.T) {
	t.Parallel()
	l := newLab(t, entratest.Options{})
	secret := entratest.DefaultSecret
	c := l.connect(func(c *Config) {
		c.URL, c.Authority = l.URL(), l.URL()
		c.Secret = func(context.Context) (string, error) { return secret, nil }
	})
	_, err := c.Group(t.Context(), "nothing")
	if engine.KindOf(err) != engine.NotFound {
		t.Fatalf("Group: got error %v, want kind not-found", err)
	}
	l.SetSecret(entratest.DefaultApp, "another")
	secret = "another"
	l.EndTokens()
	c.tokens.got = time.Time{}
	if _, err := c.Group(t.Context(), "nothing"); engine.KindOf(err) != engine.NotFound {
		t.Errorf("Group with another secret: got error %v, want kind not-found", err)
	}
}
