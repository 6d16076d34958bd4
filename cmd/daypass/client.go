package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/daypass-dev/daypass/internal/report"
)

// client calls the API of a daypass that serves, and prints what it answers.
type client struct {
	base   string
	http   *http.Client
	token  func(context.Context) (string, error)
	secret string // the token in use

	asJSON         bool
	stdout, stderr io.Writer
}

// calling makes cmd a verb that calls a daypass that serves: it has the flags for
// that, and run gets a client.
func (a *app) calling(cmd *cobra.Command, run func(ctx context.Context, c *client, args []string) error) *cobra.Command {
	var server string
	var asJSON bool
	cmd.Flags().StringVar(&server, "server", "", "the `URL` of the daypass that serves (or $DAYPASS_URL)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what it answers as JSON")
	cmd.RunE = verb(func(ctx context.Context, args []string) error {
		c, err := a.client(ctx, server)
		if err != nil {
			return err
		}
		c.asJSON = asJSON
		return run(ctx, c, args)
	})
	return cmd
}

// mayAnswer is how long an answer of the API may take.
const mayAnswer = 2 * time.Minute

// client returns a client of the server that was named.
func (a *app) client(ctx context.Context, server string) (*client, error) {
	base := cmp.Or(server, a.getenv("DAYPASS_URL"))
	if base == "" {
		return nil, usage(errors.New("say which daypass to ask: --server URL, or DAYPASS_URL"))
	}
	u, err := url.Parse(base)
	switch {
	case err != nil || u.Host == "":
		return nil, usage(fmt.Errorf("--server %q is not a URL such as https://daypass.example.org", base))
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return nil, usage(fmt.Errorf("--server %q: a token goes over https only", base))
	}
	c := &client{base: strings.TrimSuffix(base, "/") + "/api/v1", stdout: a.stdout, stderr: a.stderr, http: &http.Client{
		Timeout:       mayAnswer,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // a token is for one host
	}}
	c.token = a.token()
	switch c.secret, err = c.token(ctx); {
	case err != nil && ctx.Err() != nil:
		return nil, stopped(ctx, err)
	case err != nil:
		return nil, usage(err)
	}
	return c, nil
}

// token returns where this process gets its token from.
func (a *app) token() func(context.Context) (string, error) {
	if t := a.getenv("DAYPASS_TOKEN"); t != "" {
		return func(context.Context) (string, error) { return strings.TrimSpace(t), nil }
	}
	if at, bearer := a.getenv("ACTIONS_ID_TOKEN_REQUEST_URL"), a.getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN"); at != "" && bearer != "" {
		audience := cmp.Or(a.getenv("DAYPASS_AUDIENCE"), "daypass")
		return func(ctx context.Context) (string, error) { return githubToken(ctx, at, bearer, audience) }
	}
	return func(context.Context) (string, error) {
		return "", errors.New("there is no token: set DAYPASS_TOKEN, or run in GitHub Actions with the permission id-token: write")
	}
}

// githubToken asks the runner for an ID token of the job, as
// https://docs.github.com/actions/reference/security/oidc describes.
func githubToken(ctx context.Context, at, bearer, audience string) (string, error) {
	u, err := url.Parse(at)
	if err != nil {
		return "", fmt.Errorf("ACTIONS_ID_TOKEN_REQUEST_URL: %w", err)
	}
	q := u.Query()
	q.Set("audience", audience)
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+bearer)
	resp, err := (&http.Client{Timeout: 30 * time.Second}).Do(req)
	if err != nil {
		return "", fmt.Errorf("ask GitHub for an ID token: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	var body struct{ Value string }
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&body); err != nil || body.Value == "" {
		return "", fmt.Errorf("ask GitHub for an ID token: it answered %s", resp.Status)
	}
	return body.Value, nil
}

// problem is an error of the API, as RFC 9457 writes it.
type problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Errors []struct {
		Detail string `json:"detail"`
	} `json:"errors"`
	Request string `json:"request"` // of a conflict: the one in the way
	Same    bool   `json:"same"`    // it is the same wish
}

func (p *problem) Error() string {
	lines := []string{cmp.Or(p.Detail, p.Title, http.StatusText(p.Status))}
	for _, e := range p.Errors {
		if !strings.Contains(p.Detail, e.Detail) {
			lines = append(lines, e.Detail)
		}
	}
	return report.Clean(strings.Join(lines, "; "))
}

// passing reports whether an error may be over in a while.
func (c *client) passing(err error) bool {
	if p, ok := errors.AsType[*problem](err); ok {
		return p.Status >= 500 || p.Status == http.StatusTooManyRequests
	}
	_, ok := errors.AsType[*url.Error](err)
	return ok
}

// call makes one request to the API. A token that ran out is asked for once
// more.
func (c *client) call(ctx context.Context, method, path string, head http.Header, body, into any) error {
	err := c.once(ctx, method, path, head, body, into)
	if p, ok := errors.AsType[*problem](err); ok && p.Status == http.StatusUnauthorized {
		again, terr := c.token(ctx)
		if terr != nil || again == c.secret {
			return hinted(err, "DAYPASS_TOKEN is not good there; make one on the page, under Tokens")
		}
		c.secret = again
		err = c.once(ctx, method, path, head, body, into)
	}
	if p, ok := errors.AsType[*problem](err); ok && p.Status == http.StatusUnprocessableEntity {
		return usage(err)
	}
	return err
}

func (c *client) once(ctx context.Context, method, path string, head http.Header, body, into any) error {
	var b bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&b).Encode(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, &b)
	if err != nil {
		return err
	}
	for k, v := range head {
		req.Header[k] = v
	}
	req.Header.Set("Authorization", "Bearer "+c.secret)
	req.Header.Set("User-Agent", "daypass-cli/"+version)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return stopped(ctx, err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	if resp.StatusCode/100 != 2 {
		p := &problem{}
		_ = json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(p) // what is no problem has a status at least
		p.Status = resp.StatusCode
		return p
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 16<<20)).Decode(into); err != nil {
		return stopped(ctx, fmt.Errorf("%s %s: the answer is not that of daypass: %w", method, c.base+path, err))
	}
	return nil
}

// errInterrupted is the error of a verb that was interrupted, and says itself
// what there is to be said of it.
var errInterrupted = errors.New("interrupted")

// stopped is err, or that the program was interrupted.
func stopped(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return errInterrupted
	}
	return err
}
