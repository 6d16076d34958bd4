package main

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/daypass-dev/daypass/connectors/ldap/ldaptest"
	"github.com/daypass-dev/daypass/internal/auth/oidctest"
)

// simulatedClient is how daypass is known to the provider that people sign in
// with.
const simulatedClient = "daypass"

// signIn starts an OpenID provider with the people of a simulated directory,
// and returns its address. Whoever it shows is believed: it is for loopback.
func (a *app) signIn(listen string, people []ldaptest.Person) (issuer string, stop func(), err error) {
	if host, _, err := net.SplitHostPort(listen); err != nil || !loopback(host) {
		return "", nil, fmt.Errorf("--sign-in %q: a provider that believes everybody listens on loopback only, such as 127.0.0.1:8770", listen)
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return "", nil, cannotListen(listen, err)
	}
	issuer = "http://" + l.Addr().String()
	var all []oidctest.Person
	for _, p := range people {
		all = append(all, oidctest.Person{Email: p.Mail, Name: p.Name})
	}
	provider, err := oidctest.New(issuer, simulatedClient, all, a.now)
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: provider, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }()
	return issuer, func() { _ = server.Close() }, nil
}

// introducePage prints the part of a configuration that people ask by: a page to
// sign in to, policies, and who administers.
func (a *app) introducePage(issuer string) {
	fmt.Fprintf(a.stdout, `  staging: {title: Deploy to staging, description: "Push builds to the staging machines", groups: [corp/staging], policy: staging}
policies:
  staging:                        # one approver: the person's manager, or an administrator of production
    ask: {anyone: true}
    max: 8h
    default: 2h
    steps: [{name: manager, approvers: {manager: true, groups: [corp/prod-admins]}}]
    extend: {times: 1, max: 2h}
  production:                     # the manager, then two of the data team
    ask: {anyone: true}
    max: 4h
    default: 1h
    ticket: {required: true, pattern: 'CHG-\d+', hint: "CHG-1234"}
    steps:
      - {name: manager, approvers: {manager: true}, within: 4h, then: escalate, escalate: {to: {people: [root@example.org]}}}
      - {name: data team, approvers: {people: [grace@example.org, ken@example.org, frances@example.org]}, quorum: 2}
    breakGlass: {ask: {groups: [corp/on-call]}, max: 1h, review: {by: {people: [ada@example.org]}, within: 24h}}
roles:
  administrators: {people: [root@example.org]}
  auditors: {people: [barbara@example.org]}
web:
  url: http://127.0.0.1:8760      # daypass serve, then open it and choose who you are
  oidc: {issuer: %q, clientID: %s}
`, issuer, simulatedClient)
}
