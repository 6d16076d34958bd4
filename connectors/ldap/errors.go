package ldap

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/daypass-dev/daypass/engine"
)

// code returns the server's result code, or -1 when err is not an answer of
// the server.
func code(err error) int {
	var e *goldap.Error
	if errors.As(err, &e) && e.ResultCode < goldap.ErrorNetwork {
		return int(e.ResultCode)
	}
	return -1
}

func is(err error, codes ...int) bool {
	got := code(err)
	for _, c := range codes {
		if got == c {
			return true
		}
	}
	return false
}

// fail makes an engine error of err. An *engine.Error keeps its kind.
func (c *Connector) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	var e *engine.Error
	if errors.As(err, &e) {
		return &engine.Error{Op: c.cfg.Name + ": " + op, Kind: e.Kind, RetryAfter: e.RetryAfter, Err: e.Err}
	}
	return &engine.Error{Op: c.cfg.Name + ": " + op, Kind: kindOf(err), Err: hint(err)}
}

// trouble makes an error of a kind that fail keeps.
func trouble(k engine.Kind, format string, args ...any) error {
	return &engine.Error{Kind: k, Err: fmt.Errorf(format, args...)}
}

// partial marks the refusals that cut a listing short: what came before them
// must not be taken for the whole.
func partial(err error) error {
	if is(err, goldap.LDAPResultTimeLimitExceeded, goldap.LDAPResultSizeLimitExceeded,
		goldap.LDAPResultReferral, goldap.LDAPResultAdminLimitExceeded) {
		return &engine.Error{Kind: engine.Partial, Err: hint(err)}
	}
	return err
}

func kindOf(err error) engine.Kind {
	switch code(err) {
	case -1:
		return kindOfLoss(err)
	case goldap.LDAPResultInvalidCredentials, goldap.LDAPResultInappropriateAuthentication,
		goldap.LDAPResultStrongAuthRequired, goldap.LDAPResultConfidentialityRequired,
		goldap.LDAPResultAuthMethodNotSupported, goldap.LDAPResultInsufficientAccessRights,
		goldap.LDAPResultAuthorizationDenied:
		return engine.Denied
	case goldap.LDAPResultBusy:
		return engine.Throttled
	case goldap.LDAPResultUnavailable:
		return engine.Unavailable
	case goldap.LDAPResultNoSuchObject:
		return engine.NotFound
	case goldap.LDAPResultOperationsError, goldap.LDAPResultOther:
		return engine.Unknown
	}
	return engine.Rejected
}

// kindOfLoss tells a server that can not prove its name from one that is away.
func kindOfLoss(err error) engine.Kind {
	if isCertificate(err) {
		return engine.Denied
	}
	return engine.Unavailable
}

func isCertificate(err error) bool {
	var verify *tls.CertificateVerificationError
	var name x509.HostnameError
	var authority x509.UnknownAuthorityError
	var record tls.RecordHeaderError
	return errors.As(err, &verify) || errors.As(err, &name) || errors.As(err, &authority) || errors.As(err, &record)
}

// hint adds the way out to the failures that people meet when they set up a
// directory.
func hint(err error) error {
	var name x509.HostnameError
	var authority x509.UnknownAuthorityError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &name):
		return fmt.Errorf("%w; set serverName to a name on the certificate", err)
	case errors.As(err, &authority):
		return fmt.Errorf("%w; set ca to the file with the authority's certificate", err)
	case errors.As(err, &record):
		return fmt.Errorf("%w; the port does not speak ldaps: use ldap:// with startTLS, or the right port", err)
	}
	switch code(err) {
	case goldap.LDAPResultInvalidCredentials:
		return fmt.Errorf("%w; %s", err, credentialHint(err))
	case goldap.LDAPResultStrongAuthRequired, goldap.LDAPResultConfidentialityRequired:
		return fmt.Errorf("%w; the server wants encryption: use ldaps:// or startTLS", err)
	case goldap.LDAPResultSizeLimitExceeded, goldap.LDAPResultAdminLimitExceeded, goldap.LDAPResultTimeLimitExceeded:
		return fmt.Errorf("%w; raise the server's limits for the bind DN", err)
	case goldap.LDAPResultReferral:
		return fmt.Errorf("%w; point url at the server that holds it", err)
	case goldap.LDAPResultInsufficientAccessRights:
		return fmt.Errorf("%w; give the bind DN the right to do this", err)
	}
	return err
}

// credentialHint reads the reason that Active Directory hides in its message:
// "... AcceptSecurityContext error, data 775, v4563" (MS-ERREF codes in hex).
func credentialHint(err error) string {
	text := err.Error()
	for data, says := range map[string]string{
		"data 533,": "the bind account is disabled",
		"data 532,": "the password of the bind account has expired",
		"data 773,": "the bind account must change its password first",
		"data 701,": "the bind account has expired",
		"data 775,": "the bind account is locked out",
		"data 530,": "the bind account may not log on at this time",
	} {
		if strings.Contains(text, data) {
			return says
		}
	}
	return "check the bind DN and the password"
}
