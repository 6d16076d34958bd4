// Package api is the API for programs: what they do at the desk over HTTP, as
// docs/api.md tells and docs/openapi.yaml describes. It decides nothing: who may
// do what is said by the desk.
//
// Only a bearer token shows who calls. A cookie shows nobody here, so that no
// page in a browser can act with a person's session.
package api

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/daypass-dev/daypass/internal/auth"
	"github.com/daypass-dev/daypass/internal/desk"
	"github.com/daypass-dev/daypass/internal/limit"
)

// Prefix is what the path of every operation begins with.
const Prefix = "/api/v1"

// Config is what the API works with.
type Config struct {
	Desk *desk.Desk
	Auth Auth
	Keys Keys
	Now  func() time.Time
	Log  *slog.Logger
	// Behind are the proxies whose word about a caller's address is believed.
	Behind []*net.IPNet
	Rate   Rate
}

// Auth tells who calls.
type Auth interface {
	// Bearer returns who a request's token shows. Its error is all that the
	// caller is told.
	Bearer(r *http.Request) (desk.Caller, error)
}

// API serves any number of callers at once. Make one with New.
type API struct {
	cfg      Config
	mux      *http.ServeMux
	huma     huma.API
	document []byte
	ops      []Operation
	callers  *limit.Keys // how much each of them may ask
	failures *limit.Keys // how often an address may come without a good token
	lines    *limit.Keys // how often a message about it is logged
}

// Operation is one thing that can be done with the API.
type Operation struct {
	Method, Path string // the path with [Prefix], and parameters as {name}
	ID           string
	Open         bool // to those without a token too
}

// New returns the API as a handler of everything under [Prefix].
func New(cfg Config) *API {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Rate = cfg.Rate.filled()
	a := &API{
		cfg: cfg, mux: http.NewServeMux(),
		callers:  limit.New(cfg.Rate.Calls, cfg.Rate.CallsAtOnce),
		failures: limit.New(cfg.Rate.Failures, cfg.Rate.FailuresAtOnce),
		lines:    limit.New(0.1, 20),
	}
	a.huma = humago.NewWithPrefix(a.mux, Prefix, settings())
	a.resources()
	a.requests()
	a.office()
	a.document = a.describe()
	a.ops = append(a.ops, Operation{Method: http.MethodGet, Path: Prefix + "/openapi.yaml", ID: "openapi", Open: true})
	a.mux.HandleFunc("GET "+Prefix+"/openapi.yaml", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/yaml")
		_, _ = w.Write(a.document)
	})
	return a
}

// Operations lists everything that can be done.
func (a *API) Operations() []Operation { return slices.Clone(a.ops) }

// Document is the description of the API: OpenAPI 3.1 as YAML.
func (a *API) Document() []byte { return a.document }

func settings() huma.Config {
	c := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "daypass", Version: "1",
				Description: "Ask for temporary group memberships, decide on requests, and see what became of them.",
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{"token": {
					Type: "http", Scheme: "bearer",
					Description: "A token made on the page, a person's ID token, or a pipeline's OIDC token. A session does not count.",
				}},
			},
			Security: []map[string][]string{{"token": {}}},
		},
		Formats: huma.DefaultFormats, DefaultFormat: "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{ownProblem},
	}
	c.AllowAdditionalPropertiesByDefault = true // answers may grow; what is sent says for itself that it may not
	return c
}

// describe makes the document, without what no answer looks like.
func (a *API) describe() []byte {
	schemas := a.huma.OpenAPI().Components.Schemas.Map()
	delete(schemas, "ErrorModel")
	delete(schemas, "ErrorDetail")
	text, err := a.huma.OpenAPI().YAML()
	if err != nil {
		panic(fmt.Sprintf("api: the description cannot be written: %v", err)) // it is made of our own types
	}
	return text
}

// register adds an operation. What it does gets who calls.
func register[I, O any](a *API, op huma.Operation, do func(context.Context, desk.Caller, *I) (*O, error)) {
	a.ops = append(a.ops, Operation{Method: op.Method, Path: Prefix + op.Path, ID: op.OperationID})
	if op.Responses == nil {
		op.Responses = make(map[string]*huma.Response)
	}
	op.Responses["default"] = a.problemResponse()
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		c, known := auth.From(ctx)
		if !known {
			return nil, unauthenticated()
		}
		out, err := do(ctx, c, in)
		if err != nil {
			return nil, a.problem(ctx, op.OperationID, err)
		}
		return out, nil
	})
}

// get and post begin an operation.
func get(path, id, summary, description string) huma.Operation {
	return operation(http.MethodGet, path, id, summary, description)
}

func post(path, id, summary, description string) huma.Operation {
	return operation(http.MethodPost, path, id, summary, description)
}

func operation(method, path, id, summary, description string) huma.Operation {
	tag, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return huma.Operation{
		Method: method, Path: path, OperationID: id, Summary: summary, Description: description,
		Tags: []string{tag}, DefaultStatus: http.StatusOK,
	}
}
