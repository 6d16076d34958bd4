package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/ldap/ldaptest"
)

// gate is a listener that can be shut and opened again on the same port, as a
// server that goes down and comes back. What is behind it keeps its state.
type gate struct {
	conns chan net.Conn
	done  chan struct{}
	addr  net.Addr

	mu   sync.Mutex
	l    net.Listener // nil while it is shut
	once sync.Once
}

func newGate() (*gate, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g := &gate{conns: make(chan net.Conn), done: make(chan struct{}), addr: l.Addr()}
	g.serve(l)
	return g, nil
}

func (g *gate) serve(l net.Listener) {
	g.l = l
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			select {
			case g.conns <- c:
			case <-g.done:
				_ = c.Close()
				return
			}
		}
	}()
}

func (g *gate) open() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	l, err := net.Listen("tcp", g.addr.String())
	if err != nil {
		return err
	}
	g.serve(l)
	return nil
}

func (g *gate) shut() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.l == nil {
		return errors.New("the directory is down already")
	}
	err := g.l.Close()
	g.l = nil
	return err
}

// Accept implements [net.Listener].
func (g *gate) Accept() (net.Conn, error) {
	select {
	case c := <-g.conns:
		return c, nil
	case <-g.done:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (g *gate) Close() error {
	g.once.Do(func() { close(g.done) })
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.l == nil {
		return nil
	}
	return g.l.Close()
}

// Addr implements [net.Listener].
func (g *gate) Addr() net.Addr { return g.addr }

// certificates are a server's, which is good for localhost by that name only,
// the authority that signed it, and one that did not.
type certificates struct {
	server    *tls.Config
	ca, other []byte // PEM
}

func newCertificates(t *testing.T) *certificates {
	t.Helper()
	ca, caKey, caDER := authority(t, "daypass test CA")
	_, _, otherDER := authority(t, "another CA")
	key := newKey(t)
	leaf := template("localhost")
	leaf.DNSNames = []string{"localhost"}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	return &certificates{
		server: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12},
		ca:     asPEM(caDER), other: asPEM(otherDER),
	}
}

func authority(t *testing.T, name string) (*x509.Certificate, *ecdsa.PrivateKey, []byte) {
	t.Helper()
	key := newKey(t)
	c := template(name)
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return c, key, der
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
}

func asPEM(der []byte) []byte {
	var b bytes.Buffer
	_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: der}) // a buffer takes everything
	return b.Bytes()
}

// serveTLS serves s with TLS from the start, and returns the port.
func serveTLS(s *ldaptest.Server, c *certificates) (port string, err error) {
	l, err := tls.Listen("tcp", "127.0.0.1:0", c.server)
	if err != nil {
		return "", err
	}
	go func() { _ = s.Serve(l) }() // until Close
	_, port, err = net.SplitHostPort(l.Addr().String())
	return port, err
}
