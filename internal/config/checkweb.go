package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
)

func (web *Web) check(w *walker) {
	w.listen("web.listen", web.Listen, "127.0.0.1:8760")
	w.root("web.url", web.URL, "https://daypass.example.org")
	w.issuer("web.oidc.issuer", web.OIDC.Issuer)
	if web.OIDC.TrustUnverified && web.OIDC.Person != "" && web.OIDC.Person != "email" {
		w.fail("web.oidc.trustUnverified", "is about the claim email; leave it out")
	}
	idle, life := web.Session.Idle, web.Session.Life
	if life == 0 {
		life = defaultLife
	}
	if idle > life {
		w.fail("web.session.idle", "is longer than a session lasts at all (life, default 12h)")
	}
	for i, network := range web.Behind {
		prefix, err := netip.ParsePrefix(network)
		at := fmt.Sprintf("web.behind[%d]", i)
		switch {
		case network == "": // the walk said why
		case err != nil:
			w.fail(at, "%q is not a network such as 10.0.0.0/8; a single address ends with /32, or /128", network)
		case prefix.Bits() == 0:
			w.fail(at, "is every address there is, and anybody could say where they come from; name the proxies")
		}
	}
}

// listen checks where a server is to answer.
func (w *walker) listen(path, address, example string) {
	if address == "" {
		return
	}
	_, port, err := net.SplitHostPort(address)
	if n, perr := strconv.Atoi(port); err != nil || perr != nil || n < 0 || n > 65535 {
		w.fail(path, "is not HOST:PORT, such as %s", example)
	}
}

// issuer checks the address of an OpenID provider, which is compared letter by
// letter with what its tokens say.
func (w *walker) issuer(path, raw string) {
	const example = "https://login.example.org"
	if raw == "" {
		return
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil, u.Hostname() == "", u.Scheme != "https" && u.Scheme != "http":
		w.fail(path, "is not a URL such as %s", example)
	case u.User != nil, u.RawQuery != "", u.ForceQuery, u.Fragment != "":
		w.fail(path, "has no name, password, query or fragment; write it as the provider's discovery document does, such as %s", example)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		w.fail(path, "could be anybody's without TLS; use https://, http:// is for this machine only")
	}
}
