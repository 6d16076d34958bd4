package entra

import (
	"context"
	"net/http"
	"strings"

	abs "github.com/microsoft/kiota-abstractions-go"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
)

// EndSessions makes the refresh tokens and browser sessions of m useless, which
// takes effect within a few minutes. Access tokens stay good until their own
// end, where an application does not check again. People of other tenants log
// in at home, where this does not reach (Microsoft, "user:
// revokeSignInSessions").
func (c *Connector) EndSessions(ctx context.Context, m engine.Member) error {
	return c.fail("end the sessions of "+m.Login, c.endSessions(httpx.Urgent(ctx), m))
}

func (c *Connector) endSessions(ctx context.Context, m engine.Member) error {
	switch {
	case !isID(string(m.ID)):
		return noAccount(m)
	case strings.Contains(strings.ToUpper(m.Login), "#EXT#"):
		return trouble(engine.Unsupported, "%s logs in at another tenant; only that one can end the sessions", m.Login)
	}
	err := c.wire.write(ctx, request{
		method: abs.POST, path: path("users", lower(string(m.ID)), "revokeSignInSessions"), weight: writing(),
		// The reference has 200 with a body, and a known issue that it is another.
		alsoOK: true,
	})
	f := asFault(err)
	if f != nil && f.status == http.StatusForbidden {
		f.needs = sessionsRight
	}
	if f != nil && f.kind() == engine.NotFound {
		return trouble(engine.NotFound, "there is no such account (%w)", f)
	}
	return err
}
