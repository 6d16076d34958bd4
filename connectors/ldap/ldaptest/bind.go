package ldaptest

import (
	"bufio"
	"context"
	"crypto/subtle"
	"crypto/tls"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

func (c *conn) decodeBind(req *request) (task, result) {
	name, auth := text(child(req.body, 1)), child(req.body, 2)
	if integer(child(req.body, 0)) != 3 {
		return task{}, protocolError("only LDAP version 3 is spoken here")
	}
	if auth.ClassType != ber.ClassContext {
		return task{}, protocolError("bind: no authentication choice")
	}
	return task{dn: name, run: func(context.Context, *Fault) reply {
		c.name, c.rights = "", nobody // RFC 4511 section 4.2.1: a failed bind leaves the session anonymous
		var r result
		switch auth.Tag {
		case 0:
			r = c.bindSimple(name, text(auth))
		case 3:
			r = c.bindSASL(text(child(auth, 0)))
		default:
			r = refuse(ldap.LDAPResultAuthMethodNotSupported, "unknown authentication choice")
		}
		c.srv.opt.Log.Info("bind", "name", name, "code", r.code)
		return reply{result: r}
	}}, success()
}

func (c *conn) bindSimple(name, password string) result {
	o := c.srv.opt
	switch {
	case name == "" && password == "":
		if !o.AllowAnonymous && o.Flavor != ActiveDirectory {
			return refuse(ldap.LDAPResultInappropriateAuthentication, "anonymous bind disallowed")
		}
		return success()
	case password == "":
		return refuse(ldap.LDAPResultUnwillingToPerform, "unauthenticated bind (DN with no password) disallowed")
	case o.RequireTLS && !c.secure:
		if o.Flavor == ActiveDirectory {
			return refuse(ldap.LDAPResultStrongAuthRequired, "BindSimple: Transport encryption required.")
		}
		return refuse(ldap.LDAPResultConfidentialityRequired, "confidentiality required")
	}
	shown, level := c.srv.authenticate(name, password)
	if level == nobody {
		return c.srv.badCredentials()
	}
	c.name, c.rights = shown, level
	return success()
}

func (s *Server) badCredentials() result {
	if s.opt.Flavor == ActiveDirectory {
		return refuse(ldap.LDAPResultInvalidCredentials, "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data 52e, v4563")
	}
	return refuse(ldap.LDAPResultInvalidCredentials, "")
}

// authenticate returns what a name and password may do.
func (s *Server) authenticate(name, password string) (shown string, level rights) {
	if key := foldName(name); s.opt.Password != "" && key == s.bindDN {
		if subtle.ConstantTimeCompare([]byte(password), []byte(s.opt.Password)) == 1 {
			return s.opt.BindDN, writer
		}
		return "", nobody
	}
	s.tree.RLock()
	defer s.tree.RUnlock()
	e := s.byLogin(name)
	if e == nil {
		return "", nobody
	}
	for _, v := range e.stored(s.tree.schema.types["userpassword"]) {
		if subtle.ConstantTimeCompare([]byte(password), []byte(v)) == 1 {
			return e.dn, reader
		}
	}
	return "", nobody
}

func foldName(name string) string {
	if norm, err := normalDN(name); err == nil {
		return norm
	}
	return foldValue(name)
}

// byLogin finds an account by its DN and, on Active Directory, also by user
// principal name or DOMAIN\name.
func (s *Server) byLogin(name string) *entry {
	if e, r := s.resolve(name); r.ok() {
		return e
	}
	if s.opt.Flavor != ActiveDirectory {
		return nil
	}
	attr := "userprincipalname"
	if _, sam, ok := strings.Cut(name, `\`); ok {
		attr, name = "samaccountname", sam
	}
	found := s.tree.index[s.tree.schema.types[attr]].get(foldValue(name))
	if len(found) != 1 {
		return nil
	}
	return found[0]
}

// bindSASL knows EXTERNAL: a verified client certificate.
func (c *conn) bindSASL(mechanism string) result {
	if mechanism != "EXTERNAL" {
		return refuse(ldap.LDAPResultAuthMethodNotSupported, "SASL mechanism %q is not supported", mechanism)
	}
	t, ok := c.nc.(*tls.Conn)
	if !ok || len(t.ConnectionState().VerifiedChains) == 0 {
		return refuse(ldap.LDAPResultInappropriateAuthentication, "EXTERNAL needs a client certificate")
	}
	c.name, c.rights = t.ConnectionState().VerifiedChains[0][0].Subject.String(), writer
	return success()
}

const oidStartTLS = "1.3.6.1.4.1.1466.20037"

func (c *conn) decodeExtended(req *request) (task, result) {
	switch oid := text(child(req.body, 0)); {
	case oid == oidStartTLS:
		req.op = OpStartTLS
		return c.startTLS(), success()
	case oid == ldap.ControlTypeWhoAmI && c.srv.opt.Flavor != ActiveDirectory:
		req.op = OpWhoAmI
		return task{run: c.whoAmI}, success()
	default:
		return task{}, protocolError("unsupported extended operation")
	}
}

func (c *conn) whoAmI(context.Context, *Fault) reply {
	rep := reply{hasValue: true}
	if c.rights != nobody {
		rep.value = "dn:" + c.name
	}
	return rep
}

// startTLS answers first and then speaks TLS; its handshake happens with the
// first read.
func (c *conn) startTLS() task {
	return task{
		run: func(context.Context, *Fault) reply {
			r := success()
			switch {
			case c.srv.opt.TLS == nil:
				r = refuse(ldap.LDAPResultUnavailable, "TLS is not configured")
			case c.secure:
				r = refuse(ldap.LDAPResultOperationsError, "TLS already started")
			}
			return reply{result: r, oid: oidStartTLS}
		},
		after: func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			t := tls.Server(c.nc, c.srv.opt.TLS)
			c.nc, c.r, c.secure = t, bufio.NewReader(t), true
			c.w = bufio.NewWriterSize(t, 64<<10)
		},
	}
}
