package ldaptest

import (
	"fmt"

	"github.com/go-ldap/ldap/v3"
)

// result is an LDAPResult (RFC 4511 section 4.1.9).
type result struct {
	code      uint16
	matched   string
	text      string
	referrals []string
}

func success() result { return result{} }

func (r result) ok() bool { return r.code == ldap.LDAPResultSuccess }

// Error names the code as RFC 4511 does, so that seeds can return a result.
func (r result) Error() string {
	return fmt.Sprintf("%s (%d): %s", ldap.LDAPResultCodeMap[r.code], r.code, r.text)
}

func refuse(code uint16, format string, args ...any) result {
	return result{code: code, text: fmt.Sprintf(format, args...)}
}

func protocolError(format string, args ...any) result {
	return refuse(ldap.LDAPResultProtocolError, format, args...)
}
