package oktatest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// oauth is a refusal of the token endpoint.
func oauth(status int, code, text string) *failure {
	return &failure{status: status, oauth: &oauthError{code, text}}
}

// token gives an access token to a service app that signs an assertion with
// its private key. It takes the form in the body or, as an older SDK sends it,
// in the query.
func (c *call) token() (answer, *failure) {
	body, err := io.ReadAll(io.LimitReader(c.r.Body, 1<<20))
	form, perr := url.ParseQuery(string(body))
	if err != nil || perr != nil {
		return answer{}, oauth(http.StatusBadRequest, "invalid_request", "The request is missing a required parameter.")
	}
	for name, values := range c.q {
		form[name] = append(form[name], values...)
	}
	switch {
	case form.Get("grant_type") != "client_credentials":
		return answer{}, oauth(http.StatusBadRequest, "unsupported_grant_type", "The authorization grant type is not supported by the authorization server.")
	case form.Get("client_assertion_type") != assertionType || form.Get("client_assertion") == "":
		return answer{}, oauth(http.StatusUnauthorized, "invalid_client", "The client_assertion and client_assertion_type are required.")
	case form.Get("scope") == "":
		return answer{}, oauth(http.StatusBadRequest, "invalid_scope", "The authorization server resource does not have any configured default scopes, 'scope' must be provided.")
	}
	c.auth.mu.Lock()
	defer c.auth.mu.Unlock()
	app, f := c.verify(form.Get("client_assertion"))
	if f != nil {
		return answer{}, f
	}
	if app.DPoP {
		return answer{}, dpop(c.r)
	}
	scopes, f := granted(app, strings.Fields(form.Get("scope")))
	if f != nil {
		return answer{}, f
	}
	return answer{status: http.StatusOK, body: encode(map[string]any{
		"token_type": "Bearer", "expires_in": int(tokenLife / time.Second), "scope": strings.Join(scopes, " "),
		"access_token": c.auth.mintFor(app.ClientID, scopes, c.at),
	})}, nil
}

// dpop is how an app that demands proofs of possession turns away a client
// that has none, or one without the server's nonce.
func dpop(r *http.Request) *failure {
	if r.Header.Get("DPoP") == "" {
		return oauth(http.StatusBadRequest, "invalid_dpop_proof", "The DPoP proof JWT header is missing.")
	}
	f := oauth(http.StatusBadRequest, "use_dpop_nonce", "Authorization server requires nonce in DPoP proof.")
	f.header = http.Header{"Dpop-Nonce": {"oktatest-nonce"}}
	return f
}

// granted are those of the scopes that the app was given. A scope that Okta
// does not know is an error, and so is having none of them; otherwise the token
// has what there is, and says so.
func granted(app *Credential, asked []string) (scopes []string, f *failure) {
	for _, s := range asked {
		if !strings.HasPrefix(s, "okta.") {
			return nil, oauth(http.StatusBadRequest, "invalid_scope", "One or more scopes are not configured for the authorization server resource.")
		}
		if slices.Contains(app.Scopes, s) {
			scopes = append(scopes, s)
		}
	}
	if len(scopes) == 0 {
		return nil, oauth(http.StatusBadRequest, "consent_required", "You are not allowed any of the requested scopes.")
	}
	return scopes, nil
}

type claims struct {
	Issuer   string          `json:"iss"`
	Subject  string          `json:"sub"`
	Audience json.RawMessage `json:"aud"`
	Expires  float64         `json:"exp"`
	ID       string          `json:"jti"`
}

// verify checks an assertion and returns whose it is.
func (c *call) verify(assertion string) (*Credential, *failure) {
	refuse := func(text string) (*Credential, *failure) {
		return nil, oauth(http.StatusUnauthorized, "invalid_client", text)
	}
	parts := strings.Split(assertion, ".")
	var head struct {
		Alg string `json:"alg"`
	}
	var cl claims
	if len(parts) != 3 || decodePart(parts[0], &head) != nil || decodePart(parts[1], &cl) != nil {
		return refuse("The client_assertion is not a valid JWT.")
	}
	app := c.auth.apps[cl.Issuer]
	switch {
	case app == nil:
		return refuse("Invalid value for 'client_id' parameter.")
	case cl.Subject != cl.Issuer:
		return refuse("The issuer and subject claims of the client_assertion must be the client id.")
	case checkSignature(head.Alg, app.Key, parts) != nil:
		return refuse("The client_assertion signature is invalid.")
	case !audience(cl.Audience, c.base+tokenPath):
		return refuse("The audience claim for client_assertion must be the endpoint invoked for the request.")
	}
	until := time.UnixMilli(int64(cl.Expires * 1000))
	switch {
	case !c.at.Before(until):
		return refuse("The client_assertion token is expired.")
	case until.After(c.at.Add(time.Hour)):
		return refuse("The client_assertion token has an expiration too far into the future.")
	}
	if cl.ID != "" {
		if _, used := c.auth.used[cl.ID]; used {
			return refuse("The client_assertion token has already been used.")
		}
		c.auth.used[cl.ID] = until
	}
	return app, nil
}

func decodePart(part string, v any) error {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, v)
}

// audience reports whether the claim, one value or a list, has the endpoint.
func audience(claim json.RawMessage, want string) bool {
	var one string
	var many []string
	if json.Unmarshal(claim, &one) == nil {
		many = []string{one}
	} else if json.Unmarshal(claim, &many) != nil {
		return false
	}
	return slices.Contains(many, want)
}

func checkSignature(alg string, key crypto.PublicKey, parts []string) error {
	if len(alg) != 5 {
		return errors.New("unknown algorithm")
	}
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return err
	}
	signed := []byte(parts[0] + "." + parts[1])
	var hash crypto.Hash
	var sum []byte
	switch alg[2:] {
	case "256":
		h := sha256.Sum256(signed)
		hash, sum = crypto.SHA256, h[:]
	case "384":
		h := sha512.Sum384(signed)
		hash, sum = crypto.SHA384, h[:]
	case "512":
		h := sha512.Sum512(signed)
		hash, sum = crypto.SHA512, h[:]
	default:
		return errors.New("unknown algorithm")
	}
	switch key := key.(type) {
	case *rsa.PublicKey:
		if alg[:2] == "RS" {
			return rsa.VerifyPKCS1v15(key, hash, sum, sig)
		}
	case *ecdsa.PublicKey:
		half := len(sig) / 2
		r, s := new(big.Int).SetBytes(sig[:half]), new(big.Int).SetBytes(sig[half:])
		if alg[:2] == "ES" && ecdsa.Verify(key, sum, r, s) {
			return nil
		}
	}
	return errors.New("wrong signature")
}
