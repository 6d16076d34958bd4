package ldaptest

import (
	"fmt"
	"slices"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// control is one control of a request or a response.
type control struct {
	oid      string
	critical bool
	value    string // raw
}

const (
	controlAssertion  = "1.3.6.1.1.12" // RFC 4528
	controlExtendedDN = ldap.ControlTypeMicrosoftExtendedDN
	controlPermissive = ldap.ControlTypeMicrosoftPermissiveModify
)

func parseControls(p *ber.Packet) ([]control, error) {
	cs := make([]control, 0, len(p.Children))
	for _, one := range p.Children {
		if len(one.Children) == 0 {
			return nil, fmt.Errorf("%w: empty control", errMalformed)
		}
		c := control{oid: text(one.Children[0])}
		for _, part := range one.Children[1:] {
			if part.Tag == ber.TagBoolean {
				c.critical = boolean(part)
			} else {
				c.value = text(part)
			}
		}
		cs = append(cs, c)
	}
	return cs, nil
}

func (r *request) control(oid string) (control, bool) {
	for _, c := range r.controls {
		if c.oid == oid {
			return c, true
		}
	}
	return control{}, false
}

// supportedControls are those of the flavor, as the root DSE lists them. The
// list of Active Directory holds what it advertises; of these the server
// honours paging, extended DNs, domain scope, tree delete and link TTLs.
func (s *Server) supportedControls() []string {
	common := []string{ldap.ControlTypePaging, ldap.ControlTypeManageDsaIT}
	switch s.opt.Flavor {
	case ActiveDirectory:
		all := []string{
			ldap.ControlTypePaging, controlExtendedDN, ldap.ControlTypeMicrosoftDomainScope, controlPermissive,
			ldap.ControlTypeMicrosoftTreeDelete, ldap.ControlTypeMicrosoftShowDeleted, ldap.ControlTypeMicrosoftSDFlags,
			ldap.ControlTypeMicrosoftRangeRetrievalNoErr, ldap.ControlTypeMicrosoftSearchOptions,
		}
		if s.opt.LinkTTL != NoLinkTTL {
			all = append(all, ldap.ControlTypeMicrosoftServerLinkTTL)
		}
		return all
	case DS389:
		return common
	default:
		return append(common, controlAssertion, controlPermissive)
	}
}

// checkControls refuses critical controls that the flavor does not have.
func (s *Server) checkControls(req *request) result {
	known := s.supportedControls()
	for _, c := range req.controls {
		if c.critical && !slices.Contains(known, c.oid) {
			return refuse(ldap.LDAPResultUnavailableCriticalExtension, "critical control %s is not recognized", c.oid)
		}
	}
	return success()
}

// pageRequest is what the client asked for in the paged results control.
type pageRequest struct {
	size   int
	cookie string
}

func parsePage(c control) (pageRequest, result) {
	p, err := ber.DecodePacketErr([]byte(c.value))
	if err != nil || len(p.Children) != 2 || integer(p.Children[0]) < 0 {
		return pageRequest{}, protocolError("paged results control value could not be decoded")
	}
	return pageRequest{size: integer(p.Children[0]), cookie: text(p.Children[1])}, success()
}

func pageControl(total int, cookie string) control {
	var e encoder
	seq := e.begin(tagSequence)
	e.integer(tagInteger, int64(total))
	e.string(tagOctets, cookie)
	e.end(seq)
	return control{oid: ldap.ControlTypePaging, value: string(e.buf)}
}
