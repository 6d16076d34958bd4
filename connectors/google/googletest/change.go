package googletest

import (
	"fmt"
	"slices"
	"strings"
)

// The functions below are what administrators do elsewhere. All of it is seen
// at once.

// account finds a user for the harness.
func (s *Server) account(key string) (uint32, error) {
	n, ok := s.find(key)
	if !ok || s.objects[n].kind != aUser {
		return 0, fmt.Errorf("no user %q", key)
	}
	return n, nil
}

// DeleteUser deletes an account; its memberships go with it, and Google keeps
// it for 20 days among those that were deleted.
func (s *Server) DeleteUser(key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.account(key)
	if err != nil {
		return err
	}
	s.deleteUser(n)
	return nil
}

func (s *Server) deleteUser(n uint32) {
	s.purge(n)
	s.remove(n)
}

// purge takes an object out of every group.
func (s *Server) purge(n uint32) {
	for _, gn := range s.order {
		if e, ok := s.groups[gn].holds(n); ok {
			s.groups[gn].members.Put(e, false)
			delete(s.groups[gn].ends, n)
		}
		delete(s.groups[gn].invited, n)
	}
}

// RenameUser gives an account another primary address. The former one becomes
// an alias, as at Google; [Server.DropAlias] takes it away.
func (s *Server) RenameUser(key, email string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.account(key)
	if err != nil {
		return err
	}
	former := s.objects[n].addr
	if err := s.readdress(n, email); err != nil {
		return err
	}
	if fold(former) == fold(email) {
		return nil
	}
	return s.addAlias(n, former)
}

// AddAlias gives a user or group one more address.
func (s *Server) AddAlias(key, alias string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.find(key)
	if !ok {
		return fmt.Errorf("no user or group %q", key)
	}
	return s.addAlias(n, alias)
}

// DropAlias takes an alias away from whoever has it.
func (s *Server) DropAlias(alias string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropAlias(alias)
}

// AddDomain gives the customer one more domain.
func (s *Server) AddDomain(domain string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.domains = append(s.domains, strings.ToLower(domain))
}

// Suspend suspends an account, and Restore ends that.
func (s *Server) Suspend(key string) error { return s.mark(key, suspended, true) }

// Restore ends the suspension or archiving of an account.
func (s *Server) Restore(key string) error { return s.mark(key, suspended|archived, false) }

// Archive archives an account: it cannot be used either.
func (s *Server) Archive(key string) error { return s.mark(key, archived, true) }

func (s *Server) mark(key string, f flags, set bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.account(key)
	if err != nil {
		return err
	}
	s.objects[n].flags &^= f
	if set {
		s.objects[n].flags |= f
	}
	return nil
}

// RenameGroup gives a group another address. The former one is free; call
// [Server.AddAlias] to keep it.
func (s *Server) RenameGroup(key, email string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.groupOf(key)
	if err != nil {
		return err
	}
	if err := s.readdress(g.n, email); err != nil {
		return err
	}
	s.tell(changeInfo, g, g.n, s.admin())
	return nil
}

// DeleteGroup deletes a group.
func (s *Server) DeleteGroup(key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.groupOf(key)
	if err != nil {
		return err
	}
	s.deleteGroup(g, s.admin())
	return nil
}

func (s *Server) deleteGroup(g *group, by string) {
	s.tell(deleteGroup, g, g.n, by)
	s.purge(g.n)
	s.remove(g.n)
	delete(s.groups, g.n)
	s.order = slices.DeleteFunc(s.order, func(n uint32) bool { return n == g.n })
}

// SetKind makes a group of another kind.
func (s *Server) SetKind(key string, k Kind) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.groupOf(key)
	if err != nil {
		return err
	}
	g.kind = k
	s.tell(changeInfo, g, g.n, s.admin())
	return nil
}
