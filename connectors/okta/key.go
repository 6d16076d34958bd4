package okta

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // RS256, ES256
	_ "crypto/sha512" // ES384, ES512
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// claims are those of a client assertion (RFC 7523). Times are Unix seconds.
type claims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
}

// signingKey is the private key of a service app.
type signingKey struct {
	alg  string
	hash crypto.Hash
	rsa  *rsa.PrivateKey
	ec   *ecdsa.PrivateKey
}

// parseKey reads a private key as PEM. Line ends may be written as \n, as in
// environment variables. Its errors hold nothing of the key.
func parseKey(text string) (*signingKey, error) {
	block, _ := pem.Decode([]byte(strings.ReplaceAll(text, `\n`, "\n")))
	if block == nil {
		return nil, errors.New("it is not written as PEM (-----BEGIN PRIVATE KEY-----)")
	}
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		return nil, errors.New("it is encrypted; give it without a passphrase")
	default:
		return nil, fmt.Errorf("it is a %s, not a private key", strings.ToLower(clip(block.Type)))
	}
	if err != nil {
		return nil, errors.New("it is damaged, or encrypted with a passphrase")
	}
	return newSigningKey(key)
}

func newSigningKey(key any) (*signingKey, error) {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if k.N.BitLen() < 2048 {
			return nil, fmt.Errorf("it has %d bits, and Okta wants 2048", k.N.BitLen())
		}
		return &signingKey{alg: "RS256", hash: crypto.SHA256, rsa: k}, nil
	case *ecdsa.PrivateKey:
		switch k.Curve {
		case elliptic.P256():
			return &signingKey{alg: "ES256", hash: crypto.SHA256, ec: k}, nil
		case elliptic.P384():
			return &signingKey{alg: "ES384", hash: crypto.SHA384, ec: k}, nil
		case elliptic.P521():
			return &signingKey{alg: "ES512", hash: crypto.SHA512, ec: k}, nil
		}
	}
	return nil, errors.New("it is of a kind that Okta does not take: use RSA, or EC on P-256, P-384 or P-521")
}

// sign returns the assertion as a compact JWT (RFC 7515).
func (k *signingKey) sign(keyID string, c claims) (string, error) {
	header := map[string]string{"alg": k.alg, "typ": "JWT"}
	if keyID != "" {
		header["kid"] = keyID
	}
	head, err := json.Marshal(header)
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	b64 := base64.RawURLEncoding.EncodeToString
	text := b64(head) + "." + b64(body)
	signature, err := k.seal([]byte(text))
	if err != nil {
		return "", errors.New("it does not sign")
	}
	return text + "." + b64(signature), nil
}

func (k *signingKey) seal(text []byte) ([]byte, error) {
	h := k.hash.New()
	h.Write(text)
	digest := h.Sum(nil)
	if k.rsa != nil {
		return rsa.SignPKCS1v15(rand.Reader, k.rsa, k.hash, digest)
	}
	r, s, err := ecdsa.Sign(rand.Reader, k.ec, digest)
	if err != nil {
		return nil, err
	}
	size := (k.ec.Curve.Params().BitSize + 7) / 8 // both halves at full length (RFC 7518 3.4)
	out := make([]byte, 2*size)
	r.FillBytes(out[:size])
	s.FillBytes(out[size:])
	return out, nil
}
