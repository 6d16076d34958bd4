package e2e_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/e2e/daypass"
)

// until polls until so is true.
func until(t testing.TB, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(20 * time.Second); !so(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within 20 seconds: %s", what)
		}
	}
}

func TestDaypassGrantsAndEndsInARealDirectory(t *testing.T) {
	t.Parallel()
	corp := newDirectory(t, []string{"ada", "ken"}, []string{"prod-db"})
	corp.add("prod-db", "ken")
	d := program.Serve(t, daypass.Options{
		Config: "version: 1\nserve: {listen: $LISTEN}\n" + corp.config() + "resources:\n  prod-db: {groups: [corp/prod-db]}\n",
		Env:    corp.env(),
	})
	granted := d.Run("grant", "add", mail("ada"), "prod-db", "--for", "1h", "--reason", "CHG-1")
	if granted.Code != 0 {
		t.Fatalf("grant add: exit code %d\n%s%s", granted.Code, granted.Stdout, granted.Stderr)
	}
	until(t, "ada in prod-db", func() bool { return slices.Equal(corp.members("prod-db"), []string{"ada", "ken"}) })

	d.Restart()
	words := strings.Fields(granted.Stdout)
	id := words[slices.Index(words, "Granted")+1]
	if revoked := d.Run("grant", "revoke", strings.Trim(id, ".:,")); revoked.Code != 0 {
		t.Fatalf("grant revoke: exit code %d\n%s%s", revoked.Code, revoked.Stdout, revoked.Stderr)
	}
	until(t, "only ken in prod-db", func() bool { return slices.Equal(corp.members("prod-db"), []string{"ken"}) })

	d.Stop()
	if !strings.Contains(d.Log(), `"msg":"stopped"`) {
		t.Errorf("it did not stop in an orderly way:\n%s", d.Log())
	}
}
