package desk

import "sync"

// said is what the log was told of, and is not told again.
type said struct {
	mu  sync.Mutex
	all map[string]bool
}

// first reports whether something was not said before, and takes in that it is now.
func (s *said) first(what string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[what] {
		return false
	}
	if s.all == nil || len(s.all) >= crowd {
		s.all = make(map[string]bool)
	}
	s.all[what] = true
	return true
}
