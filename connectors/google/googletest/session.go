package googletest

// signOut is POST users/{userKey}/signOut: every session ends, and the account
// stays as it is.
func (s *Server) signOut(c *call) (any, error) {
	n, ok := s.find(c.path["userKey"])
	if !ok || s.objects[n].kind != aUser {
		return nil, noKey("userKey")
	}
	s.sessions[n]++
	s.keep(Write{At: c.now, Op: "sign-out", Member: s.objects[n].addr, By: c.who.name, Status: int(s.done()), Changed: true})
	return s.done(), nil
}

// Logon opens a session of an account, and returns whether it is still good.
func (s *Server) Logon(key string) (good func() bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.account(key)
	if err != nil {
		return nil, err
	}
	began := s.sessions[n]
	return func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.sessions[n] == began && !s.objects[n].has(gone|suspended|archived)
	}, nil
}
