package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/daypass-dev/daypass/connectors/entra"
	"github.com/daypass-dev/daypass/connectors/google"
	"github.com/daypass-dev/daypass/connectors/ldap"
	"github.com/daypass-dev/daypass/connectors/okta"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/config"
	"github.com/daypass-dev/daypass/internal/httpx"
)

// observer is told of each request to directories.
type observer interface {
	Requests(d engine.Directory) func(context.Context, httpx.Sent)
	Operations(d engine.Directory) func(ctx context.Context, op string, result int, took time.Duration)
}

// connect makes the connector of each directory. Nothing is dialled yet. log
// gets a line for each HTTP request; nil is silent, and a nil observe tells
// nobody.
func connect(cfg *config.Config, log *slog.Logger, observe observer) (map[engine.Directory]engine.Connector, error) {
	ds := make(map[engine.Directory]engine.Connector, len(cfg.Directories))
	var errs []error
	for name, d := range cfg.Directories {
		c, err := connector(cfg, name, d, log, observe)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		ds[name] = c
	}
	slices.SortFunc(errs, func(a, b error) int { return compareText(a.Error(), b.Error()) })
	return ds, errors.Join(errs...)
}

// connector is the one table of the kinds of directory.
func connector(cfg *config.Config, name engine.Directory, d config.Directory, log *slog.Logger, observe observer) (engine.Connector, error) {
	accounts := accountsOf(cfg, name)
	var requests func(context.Context, httpx.Sent)
	if observe != nil && d.LDAP == nil {
		requests = observe.Requests(name)
	}
	switch {
	case d.LDAP != nil:
		lc := ldapConfig(name, d.LDAP, accounts)
		if observe != nil {
			lc.Observe = observe.Operations(name)
		}
		return ldap.New(lc)
	case d.Entra != nil:
		ec := entraConfig(name, d.Entra, accounts, log)
		ec.Expire, ec.EndSessions = wants(cfg, name)
		ec.Observe = requests
		return entra.New(ec)
	case d.Okta != nil:
		oc := oktaConfig(name, d.Okta, accounts, log)
		oc.Observe = requests
		return okta.New(oc)
	case d.Google != nil:
		gc := googleConfig(name, d.Google, accounts, log)
		gc.Observe = requests
		return google.New(gc)
	}
	return nil, fmt.Errorf("directory %q: type %q is not available in this version", name, d.Type)
}

// wants tells whether any group of a directory wants it to end memberships, or
// sessions.
func wants(cfg *config.Config, d engine.Directory) (expire, sessions bool) {
	for ref, rules := range managed(cfg) {
		if ref.Directory == d {
			expire, sessions = expire || rules.Expire, sessions || rules.EndSessions
		}
	}
	return expire, sessions
}

// accountsOf are the exceptions to the match rule of one directory.
func accountsOf(cfg *config.Config, name engine.Directory) map[engine.Person]string {
	accounts := make(map[engine.Person]string)
	for p, ids := range cfg.People {
		if id, ok := ids[name]; ok {
			accounts[p] = id
		}
	}
	return accounts
}

func ldapConfig(name engine.Directory, l *config.LDAP, accounts map[engine.Person]string) ldap.Config {
	return ldap.Config{
		Name: string(name), URL: l.URL, StartTLS: l.StartTLS, CAFile: l.CA, ServerName: l.ServerName, Plaintext: l.Plaintext,
		BindDN: l.Bind.DN, External: l.Bind.External, ClientCert: l.Bind.Cert, ClientKey: l.Bind.Key, Password: reveal(l.Bind.Password),
		People:      ldap.People{Base: l.People.Base, Match: l.People.Match, Login: l.People.Login, ID: l.People.ID},
		Groups:      ldap.Groups{Base: l.Groups.Base, Name: l.Groups.Name, Filter: l.Groups.Filter, ID: l.Groups.ID},
		Schema:      ldap.Schema{ObjectClass: l.Groups.Class, Member: l.Groups.Member},
		Placeholder: l.Groups.Placeholder, Accounts: accounts,
		ProfileName: l.Profile.Name, ProfileManager: l.Profile.Manager, ProfileAttributes: l.Profile.Attributes,
		Timeout: l.Timeout.Std(), Connections: l.Connections, PageSize: l.PageSize,
	}
}

func entraConfig(name engine.Directory, e *config.Entra, accounts map[engine.Person]string, log *slog.Logger) entra.Config {
	return entra.Config{
		Name: string(name), Tenant: e.Tenant, Cloud: e.Cloud, URL: e.URL, Authority: e.Authority,
		ClientID: e.Auth.ClientID, Secret: reveal(e.Auth.Secret),
		CertFile: e.Auth.Certificate, CertPassword: reveal(e.Auth.Password),
		Workload: e.Auth.Workload, TokenFile: e.Auth.TokenFile, ManagedIdentity: e.Auth.ManagedIdentity,
		Match: e.Match, RoleAssignable: e.RoleAssignable, Accounts: accounts, Grace: e.Grace.Std(),
		ProfileName: e.Profile.Name, ProfileManager: e.Profile.Manager, ProfileAttributes: e.Profile.Attributes,
		Share: share(e.HTTP), PerMinute: e.Quota.PerMinute, Connections: e.Connections, Log: log,
	}
}

func oktaConfig(name engine.Directory, o *config.Okta, accounts map[engine.Person]string, log *slog.Logger) okta.Config {
	return okta.Config{
		Name: string(name), URL: o.URL, Token: reveal(o.Auth.Token),
		ClientID: o.Auth.ClientID, PrivateKey: reveal(o.Auth.PrivateKey), KeyID: o.Auth.KeyID,
		Match: o.Match, Accounts: accounts, Grace: o.Grace.Std(),
		ProfileName: o.Profile.Name, ProfileManager: o.Profile.Manager, ProfileAttributes: o.Profile.Attributes,
		Share: share(o.HTTP), PerMinute: o.Quota.PerMinute, Connections: o.Connections, Log: log,
	}
}

func googleConfig(name engine.Directory, g *config.Google, accounts map[engine.Person]string, log *slog.Logger) google.Config {
	return google.Config{
		Name: string(name), URL: g.URL, Customer: g.Customer, Domain: g.Domain,
		Key: reveal(g.Auth.Key), Subject: g.Auth.Subject, Ambient: g.Auth.Ambient,
		Accounts: accounts, Grace: g.Grace.Std(),
		ProfileName: g.Profile.Name, ProfileManager: g.Profile.Manager, ProfileAttributes: g.Profile.Attributes,
		Share: share(g.HTTP), PerMinute: g.Quota.PerMinute, Connections: g.Connections, Log: log,
	}
}

// reveal fetches a secret when it is needed; nil where there is none.
func reveal(s config.Secret) func(context.Context) (string, error) {
	if !s.Set() {
		return nil
	}
	return s.Reveal
}

// share is the part of the quota that may be spent, from 0 to 1; 0 is the
// kind's default.
func share(h config.HTTP) float64 { return float64(h.Quota.Share) / 100 }

// httpLog tells each HTTP request on standard error, where that is asked for.
func (a *app) httpLog() *slog.Logger {
	if !a.debugHTTP && a.getenv("DAYPASS_DEBUG_HTTP") == "" {
		return nil
	}
	return slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
