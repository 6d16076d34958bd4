package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/entra/entratest"
	"github.com/daypass-dev/daypass/internal/sim"
)

// With daypass stopped, Entra ends access at its time, and the next sync agrees
// and reports. PIM for Groups allows no end within five minutes, so the clock of
// the tenant and of daypass is one that can be put forward.
func TestEntraEndsAccessWhileDaypassIsStopped(t *testing.T) {
	clock := new(sim.Clock)
	s := entratest.New(entratest.Options{Clock: clock, Roles: entratest.FullRoles()})
	if err := s.Demo(20); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(""); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	path := filepath.Join(t.TempDir(), "daypass.yaml")
	text := fmt.Sprintf(`version: 1
directories:
  cloud: {type: entra, tenant: example.org, url: %[1]q, authority: %[1]q, auth: {clientID: %[2]q, secret: "env:SECRET"}, grace: 1s}
groups:
  cloud/prod-db: {expire: true}
`, s.URL(), entratest.DefaultApp)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SECRET", entratest.DefaultSecret)
	daypass := func(want string, args ...string) {
		t.Helper()
		var out bytes.Buffer
		e := &env{stdout: &out, stderr: &out, getenv: os.Getenv, now: clock.Now}
		code := execute(t.Context(), e, slices.Concat([]string{"--config", path}, args))
		if code != exitDone || !strings.Contains(out.String(), want) {
			t.Fatalf("%q: exit code %d, want 0 and %q in\n%s", args, code, want, out.String())
		}
	}
	in := func() bool { return slices.Contains(s.Members("prod-db"), s.UserID("ada@example.org")) }
	daypass("Granted", "grant", "add", "ada@example.org", "cloud/prod-db", "--for", "1h")
	daypass("1 added", "sync")
	end := s.End("prod-db", "ada@example.org")
	if !in() || end.Sub(clock.Now()) > time.Hour+time.Second || end.Sub(clock.Now()) < 59*time.Minute {
		t.Fatalf("a member: %t, until %s", in(), end)
	}
	clock.Advance(end.Sub(clock.Now()) - time.Minute)
	if !in() {
		t.Fatal("ended a minute early")
	}
	clock.Advance(2 * time.Minute) // nobody runs daypass
	if in() {
		t.Fatal("did not end by itself")
	}
	clock.Advance(10 * time.Hour)
	daypass("ended by the directory", "sync")
	daypass("Nothing to change", "plan", "--exit-code")
	daypass("ended by the directory", "audit", "log")
	daypass("", "audit", "verify")
	if wrong := slices.Concat(s.Catastrophes(), s.Violations()); len(wrong) > 0 {
		t.Error(wrong)
	}
}
