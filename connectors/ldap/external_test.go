package ldap

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/daypass-dev/daypass/connectors/ldap/ldaptest"
	"github.com/daypass-dev/daypass/engine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newPair writes a certificate that is its own authority, for server and
// client alike.
func newPair(t *testing.T) (certFile, keyFile string, pair tls.Certificate) {
	t.Helper()
	fatal := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fatal(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "daypass"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	fatal(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	fatal(err)
	certFile, keyFile = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	fatal(os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600))
	fatal(os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	pair, err = tls.LoadX509KeyPair(certFile, keyFile)
	fatal(err)
	return certFile, keyFile, pair
}

func TestClientCertificateAuthenticates(t *testing.T) {
	t.Parallel()
	certFile, keyFile, pair := newPair(t)
	clients := x509.NewCertPool()
	clients.AddCert(pair.Leaf)
	s := newSmall(t, ldaptest.Options{TLS: &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientCAs: clients, ClientAuth: tls.VerifyClientCertIfGiven,
	}}, "groupOfMembers")
	external := func(c *Config) {
		c.StartTLS, c.CAFile = true, certFile
		c.BindDN, c.Password, c.External, c.ClientCert, c.ClientKey = "", nil, true, certFile, keyFile
	}
	c := s.connector(external)
	if changed, err := c.Add(t.Context(), s.id, s.ada); !changed || err != nil {
		t.Errorf("Add with a client certificate: got %t and %v, want true", changed, err)
	}
	s.list(s.ada)
	other, otherKey, _ := newPair(t)
	_, err := s.connector(external, func(c *Config) { c.ClientCert, c.ClientKey = other, otherKey }).Group(t.Context(), "prod-db")
	if err == nil || engine.KindOf(err) == engine.NotFound {
		t.Errorf("Group with a certificate of somebody else: got error %v, want a refusal", err)
	}
}
