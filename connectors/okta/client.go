package okta

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	sdk "github.com/okta/okta-sdk-golang/v2/okta"
	"github.com/okta/okta-sdk-golang/v2/okta/cache"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
)

// newExecutor returns the SDK's sender of requests.
//
// sdk.NewClient is not used: it reads ~/.okta/okta.yaml and OKTA_* before its
// options are set, and prints to standard output when it finds something that
// it can not read. An executor made from an empty configuration reads nothing.
// Its own retries and cache are off: it would answer listings from memory for
// 300 seconds, and retry on top of ours. The token is a placeholder that our
// transport replaces.
func newExecutor(client *http.Client, root string) *sdk.RequestExecutor {
	cfg := blank(sdk.WithCache(false))
	for _, set := range []sdk.ConfigSetter{
		sdk.WithOrgUrl(root), sdk.WithAuthorizationMode("SSWS"), sdk.WithToken("placeholder"),
		sdk.WithRateLimitMaxRetries(0), sdk.WithRateLimitMaxBackOff(0), sdk.WithRequestTimeout(0),
		sdk.WithUserAgentExtra("daypass"),
	} {
		set(cfg)
	}
	return sdk.NewRequestExecutor(client, cache.NewNoOpCache(), cfg)
}

// blank returns an empty value of what a setter sets: the SDK does not export
// the type of its configuration.
func blank[C any](func(*C)) *C { return new(C) }

// send makes one call. What the SDK makes of the answer counts only where
// Okta's own words are not known: the exchange tells what went over the wire.
func (c *Connector) send(ctx context.Context, method, path string, out any) (ex httpx.Exchange, err error) {
	// The SDK panics on a Link header that is no URL.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the answer can not be read: %v", p)
		}
	}()
	ctx = httpx.Trace(context.WithValue(ctx, usedKey{}, new(used)), &ex)
	executor := *c.sdk // the executor keeps settings of a request in itself
	req, err := executor.NewRequest(method, path, nil)
	if err != nil {
		return ex, err
	}
	_, err = executor.Do(ctx, req, out)
	return ex, err
}

// get reads one object or one page, and returns the link to the next page.
func (c *Connector) get(ctx context.Context, path string, out document) (next string, err error) {
	ex, err := c.send(ctx, http.MethodGet, path, out)
	c.limits.note(http.MethodGet, path, ex.Header)
	if err := explain(ctx, "GET "+shown(path), ex, err); err != nil {
		return "", err
	}
	// A 200 without a body, or one that says null, is no error to the SDK.
	if ex.Status != http.StatusOK || !out.read() {
		return "", trouble(engine.Unavailable, "GET %s: the answer (status %d) is not what Okta documents", shown(path), ex.Status)
	}
	return nextLink(ex.Header)
}

// put sends a write that has no body, and whose answer has none: PUT or DELETE.
// Without an error the write took place. Lost tells that an earlier attempt may
// have done so already.
func (c *Connector) put(ctx context.Context, method, path string) (lost bool, err error) {
	ex, err := c.send(ctx, method, path, nil)
	c.limits.note(method, path, ex.Header)
	return written(ctx, method, path, ex, err)
}

// written says what came of a write.
func written(ctx context.Context, method, path string, ex httpx.Exchange, err error) (lost bool, _ error) {
	var gaveUp *httpx.Error
	lost = ex.Lost || errors.As(err, &gaveUp) && gaveUp.Lost
	err = explain(ctx, method+" "+shown(path), ex, err)
	var e *engine.Error
	switch {
	case err == nil && ex.Status != http.StatusNoContent && ex.Status != http.StatusOK:
		return lost, trouble(engine.Unavailable, "%s %s: the answer has status %d, not 204; whether it was carried out is not known", method, shown(path), ex.Status)
	case lost && errors.As(err, &e) && e.Kind.Refusal():
		// A refusal would say that nothing was changed.
		return true, &engine.Error{Kind: engine.Unavailable, RetryAfter: e.RetryAfter, Err: fmt.Errorf("an earlier attempt whose answer was lost may have been carried out: %w", bare(err))}
	}
	return lost, err
}

