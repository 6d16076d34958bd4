package config

import (
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

var (
	guid     = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	domain   = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]$`)
	word     = regexp.MustCompile(`^[0-9A-Za-z._-]+$`)
	customer = regexp.MustCompile(`^(my_customer|C[0-9a-z]+)$`)
	// oktaAdmin is the host of an org's admin console.
	oktaAdmin = regexp.MustCompile(`(?i)^([a-z0-9-]+)-admin\.(okta|oktapreview|okta-emea|okta-gov)\.(com|mil)$`)
)

// graceMax is far above the lag of any directory. A removal is not confirmed
// before the grace is over, so a long one only hides things.
const graceMax = time.Hour

func (h HTTP) check(w *walker, path string) {
	if h.Grace.Std() > graceMax {
		w.fail(path+".grace", "is longer than an hour; it is how long listings may be late")
	}
	for name, most := range map[string]int{".quota.perMinute": 1_000_000, ".quota.share": 100, ".connections": 64} {
		value := map[string]int{".quota.perMinute": h.Quota.PerMinute, ".quota.share": h.Quota.Share, ".connections": h.Connections}[name]
		if _, given := w.values[path+name]; given && !w.failed(path+name) && (value < 1 || value > most) {
			w.fail(path+name, "must be from 1 to %d", most)
		}
	}
}

// root checks the address of a service, and returns it parsed; nil when there
// is none or it is wrong. No message quotes it: it may hold a password.
func (w *walker) root(path, raw, example string) *url.URL {
	if raw == "" {
		return nil
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		w.fail(path, "is not a URL; write one such as %s", example)
	case u.User != nil:
		w.fail(path, "must not hold a name or password; they belong in auth")
	case u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "":
		w.fail(path, "write one such as %s", example)
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		w.fail(path, "ends after the host and port; write one such as %s", example)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		w.fail(path, "would send credentials in clear text; use https://, http:// is for this machine only")
	default:
		return u
	}
	return nil
}

// check reports what is wrong with one tenant.
func (e *Entra) check(w *walker, path string, c *Config) {
	switch tenant := strings.ToLower(e.Tenant); {
	case tenant == "":
	case tenant == "common" || tenant == "organizations" || tenant == "consumers":
		w.fail(path+".tenant", "%s stands for many tenants; name one, by a domain such as contoso.onmicrosoft.com or its GUID", tenant)
	case !guid.MatchString(tenant) && !domain.MatchString(tenant):
		w.fail(path+".tenant", "%q is neither a domain such as contoso.onmicrosoft.com nor a GUID", e.Tenant)
	}
	if e.Cloud == "public" || e.Cloud == "global" {
		w.fail(path+".cloud", "is for national clouds; leave it out for the global one")
	} else {
		oneOf(w, path+".cloud", e.Cloud, "usgov", "dod", "china")
	}
	oneOf(w, path+".match", e.Match, "userPrincipalName", "mail")
	e.checkRoots(w, path)
	e.Auth.check(w, path+".auth", c)
	e.Profile.check(w, path+".profile", property, "a property", "displayName")
	e.HTTP.check(w, path)
}

func (e *Entra) checkRoots(w *walker, path string) {
	graph := w.root(path+".url", e.URL, "https://graph.microsoft.com")
	authority := w.root(path+".authority", e.Authority, "https://login.microsoftonline.com")
	switch {
	case e.Cloud != "" && e.URL != "":
		w.fail(path+".cloud", "names the root of Graph, and so does url; leave one out")
	case e.URL == "" && e.Authority != "":
		w.fail(path+".authority", "belongs to another root of Graph; name that in url, or leave both out")
	case graph != nil && e.Authority == "" && !e.Auth.ManagedIdentity:
		w.fail(path+".url", "another root of Graph has its own tokens; name where they come from in authority")
	case authority != nil && authority.Scheme == "http" && !e.Auth.Secret.Set():
		w.fail(path+".authority", "http:// works with a secret only")
	}
}

func (a *EntraAuth) check(w *walker, path string, c *Config) {
	if _, given := w.values[path]; !given {
		return
	}
	_, secret := w.values[path+".secret"]
	_, password := w.values[path+".password"]
	_, certificate := w.values[path+".certificate"]
	one := w.exactlyOne(path, "write clientID and secret, clientID and certificate, workload: true or managedIdentity: true",
		choice{"secret", secret}, choice{"certificate", certificate}, choice{"workload", a.Workload}, choice{"managedIdentity", a.ManagedIdentity})
	switch {
	case !one:
	case a.ClientID == "" && (secret || certificate):
		w.fail(path, "the clientID is missing: the application (client) ID of the app registration")
	case password && !certificate:
		w.fail(path+".password", "is that of a certificate's file; a client secret belongs in secret")
	case a.TokenFile != "" && !a.Workload:
		w.fail(path+".tokenFile", "belongs to workload: true")
	}
	if a.ClientID != "" && !guid.MatchString(a.ClientID) {
		w.fail(path+".clientID", "is not a GUID; it is the application (client) ID on the app's overview page")
	}
	w.exists(path+".certificate", a.Certificate, c)
	w.exists(path+".tokenFile", a.TokenFile, c)
}

func (o *Okta) check(w *walker, path string, _ *Config) {
	if u := w.root(path+".url", o.URL, "https://example.okta.com"); u != nil {
		if m := oktaAdmin.FindStringSubmatch(u.Hostname()); m != nil {
			w.fail(path+".url", "is the admin console's; use the org URL, https://%s", strings.Replace(u.Host, "-admin.", ".", 1))
		}
	}
	oneOf(w, path+".match", o.Match, "login", "email")
	o.Auth.check(w, path+".auth")
	o.Profile.check(w, path+".profile", property, "an attribute of the profile", "displayName")
	o.HTTP.check(w, path)
}

func (a *OktaAuth) check(w *walker, path string) {
	if _, given := w.values[path]; !given {
		return
	}
	_, token := w.values[path+".token"]
	_, key := w.values[path+".privateKey"]
	one := w.exactlyOne(path, "write token, or clientID and privateKey", choice{"token", token}, choice{"privateKey", key})
	switch {
	case !one:
	case token && (a.ClientID != "" || a.KeyID != ""):
		w.fail(path, "clientID and keyID belong to a privateKey; a token stands alone")
	case key && a.ClientID == "":
		w.fail(path, "the clientID of the service app is missing")
	}
	for name, value := range map[string]string{".clientID": a.ClientID, ".keyID": a.KeyID} {
		if value != "" && !word.MatchString(value) {
			w.fail(path+name, "is made of letters, digits, - and _")
		}
	}
}

func (g *Google) check(w *walker, path string, _ *Config) {
	w.root(path+".url", g.URL, "https://admin.googleapis.com")
	if g.Customer != "" && !customer.MatchString(g.Customer) {
		w.fail(path+".customer", "%q is neither my_customer nor a customer id such as C0123abcd", g.Customer)
	}
	if g.Domain != "" && !domain.MatchString(g.Domain) {
		w.fail(path+".domain", "%q is not a domain such as example.org", g.Domain)
	}
	g.Auth.check(w, path+".auth")
	g.Profile.check(w, path+".profile", property, "a field", "name.fullName")
	g.HTTP.check(w, path)
}

func (a *GoogleAuth) check(w *walker, path string) {
	if _, given := w.values[path]; !given {
		return
	}
	_, key := w.values[path+".key"]
	one := w.exactlyOne(path, "write key, or ambient: true", choice{"key", key}, choice{"ambient", a.Ambient})
	if one && a.Ambient && a.Subject != "" {
		w.fail(path+".subject", "needs a key; give the service account an admin role of its own instead")
	}
	if a.Subject != "" {
		if _, err := engine.ParsePerson(a.Subject); err != nil {
			w.fail(path+".subject", "%q is not the address of an administrator, such as admin@example.org", a.Subject)
		}
	}
}

// choice is one of several ways to log in.
type choice struct {
	name  string
	given bool
}

// exactlyOne reports whether one way to log in is given, and says so when not.
func (w *walker) exactlyOne(path, how string, choices ...choice) bool {
	var names []string
	for _, c := range choices {
		if c.given {
			names = append(names, c.name)
		}
	}
	switch len(names) {
	case 0:
		w.fail(path, "%s", how)
	case 1:
		return true
	default:
		last := len(names) - 1
		w.fail(path, "%s and %s exclude each other; %s", strings.Join(names[:last], ", "), names[last], how)
	}
	return false
}

// failed reports whether something is wrong with a setting already.
func (w *walker) failed(path string) bool {
	return slices.ContainsFunc(w.errs, func(e *Error) bool { return e.Path == path })
}

// exists reports a file that is not there.
func (w *walker) exists(path, name string, c *Config) {
	if name == "" {
		return
	}
	if _, err := os.Stat(c.abs(name)); err != nil {
		w.fail(path, "%s: %v", name, reason(err))
	}
}
