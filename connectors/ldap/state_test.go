package ldap

import (
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/daypass-dev/daypass/connectors/ldap/ldaptest"
	"github.com/daypass-dev/daypass/engine"
)

// told is an entry with one value for each attribute.
type told map[string]string

func (a told) First(name string) string { return a[name] }

func (a told) Has(name string) bool { _, ok := a[name]; return ok }

// Each way in which a server keeps an account out, as the server tells it.
func TestUnusableAccounts(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		attr, value string
		want        string // a part of the reason; "" is usable
	}{
		{"userAccountControl", "512", ""},
		{"userAccountControl", "514", "disabled"},
		{"userAccountControl", "66050", "disabled"},
		{"userAccountControl", "yes", "not a number"},
		{"lockoutTime", "0", ""},
		{"lockoutTime", "133000000000000000", "locked"},
		{"accountExpires", "0", ""},
		{"accountExpires", "9223372036854775807", ""},
		{"accountExpires", "134084160000000000", "expired on 2025-11-24"},
		{"accountExpires", "200000000000000000", ""},
		{"nsAccountLock", "FALSE", ""},
		{"nsAccountLock", "TRUE", "locked"},
		{"accountUnlockTime", "19700101000000Z", "until somebody"},
		{"accountUnlockTime", "20261124120001Z", "locked until"},
		{"accountUnlockTime", "20261124115959Z", ""},
		{"accountUnlockTime", "soon", "not a time"},
		{"pwdAccountLockedTime", "000001010000Z", "locked"},
		{"pwdEndTime", "20261124120000Z", "not valid now"},
		{"pwdEndTime", "20261124120001Z", ""},
		{"pwdStartTime", "20261124120000Z", ""},
		{"pwdStartTime", "20261124120001.5Z", "not valid now"},
		{"shadowExpire", "-1", ""},
		{"shadowExpire", "0", "expired"},
		{"shadowExpire", "20781", "expired on 2026-11-24"},
		{"shadowExpire", "20782", ""},
	} {
		got := unusable(told{c.attr: c.value}, now)
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("unusable with %s %s: got %q, want %q", c.attr, c.value, got, c.want)
		}
	}
}

// A lockout that is over leaves lockoutTime behind; the computed attribute
// knows better.
func TestLockoutThatIsOver(t *testing.T) {
	t.Parallel()
	for computed, want := range map[string]string{"0": "", "16": "locked", "8388608": ""} {
		e := told{"lockoutTime": "133000000000000000", "msDS-User-Account-Control-Computed": computed}
		if got := unusable(e, time.Now()); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("unusable with %s computed: got %q, want %q", computed, got, want)
		}
	}
}

func TestDisabledAccountsAreReturnedBesideTheError(t *testing.T) {
	t.Parallel()
	for _, f := range []ldaptest.Flavor{ldaptest.OpenLDAP, ldaptest.DS389} {
		s := newSmall(t, ldaptest.Options{Flavor: f}, "groupOfMembers")
		attr, value := "pwdAccountLockedTime", "000001010000Z"
		if f == ldaptest.DS389 {
			attr, value = "nsAccountLock", "true"
		}
		s.must(s.nook.modify(s.ada.Ref, func(r *goldap.ModifyRequest) { r.Add(attr, []string{value}) }))
		got, err := s.Resolve(t.Context(), "ada"+labMail)
		wantKind(t, "Resolve", err, engine.Disabled)
		if got != s.ada {
			t.Errorf("Resolve: got %+v beside the error, want %+v", got, s.ada)
		}
	}
}
