package oktatest

import "net/http"

// logons counts how often a user's sessions were ended, and the tokens revoked
// that came of them.
type logons struct{ sessions, tokens int }

// endSessions is DELETE /users/{id}/sessions. Tokens stay good unless they are
// named.
func (c *call) endSessions() (answer, *failure) {
	tokens := c.q.Get("oauthTokens")
	if tokens != "" && tokens != "true" && tokens != "false" {
		return answer{}, invalid("oauthTokens", "oauthTokens: true or false.")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	u, f := c.find(c.vars[0])
	switch {
	case f != nil:
		return answer{}, f
	case !c.who.clears():
		return answer{}, fail(http.StatusForbidden, "E0000006")
	}
	l, op := c.org.logons[u.number], "end sessions"
	l.sessions++
	if tokens == "true" {
		l.tokens++
		op = "end sessions and tokens"
	}
	c.org.logons[u.number] = l
	c.wrote(Write{At: c.at, Op: op, User: u.id, Login: u.login, By: c.who.by, Changed: true})
	return answer{status: http.StatusNoContent}, nil
}

// clears reports whether the role may end sessions.
func (p *principal) clears() bool {
	for _, r := range p.Roles {
		switch r {
		case "SUPER_ADMIN", "ORG_ADMIN", "USER_ADMIN", "HELP_DESK_ADMIN", "CUSTOM":
			return true
		}
	}
	return false
}

// Logon opens a session of a user, with a refresh token, and returns whether
// one of the two is still good.
func (s *Server) Logon(name string) (good func() bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.user(name)
	if err != nil {
		return nil, err
	}
	began := s.org.logons[u.number]
	return func() bool {
		s.mu.RLock()
		defer s.mu.RUnlock()
		now := s.org.logons[u.number]
		return !u.deleted && (now.sessions == began.sessions || now.tokens == began.tokens)
	}, nil
}
