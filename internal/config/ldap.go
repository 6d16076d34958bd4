package config

// LDAP holds the settings of an LDAP or Active Directory server. What is empty
// is found out from the server, or has the connector's default.
type LDAP struct {
	// Always ldap.
	Type string `yaml:"type" jsonschema:"enum=ldap"`
	// The server, as ldaps://host, ldap://host:port or ldapi:///path.
	URL string `yaml:"url" jsonschema:"pattern=^(ldaps?|ldapi)://"`
	// Begin TLS on an ldap:// connection.
	StartTLS bool `yaml:"startTLS,omitempty"`
	// A PEM file with the authorities to trust instead of the system's.
	CA string `yaml:"ca,omitempty"`
	// The name to expect in the server's certificate, where it differs from
	// the one in the URL.
	ServerName string `yaml:"serverName,omitempty"`
	// Allow an unencrypted connection to another machine.
	Plaintext bool `yaml:"plaintext,omitempty"`
	// How daypass logs in.
	Bind Bind `yaml:"bind"`
	// Where and how the accounts of people are found.
	People LDAPPeople `yaml:"people"`
	// Where the directory keeps what policies ask about people.
	Profile Profile `yaml:"profile,omitempty"`
	// Where and how groups are found.
	Groups LDAPGroups `yaml:"groups"`
	// How long one answer may take.
	Timeout Duration `yaml:"timeout,omitempty"`
	// How many connections may be open at once.
	Connections int `yaml:"connections,omitempty" jsonschema:"minimum=1"`
	// How many entries to ask for in one page.
	PageSize int `yaml:"pageSize,omitempty" jsonschema:"minimum=1"`
}

// Bind is a login to an LDAP server: a name and a password, or what the
// connection itself proves (external).
type Bind struct {
	// The name to log in with: a DN or, on Active Directory, user@domain.
	DN string `yaml:"dn,omitempty"`
	// The password, by reference.
	Password Secret `yaml:"password,omitempty"`
	// SASL EXTERNAL: by client certificate, or by the socket's owner (ldapi).
	External bool `yaml:"external,omitempty"`
	// A PEM file with the client certificate.
	Cert string `yaml:"cert,omitempty"`
	// A PEM file with the client certificate's private key.
	Key string `yaml:"key,omitempty"`
}

// LDAPPeople says where accounts are and which one a person has.
type LDAPPeople struct {
	// The entry below which accounts are.
	Base string `yaml:"base" jsonschema:"minLength=1"`
	// The filter that finds a person's account; {person} stands for the work
	// address. Default (mail={person}).
	Match string `yaml:"match,omitempty" jsonschema:"pattern=\\{person\\}"`
	// The attribute to show as the login.
	Login string `yaml:"login,omitempty"`
	// The attribute that holds the immutable id, such as entryUUID.
	ID string `yaml:"id,omitempty"`
}

// LDAPGroups says where groups are and how they hold their members.
type LDAPGroups struct {
	// The entry below which groups are.
	Base string `yaml:"base" jsonschema:"minLength=1"`
	// The attribute that holds a group's name.
	Name string `yaml:"name,omitempty"`
	// The attribute that holds the immutable id, such as entryUUID.
	ID string `yaml:"id,omitempty"`
	// A filter that every group must match.
	Filter string `yaml:"filter,omitempty"`
	// The object class of groups, such as groupOfNames.
	Class string `yaml:"class,omitempty"`
	// The attribute that holds the members.
	Member string `yaml:"member,omitempty"`
	// The DN that keeps a group from being empty, where the schema asks for a
	// member. It is never shown as a member.
	Placeholder string `yaml:"placeholder,omitempty"`
}

func (l *LDAP) complete(c *Config) {
	l.CA, l.Bind.Cert, l.Bind.Key = c.abs(l.CA), c.abs(l.Bind.Cert), c.abs(l.Bind.Key)
	if l.People.Match == "" {
		l.People.Match = "(mail={person})"
	}
}

func (l *LDAP) secrets() map[string]Secret {
	return map[string]Secret{".bind.password": l.Bind.Password}
}
