package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daypass-dev/daypass/engine"
)

func TestCloudsAreComplete(t *testing.T) {
	t.Parallel()
	entra := load(t, "entra.good.yaml")
	if got, want := entra.Directories["by-certificate"].Entra.Auth.Certificate, filepath.Join(entra.Dir, "ca.pem"); got != want {
		t.Errorf("certificate: got %s, want %s", got, want)
	}
	if got, want := entra.Directories["by-workload"].Entra.Auth.TokenFile, filepath.Join(entra.Dir, "ca.pem"); got != want {
		t.Errorf("token file: got %s, want %s", got, want)
	}
	if got := entra.Directories["elsewhere"].Entra.URL; got != "https://graph.cloud.example" {
		t.Errorf("url: got %s", got)
	}
	got := entra.Directories["by-certificate"].Entra.HTTP
	if diff := cmp.Diff(HTTP{Grace: Duration(90 * time.Second), Quota: Quota{PerMinute: 600, Share: 80}, Connections: 4}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := load(t, "okta.good.yaml").Directories["by-token"].Okta.URL; got != "https://example.okta.com" {
		t.Errorf("url: got %s", got)
	}
	google := load(t, "google.good.yaml")
	for name, want := range map[engine.Directory]string{"delegated": "my_customer", "by-role": "C0123abcd"} {
		if got := google.Directories[name].Google.Customer; got != want {
			t.Errorf("%s: customer: got %s, want %s", name, got, want)
		}
	}
}

// Each kind of directory warns of each of its secrets.
func TestSecretFilesOfCloudsThatEverybodyMayRead(t *testing.T) {
	t.Parallel()
	const body = `version: 1
directories:
  cloud:
    type: entra
    tenant: contoso.com
    auth: {clientID: 11111111-2222-3333-4444-555555555555, secret: "file:open"}
  pfx:
    type: entra
    tenant: contoso.com
    auth: {clientID: 11111111-2222-3333-4444-555555555555, certificate: open, password: "file:open"}
  okta-token:
    type: okta
    url: https://example.okta.com
    auth: {token: "file:open"}
  okta-key:
    type: okta
    url: https://example.okta.com
    auth: {clientID: 0oa1, privateKey: "file:open"}
  workspace:
    type: google
    auth: {key: "file:open"}
`
	dir := t.TempDir()
	for name, text := range map[string]string{"daypass.yaml": body, "open": "x"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "open"), 0o644); err != nil { //nolint:gosec // what the warning is about
		t.Fatal(err)
	}
	c, err := Load(filepath.Join(dir, "daypass.yaml"), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	warnings := strings.Join(c.Warnings, "\n")
	for _, place := range []string{":6:68: ", ":10:89: ", ":14:19: ", ":18:40: ", ":21:17: "} {
		if !strings.Contains(warnings, "daypass.yaml"+place+"secret file:open can be read by everybody") {
			t.Errorf("no warning at %s in\n%s", place, warnings)
		}
	}
	if len(c.Warnings) != 5 {
		t.Errorf("got %d warnings, want 5:\n%s", len(c.Warnings), warnings)
	}
}