// document is what an answer is read into. It knows whether it was read: the
// SDK passes over an empty body and over null.
type document interface{ read() bool }

// one is an answer that is a single object.
type one[T any] struct {
	value T
	got   bool
}

func (o *one[T]) read() bool { return o.got }

// UnmarshalJSON wants an object.
func (o *one[T]) UnmarshalJSON(text []byte) error {
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return errors.New("the answer is not an object")
	}
	o.got = true
	return json.Unmarshal(text, &o.value)
}

// many is an answer that is one page of a list.
type many[T any] struct {
	values []T
	got    bool
}

func (m *many[T]) read() bool { return m.got }

// UnmarshalJSON wants an array.
func (m *many[T]) UnmarshalJSON(text []byte) error {
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("[")) {
		return errors.New("the answer is not a list")
	}
	m.got = true
	return json.Unmarshal(text, &m.values)
}

// pagesMax bounds a listing: two million entries at 200 a page.
const pagesMax = 10_000

// entry is one element of a list. A null or garbled one does not pass.
type entry interface{ check() error }

// walk reads a list page by page. A list that stops early is an error of kind
// Partial from the second page on; before that, nothing was listed yet. It
// ends early when visit says so.
func walk[T entry](ctx context.Context, c *Connector, path string, visit func([]T) (more bool, err error)) error {
	seen := map[string]bool{path: true}
	for page := 0; ; page++ {
		var m many[T]
		next, err := c.get(ctx, path, &m)
		if err != nil {
			return broken(ctx, page, err)
		}
		for i, e := range m.values {
			if err := e.check(); err != nil {
				return trouble(engine.Partial, "entry %d of page %d: %w", i+1, page+1, err)
			}
		}
		more, err := visit(m.values)
		switch {
		case err != nil || !more || next == "":
			return err
		case seen[next]:
			return trouble(engine.Partial, "page %d leads back to a page that was read before", page+1)
		case page+1 == pagesMax:
			return trouble(engine.Partial, "the list has more than %d pages", pagesMax)
		}
		seen[next] = true
		path = next
	}
}

// broken makes an error of a page after the first one Partial.
func broken(ctx context.Context, page int, err error) error {
	var e *engine.Error
	if page == 0 || ctx.Err() != nil || !errors.As(err, &e) {
		return err
	}
	return &engine.Error{Kind: engine.Partial, RetryAfter: e.RetryAfter, Err: fmt.Errorf("page %d: %w", page+1, bare(err))}
}

// nextLink finds the link with rel="next". It is followed on our own host only:
// a foreign one would get the credential. Okta sends one header for each link
// (RFC 8288), proxies fold them into one; cursors may hold commas.
func nextLink(h http.Header) (string, error) {
	rest := strings.Join(h.Values("Link"), ", ")
	for {
		_, after, found := strings.Cut(rest, "<")
		if !found {
			return "", nil
		}
		target, params, closed := strings.Cut(after, ">")
		if !closed {
			return "", trouble(engine.Partial, "the link to the next page can not be read")
		}
		rest = params
		if i := strings.IndexByte(params, '<'); i >= 0 {
			params = params[:i]
		}
		if !isNext(params) {
			continue
		}
		u, err := url.Parse(target)
		if err != nil || !strings.HasPrefix(u.EscapedPath(), "/api/v1/") {
			return "", trouble(engine.Partial, "the link to the next page can not be read")
		}
		return u.RequestURI(), nil
	}
}

func isNext(params string) bool {
	for p := range strings.FieldsFuncSeq(params, func(r rune) bool { return r == ';' || r == ',' }) {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(name, "rel") && strings.EqualFold(strings.Trim(value, `"`), "next") {
			return true
		}
	}
	return false
}

// shown is a path for people: without its query, which holds cursors and the
// addresses of people.
func shown(path string) string {
	p, _, _ := strings.Cut(path, "?")
	return p
}

// query writes parameters behind a path.
func query(path string, pairs ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return path + "?" + v.Encode()
}
