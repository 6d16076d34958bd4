package entra

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
)

// checkCredentials wants exactly one way to log in. There is no guessing from
// the environment: what works on a desk must not work by another account on a
// server.
func (cfg Config) checkCredentials(authority *url.URL) error {
	ways := 0
	for _, given := range []bool{cfg.Secret != nil, cfg.CertFile != "", cfg.Workload, cfg.ManagedIdentity, cfg.Credential != nil} {
		if given {
			ways++
		}
	}
	switch {
	case ways != 1:
		return fmt.Errorf("it has %d credentials; exactly one is needed: secret, certificate, workload identity or managed identity", ways)
	case (cfg.Secret != nil || cfg.CertFile != "") && cfg.ClientID == "":
		return errors.New("the client id is missing: the application (client) id of the app registration")
	case cfg.CertPassword != nil && cfg.CertFile == "":
		return errors.New("a certificate's password needs the certificate's file")
	case cfg.TokenFile != "" && !cfg.Workload:
		return errors.New("a token file belongs to workload identity")
	case authority != nil && authority.Scheme == "http" && cfg.Secret == nil && cfg.Credential == nil && !cfg.ManagedIdentity:
		return errors.New("an authority in clear text works with a secret only")
	}
	return nil
}

// logon gets tokens from the token endpoint. It is used by one at a time.
type logon struct {
	cfg       Config
	authority *url.URL
	http      *http.Client
	held      azcore.TokenCredential // made of holds
	holds     string
}

func newLogon(cfg Config, authority *url.URL) *logon {
	client := httpx.New(httpx.Policy{Directory: cfg.Name, Transport: cfg.Transport, Log: cfg.Log, Observe: cfg.Observe})
	return &logon{cfg: cfg, authority: authority, http: client.HTTP()}
}

// forget makes the next token a new one: credentials keep those they got.
func (l *logon) forget() { l.held, l.holds = nil, "" }

func (l *logon) get(ctx context.Context, opts policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if l.cfg.Credential != nil {
		return l.cfg.Credential.GetToken(ctx, opts)
	}
	credential, err := l.credential(ctx)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	return credential.GetToken(ctx, opts)
}

// credential returns one made of what the secret, or the certificate's file, is
// by now: both may be exchanged while daypass runs.
func (l *logon) credential(ctx context.Context) (azcore.TokenCredential, error) {
	holds, password, err := l.material(ctx)
	if err != nil {
		return nil, err
	}
	if l.held != nil && l.holds == holds {
		return l.held, nil
	}
	credential, err := l.make(holds, password)
	if err != nil {
		return nil, err
	}
	l.held, l.holds = credential, holds
	return credential, nil
}

func (l *logon) material(ctx context.Context) (holds, password string, err error) {
	switch {
	case l.cfg.Secret != nil:
		holds, err = l.cfg.Secret(ctx)
		if err == nil && holds == "" {
			err = trouble(engine.Denied, "the client secret is empty")
		}
	case l.cfg.CertFile != "":
		var pem []byte
		pem, err = os.ReadFile(l.cfg.CertFile)
		holds = string(pem)
		if err == nil && l.cfg.CertPassword != nil {
			password, err = l.cfg.CertPassword(ctx)
		}
	case l.cfg.Workload:
		// The SDK reads the file itself, in a while, and its error is lost.
		const variable = "AZURE_FEDERATED_TOKEN_FILE"
		file := cmp.Or(l.cfg.TokenFile, os.Getenv(variable))
		if file == "" {
			return "", "", trouble(engine.Denied, "workload identity has no token: name its file as tokenFile, or in %s", variable)
		}
		_, err = os.ReadFile(file)
	}
	return holds, password, err
}

func (l *logon) make(holds, password string) (azcore.TokenCredential, error) {
	opts := policy.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: l.authority.String()},
		Transport: l.http,
		Retry:     policy.RetryOptions{MaxRetries: -1}, // httpx does
	}
	private := l.cfg.Authority != "" // not in the list that instance discovery knows
	switch {
	case l.cfg.Secret != nil && l.authority.Scheme == "http":
		return &clearText{l, holds}, nil
	case l.cfg.Secret != nil:
		return azidentity.NewClientSecretCredential(l.cfg.Tenant, l.cfg.ClientID, holds,
			&azidentity.ClientSecretCredentialOptions{ClientOptions: opts, DisableInstanceDiscovery: private})
	case l.cfg.CertFile != "":
		certs, key, err := azidentity.ParseCertificates([]byte(holds), []byte(password))
		if err != nil {
			return nil, fmt.Errorf("read certificate %s: %w", l.cfg.CertFile, err)
		}
		return azidentity.NewClientCertificateCredential(l.cfg.Tenant, l.cfg.ClientID, certs, key,
			&azidentity.ClientCertificateCredentialOptions{ClientOptions: opts, DisableInstanceDiscovery: private})
	case l.cfg.Workload:
		return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientOptions: opts, DisableInstanceDiscovery: private,
			TenantID: l.cfg.Tenant, ClientID: l.cfg.ClientID, TokenFilePath: l.cfg.TokenFile,
		})
	}
	return l.machine()
}

