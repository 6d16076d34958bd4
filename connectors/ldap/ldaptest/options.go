package ldaptest

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"time"
)

// Flavor is the kind of server that is imitated.
type Flavor int

// The flavors. Result codes follow OpenLDAP 2.5, 389 Directory Server 2.3 and
// Active Directory as Samba 4.17 shows it, except where Options says otherwise.
const (
	OpenLDAP Flavor = iota
	DS389
	ActiveDirectory
)

// String returns the name by which users choose the flavor.
func (f Flavor) String() string {
	switch f {
	case DS389:
		return "389ds"
	case ActiveDirectory:
		return "ad"
	default:
		return "openldap"
	}
}

// ParseFlavor is the inverse of [Flavor.String].
func ParseFlavor(s string) (Flavor, error) {
	for _, f := range []Flavor{OpenLDAP, DS389, ActiveDirectory} {
		if s == f.String() {
			return f, nil
		}
	}
	return 0, fmt.Errorf("unknown directory flavor %q: want openldap, 389ds or ad", s)
}

// LinkTTL says whether Active Directory ends group memberships by itself, its
// Privileged Access Management Feature, and how a member with an end is
// written. Sources disagree on the form, so a server takes one of them. It
// always returns the first.
type LinkTTL int

// The states of the feature.
const (
	NoLinkTTL      LinkTTL = iota // unknown, as on Samba: no control, and a TTL is a bad name (34)
	LinkTTLOff                    // Windows Server 2016 or later, where the feature is off as long as nobody turns it on
	LinkTTLOutside                // <TTL=600>,cn=ada,... ; the other form is a bad name (34)
	LinkTTLInside                 // <TTL=600,cn=ada,...> ; the other form is bad syntax (21)
)

// on reports whether links have ends.
func (l LinkTTL) on() bool { return l == LinkTTLOutside || l == LinkTTLInside }

// Options describe a server. The zero value is an OpenLDAP for
// dc=example,dc=org that nobody may bind to except the people in it.
type Options struct {
	Flavor Flavor
	// Suffix is the root of the one naming context; "" is dc=example,dc=org.
	Suffix string
	// BindDN and Password are the account that may read and write everything.
	// It need not be an entry. On Active Directory it may also be a user
	// principal name. With an empty Password nobody can bind as it.
	BindDN, Password string
	// AllowAnonymous lets clients read without binding.
	AllowAnonymous bool
	// RequireTLS refuses simple binds with a password in clear text, as Samba and
	// hardened Active Directory do (8, strongerAuthRequired).
	RequireTLS bool

	// SizeLimit is the most entries one search without pages returns; what is
	// beyond ends in sizeLimitExceeded. 0 is no limit.
	SizeLimit int
	// PageLimit is the largest page. OpenLDAP refuses a larger one (11,
	// size.pr); Active Directory silently gives smaller pages, and applies the same limit to
	// searches without pages (MaxPageSize). 0 is no limit.
	PageLimit int
	// PagedTotal is the most entries all pages of a search give together
	// (OpenLDAP's size.prtotal). 0 is no limit.
	PagedTotal int
	// MaxValRange is the most values of one attribute Active Directory returns
	// at once; above it the attribute comes back empty beside
	// "member;range=0-1499". 0 is 1500 there, and nothing elsewhere.
	MaxValRange int
	// MaxPacket is the largest request in bytes; a larger one costs the client its
	// connection. 0 is 10 MiB, as Active Directory's MaxReceiveBuffer.
	MaxPacket int

	// MemberOf maintains memberOf from the groups. Active Directory always does.
	MemberOf bool
	// RefInt takes deleted entries out of the groups and follows renamed
	// ones. Active Directory always does.
	RefInt bool
	// LinkTTL says what Active Directory does with members that have an end.
	LinkTTL LinkTTL

	// TLS enables StartTLS and [Server.ListenTLS]. A client certificate that it
	// verifies may bind with SASL EXTERNAL, with the rights of BindDN.
	TLS *tls.Config
	// Log receives a line for every bind, search and write. nil is silence.
	// Passwords and the values written are never logged; filters are.
	Log *slog.Logger
	// OnWrite is called after every add, modify, delete and rename, refused or not,
	// one at a time. It must not call the server's methods that write.
	OnWrite func(Write)
	// Now is the clock for timestamps and link TTLs; nil is time.Now.
	Now func() time.Time
}

func (o Options) withDefaults() Options {
	if o.Suffix == "" {
		o.Suffix = "dc=example,dc=org"
	}
	if o.MaxPacket <= 0 {
		o.MaxPacket = 10 << 20
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.OnWrite == nil {
		o.OnWrite = func(Write) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Flavor != ActiveDirectory {
		o.MaxValRange, o.LinkTTL = 0, NoLinkTTL
		return o
	}
	o.MemberOf, o.RefInt = true, true
	if o.MaxValRange <= 0 {
		o.MaxValRange = 1500
	}
	return o
}

// Write is one write request and what became of it.
type Write struct {
	Op      Op
	DN      string
	By      string   // the bound name, "" for anonymous
	Changes []Change // of a modify
	Code    uint16   // the result code that was answered
}

// Change is one part of a modify.
type Change struct {
	Kind   ChangeKind
	Attr   string
	Values []string
}

// ChangeKind is what a change does to the values it names.
type ChangeKind int

// The change kinds, numbered as in RFC 4511 section 4.6.
const (
	AddValues     ChangeKind = 0
	DeleteValues  ChangeKind = 1
	ReplaceValues ChangeKind = 2
)
