package ldaptest

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// subschemaDN is where clients find the schema.
const subschemaDN = "cn=Subschema"

// plainAttr is an attribute of an entry that is not in the tree.
type plainAttr struct {
	name        string
	operational bool
	values      []string
}

// isSpecial tells the root DSE, the subschema and what the forest has turned
// on from entries of the tree.
func (s *Server) isSpecial(base string) bool {
	return base == "" || strings.EqualFold(base, subschemaDN) || s.isPartitions(base)
}

// isPartitions finds the entry in which Active Directory lists the optional
// features of the forest.
func (s *Server) isPartitions(base string) bool {
	return s.opt.Flavor == ActiveDirectory && strings.EqualFold(base, "CN=Partitions,CN=Configuration,"+s.suffix)
}

func (c *conn) searchSpecial(id int64, sr *search, f *Fault) reply {
	if f.replaces() && !f.Apply {
		return reply{}
	}
	attrs := c.srv.rootDSE()
	switch {
	case c.srv.isPartitions(sr.base):
		if r := c.mayRead(); !r.ok() {
			return reply{result: r}
		}
		attrs = c.srv.partitions()
	case sr.base != "":
		attrs = c.srv.subschema()
	}
	var e encoder
	all := e.begin(tagSequence)
	e.integer(tagInteger, id)
	body := e.begin(replyEntry)
	e.string(tagOctets, sr.base)
	list := e.begin(tagSequence)
	for _, a := range attrs {
		if wantsPlain(sr, a) {
			a.encode(&e, sr.sel.typesOnly)
		}
	}
	e.end(list)
	e.end(body)
	e.end(all)
	c.send(e.buf)
	return reply{}
}

func wantsPlain(sr *search, a plainAttr) bool {
	if a.operational && sr.sel.operational || !a.operational && sr.sel.user {
		return true
	}
	return slices.ContainsFunc(sr.names, func(n string) bool { return strings.EqualFold(n, a.name) })
}

func (a plainAttr) encode(e *encoder, typesOnly bool) {
	one := e.begin(tagSequence)
	e.string(tagOctets, a.name)
	set := e.begin(tagSet)
	if !typesOnly {
		for _, v := range a.values {
			e.string(tagOctets, v)
		}
	}
	e.end(set)
	e.end(one)
}

// rootDSE is what the server says about itself. OpenLDAP shows nearly all of
// it only when asked; the others show it to everybody.
func (s *Server) rootDSE() []plainAttr {
	hide := s.opt.Flavor == OpenLDAP
	extensions := []string{ldap.ControlTypeWhoAmI}
	if s.opt.Flavor == ActiveDirectory {
		extensions = nil
	}
	if s.opt.TLS != nil {
		extensions = append(extensions, oidStartTLS)
	}
	attrs := []plainAttr{
		{"objectClass", false, []string{"top"}},
		{"namingContexts", hide, []string{s.suffix}},
		{"subschemaSubentry", hide, []string{subschemaDN}},
		{"supportedLDAPVersion", hide, []string{"3"}},
		{"supportedControl", hide, s.supportedControls()},
		{"supportedExtension", hide, extensions},
		{"supportedSASLMechanisms", hide, []string{"EXTERNAL"}},
	}
	switch s.opt.Flavor {
	case ActiveDirectory:
		attrs = append(attrs, s.activeDirectoryDSE()...)
	case DS389:
		attrs = append(attrs, plainAttr{"vendorName", false, []string{"389 Project"}}, plainAttr{"vendorVersion", false, []string{"389-Directory/2.3.1"}})
	default:
		attrs[0].values = []string{"top", "OpenLDAProotDSE"}
		attrs = append(attrs, plainAttr{"structuralObjectClass", true, []string{"OpenLDAProotDSE"}},
			plainAttr{"supportedFeatures", true, []string{"1.3.6.1.4.1.4203.1.5.1", "1.3.6.1.4.1.4203.1.5.2", "1.3.6.1.4.1.4203.1.5.3"}})
	}
	return slices.DeleteFunc(attrs, func(a plainAttr) bool { return len(a.values) == 0 })
}