// machine is the managed identity. Its tokens come from this machine and not
// from the directory, by rules of their own, so the SDK may ask again itself.
func (l *logon) machine() (azcore.TokenCredential, error) {
	var opts azidentity.ManagedIdentityCredentialOptions
	if l.cfg.ClientID != "" {
		opts.ID = azidentity.ClientID(l.cfg.ClientID)
	}
	if l.cfg.Transport != nil {
		opts.Transport = l.http
	}
	return azidentity.NewManagedIdentityCredential(&opts)
}

// clearText gets tokens with a client secret over http, which azidentity
// refuses to do: for a simulator on this machine.
type clearText struct {
	logon  *logon
	secret string
}

func (c *clearText) GetToken(ctx context.Context, opts policy.TokenRequestOptions) (azcore.AccessToken, error) {
	l := c.logon
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {l.cfg.ClientID}, "client_secret": {c.secret},
		"scope": {strings.Join(opts.Scopes, " ")},
	}
	if opts.Claims != "" {
		form.Set("claims", opts.Claims)
	}
	endpoint := l.authority.JoinPath(l.cfg.Tenant, "oauth2", "v2.0", "token").String()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return azcore.AccessToken{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := l.http.Do(req)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Token   string `json:"access_token"`
		Seconds int    `json:"expires_in"`
	}
	if resp.StatusCode != http.StatusOK {
		return azcore.AccessToken{}, fmt.Errorf("the token endpoint answers %s", resp.Status)
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Token == "" {
		return azcore.AccessToken{}, errors.New("the token endpoint's answer holds no token")
	}
	return azcore.AccessToken{Token: answer.Token, ExpiresOn: l.cfg.Now().Add(time.Duration(answer.Seconds) * time.Second)}, nil
}

// explain makes an error of what went over the wire for a token. The text of
// the SDK's own error is a page long, and of many lines.
func (l *logon) explain(ctx context.Context, ex *httpx.Exchange, err error) error {
	var known *engine.Error
	var dead *httpx.Error // it was not answered, or not even sent
	switch errors.As(err, &dead); {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &known):
		return known
	case ex.Status == http.StatusTooManyRequests, dead != nil && dead.Throttled:
		return &engine.Error{Kind: engine.Throttled, RetryAfter: ex.RetryAfter, Err: fmt.Errorf("get a token: %s is busy", l.authority.Host)}
	case ex.Status >= http.StatusBadRequest && ex.Status < http.StatusInternalServerError:
		return trouble(engine.Denied, "get a token: %s", refusalOf(ex))
	case dead != nil:
		return trouble(engine.Unavailable, "get a token from %s: %w", l.authority.Host, dead)
	case ex.Attempts == 0: // the credential itself is not right
		return trouble(engine.Denied, "get a token: %s", clean(err.Error()))
	}
	return trouble(engine.Unavailable, "get a token: %s answers %d without one", l.authority.Host, ex.Status)
}

// refusalOf reads the token endpoint's reason and adds the way out.
func refusalOf(ex *httpx.Exchange) string {
	var body struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Codes       []int  `json:"error_codes"`
	}
	if json.Unmarshal(ex.Body, &body) != nil || body.Error == "" {
		return fmt.Sprintf("the token endpoint answers %d", ex.Status)
	}
	text, _, _ := strings.Cut(body.Description, "Trace ID:")
	text = body.Error + ": " + clean(text)
	for _, code := range body.Codes {
		if way := wayOut(code); way != "" {
			return text + "; " + way
		}
	}
	return text
}

// wayOut knows the refusals that people meet when they set up a tenant
// (Microsoft, Entra authentication and authorization error codes).
func wayOut(code int) string {
	switch code {
	case 7000215:
		return "write the secret's value, which is shown once, and not its id"
	case 7000222:
		return "the client secret has expired: make a new one in the app registration"
	case 700016:
		return "check the client id, and that the app is registered in this tenant"
	case 90002, 900021:
		return "check the tenant, and the cloud that it is in"
	case 700027:
		return "upload the certificate to the app registration"
	case 70021, 700211, 700212, 700213:
		return "add a federated credential to the app registration that fits the token's issuer and subject"
	case 7000112, 7000229:
		return "the app is switched off in this tenant, or has no service principal there"
	}
	return ""
}
