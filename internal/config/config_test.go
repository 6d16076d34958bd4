package config

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/daypass-dev/daypass/engine"
)

func load(t *testing.T, name string) *Config {
	t.Helper()
	c, err := Load(configs+name, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	c := load(t, "minimal.good.yaml")
	dir, err := filepath.Abs(configs)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(dir, "daypass.db"); c.StorePath() != want {
		t.Errorf("store: got %s, want %s", c.StorePath(), want)
	}
	if c.Overdue.Std() != time.Hour || c.ReleaseFor.Std() != 24*time.Hour {
		t.Errorf("got overdue %v, releaseFor %v", c.Overdue, c.ReleaseFor)
	}
	if got := c.Directories["corp"].LDAP.People.Match; got != "(mail={person})" {
		t.Errorf("match: got %s", got)
	}
	got := c.Rules(engine.GroupRef{Directory: "corp", Name: "any"})
	if diff := cmp.Diff(engine.DefaultRules(), got); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(engine.DefaultLimits(), c.RunLimits()); diff != "" {
		t.Errorf("run limits (-want +got):\n%s", diff)
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	c := load(t, "full.good.yaml")
	for name, want := range map[string]engine.Rules{
		"prod-db": {
			Foreign: engine.ForeignRemove, Removed: engine.RemovedEnd, Notice: 12 * time.Hour,
			Standing: []engine.Person{"dba@example.org", "root@example.org"},
			Protect:  []engine.Person{"breakglass@example.org", "root@example.org"},
			Limits:   engine.Limits{Remove: 0, RemovePercent: 0, RemoveFree: 1, Add: 100},
		},
		"Domain Admins/eu": {
			Foreign: engine.ForeignReport, Removed: engine.RemovedRestore, Notice: 7 * 24 * time.Hour,
			Standing: []engine.Person{"root@example.org"}, Protect: []engine.Person{"breakglass@example.org"},
			Limits: engine.Limits{Remove: 40, RemovePercent: 10, RemoveFree: 1, Add: 3},
		},
	} {
		got := c.Rules(engine.GroupRef{Directory: "corp", Name: name})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if want := (engine.Limits{Remove: 40, RemovePercent: 10, RemoveFree: 1, Add: 100}); c.RunLimits() != want {
		t.Errorf("run limits: got %+v, want %+v", c.RunLimits(), want)
	}
}

// As a default, expire speaks of the directories that can; a group's own word
// counts more.
func TestExpire(t *testing.T) {
	t.Parallel()
	c := load(t, "expire.good.yaml")
	for ref, want := range map[engine.GroupRef]struct{ expire, sessions bool }{
		{Directory: "corp", Name: "any"}:       {true, false},
		{Directory: "corp", Name: "permanent"}: {false, false},
		{Directory: "okta-prod", Name: "any"}:  {false, false},
		{Directory: "okta-prod", Name: "vpn"}:  {false, true},
		{}:                                     {true, false}, // the engine knows what each directory can
	} {
		if got := c.Rules(ref); got.Expire != want.expire || got.EndSessions != want.sessions {
			t.Errorf("%v: got expire %t and endSessions %t, want %+v", ref, got.Expire, got.EndSessions, want)
		}
	}
}

func TestExpand(t *testing.T) {
	t.Parallel()
	c := load(t, "full.good.yaml")
	got, ok := c.Expand("prod-db")
	want := []engine.GroupRef{{Directory: "corp", Name: "prod-db"}, {Directory: "lab-1", Name: "dba"}}
	if diff := cmp.Diff(want, got); diff != "" || !ok {
		t.Errorf("prod-db: %v (-want +got):\n%s", ok, diff)
	}
	if got, ok := c.Expand("prod"); ok {
		t.Errorf("prod: got %v, want none", got)
	}
	if !c.HasDirectory("socket") || c.HasDirectory("sockets") {
		t.Error("HasDirectory tells wrong")
	}
}

func TestPeopleAreCanonical(t *testing.T) {
	t.Parallel()
	want := map[engine.Person]map[engine.Directory]string{"ada@example.org": {"corp": "uid=ada", "socket": "1001"}}
	if diff := cmp.Diff(want, load(t, "full.good.yaml").People); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPathsStartAtTheFile(t *testing.T) {
	t.Parallel()
	c := load(t, "full.good.yaml")
	if want := filepath.Join(c.Dir, "ca.pem"); c.Directories["corp"].LDAP.CA != want || !filepath.IsAbs(want) {
		t.Errorf("ca: got %s, want %s", c.Directories["corp"].LDAP.CA, want)
	}
	if want := filepath.Join(c.Dir, "state/daypass.db"); c.StorePath() != want {
		t.Errorf("store: got %s, want %s", c.StorePath(), want)
	}
}

func TestUnreadableFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	huge := filepath.Join(dir, "huge.yaml")
	if err := os.WriteFile(huge, make([]byte, fileMax+1), 0o600); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(dir, "none.yaml")
	for path, want := range map[string]string{
		none: none + ": no such file or directory",
		dir:  dir + ": is a folder",
		huge: huge + ": is larger than 4 MB; grants belong in files of their own",
	} {
		if _, err := Load(path, noEnv); message(err) != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestDurations(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]time.Duration{
		"7d": 168 * time.Hour, "1h30m": 90 * time.Minute, "2w1d12h": (15*24 + 12) * time.Hour, "1w": 168 * time.Hour, "90s": 90 * time.Second,
	} {
		if got, err := ParseDuration(s); err != nil || got.Std() != want {
			t.Errorf("%s: got %v, %v, want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "0s", "0d", "-1h", "1d-30h", "1", "7 d", "1d2w", "1y", "d", "99999d", "9999w9999d2562047h", "1h\n"} {
		if got, err := ParseDuration(s); err == nil {
			t.Errorf("%q: got %v, want an error", s, got)
		}
	}
}

func TestDurationsRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := Duration(rapid.Int64Range(1, 1<<62).Draw(t, "ns"))
		got, err := ParseDuration(want.String())
		if err != nil || got != want {
			t.Fatalf("got %v, %v, want %v", got, err, want)
		}
	})
}

// FuzzParse holds the walk to its promise: whatever the text, it ends with a
// checked configuration or with errors that have a place.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob(configs + "*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &Config{Dir: "/"}
		w := newWalker("daypass.yaml")
		if root := w.parse(data); root != nil {
			w.into(root, c, "")
			c.check(w)
		}
		for _, e := range w.errs {
			if e.Line < 0 || e.Message == "" {
				t.Errorf("got %+v", e)
			}
		}
		if len(w.errs) == 0 && (c.Version != 1 || len(c.Directories) == 0) {
			t.Errorf("accepted %q", data)
		}
		if len(w.errs) == 0 {
			c.complete()
		}
	})
}
