// Package engine makes group memberships equal to what grants say, and ends
// them on time. It holds the nouns, the Connector port, the pure decisions
// (Diff, Limits, Observe) and the Reconciler that carries them out.
//
// It knows no vendor, no file format and no database: connectors say what is,
// sources say what ought to be, a Ledger remembers what is ours.
package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/daypass-dev/daypass/schedule"
)

// Directory is the configured name of one identity provider: "corp".
type Directory string

// Person is a human across directories: a lower-cased work address. Use
// [ParsePerson] on anything that people typed.
type Person string

// longestAddress is how many octets an address has at most (RFC 5321, 4.5.3.1.3,
// without the brackets of a path).
const longestAddress = 254

// ParsePerson returns the canonical form of a work address. Case is folded and
// outer space trimmed; anything that is not one address is refused, and one that
// can be written in two ways.
//
// Work addresses are ASCII: for mail, Entra ID, Okta and Google take nothing else,
// and in LDAP mail is an IA5String. Beyond it one letter looks like another, or is
// written in several ways, and two spellings of one address would be two people.
func ParsePerson(s string) (Person, error) {
	address := strings.TrimSpace(s)
	p := strings.ToLower(address)
	local, domain, found := strings.Cut(p, "@")
	switch {
	case len(p) > longestAddress:
		return "", fmt.Errorf("person is %d octets long; an address has at most %d", len(p), longestAddress)
	case p == "":
		return "", fmt.Errorf("person is empty; write a work address such as ada@example.org")
	case !found, local == "", domain == "", strings.Contains(domain, "@"):
		return "", fmt.Errorf("person %q is not a work address such as ada@example.org", s)
	case strings.Contains(local, `"`):
		return "", fmt.Errorf("person %q is in quotes, which are no part of an address; leave them out", s)
	case strings.Contains("."+domain+".", ".."):
		return "", fmt.Errorf("person %q has a domain with a dot too many; write it as in ada@example.org", s)
	case !utf8.ValidString(s), strings.ContainsFunc(p, func(r rune) bool { return r == ' ' || !unicode.IsPrint(r) }):
		return "", fmt.Errorf("person %q holds a space, or a character that is not to be seen", s)
	}
	if i := strings.IndexFunc(address, func(r rune) bool { return r >= utf8.RuneSelf }); i >= 0 {
		r, _ := utf8.DecodeRuneInString(address[i:])
		return "", fmt.Errorf("person %q holds %q (%U), and a work address is plain ASCII; write the one that mail comes to, and a domain such as bücher.example as xn--bcher-kva.example", s, r, r)
	}
	return Person(p), nil
}

// GroupID is a group's immutable identifier in its directory: a UUID, not a
// name. [Connector.Group] finds it.
type GroupID string

// GroupRef is a group as people write it: a directory, and the group's name or
// native id there.
type GroupRef struct {
	Directory Directory
	Name      string
}

// ParseGroupRef reads "directory/group". Only the first slash divides.
func ParseGroupRef(s string) (GroupRef, error) {
	d, name, found := strings.Cut(s, "/")
	if !found || d == "" || strings.TrimSpace(name) == "" {
		return GroupRef{}, fmt.Errorf("group %q is not written as directory/group", s)
	}
	return GroupRef{Directory: Directory(d), Name: name}, nil
}

func (r GroupRef) String() string { return string(r.Directory) + "/" + r.Name }

// Group identifies one group across directories. It is a map key; two names of
// one group resolve to the same Group.
type Group struct {
	Directory Directory
	ID        GroupID
}

// GroupInfo is a group as its directory describes it.
type GroupInfo struct {
	ID   GroupID
	Name string // to be read; unique within its directory where that is possible
	// Unmanageable says why daypass must not change the group (a dynamic
	// group, a group mastered elsewhere). Empty where it may.
	Unmanageable string
}

// MemberID is the immutable identifier of a member's object in its directory.
type MemberID string

// MemberKind tells accounts from the other things that a group may hold.
type MemberKind string

// Kinds of member. The engine adds and removes accounts only; everything else
// is left where it is and reported.
const (
	AccountMember MemberKind = ""
	GroupMember   MemberKind = "group" // a nested group
	OtherMember   MemberKind = "other" // an owner, a device, a contact, ...
)

// A Member is what a group holds: usually a person's account.
type Member struct {
	ID    MemberID   `json:"id"`             // identity; immutable
	Login string     `json:"login"`          // to be read
	Kind  MemberKind `json:"kind,omitempty"` // "" is an account
	// Ref is how the directory itself writes the member (an LDAP DN), where
	// that is not the ID. It may change while the ID stays.
	Ref string `json:"-"`
}

// Ghost reports whether m is a value that leads to no object, such as a DN
// left behind by a deleted account. Connectors list it with its Ref as ID.
func (m Member) Ghost() bool { return m.Ref != "" && string(m.ID) == m.Ref }

// Membership is one member directly in one group. It is a map key.
type Membership struct {
	Group  Group
	Member MemberID
}

// GrantID identifies a grant. The same wish has the same ID in every run.
type GrantID string

// A Grant says that a person ought to be in a group while When is in force. A
// grant of a resource stands here once for each of the resource's groups,
// under one ID.
type Grant struct {
	ID       GrantID
	Person   Person
	Group    GroupRef // zero when it leads nowhere: its resource is not known any more
	Resource string   // the resource it was asked for; empty for a plain group
	When     schedule.Window
	Reason   string
	Origin   string // where it was said: "grants/ops.yaml:12", "grant add by root"
}

// DeriveGrantID derives a grant's ID from what makes it the same wish: who,
// what, from when, and why. The end is left out, so that extending a grant
// keeps its ID; the place in a file is left out, so that re-ordering changes
// nothing.
func DeriveGrantID(p Person, target string, from time.Time, reason string) GrantID {
	h := sha256.New()
	start := ""
	if !from.IsZero() {
		start = from.UTC().Format(time.RFC3339Nano)
	}
	for _, s := range []string{string(p), target, start, reason} {
		_, _ = fmt.Fprintf(h, "%d:%s;", len(s), s) // length first: no two wishes run together
	}
	return GrantID("g" + hex.EncodeToString(h.Sum(nil))[:20])
}
