package ldap

import (
	"strings"
	"testing"
)

func good() Config {
	return Config{
		Name: "corp", URL: "ldaps://ldap.example.org", BindDN: "cn=daypass,dc=example,dc=org", Password: static("s3cr3t"),
		People: People{Base: "ou=people,dc=example,dc=org"}, Groups: Groups{Base: "ou=groups,dc=example,dc=org"},
	}
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, bad := range []struct {
		edit func(*Config)
		want string
	}{
		{func(c *Config) { c.URL = "ldap://ldap.example.org" }, "clear text"},
		{func(c *Config) { c.URL = "ldap://10.0.0.1:389" }, "clear text"},
		{func(c *Config) { c.URL = "http://ldap.example.org" }, "ldaps://host"},
		{func(c *Config) { c.URL = "ldaps://user:pw@ldap.example.org" }, "ldaps://host"},
		{func(c *Config) { c.URL = "ldaps://h/dc=x?a" }, "ldaps://host"},
		{func(c *Config) { c.URL = "ldapi://var/run" }, "ldapi://%2F"},
		{func(c *Config) { c.StartTLS = true }, "remove startTLS"},
		{func(c *Config) { c.Name = "" }, "no name"},
		{func(c *Config) { c.People.Base = "people" }, "people.base"},
		{func(c *Config) { c.Groups.Base = "" }, "groups.base"},
		{func(c *Config) { c.Groups.Filter = "(cn=" }, "groups.filter"},
		{func(c *Config) { c.People.Match = "(mail=*)" }, "{person}"},
		{func(c *Config) { c.People.Login = "uid)(" }, "not the name"},
		{func(c *Config) { c.Placeholder = "nobody" }, "placeholder"},
		{func(c *Config) { c.Schema.Member = "m" }, "objectClass"},
		{func(c *Config) { c.Password = nil }, "password"},
		{func(c *Config) { c.BindDN = "" }, "bind DN"},
		{func(c *Config) { c.External = true }, "exclude"},
		{func(c *Config) { c.BindDN, c.Password, c.External = "", nil, true }, "certificate"},
		{func(c *Config) { c.ClientCert = "x" }, "only used with external"},
		{func(c *Config) { c.ProfileName = "display name" }, "not the name"},
		{func(c *Config) { c.ProfileManager = "(manager=*)" }, "not the name"},
		{func(c *Config) { c.ProfileAttributes = map[string]string{"site": "l,o"} }, "not the name"},
		{func(c *Config) { c.Timeout = -1 }, "negative"},
	} {
		cfg := good()
		bad.edit(&cfg)
		c, err := New(cfg)
		if err == nil {
			_ = c.Close()
			t.Errorf("New: got no error, want one with %q", bad.want)
			continue
		}
		if !strings.Contains(err.Error(), bad.want) || strings.Contains(err.Error(), "pw") {
			t.Errorf("New: got error %q, want one with %q and no password", err, bad.want)
		}
	}
}

func TestNewTakesClearTextWhereItIsSafe(t *testing.T) {
	t.Parallel()
	for _, edit := range []func(*Config){
		func(*Config) {},
		func(c *Config) { c.URL = "ldap://127.0.0.1:389" },
		func(c *Config) { c.URL = "ldap://[::1]" },
		func(c *Config) { c.URL = "ldap://localhost" },
		func(c *Config) { c.URL = "ldapi://%2Fvar%2Frun%2Fldapi" },
		func(c *Config) { c.URL, c.StartTLS = "ldap://ldap.example.org", true },
		func(c *Config) { c.URL, c.Plaintext = "ldap://ldap.example.org", true },
	} {
		cfg := good()
		edit(&cfg)
		c, err := New(cfg)
		if err != nil {
			t.Errorf("New with %s: got error %v, want none", cfg.URL, err)
			continue
		}
		if err := c.Close(); err != nil {
			t.Errorf("Close: got error %v, want none", err)
		}
	}
}
