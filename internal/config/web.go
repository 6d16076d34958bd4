package config

import (
	"slices"
	"strings"
	"time"
)

// Web is the page where people ask and decide, and the API beside it.
type Web struct {
	// Where it answers, as HOST:PORT. Default 127.0.0.1:8760.
	Listen string `yaml:"listen,omitempty"`
	// Where people find it, such as https://daypass.example.org.
	URL string `yaml:"url"`
	// How people sign in.
	OIDC OIDC `yaml:"oidc"`
	// How long they stay signed in.
	Session Session `yaml:"session,omitempty"`
	// The proxies in front of it, as networks such as 10.0.0.0/8. What they say
	// of where a request comes from (X-Forwarded-For) is believed.
	Behind []string `yaml:"behind,omitempty"`
}

// OIDC is an OpenID provider and our registration with it.
type OIDC struct {
	// The provider, as its discovery document names itself.
	Issuer string `yaml:"issuer"`
	// The client ID of the registration.
	ClientID string `yaml:"clientID"`
	// The client secret, by reference. Left out for a public client.
	Secret Secret `yaml:"secret,omitempty"`
	// What to ask for beside openid. Default profile and email.
	Scopes []string `yaml:"scopes,omitempty"`
	// The claim that holds a person's work address. Default email.
	Person string `yaml:"person,omitempty"`
	// Whether an email address counts that the provider did not verify. Default
	// false.
	TrustUnverified bool `yaml:"trustUnverified,omitempty"`
}

// Session is how long people stay signed in.
type Session struct {
	// How long without doing anything. Default 30m, or life where that is less.
	Idle Duration `yaml:"idle,omitempty"`
	// How long at most. Default 12h.
	Life Duration `yaml:"life,omitempty"`
}

const defaultLife = Duration(12 * time.Hour)

func (web *Web) complete() {
	if web.Listen == "" {
		web.Listen = "127.0.0.1:8760"
	}
	web.URL = strings.TrimSuffix(web.URL, "/")
	web.OIDC.Scopes = slices.DeleteFunc(web.OIDC.Scopes, func(scope string) bool { return scope == "openid" })
	if len(web.OIDC.Scopes) == 0 {
		web.OIDC.Scopes = []string{"profile", "email"}
	}
	if web.OIDC.Person == "" {
		web.OIDC.Person = "email"
	}
	if web.Session.Life == 0 {
		web.Session.Life = defaultLife
	}
	if web.Session.Idle == 0 {
		web.Session.Idle = min(Duration(30*time.Minute), web.Session.Life)
	}
}
