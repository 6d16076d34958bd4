package googletest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// object is anything that can be a member: a user, a group, an outsider, a
// ghost, the customer. Its place in the table never changes and makes its id.
type object struct {
	addr  string // primary address as it is shown; "" for the customer
	name  string
	more  *more // seldom needed
	kind  objectKind
	flags flags
}

// more is what few objects have.
type more struct {
	aliases []string
	deleted time.Time
	profile profile
}

type objectKind uint8

const (
	aUser objectKind = iota
	aGroup
	anOutsider // an account elsewhere, or an address without one
	aGhost     // a leftover with the address of an account
	theCustomer
	aStranger // an entry of the unused type EXTERNAL
)

type flags uint8

const (
	suspended flags = 1 << iota
	archived
	superAdmin
	gone
)

func (o *object) has(f flags) bool { return o.flags&f != 0 }

// Ids look random and are not: the place in the table times an odd number,
// which has an inverse modulo 2^64.
const (
	scramble   = 0x9E3779B97F4A7C15
	unscramble = 0xF1DE83E19937733D
)

// userID is the id of an object as a member: 21 digits.
func userID(n uint32) string {
	return fmt.Sprintf("1%020d", (uint64(n)+1)*scramble)
}

// groupID is the id of a group: 15 letters and digits.
func groupID(n uint32) string {
	s := strconv.FormatUint((uint64(n)+1)*scramble, 32)
	return "01" + strings.Repeat("0", 13-len(s)) + s
}

func (s *Server) id(n uint32) string {
	switch s.objects[n].kind {
	case aGroup:
		return groupID(n)
	case theCustomer:
		return s.opt.Customer
	}
	return userID(n)
}

// byID finds what has an id, deleted objects excepted.
func (s *Server) byID(id string) (uint32, bool) {
	if id == s.opt.Customer {
		return 0, true
	}
	var x uint64
	var err error
	switch {
	case len(id) == 21 && id[0] == '1':
		x, err = strconv.ParseUint(id[1:], 10, 64)
	case len(id) == 15 && strings.HasPrefix(id, "01"):
		x, err = strconv.ParseUint(id[2:], 32, 64)
	default:
		return 0, false
	}
	n := x*unscramble - 1
	if err != nil || n >= uint64(len(s.objects)) || s.objects[n].has(gone) || s.id(uint32(n)) != id {
		return 0, false
	}
	return uint32(n), true
}

// find returns whose id, address or alias a key is. Ghosts are not found by
// their address: it is somebody else's.
func (s *Server) find(key string) (uint32, bool) {
	if strings.Contains(key, "@") {
		n, ok := s.addresses[fold(key)]
		return n, ok
	}
	return s.byID(key)
}

// fold makes addresses comparable: case is nothing, and for gmail.com neither
// are the dots before the at sign.
func fold(addr string) string {
	addr = strings.ToLower(addr)
	local, domain, _ := strings.Cut(addr, "@")
	if domain == "gmail.com" || domain == "googlemail.com" {
		return strings.ReplaceAll(local, ".", "") + "@gmail.com"
	}
	return addr
}

// ours reports whether an address is in one of the customer's domains.
func (s *Server) ours(addr string) bool {
	_, domain, _ := strings.Cut(strings.ToLower(addr), "@")
	return slices.Contains(s.domains, domain)
}

// enter adds an object under its address.
func (s *Server) enter(o object) (uint32, error) {
	if local, domain, ok := strings.Cut(o.addr, "@"); !ok || local == "" || domain == "" || strings.Contains(domain, "@") {
		return 0, fmt.Errorf("%q is no address such as ada@%s", o.addr, s.domains[0])
	}
	if n, taken := s.addresses[fold(o.addr)]; taken {
		return 0, fmt.Errorf("%s is taken by %s", o.addr, s.label(n))
	}
	n := s.append(o)
	s.addresses[fold(o.addr)] = n
	return n, nil
}

func (s *Server) append(o object) uint32 {
	s.objects = append(s.objects, o)
	return uint32(len(s.objects) - 1)
}

// label is how an object is called in records and errors.
func (s *Server) label(n uint32) string {
	if addr := s.objects[n].addr; addr != "" {
		return addr
	}
	return s.id(n)
}

// aliases returns the further addresses of an object.
func (o *object) aliases() []string {
	if o.more == nil {
		return nil
	}
	return o.more.aliases
}

func (o *object) further() *more {
	if o.more == nil {
		o.more = &more{}
	}
	return o.more
}

// addAlias gives an object one more address.
func (s *Server) addAlias(n uint32, addr string) error {
	if !strings.Contains(addr, "@") {
		return fmt.Errorf("alias %q of %s is no address", addr, s.label(n))
	}
	if other, taken := s.addresses[fold(addr)]; taken {
		return fmt.Errorf("alias %s of %s is taken by %s", addr, s.label(n), s.label(other))
	}
	s.addresses[fold(addr)] = n
	m := s.objects[n].further()
	m.aliases = append(m.aliases, addr)
	return nil
}

// dropAlias takes an address away again; the primary one stays.
func (s *Server) dropAlias(addr string) error {
	n, ok := s.addresses[fold(addr)]
	if !ok || fold(s.objects[n].addr) == fold(addr) {
		return fmt.Errorf("%s is no alias", addr)
	}
	m := s.objects[n].further()
	m.aliases = slices.DeleteFunc(m.aliases, func(a string) bool { return fold(a) == fold(addr) })
	delete(s.addresses, fold(addr))
	return nil
}

// readdress gives an object another primary address. An address that is its
// own alias becomes the primary one.
func (s *Server) readdress(n uint32, addr string) error {
	if other, taken := s.addresses[fold(addr)]; taken && other != n {
		return fmt.Errorf("%s is taken by %s", addr, s.label(other))
	}
	o := &s.objects[n]
	delete(s.addresses, fold(o.addr))
	if m := o.more; m != nil {
		m.aliases = slices.DeleteFunc(m.aliases, func(a string) bool { return fold(a) == fold(addr) })
	}
	o.addr = addr
	s.addresses[fold(addr)] = n
	return nil
}

// remove deletes an object with all its addresses.
func (s *Server) remove(n uint32) {
	o := &s.objects[n]
	delete(s.addresses, fold(o.addr))
	for _, a := range o.aliases() {
		delete(s.addresses, fold(a))
	}
	o.flags |= gone
	o.further().deleted = s.Clock.Now()
}
