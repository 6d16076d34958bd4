package ldap

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// attributes is what an entry tells.
type attributes interface {
	First(name string) string
	Has(name string) bool
}

// stateAttrs are the attributes by which servers keep people out.
func stateAttrs() []string {
	return []string{
		"userAccountControl", "msDS-User-Account-Control-Computed", "lockoutTime", "accountExpires", // Active Directory
		"nsAccountLock", "accountUnlockTime", // 389
		"pwdAccountLockedTime", "pwdStartTime", "pwdEndTime", // OpenLDAP's ppolicy
		"shadowExpire", // RFC 2307
	}
}

// Bits of userAccountControl (MS-ADTS section 2.2.16).
const (
	uacDisabled = 0x2
	uacLockout  = 0x10
)

// neverExpires is one of the two values of accountExpires that mean never; the
// other is 0.
const neverExpires = 1<<63 - 1

// unusable says why the account of e can not be used at now, or nothing. What
// can not be read counts as a reason: identity fails closed.
func unusable(e attributes, now time.Time) string {
	for _, check := range []func(attributes, time.Time) string{activeDirectoryState, ds389State, passwordPolicyState, shadowState} {
		if why := check(e, now); why != "" {
			return why
		}
	}
	return ""
}

func activeDirectoryState(e attributes, now time.Time) string {
	uac, bad := integer(e, "userAccountControl")
	computed, bad2 := integer(e, "msDS-User-Account-Control-Computed")
	lockout, bad3 := integer(e, "lockoutTime")
	expires, bad4 := integer(e, "accountExpires")
	switch {
	case bad+bad2+bad3+bad4 != "":
		return bad + bad2 + bad3 + bad4
	case uac&uacDisabled != 0:
		return "it is disabled (userAccountControl)"
	case computed&uacLockout != 0:
		return "it is locked out"
	// lockoutTime stays after the lockout is over; only the computed attribute
	// knows the policy. Without it, a time means locked.
	case lockout != 0 && !e.Has("msDS-User-Account-Control-Computed"):
		return "it is locked out (lockoutTime)"
	case expires != 0 && expires != neverExpires && !fileTime(expires).After(now):
		return "it expired on " + fileTime(expires).Format(time.DateOnly) + " (accountExpires)"
	}
	return ""
}

// fileTime reads 100-nanosecond steps since 1601 (MS-DTYP section 2.3.3).
func fileTime(n int64) time.Time {
	const toUnix = 11644473600 // seconds from 1601 to 1970
	return time.Unix(n/1e7-toUnix, n%1e7*100).UTC()
}

func ds389State(e attributes, now time.Time) string {
	if strings.EqualFold(e.First("nsAccountLock"), "true") {
		return "it is locked (nsAccountLock)"
	}
	unlock := e.First("accountUnlockTime")
	t, ok := generalizedTime(unlock)
	switch {
	case unlock == "":
		return ""
	case !ok:
		return fmt.Sprintf("accountUnlockTime %q is not a time", unlock)
	case t.Unix() == 0:
		return "it is locked until somebody unlocks it (accountUnlockTime)"
	case t.After(now):
		return "it is locked until " + t.Format(time.RFC3339) + " (accountUnlockTime)"
	}
	return ""
}

// passwordPolicyState reads draft-behera-ldap-password-policy section 5.3. A
// lock that may have run out stays until the next login; it counts as locked.
func passwordPolicyState(e attributes, now time.Time) string {
	if e.First("pwdAccountLockedTime") != "" {
		return "it is locked (pwdAccountLockedTime)"
	}
	for attr, ended := range map[string]func(time.Time) bool{
		"pwdEndTime":   func(t time.Time) bool { return !t.After(now) },
		"pwdStartTime": func(t time.Time) bool { return t.After(now) },
	} {
		v := e.First(attr)
		t, ok := generalizedTime(v)
		switch {
		case v == "":
		case !ok:
			return fmt.Sprintf("%s %q is not a time", attr, v)
		case ended(t):
			return "it is not valid now (" + attr + " " + t.Format(time.RFC3339) + ")"
		}
	}
	return ""
}

// shadowState reads shadowExpire: days since 1970, -1 for never.
func shadowState(e attributes, now time.Time) string {
	if !e.Has("shadowExpire") {
		return ""
	}
	days, bad := integer(e, "shadowExpire")
	switch {
	case bad != "":
		return bad
	case days >= 0 && now.Unix()/86400 >= days:
		return "it expired on " + time.Unix(days*86400, 0).UTC().Format(time.DateOnly) + " (shadowExpire)"
	}
	return ""
}

// integer reads a number; an attribute that is not there is 0.
func integer(e attributes, attr string) (n int64, bad string) {
	v := e.First(attr)
	if v == "" {
		return 0, ""
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return 0, fmt.Sprintf("%s %q is not a number", attr, v)
	}
	return n, ""
}
