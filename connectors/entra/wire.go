package entra

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	abs "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoft/kiota-abstractions-go/authentication"
	"github.com/microsoft/kiota-abstractions-go/serialization"
	jsonser "github.com/microsoft/kiota-serialization-json-go"
	core "github.com/microsoftgraph/msgraph-sdk-go-core"
	"github.com/microsoftgraph/msgraph-sdk-go/models/odataerrors"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
)

// wire is the SDK's request adapter over our HTTP client, which authenticates,
// keeps to the quota, and alone tries again.
type wire struct {
	adapter *core.GraphRequestAdapterBase
	client  *httpx.Client
	root    *url.URL
	parse   serialization.ParseNodeFactory
}

func newWire(client *httpx.Client, root *url.URL) (*wire, error) {
	parse := jsonser.NewJsonParseNodeFactory() // given here, so that nothing global has to be registered
	adapter, err := core.NewGraphRequestAdapterBaseWithParseNodeFactoryAndSerializationWriterFactoryAndHttpClient(
		&authentication.AnonymousAuthenticationProvider{}, core.GraphClientOptions{}, parse, jsonser.NewJsonSerializationWriterFactory(), client.HTTP())
	if err != nil {
		return nil, err
	}
	adapter.SetBaseUrl(root.String())
	return &wire{adapter: adapter, client: client, root: root, parse: parse}, nil
}

// request is one request to Graph.
type request struct {
	method abs.HttpMethod
	path   string // below the version: "/groups/{id}/members"
	query  string // encoded
	link   string // the whole address, of a further page; then there is no path
	body   any
	weight weight
	prefer string

	creates bool // the answer of a write that was carried out is 201, or 200, with what was made
	alsoOK  bool // or 200, and what comes with it is of no use
}

// done reports whether a status tells that a write was carried out. Any other
// success is not what Graph says: it comes from something in between, and
// leaves open what became of the write.
func (r request) done(status int) bool {
	switch status {
	case http.StatusNoContent:
		return !r.creates
	case http.StatusOK:
		return r.creates || r.alsoOK
	}
	return r.creates && status == http.StatusCreated
}

// path makes a path of fixed words and ids. Whatever is neither has no
// business in a path: it could lead to another object, or to another verb.
func path(parts ...string) string { return "/" + strings.Join(parts, "/") }

// query makes a query of names and values in turn. Graph does not take a plus
// sign for a space.
func query(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(pairs[i] + "=")
		b.WriteString(strings.NewReplacer("+", "%20", "%2C", ",", "%27", "'").Replace(url.QueryEscape(pairs[i+1])))
	}
	return b.String()
}

// quote makes an OData string.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// address returns where a request goes. A link comes from an answer: it must
// stay with the host that the token is for.
func (w *wire) address(r request) (*url.URL, error) {
	if r.link == "" {
		u := *w.root
		u.Path, u.RawQuery = w.root.Path+r.path, r.query
		return &u, nil
	}
	u, err := url.Parse(r.link)
	if err != nil || u.Scheme != w.root.Scheme || u.Host != w.root.Host {
		return nil, fmt.Errorf("the link to the next page does not lead to %s", w.root.Host)
	}
	return u, nil
}

// information is a request in the words of the SDK.
func (w *wire) information(r request) (*abs.RequestInformation, error) {
	u, err := w.address(r)
	if err != nil {
		return nil, err
	}
	info := abs.NewRequestInformation()
	info.Method = r.method
	info.SetUri(*u)
	info.Headers.Add("Accept", "application/json")
	info.Headers.Add("client-request-id", requestID())
	if r.prefer != "" {
		info.Headers.Add("Prefer", r.prefer)
	}
	if r.body != nil {
		body, err := json.Marshal(r.body)
		if err != nil {
			return nil, err
		}
		info.SetStreamContentAndContentType(body, "application/json")
	}
	return info, nil
}

// requestID is a random UUID, by which Microsoft's support finds a request.
func requestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// read sends a request that is answered 200 with an object.
func (w *wire) read(ctx context.Context, r request, model serialization.ParsableFactory) (serialization.Parsable, error) {
	answer, ex, err := w.send(ctx, r, model)
	switch {
	case ctx.Err() != nil && err != nil:
		return nil, ctx.Err()
	case err == nil && ex.Status == http.StatusOK && answer != nil:
		return answer, nil
	}
	return nil, faultOf(ex, err, false)
}

// write sends a request whose answer, when it was carried out, is its status.
func (w *wire) write(ctx context.Context, r request) error {
	_, ex, err := w.send(ctx, r, nil)
	switch {
	case ctx.Err() != nil && err != nil:
		return ctx.Err()
	case err == nil && r.done(ex.Status):
		return nil
	}
	return faultOf(ex, err, true)
}

// create sends a request that is answered with what was made.
func (w *wire) create(ctx context.Context, r request, model serialization.ParsableFactory) (serialization.Parsable, error) {
	answer, ex, err := w.send(ctx, r, model)
	switch {
	case ctx.Err() != nil && err != nil:
		return nil, ctx.Err()
	case err == nil && r.done(ex.Status) && answer != nil:
		return answer, nil
	}
	return nil, faultOf(ex, err, true)
}

// send sends r and tells what went over the wire. Without a model there is no
// answer to read.
func (w *wire) send(ctx context.Context, r request, model serialization.ParsableFactory) (answer serialization.Parsable, ex *httpx.Exchange, err error) {
	ex = &httpx.Exchange{}
	info, err := w.information(r)
	if err != nil {
		return nil, ex, trouble(engine.Rejected, "%w", err)
	}
	ctx = httpx.Trace(withWeight(ctx, r.weight), ex)
	failed := abs.ErrorMappings{"XXX": odataerrors.CreateODataErrorFromDiscriminatorValue}
	if model == nil {
		return nil, ex, w.adapter.SendNoContent(ctx, info, failed)
	}
	answer, err = w.adapter.Send(ctx, info, model, failed)
	return answer, ex, err
}
