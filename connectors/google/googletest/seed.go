package googletest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Seed is the shape of a seed file.
type Seed struct {
	Customer string   `json:"customer,omitempty"`
	Domains  []string `json:"domains,omitempty"` // besides those of the options
	Users    []User   `json:"users"`
	Groups   []Group  `json:"groups"`
}

// Load adds the people and groups of a seed file: JSON in the shape of [Seed].
// Groups may name each other as members in any order. An error names the line,
// or the user or group.
func (s *Server) Load(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("read the seed: %w", err)
	}
	var seed Seed
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&seed); err != nil {
		return fmt.Errorf("seed, line %d: %s", line(text, err, d.InputOffset()), strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("seed, line %d: there is more after the end", line(text, nil, d.InputOffset()))
	}
	return s.plant(seed)
}

// line tells where in a text an error is.
func line(text []byte, err error, at int64) int {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		at = syntax.Offset
	case errors.As(err, &kind):
		at = kind.Offset
	}
	return 1 + bytes.Count(text[:min(int(at), len(text))], []byte("\n"))
}

func (s *Server) plant(seed Seed) error {
	if seed.Customer != "" {
		s.mu.Lock()
		s.opt.Customer = seed.Customer
		s.mu.Unlock()
	}
	for _, d := range seed.Domains {
		s.AddDomain(d)
	}
	for i, u := range seed.Users {
		if _, err := s.AddUser(u); err != nil {
			return fmt.Errorf("seed: users[%d]: %w", i, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, g := range seed.Groups {
		if _, err := s.addGroup(g); err != nil {
			return fmt.Errorf("seed: groups[%d]: %w", i, err)
		}
	}
	for i, g := range seed.Groups {
		made, err := s.groupOf(g.Email)
		if err == nil {
			err = s.fill(made, g.Members)
		}
		if err != nil {
			return fmt.Errorf("seed: groups[%d]: %w", i, err)
		}
	}
	return nil
}
