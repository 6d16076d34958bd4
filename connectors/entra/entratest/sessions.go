package entratest

import (
	"fmt"
	"net/http"
	"time"
)

// revokeSessions is POST users/{id}/revokeSignInSessions. Users of other
// tenants keep their sessions: they log in at home.
func (c *call) revokeSessions() (reply, *failure) {
	if !c.claims.any("User.RevokeSessions.All", "User.ReadWrite.All", "Directory.ReadWrite.All") {
		return reply{}, denied()
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	n, ok := c.user(c.params[0])
	if !ok {
		return reply{}, notFound(c.params[0])
	}
	if !c.s.tenant.objects[n].guest {
		c.s.tenant.validFrom[n] = c.now.UnixNano()
		c.s.tenant.logons[n]++
	}
	c.s.revision++
	if c.s.opts.RevokesWith204 {
		return reply{status: http.StatusNoContent}, nil
	}
	return c.json(map[string]any{"@odata.context": c.context("Edm.Boolean"), "value": true}), nil
}

// Logon opens a session of a user, and returns whether it is still good.
func (s *Server) Logon(user string) (good func() bool, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n, err := s.find(user, UserType)
	if err != nil {
		return nil, fmt.Errorf("log on: %w", err)
	}
	began := s.tenant.logons[n]
	return func() bool {
		s.mu.RLock()
		defer s.mu.RUnlock()
		return s.tenant.logons[n] == began
	}, nil
}

// ValidFrom returns since when the sessions of a user are good; zero when none
// was ever ended.
func (s *Server) ValidFrom(user string) time.Time {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n, err := s.find(user, UserType)
	if err != nil || s.tenant.validFrom[n] == 0 {
		return time.Time{}
	}
	return time.Unix(0, s.tenant.validFrom[n])
}
