package okta

import "github.com/daypass-dev/daypass/engine"

var _ engine.Metered = (*Connector)(nil)

// Spent tells that another process may have used the quota up until now.
func (c *Connector) Spent() { c.http.Spent() }
