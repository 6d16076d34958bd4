package entratest

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"strings"
)

// assertionType is the only one that is documented.
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

func badAssertion(code int, message string) *refusal {
	return &refusal{http.StatusUnauthorized, "invalid_client", message, code}
}

// assert judges a JWT in place of a secret: signed by the app's certificate,
// or by the issuer that a federated credential names.
func (s *Server) assert(app App, kind, assertion string) *refusal {
	var head struct {
		Algorithm string `json:"alg"`
	}
	var body struct {
		Issuer   string `json:"iss"`
		Subject  string `json:"sub"`
		Audience any    `json:"aud"`
		Expires  int64  `json:"exp"`
	}
	signed, signature, _ := cutLast(assertion, ".")
	first, second, _ := strings.Cut(signed, ".")
	sum, err := base64.RawURLEncoding.DecodeString(signature)
	switch {
	case kind != assertionType:
		return badAssertion(50027, "Invalid JWT token: client_assertion_type is '"+kind+"'.")
	case err != nil || !decodePart(first, &head) || !decodePart(second, &body):
		return badAssertion(50027, "Invalid JWT token. The token is malformed.")
	case body.Expires <= s.Clock.Now().Unix():
		return badAssertion(700024, "Client assertion is not within its valid time range.")
	case app.Issuer != "":
		if body.Issuer != app.Issuer || body.Subject != app.Subject {
			return badAssertion(700213, "No matching federated identity record found for presented assertion subject '"+body.Subject+"'.")
		}
		return nil
	case body.Issuer != app.ID || body.Subject != app.ID:
		return badAssertion(700021, "Client assertion application identifier doesn't match 'client_id' parameter.")
	case !verify(app.Certificate, head.Algorithm, signed, sum):
		return badAssertion(700027, "The certificate with identifier used to sign the client assertion is not registered on application.")
	}
	return nil
}

func decodePart(part string, into any) bool {
	b, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(b, into) == nil
}

func verify(certificate, algorithm, signed string, sum []byte) bool {
	block, _ := pem.Decode([]byte(certificate))
	if block == nil {
		return false
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return false
	}
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	if !ok {
		return false
	}
	digest := sha256.Sum256([]byte(signed))
	if algorithm == "PS256" {
		return rsa.VerifyPSS(key, crypto.SHA256, digest[:], sum, nil) == nil
	}
	return algorithm == "RS256" && rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], sum) == nil
}
