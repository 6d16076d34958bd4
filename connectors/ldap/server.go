package ldap

import (
	"context"
	"strings"
	"time"

	"github.com/daypass-dev/daypass/connectors/ldap/internal/wire"
)

// OIDs by which servers say what they can do.
const (
	oidActiveDirectory = "1.2.840.113556.1.4.800" // MS-ADTS 3.1.1.3.4.3.1; Samba has it too
	oidExtendedDN      = "1.2.840.113556.1.4.529"
	oidDomainScope     = "1.2.840.113556.1.4.1339"
)

// flavour is a family of servers.
type flavour string

const (
	openLDAP        flavour = "OpenLDAP"
	ds389           flavour = "389 Directory Server"
	activeDirectory flavour = "Active Directory"
	otherServer     flavour = "LDAP server"
)

// server is what the root DSE says. It is asked for once.
type server struct {
	flavour  flavour
	vendor   string
	id       string // the attribute that never changes
	login    string // the attribute that people log in with
	controls map[string]bool
	contexts []string // naming contexts, the domain first
	// configuration is the naming context that a forest shares (Active Directory).
	configuration string
	links         links
}

func (s *server) can(oid string) bool { return s.controls[oid] }

func (s *server) ad() bool { return s.flavour == activeDirectory }

func rootAttrs() []string {
	return []string{"objectClass", "vendorName", "vendorVersion", "supportedControl", "supportedCapabilities", "namingContexts", "defaultNamingContext", "configurationNamingContext"}
}

// askServer reads the root DSE (RFC 4512 section 5.1).
func askServer(ctx context.Context, conn *wire.Conn) (*server, error) {
	s := &server{controls: map[string]bool{}}
	_, err := conn.Search(ctx, wire.Search{Scope: wire.BaseObject, Attrs: rootAttrs()}, func(e *wire.Entry) error {
		s.read(e)
		return nil
	})
	return s, err
}

func (s *server) read(e *wire.Entry) {
	for _, v := range e.Values("supportedControl") {
		s.controls[string(v)] = true
	}
	if d := e.First("defaultNamingContext"); d != "" {
		s.contexts = append(s.contexts, d)
	}
	for _, v := range e.Values("namingContexts") {
		if string(v) != e.First("defaultNamingContext") {
			s.contexts = append(s.contexts, string(v))
		}
	}
	s.configuration = e.First("configurationNamingContext")
	s.vendor = strings.TrimSpace(e.First("vendorName") + " " + e.First("vendorVersion"))
	s.flavour, s.id, s.login = flavourOf(e), "entryUUID", "uid"
	switch s.flavour {
	case activeDirectory:
		s.id, s.login = "objectGUID", "sAMAccountName"
	case ds389:
		s.id = "nsUniqueId"
	}
}

func flavourOf(e *wire.Entry) flavour {
	for _, v := range e.Values("supportedCapabilities") {
		if string(v) == oidActiveDirectory {
			return activeDirectory
		}
	}
	if strings.Contains(e.First("vendorName"), "389 Project") {
		return ds389
	}
	for _, v := range e.Values("objectClass") {
		if string(v) == "OpenLDAProotDSE" {
			return openLDAP
		}
	}
	return otherServer
}

// generalizedTime reads RFC 4517 section 3.3.13: 20261124231500.0Z and its
// shorter forms in UTC.
func generalizedTime(s string) (time.Time, bool) {
	digits, found := strings.CutSuffix(s, "Z")
	if !found {
		return time.Time{}, false
	}
	digits, _, _ = strings.Cut(digits, ".")
	digits, _, _ = strings.Cut(digits, ",")
	for _, form := range []string{"20060102150405", "200601021504", "2006010215"} {
		if t, err := time.Parse(form, digits); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
