package entra

import (
	"context"
	"os/exec"
	"strings"
	"testing"
)

func static(s string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return s, nil }
}

func plainConfig() Config {
	return Config{Name: "corp", Tenant: "contoso.onmicrosoft.com", ClientID: "11111111-2222-3333-4444-555555555555", Secret: static("s3cret")}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		edit func(*Config)
		want string // in the error; empty: none
	}{
		{"plain", func(*Config) {}, ""},
		{"no name", func(c *Config) { c.Name = "" }, "it has no name"},
		{"tenant by guid", func(c *Config) { c.Tenant = "11111111-2222-3333-4444-555555555555" }, ""},
		{"many tenants", func(c *Config) { c.Tenant = "common" }, "neither a domain"},
		{"tenant with a path", func(c *Config) { c.Tenant = "contoso.com/../x" }, "neither a domain"},
		{"no credential", func(c *Config) { c.Secret = nil }, "0 credentials"},
		{"two credentials", func(c *Config) { c.Workload = true }, "2 credentials"},
		{"secret without app", func(c *Config) { c.ClientID = "" }, "client id is missing"},
		{"certificate", func(c *Config) { c.Secret, c.CertFile = nil, "daypass.pem" }, ""},
		{"password without certificate", func(c *Config) { c.CertPassword = static("x") }, "needs the certificate's file"},
		{"token file without workload", func(c *Config) { c.TokenFile = "x" }, "belongs to workload identity"},
		{"managed identity", func(c *Config) { *c = Config{Name: "corp", ManagedIdentity: true} }, ""},
		{"cloud", func(c *Config) { c.Cloud = "usgov" }, ""},
		{"no such cloud", func(c *Config) { c.Cloud = "moon" }, "none of usgov, dod and china"},
		{"cloud and url", func(c *Config) {
			c.Cloud, c.URL, c.Authority = "dod", "https://graph.example.org", "https://login.example.org"
		}, "leave one out"},
		{"url without authority", func(c *Config) { c.URL = "https://graph.example.org" }, "name where they come from"},
		{"clear text", func(c *Config) { c.URL, c.Authority = "http://graph.example.org", "https://login.example.org" }, "clear text"},
		{"clear text here", func(c *Config) { c.URL, c.Authority = "http://127.0.0.1:8080", "http://localhost:8080" }, ""},
		{"certificate in clear text", func(c *Config) {
			c.URL, c.Authority, c.Secret, c.CertFile = "http://127.0.0.1:8080", "http://127.0.0.1:8080", nil, "x.pem"
		}, "a secret only"},
		{"match", func(c *Config) { c.Match = "employeeId" }, "neither userPrincipalName nor mail"},
		{"share", func(c *Config) { c.Share = 1.5 }, "between 0 and 1"},
		{"negative", func(c *Config) { c.PerMinute, c.Connections, c.Grace = -1, -1, -1 }, "grace -1ns is negative"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cfg := plainConfig()
			tc.edit(&cfg)
			_, err := New(cfg)
			if tc.want == "" && err != nil {
				t.Errorf("New: got error %v, want none", err)
			}
			if tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("New: got error %v, want one with %q", err, tc.want)
			}
		})
	}
}

// TestClouds: tokens of one cloud are worth nothing in another.
func TestClouds(t *testing.T) {
	t.Parallel()
	for cloud, want := range map[string][2]string{
		"":      {"https://graph.microsoft.com/v1.0", "https://login.microsoftonline.com"},
		"usgov": {"https://graph.microsoft.us/v1.0", "https://login.microsoftonline.us"},
		"dod":   {"https://dod-graph.microsoft.us/v1.0", "https://login.microsoftonline.us"},
		"china": {"https://microsoftgraph.chinacloudapi.cn/v1.0", "https://login.chinacloudapi.cn"},
	} {
		cfg := plainConfig()
		cfg.Cloud = cloud
		c, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]string{c.root.String(), c.tokens.logon.authority.String()}; got != want {
			t.Errorf("cloud %q: got roots %q, want %q", cloud, got, want)
		}
	}
}

// TestThinSDK: the generated model of Graph takes minutes and gigabytes to
// compile, and so must not be linked. Only its error models are.
func TestThinSDK(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	const sdk = "github.com/microsoftgraph/msgraph-sdk-go"
	found := false
	for _, p := range strings.Fields(string(out)) {
		switch {
		case p == sdk+"/models/odataerrors":
			found = true
		case p == sdk, strings.HasPrefix(p, sdk+"/"):
			t.Errorf("%s is linked, want nothing of %s but models/odataerrors", p, sdk)
		}
	}
	if !found {
		t.Errorf("%s/models/odataerrors is not linked, want it to be: this test looks in the wrong place", sdk)
	}
}
