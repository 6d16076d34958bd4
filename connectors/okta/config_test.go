package okta

import (
	"strings"
	"testing"
	"time"
)

func TestConfig(t *testing.T) {
	t.Parallel()
	good := Config{Name: "corp", URL: "https://example.okta.com/", Token: static("x")}
	c, err := New(good)
	if err != nil || c.root != "https://example.okta.com" || c.Grace() != 15*time.Second || c.cfg.Share != 0.5 || c.cfg.Connections != 4 {
		t.Errorf("got %+v and error %v, want the defaults", c, err)
	}
	for says, edit := range map[string]func(*Config){
		"it has no name":             func(cfg *Config) { cfg.Name = "" },
		"written as https://":        func(cfg *Config) { cfg.URL = "" },
		`"example.okta.com" is not`:  func(cfg *Config) { cfg.URL = "example.okta.com" },
		"/api/v1\" is not written":   func(cfg *Config) { cfg.URL = "https://example.okta.com/api/v1" },
		`"...@example.okta.com"`:     func(cfg *Config) { cfg.URL = "https://a:secret@example.okta.com" },
		"https://example.okta.com":   func(cfg *Config) { cfg.URL = "https://example-admin.okta.com" },
		"in clear text":              func(cfg *Config) { cfg.URL = "http://example.okta.com" },
		"exclude each other":         func(cfg *Config) { cfg.ClientID, cfg.PrivateKey = "0oa1", static("x") },
		"needs an API token":         func(cfg *Config) { cfg.Token = nil },
		"both its clientID and its":  func(cfg *Config) { cfg.Token, cfg.ClientID = nil, "0oa1" },
		`match "mail" is neither`:    func(cfg *Config) { cfg.Match = "mail" },
		"share 2 is not":             func(cfg *Config) { cfg.Share = 2 },
		"per minute -1 is negative":  func(cfg *Config) { cfg.PerMinute = -1 },
		"connections -1 is negative": func(cfg *Config) { cfg.Connections = -1 },
		"is the admin console's":     func(cfg *Config) { cfg.URL = "https://x-ADMIN.oktapreview.com" },
	} {
		cfg := good
		edit(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), `directory "`) || strings.Contains(err.Error(), "secret") {
			t.Errorf("got error %v, want one that says %q", err, says)
		}
	}
	for _, url := range []string{"http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:1"} {
		cfg := good
		cfg.URL = url
		if _, err := New(cfg); err != nil {
			t.Errorf("%s: got error %v, want none", url, err)
		}
	}
	cfg := good
	cfg.URL, cfg.Match = "ftp://x", "y"
	if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "ftp") || !strings.Contains(err.Error(), `"y"`) {
		t.Errorf("two mistakes: got error %v, want both", err)
	}
	cfg = good
	cfg.PerMinute, cfg.Grace = 600, -1
	if c, err := New(cfg); err != nil || c.cfg.Share != defaultShare || c.Grace() != 0 {
		t.Errorf("a limit set by hand and no grace: got %+v and error %v", c, err)
	}
	for share, want := range map[float64]float64{0: 600, 0.25: 150, 1: 600} {
		if cfg.Share = share; cfg.ceiling() != want {
			t.Errorf("600 a minute set by hand, share %g: got %g in all, want %g", share, cfg.ceiling(), want)
		}
	}
}
