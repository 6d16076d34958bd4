package entratest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// login answers what is not Graph: the token endpoint of the tenant, and what
// client libraries ask about it beforehand.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	tenant, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case tenant+"/"+rest == "common/discovery/instance":
		s.discover(w, r)
	case tenant+"/"+rest == "metadata/identity/oauth2/token":
		s.machine(w, r)
	case rest == "v2.0/.well-known/openid-configuration" && s.isTenant(tenant):
		s.configuration(w, r, tenant)
	case rest == "v2.0/.well-known/openid-configuration":
		s.refuse(w, unknownTenant(tenant))
	case rest == "oauth2/v2.0/token" && r.Method == http.MethodPost:
		s.token(w, r, tenant)
	default:
		s.violation("%s %s: no such path is documented, or simulated", r.Method, r.URL.Path)
		http.NotFound(w, r)
	}
}

func (s *Server) isTenant(name string) bool {
	return strings.EqualFold(name, s.opts.Tenant) || strings.EqualFold(name, s.opts.Domain)
}

// refusal is an error of the token endpoint.
type refusal struct {
	status        int
	kind, message string
	code          int // of AADSTS
}

func unknownTenant(name string) refusal {
	return refusal{http.StatusBadRequest, "invalid_request", "Tenant '" + name + "' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.", 90002}
}

func (s *Server) refuse(w http.ResponseWriter, f refusal) {
	now := s.Clock.Now().UTC()
	trace, correlation := w.Header().Get("request-id"), w.Header().Get("client-request-id")
	s.send(w, f.status, map[string]any{
		"error": f.kind,
		"error_description": "AADSTS" + strconv.Itoa(f.code) + ": " + f.message + " Trace ID: " + trace + " Correlation ID: " + correlation +
			" Timestamp: " + now.Format("2006-01-02 15:04:05Z"),
		"error_codes": []int{f.code}, "timestamp": now.Format("2006-01-02 15:04:05Z"), "trace_id": trace, "correlation_id": correlation,
		"error_uri": "https://login.microsoftonline.com/error?code=" + strconv.Itoa(f.code),
	})
}

func (s *Server) send(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of strings and numbers
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store, no-cache")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

func (s *Server) discover(w http.ResponseWriter, r *http.Request) {
	s.send(w, http.StatusOK, map[string]any{
		"tenant_discovery_endpoint": root(r) + "/" + s.opts.Tenant + "/v2.0/.well-known/openid-configuration",
		"api-version":               "1.1",
		"metadata":                  []any{map[string]any{"preferred_network": r.Host, "preferred_cache": r.Host, "aliases": []string{r.Host}}},
	})
}

func (s *Server) configuration(w http.ResponseWriter, r *http.Request, tenant string) {
	at := root(r) + "/" + tenant
	s.send(w, http.StatusOK, map[string]any{
		"token_endpoint": at + "/oauth2/v2.0/token", "authorization_endpoint": at + "/oauth2/v2.0/authorize",
		"device_authorization_endpoint": at + "/oauth2/v2.0/devicecode", "jwks_uri": at + "/discovery/v2.0/keys",
		"issuer":                                root(r) + "/" + s.opts.Tenant + "/v2.0",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
		"response_types_supported":              []string{"code"}, "subject_types_supported": []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
	})
}

// token is the grant of client credentials.
func (s *Server) token(w http.ResponseWriter, r *http.Request, tenant string) {
	if err := r.ParseForm(); err != nil {
		s.refuse(w, refusal{http.StatusBadRequest, "invalid_request", "The request body must contain the following parameter: 'grant_type'.", 900144})
		return
	}
	app, f := s.client(r, tenant)
	if f != nil {
		s.refuse(w, *f)
		return
	}
	scope, asked := "", r.PostForm.Get("scope")
	for _, one := range strings.Fields(asked) {
		if strings.HasSuffix(one, "/.default") {
			scope = strings.TrimSuffix(one, "/.default")
		}
	}
	if scope == "" {
		s.violation("POST /{tenant}/oauth2/v2.0/token: scope is %q", asked)
		s.refuse(w, refusal{http.StatusBadRequest, "invalid_scope", "The provided value for scope " + asked +
			" is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).", 1002012})
		return
	}
	token, expires := s.mint(app, scope)
	left := int(expires.Sub(s.Clock.Now()) / time.Second)
	s.send(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": left, "ext_expires_in": left, "access_token": token})
}

// client finds out which app asks, and whether it is that app.
func (s *Server) client(r *http.Request, tenant string) (App, *refusal) {
	form := r.PostForm
	if grant := form.Get("grant_type"); grant != "client_credentials" {
		return App{}, &refusal{http.StatusBadRequest, "unsupported_grant_type", "The app requested an unsupported grant type '" + grant + "'.", 70003}
	}
	if !s.isTenant(tenant) {
		f := unknownTenant(tenant)
		return App{}, &f
	}
	app, known := s.app(form.Get("client_id"))
	if !known {
		return App{}, &refusal{http.StatusBadRequest, "unauthorized_client", "Application with identifier '" + form.Get("client_id") + "' was not found in the directory '" + s.opts.Domain +
			"'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.", 700016}
	}
	switch {
	case form.Has("client_assertion"):
		return app, s.assert(app, form.Get("client_assertion_type"), form.Get("client_assertion"))
	case !form.Has("client_secret"):
		return app, &refusal{http.StatusUnauthorized, "invalid_client", "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.", 7000218}
	case app.Secret == "" || form.Get("client_secret") != app.Secret:
		return app, &refusal{http.StatusUnauthorized, "invalid_client", "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '" + app.ID + "'.", 7000215}
	case app.Expired:
		return app, &refusal{http.StatusUnauthorized, "invalid_client", "The provided client secret keys for app '" + app.ID + "' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security.", 7000222}
	}
	return app, nil
}

func (s *Server) app(id string) (App, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, a := range s.apps {
		if strings.EqualFold(a.ID, id) {
			return a, true
		}
	}
	return App{}, false
}

// machine is the endpoint from which a virtual machine gets the tokens of its
// managed identity: the first app's.
func (s *Server) machine(w http.ResponseWriter, r *http.Request) {
	app := s.opts.Apps[0]
	if id := r.URL.Query().Get("client_id"); id != "" {
		known := false
		if app, known = s.app(id); !known {
			s.send(w, http.StatusBadRequest, map[string]string{"error": "invalid_request", "error_description": "Identity not found"})
			return
		}
	}
	if r.Header.Get("Metadata") != "true" {
		s.send(w, http.StatusBadRequest, map[string]string{"error": "invalid_request", "error_description": "Required metadata header not specified"})
		return
	}
	resource := strings.TrimSuffix(r.URL.Query().Get("resource"), "/")
	app, _ = s.app(app.ID)
	token, expires := s.mint(app, resource)
	s.send(w, http.StatusOK, map[string]string{
		"access_token": token, "expires_on": strconv.FormatInt(expires.Unix(), 10), "expires_in": strconv.Itoa(int(lifetime / time.Second)),
		"resource": resource, "token_type": "Bearer", "client_id": app.ID,
	})
}