func (s *Server) partitions() []plainAttr {
	features := "CN=Optional Features,CN=Directory Service,CN=Windows NT,CN=Services,CN=Configuration," + s.suffix
	on := []string{"CN=Recycle Bin Feature," + features}
	if s.opt.LinkTTL.on() {
		on = append(on, "CN=Privileged Access Management Feature,"+features)
	}
	return []plainAttr{
		{"objectClass", false, []string{"top", "crossRefContainer"}},
		{"msDS-EnabledFeature", false, on},
	}
}

// Capabilities by which a client knows Active Directory, and a domain
// controller of Windows 2008 R2 or later (MS-ADTS section 3.1.1.3.4.3).
var activeDirectoryCapabilities = []string{ //nolint:gochecknoglobals // a table
	"1.2.840.113556.1.4.800", "1.2.840.113556.1.4.1670", "1.2.840.113556.1.4.1791",
	"1.2.840.113556.1.4.1935", "1.2.840.113556.1.4.2080", "1.2.840.113556.1.4.2237",
}

func (s *Server) activeDirectoryDSE() []plainAttr {
	host := "dc1." + s.domain()
	return []plainAttr{
		{"currentTime", false, []string{s.opt.Now().UTC().Format("20060102150405.0Z")}},
		{"defaultNamingContext", false, []string{s.suffix}},
		{"rootDomainNamingContext", false, []string{s.suffix}},
		{"configurationNamingContext", false, []string{"CN=Configuration," + s.suffix}},
		{"schemaNamingContext", false, []string{"CN=Schema,CN=Configuration," + s.suffix}},
		{"supportedCapabilities", false, activeDirectoryCapabilities},
		{"dnsHostName", false, []string{host}},
		{"ldapServiceName", false, []string{s.domain() + ":dc1$@" + strings.ToUpper(s.domain())}},
		{"domainFunctionality", false, []string{"7"}},
		{"forestFunctionality", false, []string{"7"}},
		{"isSynchronized", false, []string{"TRUE"}},
		{"highestCommittedUSN", false, []string{s.highestUSN()}},
	}
}

func (s *Server) highestUSN() string {
	s.tree.RLock()
	defer s.tree.RUnlock()
	return fmt.Sprint(s.tree.seq)
}

// domain is the DNS name of the suffix: dc=example,dc=org is example.org.
func (s *Server) domain() string {
	var labels []string
	for rdn := range strings.SplitSeq(s.tree.suffix, ",") {
		if label, ok := strings.CutPrefix(rdn, "dc="); ok {
			labels = append(labels, label)
		}
	}
	if len(labels) == 0 {
		return "example.org"
	}
	return strings.Join(labels, ".")
}

// subschema lists the names that the server knows. The OIDs are made up, in
// the arc that anybody may use (2.25).
func (s *Server) subschema() []plainAttr {
	s.tree.RLock()
	defer s.tree.RUnlock()
	var types, classes []string
	for _, key := range slices.Sorted(maps.Keys(s.tree.schema.types)) {
		t := s.tree.schema.types[key]
		def := fmt.Sprintf("( %s NAME '%s'", madeUpOID(t.name), t.name)
		if t.is(single) {
			def += " SINGLE-VALUE"
		}
		if t.is(readOnly) {
			def += " NO-USER-MODIFICATION"
		}
		types = append(types, def+" )")
	}
	for _, key := range slices.Sorted(maps.Keys(s.tree.classes)) {
		c := s.tree.classes[key]
		def := fmt.Sprintf("( %s NAME '%s'", madeUpOID(c.name), c.name)
		if c.sup != "" {
			def += " SUP " + c.sup
		}
		if len(c.must) > 0 {
			def += " MUST ( " + strings.Join(c.must, " $ ") + " )"
		}
		classes = append(classes, def+" )")
	}
	return []plainAttr{
		{"objectClass", false, []string{"top", "subentry", "subschema"}},
		{"cn", false, []string{"Subschema"}},
		{"attributeTypes", true, types},
		{"objectClasses", true, classes},
	}
}

func madeUpOID(name string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(strings.ToLower(name))) // a hash takes everything
	return fmt.Sprintf("2.25.%d", h.Sum32())
}
