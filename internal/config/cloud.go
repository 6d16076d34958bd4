package config

import "strings"

// HTTP holds what the directories that are reached over HTTP have in common.
type HTTP struct {
	// How long a change that the directory took is believed more than a
	// listing that lacks it. The default is the kind's: entra 2m, okta 15s,
	// google 2m.
	Grace Duration `yaml:"grace,omitempty"`
	// How much of what the directory allows may be spent.
	Quota Quota `yaml:"quota,omitempty"`
	// How many requests may be under way at once.
	Connections int `yaml:"connections,omitempty" jsonschema:"minimum=1,maximum=64"`
}

// Quota says how many requests are made. What is empty is the vendor's.
type Quota struct {
	// Requests a minute, for all of them together. On Entra ID and Google it
	// stands for what the vendor documents; what Okta tells is kept to as well.
	PerMinute int `yaml:"perMinute,omitempty" jsonschema:"minimum=1"`
	// The part of it that daypass may spend, in percent. The rest is left to
	// people and other programs.
	Share int `yaml:"share,omitempty" jsonschema:"minimum=1,maximum=100"`
}

// Entra holds the settings of a Microsoft Entra ID tenant.
type Entra struct {
	// Always entra.
	Type string `yaml:"type" jsonschema:"enum=entra"`
	// The tenant: one of its domains, such as contoso.onmicrosoft.com, or its
	// GUID.
	Tenant string `yaml:"tenant" jsonschema:"minLength=1"`
	// The national cloud that the tenant is in. Left out for the global one.
	Cloud string `yaml:"cloud,omitempty" jsonschema:"enum=usgov,enum=dod,enum=china"`
	// How daypass logs in.
	Auth EntraAuth `yaml:"auth"`
	// Where a person's work address stands. By default in either place, and
	// in exactly one account.
	Match string `yaml:"match,omitempty" jsonschema:"enum=userPrincipalName,enum=mail"`
	// Where the directory keeps what policies ask about people.
	Profile Profile `yaml:"profile,omitempty"`
	// Manage groups too to which Entra roles can be assigned. This needs a
	// right that is nearly all-powerful. Default false.
	RoleAssignable bool `yaml:"roleAssignable,omitempty"`
	// Another root of Microsoft Graph, of a simulator or a private cloud.
	URL string `yaml:"url,omitempty" jsonschema:"pattern=^https?://"`
	// Where tokens come from, for another root.
	Authority string `yaml:"authority,omitempty" jsonschema:"pattern=^https?://"`
	HTTP      `yaml:",inline"`
}

// EntraAuth is how daypass logs in to Entra ID: with exactly one of secret,
// certificate, workload and managedIdentity.
type EntraAuth struct {
	// The application (client) ID of the app registration, a GUID. Of a
	// managed identity, only where it is a user-assigned one.
	ClientID string `yaml:"clientID,omitempty"`
	// The client secret's value, by reference.
	Secret Secret `yaml:"secret,omitempty"`
	// A file with the certificate and its private key, PEM or PKCS#12.
	Certificate string `yaml:"certificate,omitempty"`
	// The password of the certificate's file, by reference.
	Password Secret `yaml:"password,omitempty"`
	// Workload identity: a token that the platform puts into a file.
	Workload bool `yaml:"workload,omitempty"`
	// That file, where AZURE_FEDERATED_TOKEN_FILE does not name it.
	TokenFile string `yaml:"tokenFile,omitempty"`
	// The managed identity of the machine in Azure that daypass runs on.
	ManagedIdentity bool `yaml:"managedIdentity,omitempty"`
}

// Okta holds the settings of an Okta org.
type Okta struct {
	// Always okta.
	Type string `yaml:"type" jsonschema:"enum=okta"`
	// The org, as https://example.okta.com; not its admin console.
	URL string `yaml:"url" jsonschema:"pattern=^https?://"`
	// How daypass logs in.
	Auth OktaAuth `yaml:"auth"`
	// Where a person's work address stands: in the login, which is the
	// default, or in the e-mail address.
	Match string `yaml:"match,omitempty" jsonschema:"enum=login,enum=email"`
	// Where the directory keeps what policies ask about people.
	Profile Profile `yaml:"profile,omitempty"`
	HTTP    `yaml:",inline"`
}

// OktaAuth is how daypass logs in to Okta: with an API token, or as a service
// app with its private key.
type OktaAuth struct {
	// An API token, by reference. It has the rights of the administrator who
	// made it.
	Token Secret `yaml:"token,omitempty"`
	// The client ID of the service app.
	ClientID string `yaml:"clientID,omitempty"`
	// The service app's private key as PEM, by reference.
	PrivateKey Secret `yaml:"privateKey,omitempty"`
	// The id (kid) of the key, where the app has several.
	KeyID string `yaml:"keyID,omitempty"`
}

// Google holds the settings of a Google Workspace or Cloud Identity account.
type Google struct {
	// Always google.
	Type string `yaml:"type" jsonschema:"enum=google"`
	// The customer's id, such as C0123abcd. Default my_customer, the one that
	// the credential belongs to.
	Customer string `yaml:"customer,omitempty" jsonschema:"pattern=^(my_customer|C[0-9a-z]+)$"`
	// Only this domain of the customer.
	Domain string `yaml:"domain,omitempty"`
	// How daypass logs in.
	Auth GoogleAuth `yaml:"auth"`
	// Where the directory keeps what policies ask about people.
	Profile Profile `yaml:"profile,omitempty"`
	// Another root of the APIs, of a simulator.
	URL  string `yaml:"url,omitempty" jsonschema:"pattern=^https?://"`
	HTTP `yaml:",inline"`
}

// GoogleAuth is how daypass logs in to Google: with the key of a service
// account, or with what the machine has (ambient).
type GoogleAuth struct {
	// The service account's key, a JSON text, by reference.
	Key Secret `yaml:"key,omitempty"`
	// The administrator to act as, with domain-wide delegation. Left out where
	// the service account itself has an admin role.
	Subject string `yaml:"subject,omitempty"`
	// The credential of the machine: workload identity, or
	// GOOGLE_APPLICATION_CREDENTIALS.
	Ambient bool `yaml:"ambient,omitempty"`
}

func (e *Entra) complete(c *Config) {
	e.URL, e.Authority = trimmed(e.URL), trimmed(e.Authority)
	e.Auth.Certificate, e.Auth.TokenFile = c.abs(e.Auth.Certificate), c.abs(e.Auth.TokenFile)
}

func (e *Entra) secrets() map[string]Secret {
	return map[string]Secret{".auth.secret": e.Auth.Secret, ".auth.password": e.Auth.Password}
}

func (o *Okta) complete(*Config) { o.URL = trimmed(o.URL) }

func (o *Okta) secrets() map[string]Secret {
	return map[string]Secret{".auth.token": o.Auth.Token, ".auth.privateKey": o.Auth.PrivateKey}
}

func (g *Google) complete(*Config) {
	g.URL = trimmed(g.URL)
	if g.Customer == "" {
		g.Customer = "my_customer"
	}
}

func (g *Google) secrets() map[string]Secret { return map[string]Secret{".auth.key": g.Auth.Key} }

// trimmed is the root of a service without the slash that may end it.
func trimmed(root string) string { return strings.TrimRight(root, "/") }
