package okta

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
)

// EndSessions ends the sessions of m at Okta, and revokes the refresh and
// access tokens that Okta gave out for them: a refresh token would bring new
// ones without a login. An application that does not ask Okta believes a token
// until the token's own end.
func (c *Connector) EndSessions(ctx context.Context, m engine.Member) error {
	return c.fail("end the sessions of "+m.Login, c.endSessions(httpx.Urgent(ctx), m))
}

func (c *Connector) endSessions(ctx context.Context, m engine.Member) error {
	if !userShape.MatchString(string(m.ID)) {
		return trouble(engine.NotFound, "%q is not the id of an Okta user (00u and 17 letters or digits)", clip(string(m.ID)))
	}
	_, err := c.put(ctx, http.MethodDelete, query("/api/v1/users/"+string(m.ID)+"/sessions", "oauthTokens", "true"))
	var said *apiError
	switch {
	case engine.KindOf(err) == engine.NotFound:
		return trouble(engine.NotFound, "there is no user %s (%w)", m.ID, bare(err))
	case engine.KindOf(err) == engine.Denied && errors.As(err, &said) && said.Status == http.StatusForbidden:
		return trouble(engine.Denied, "%w; ending sessions takes a role that may clear users' sessions, and for a service app the scope %s", bare(err), scopePeople)
	}
	return err
}

// The writes that daypass sends. The same method on a shorter path deletes a
// group, or deactivates a user.
var (
	membershipOf = regexp.MustCompile(`^/api/v1/groups/00g[0-9A-Za-z]{17}/users/00u[0-9A-Za-z]{17}$`)
	sessionsOf   = regexp.MustCompile(`^/api/v1/users/00u[0-9A-Za-z]{17}/sessions$`)
)

// guard refuses whatever is neither a reading nor a change of one membership,
// nor the end of somebody's sessions.
func guard(req *http.Request) error {
	path := req.URL.EscapedPath()
	switch {
	case req.Method == http.MethodGet,
		(req.Method == http.MethodPut || req.Method == http.MethodDelete) && membershipOf.MatchString(path),
		req.Method == http.MethodDelete && sessionsOf.MatchString(path):
		return nil
	}
	return fmt.Errorf("%s %s was not sent: daypass adds and removes members, and ends sessions, nothing else", req.Method, req.URL.Path)
}
