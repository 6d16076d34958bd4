package google

import (
	"context"
	"errors"
	"fmt"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
)

// EndSessions signs m out of every session on the web and on devices. Tokens
// that applications hold stay good until their own end.
func (c *Connector) EndSessions(ctx context.Context, m engine.Member) error {
	return c.op("end the sessions of "+who(m), c.signOut(httpx.Urgent(ctx), m))
}

func (c *Connector) signOut(ctx context.Context, m engine.Member) error {
	if !plainID.MatchString(string(m.ID)) {
		return trouble(engine.NotFound, "%q is no id of an account at Google", clip(string(m.ID)))
	}
	tctx, x := traced(ctx)
	err := c.dir.Users.SignOut(string(m.ID)).Context(tctx).Do()
	failure := x.fail(ctx, err)
	var token *tokenError
	switch {
	case engine.KindOf(failure) == engine.NotFound:
		return trouble(engine.NotFound, "no account of this customer has the id %s (%s)", m.ID, x.answered(err).text())
	case engine.KindOf(failure) == engine.Denied && !errors.As(failure, &token):
		return &engine.Error{Kind: engine.Denied, Err: fmt.Errorf("%w; it takes the scope %s and the right \"User Security Management\"; "+
			"administrators are signed out by super administrators only", bare(failure), scopeNames(forSessions.scopes()))}
	}
	return failure
}
