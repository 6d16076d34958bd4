package googletest

import (
	"fmt"
	"net/http"
	"slices"
)

// record keeps what a write became.
func (s *Server) record(c *call, op string, g *group, member, role string, err error) {
	w := Write{At: c.now, Op: op, Group: s.objects[g.n].addr, Member: member, Role: role, By: c.who.name, Status: http.StatusOK, Changed: err == nil}
	if op == "remove" {
		w.Status = int(s.done())
	}
	if refused, ok := err.(*refusal); ok { //nolint:errorlint // handlers return their refusals as they are
		w.Status = refused.status
		w.Changed = refused.reason == "conflict"
	}
	if n, ok := s.find(member); ok {
		w.Member = s.label(n)
	}
	s.keep(w)
}

// kept is how many writes are remembered.
const kept = 20000

func (s *Server) keep(w Write) {
	if len(s.writes) >= kept {
		s.writes = slices.Delete(s.writes, 0, kept/2)
	}
	s.writes = append(s.writes, w)
	s.written++
	s.opt.Log.Info("write", "op", w.Op, "group", w.Group, "member", w.Member, "status", w.Status, "changed", w.Changed)
	s.opt.OnWrite(w)
}

// Writes returns the last writes of the API, refused ones included, oldest
// first; at least the last 10,000.
func (s *Server) Writes() []Write {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.writes)
}

// Written counts the writes of the API, refused ones included.
func (s *Server) Written() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written
}

// violate records what daypass must never do.
func (s *Server) violate(format string, args ...any) {
	s.violations = append(s.violations, fmt.Sprintf(format, args...))
}

// Violations returns what was asked of the API that daypass must never ask:
// removals of owners and managers, changes of roles, deletions of groups and
// users. A test ends by wanting none.
func (s *Server) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}
