package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daypass-dev/daypass/connectors/ldap/ldaptest"
	"github.com/daypass-dev/daypass/internal/report"
)

// The login of the simulated directory. It is no secret: it opens nothing else.
const (
	simulatedDN       = "cn=daypass,ou=services,dc=example,dc=org"
	simulatedPassword = "secret"
)

// simulate starts a directory to try daypass against.
func (a *app) simulate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "A directory in this process, to try daypass against",
		Args:  someVerb,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.simulateEntra(), a.simulateGoogle(), a.simulateLDAP(), a.simulateOkta())
	return cmd
}

func (a *app) simulateLDAP() *cobra.Command {
	var listen, ldif, flavor, signIn string
	var people int
	cmd := &cobra.Command{
		Use:   "ldap",
		Short: "An LDAP server with people and groups, until it is interrupted",
		Long: `ldap serves a directory from memory: people in ou=people,dc=example,dc=org with
work addresses such as ada@example.org, groups in ou=groups,dc=example,dc=org.
It tells every write on standard error. Nothing is kept when it ends.

With --sign-in it is an OpenID provider for the same people too, and the
configuration that it prints has a page where they ask and approve.`,
		Args: takes(0, 0),
		RunE: verb(func(ctx context.Context, _ []string) error {
			if people < 1 {
				return usage(fmt.Errorf("--people %d: it is the number of people, at least 1", people))
			}
			s, err := a.newLDAP(flavor, ldif, people)
			if err != nil {
				return usage(err)
			}
			defer s.Close() //nolint:errcheck // nothing in it is kept
			if host, _, err := net.SplitHostPort(listen); err != nil || !loopback(host) {
				return usage(fmt.Errorf("--listen %q: a simulated directory listens on loopback only, such as 127.0.0.1:3890", listen))
			}
			if err := s.Listen(listen); err != nil {
				return cannotListen(listen, err)
			}
			issuer := ""
			if signIn != "" {
				var stop func()
				if issuer, stop, err = a.signIn(signIn, ldaptest.Cast(people)); err != nil {
					return usage(err)
				}
				defer stop()
			}
			a.introduce(s.URL(), flavor, issuer)
			<-ctx.Done()
			return nil
		}),
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:3890", "the `ADDRESS` to listen on; port 0 takes a free one")
	cmd.Flags().StringVar(&ldif, "ldif", "", "a `FILE` of entries to load, instead of the people and groups")
	cmd.Flags().StringVar(&flavor, "flavor", "openldap", "whose answers to give, a `KIND`: openldap, 389ds or ad")
	cmd.Flags().StringVar(&signIn, "sign-in", "", "an `ADDRESS` for the OpenID provider, such as 127.0.0.1:8770; people choose who they are, without a password")
	cmd.Flags().IntVar(&people, "people", 20, "how many people there are: `N`")
	return cmd
}

// cannotListen says what the system says, without the layers between.
func cannotListen(listen string, err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	var sys *os.SyscallError
	if errors.As(err, &sys) {
		err = sys.Err
	}
	return hinted(fmt.Errorf("listen on %s: %w", listen, err), "--listen 127.0.0.1:0 takes a free port")
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (a *app) newLDAP(flavor, ldif string, people int) (*ldaptest.Server, error) {
	f, err := ldaptest.ParseFlavor(flavor)
	if err != nil {
		return nil, fmt.Errorf("--flavor: %w", err)
	}
	s, err := ldaptest.New(ldaptest.Options{
		Flavor: f, BindDN: simulatedDN, Password: simulatedPassword, MemberOf: true, RefInt: true,
		LinkTTL: ldaptest.LinkTTLOutside, // Active Directory only
		OnWrite: func(w ldaptest.Write) { fmt.Fprintln(a.stderr, report.Clean(writeText(w))) },
	})
	if err != nil {
		return nil, err
	}
	if ldif == "" {
		return s, s.Demo(people)
	}
	r, err := os.Open(ldif)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if err := s.Load(io.Reader(r)); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", ldif, err), s.Close())
	}
	return s, nil
}

// introduce prints a configuration that works with the server.
func (a *app) introduce(url, flavor, issuer string) {
	department := "departmentNumber"
	if flavor == "ad" {
		department = "department"
	}
	policy := ""
	if issuer != "" {
		policy = ", policy: production"
	}
	fmt.Fprintf(a.stdout, `# Serving until interrupted. A daypass.yaml for it:
version: 1
directories:
  corp:
    type: ldap
    url: %s
    bind: {dn: %q, password: "env:DAYPASS_LDAP_PASSWORD"}   # export DAYPASS_LDAP_PASSWORD=%s
    people: {base: "ou=people,dc=example,dc=org", match: "(mail={person})"}
    groups: {base: "ou=groups,dc=example,dc=org"}
    profile: {attributes: {department: %s}}   # what policies may ask
resources:
  prod-db: {title: Production databases, groups: [corp/prod-db]%s}
`, url, simulatedDN, simulatedPassword, department, policy)
	if issuer != "" {
		a.introducePage(issuer)
	}
}

var kindText = map[ldaptest.ChangeKind]string{ //nolint:gochecknoglobals // a table
	ldaptest.AddValues: "add", ldaptest.DeleteValues: "delete", ldaptest.ReplaceValues: "replace",
}

// writeText is one write as a line: what was asked for, and what came of it.
func writeText(w ldaptest.Write) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", w.Op, w.DN)
	for _, c := range w.Changes {
		fmt.Fprintf(&b, " %s %s: %s", kindText[c.Kind], c.Attr, strings.Join(c.Values, "; "))
	}
	if w.Code != 0 {
		fmt.Fprintf(&b, " (refused, code %d)", w.Code)
	}
	return b.String()
}
