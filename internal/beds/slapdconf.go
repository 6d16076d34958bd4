package beds

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// groupOfMembers is the class of rfc2307bis whose members may all leave.
// Debian ships no schema with it.
const groupOfMembers = `objectclass ( 1.3.6.1.4.1.4203.666.99.1 NAME 'groupOfMembers'
  DESC 'a group that may be empty' SUP top STRUCTURAL
  MUST cn MAY ( businessCategory $ seeAlso $ owner $ ou $ o $ description $ member ) )
`

// seed is what every slapd starts with.
const seed = `dn: dc=lab,dc=test
objectClass: dcObject
objectClass: organization
dc: lab
o: lab

dn: ou=people,dc=lab,dc=test
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=lab,dc=test
objectClass: organizationalUnit
ou: groups

dn: cn=limited,dc=lab,dc=test
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: limited
userPassword: limited

`

// SlapdOptions say how a [SlapdServer] differs from the plain one. The zero
// value has no overlays, equality indexes on the usual attributes, and does
// not wait for the disk.
type SlapdOptions struct {
	// Overlays are loaded in this order: memberof, refint, sssvlv, ppolicy,
	// dynlist, dds and syncprov come with working settings, any other with
	// none. Where refint is, memberof must be too.
	Overlays []string
	// Global lines come before the database: "sortvals member",
	// "sockbuf_max_incoming_auth 1048576".
	Global []string
	// Database lines come before the access rules, so "access to" lines here
	// win over the default: everybody who is bound reads, the administrator
	// writes.
	Database []string
	// Index lines without the word index: "member eq". Nil means
	// "cn,uid,member,memberUid,uniqueMember eq"; empty means none.
	Index []string
	// Limits of the reader cn=limited; empty means ten entries at a time, fifty
	// when asked for, twenty in a page.
	Limits string
	// LDIF is loaded after the seed and before the first start.
	LDIF string
	// Durable waits for the disk after each write, as in production.
	Durable bool
	// Quiet keeps operations out of the log; for measurements.
	Quiet bool
}

// conf is a slapd.conf under construction.
type conf struct{ strings.Builder }

func (c *conf) line(format string, args ...any) { fmt.Fprintf(&c.Builder, format+"\n", args...) }

func (c *conf) lines(lines []string) {
	for _, l := range lines {
		c.line("%s", l)
	}
}

// overlaySettings returns what an overlay needs to be of use.
func overlaySettings(name string) []string {
	switch name {
	case "memberof":
		return []string{
			"memberof-group-oc groupOfNames", "memberof-member-ad member",
			"memberof-memberof-ad memberOf", "memberof-refint FALSE",
		}
	case "refint":
		return []string{"refint_attributes member memberOf uniqueMember", "refint_nothing cn=nobody,dc=lab,dc=test"}
	case "sssvlv":
		return []string{"sssvlv-max 16", "sssvlv-maxperconn 8"}
	case "dynlist":
		return []string{"dynlist-attrset groupOfURLs memberURL member"}
	case "dds":
		return []string{"dds-max-ttl 31557600", "dds-min-ttl 1", "dds-default-ttl 60", "dds-interval 1"}
	case "syncprov":
		return []string{"syncprov-checkpoint 1000 10", "syncprov-sessionlog 10000"}
	}
	return nil
}

// writeSlapdConf writes dir/slapd.conf and what it includes.
func writeSlapdConf(dir string, cert certificate, o SlapdOptions) error {
	schema, err := folder("the schemas of slapd", "/etc/ldap/schema", "/etc/openldap/schema")
	if err != nil {
		return err
	}
	modules, err := folder("the modules of slapd", "/usr/lib/ldap", "/usr/lib64/openldap", "/usr/lib/openldap", "/usr/libexec/openldap")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "members.schema"), []byte(groupOfMembers), 0o600); err != nil {
		return err
	}
	c := &conf{}
	for _, s := range []string{"core", "cosine", "inetorgperson", "nis", "dyngroup"} {
		c.line("include %s/%s.schema", schema, s)
	}
	c.line("include %s/members.schema", dir)
	c.line("modulepath %s", modules)
	for _, m := range append([]string{"back_mdb"}, o.Overlays...) {
		c.line("moduleload %s", m)
	}
	c.line("TLSCertificateFile %s", cert.certFile)
	c.line("TLSCertificateKeyFile %s", cert.keyFile)
	c.line("threads 8")
	c.line("conn_max_pending_auth 1000")
	c.lines(o.Global)
	c.database(dir, o)
	return os.WriteFile(filepath.Join(dir, "slapd.conf"), []byte(c.String()), 0o600)
}

func (c *conf) database(dir string, o SlapdOptions) {
	c.line("database mdb")
	c.line("suffix dc=lab,dc=test")
	c.line("rootdn cn=admin,dc=lab,dc=test")
	c.line("rootpw secret")
	c.line("directory %s/data", dir)
	c.line("maxsize 8589934592") // an upper bound of a sparse file; the default of 10 MB is soon full
	c.line("sizelimit unlimited")
	if !o.Durable {
		c.line("dbnosync")
	}
	c.line("index objectClass,entryUUID,entryCSN eq")
	index := o.Index
	if index == nil {
		index = []string{"cn,uid,member,memberUid,uniqueMember eq"}
	}
	for _, i := range index {
		c.line("index %s", i)
	}
	limits := o.Limits
	if limits == "" {
		limits = "size.soft=10 size.hard=50 size.prtotal=unlimited size.pr=20"
	}
	c.line(`limits dn.exact="cn=limited,dc=lab,dc=test" %s`, limits)
	c.lines(o.Database)
	c.line("access to attrs=userPassword by self write by anonymous auth by * none")
	c.line("access to * by users read by anonymous auth by * none")
	for _, name := range o.Overlays {
		c.line("overlay %s", name)
		c.lines(overlaySettings(name))
	}
	c.line("database monitor")
	c.line(`access to * by dn.exact="cn=admin,dc=lab,dc=test" read by * none`)
}
