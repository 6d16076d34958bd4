package config

import (
	"net"
	"net/url"
	"regexp"
	"strings"
)

var (
	attribute = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9-]*|[0-9]+(\.[0-9]+)+)$`)
	dn        = regexp.MustCompile(`^[A-Za-z0-9.-]+ *=`)
)

// check reports what is wrong with one LDAP directory.
func (l *LDAP) check(w *walker, path string, c *Config) {
	l.checkURL(w, path)
	l.Bind.check(w, path+".bind", l)
	for name, file := range map[string]string{".ca": l.CA, ".bind.cert": l.Bind.Cert, ".bind.key": l.Bind.Key} {
		w.exists(path+name, file, c)
	}
	for name, value := range map[string]string{".people.base": l.People.Base, ".groups.base": l.Groups.Base, ".groups.placeholder": l.Groups.Placeholder} {
		if value != "" && !dn.MatchString(value) {
			w.fail(path+name, "%q is not a DN such as ou=people,dc=example,dc=org", value)
		}
	}
	for name, value := range map[string]string{
		".people.login": l.People.Login, ".people.id": l.People.ID, ".groups.name": l.Groups.Name, ".groups.id": l.Groups.ID,
		".groups.class": l.Groups.Class, ".groups.member": l.Groups.Member,
	} {
		if value != "" && !attribute.MatchString(value) {
			w.fail(path+name, "%q is not the name of an attribute or object class", value)
		}
	}
	l.Profile.check(w, path+".profile", attribute, "an attribute", "displayName")
	checkFilter(w, path+".people.match", l.People.Match)
	checkFilter(w, path+".groups.filter", l.Groups.Filter)
	if m := l.People.Match; m != "" && !strings.Contains(m, "{person}") {
		w.fail(path+".people.match", "must hold {person}, such as (mail={person})")
	}
	for name, value := range map[string]int{".connections": l.Connections, ".pageSize": l.PageSize} {
		if _, given := w.values[path+name]; given && value < 1 {
			w.fail(path+name, "must be 1 or more")
		}
	}
}

func (l *LDAP) checkURL(w *walker, path string) {
	if l.URL == "" {
		return
	}
	if socket, local := strings.CutPrefix(l.URL, "ldapi://"); local { // ldapi://%2Fpath is no URL to net/url
		l.checkSocket(w, path, socket)
		return
	}
	u, err := url.Parse(l.URL)
	switch {
	case err != nil: // err quotes the URL, which may hold a password
		w.fail(path+".url", "is not a URL; write one such as ldaps://ldap.example.org")
		return
	case u.User != nil:
		w.fail(path+".url", "must not hold a name or password; they belong in bind")
		return
	case u.Scheme != "ldap" && u.Scheme != "ldaps", u.Host == "":
		w.fail(path+".url", "write one such as ldaps://ldap.example.org")
		return
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "":
		w.fail(path+".url", "ends after the host and port; bases belong in people and groups")
	}
	l.checkTLS(w, path, u)
}

func (l *LDAP) checkSocket(w *walker, path, socket string) {
	if name, err := url.PathUnescape(socket); err != nil || !strings.HasPrefix(name, "/") {
		w.fail(path+".url", "write the path of the socket, such as ldapi:///run/slapd/ldapi")
	}
	if l.StartTLS {
		w.fail(path+".startTLS", "a local socket (ldapi) needs no TLS")
	}
}

func (l *LDAP) checkTLS(w *walker, path string, u *url.URL) {
	switch clear := u.Scheme == "ldap" && !l.StartTLS; {
	case u.Scheme == "ldaps" && l.StartTLS:
		w.fail(path+".startTLS", "is for ldap://; an ldaps:// connection is encrypted from the start")
	case !clear && l.Plaintext:
		w.fail(path+".plaintext", "contradicts the encryption that url and startTLS ask for; leave it out")
	case clear && !l.Plaintext && !loopback(u.Hostname()):
		w.fail(path+".url", "would send passwords in clear text; use ldaps://, startTLS: true, or allow it with plaintext: true")
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (b *Bind) check(w *walker, path string, l *LDAP) {
	if _, given := w.values[path]; !given {
		return
	}
	_, password := w.values[path+".password"]
	switch {
	case b.External && (b.DN != "" || password):
		w.fail(path, "external and dn with password exclude each other")
	case b.External && b.Cert == "" && !strings.HasPrefix(l.URL, "ldapi:"):
		w.fail(path, "external needs cert and key, or an ldapi:// socket")
	case !b.External && b.DN == "":
		w.fail(path, "write dn and password, or external: true")
	case !b.External && !password:
		w.fail(path, `the password is missing; write password: "env:NAME" or "file:PATH"`)
	}
	if (b.Cert == "") != (b.Key == "") {
		w.fail(path, "cert and key belong together")
	}
}

// checkFilter looks at the shape only; the connector compiles it.
func checkFilter(w *walker, path, filter string) {
	if filter == "" {
		return
	}
	depth := 0
	for i, r := range filter {
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 0 && i < len(filter)-1 || depth < 0 {
			w.fail(path, "%q is not one filter in brackets, such as (objectClass=person)", filter)
			return
		}
	}
	if depth != 0 {
		w.fail(path, "%q is not one filter in brackets, such as (objectClass=person)", filter)
	}
}
