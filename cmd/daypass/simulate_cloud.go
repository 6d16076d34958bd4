package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/daypass-dev/daypass/connectors/entra/entratest"
	"github.com/daypass-dev/daypass/connectors/google/googletest"
	"github.com/daypass-dev/daypass/connectors/okta/oktatest"
	"github.com/daypass-dev/daypass/internal/report"
)

// cloud is how a simulated cloud is to behave, as the flags say.
type cloud struct {
	listen, seed      string
	people, perMinute int
	lag, latency      time.Duration
}

// simulated is what the verbs need of a simulator.
type simulated interface {
	Demo(people int) error
	Load(r io.Reader) error
	Start(addr string) error
	URL() string
	Close() error
}

// introduction makes the configuration for a simulator that listens by now.
// done is called at the end.
type introduction func() (text string, done func(), err error)

// seedHelp is the end of the help of each kind.
const seedHelp = `--seed takes a JSON file such as examples/seeds/KIND.json; docs/directories.md lists
its keys, under "Seed files".`

// simulateCloud is the verb for one kind of cloud. open makes the simulator.
func (a *app) simulateCloud(kind, listen, short, long string, open func(*cloud) (simulated, introduction)) *cobra.Command {
	c := &cloud{}
	cmd := &cobra.Command{
		Use:   kind,
		Short: short,
		Long:  long + "\n\n" + strings.ReplaceAll(seedHelp, "KIND", kind),
		Args:  takes(0, 0),
		RunE: verb(func(ctx context.Context, _ []string) error {
			if err := c.check(); err != nil {
				return usage(err)
			}
			s, introduce := open(c)
			if err := c.fill(s); err != nil {
				return usage(err)
			}
			if err := s.Start(c.listen); err != nil {
				return cannotListen(c.listen, err)
			}
			defer s.Close() //nolint:errcheck // nothing in it is kept
			text, done, err := introduce()
			if err != nil {
				return err
			}
			defer done()
			fmt.Fprintf(a.stdout, "# Serving until interrupted. A daypass.yaml for it:\nversion: 1\ndirectories:\n%s", text)
			<-ctx.Done()
			return nil
		}),
	}
	f := cmd.Flags()
	f.StringVar(&c.listen, "listen", listen, "the `ADDRESS` to listen on; port 0 takes a free one")
	f.StringVar(&c.seed, "seed", "", "a JSON `FILE` of people and groups to load, instead of the usual ones")
	f.IntVar(&c.people, "people", 20, "how many people there are: `N`")
	f.DurationVar(&c.lag, "lag", 0, "listings show what was written this `TIME` later, such as 5s")
	f.DurationVar(&c.latency, "latency", 0, "each answer takes this `TIME`, such as 200ms")
	f.IntVar(&c.perMinute, "per-minute", 0, "how many requests a minute are answered: `N` (default the vendor's quota)")
	return cmd
}

func (c *cloud) check() error {
	if host, _, err := net.SplitHostPort(c.listen); err != nil || !loopback(host) {
		return fmt.Errorf("--listen %q: a simulated directory listens on loopback only, such as 127.0.0.1:8080", c.listen)
	}
	switch {
	case c.people < 1:
		return fmt.Errorf("--people %d: it is the number of people, at least 1", c.people)
	case c.perMinute < 0:
		return fmt.Errorf("--per-minute %d: it is a number of requests, at least 1", c.perMinute)
	case c.lag < 0:
		return fmt.Errorf("--lag %s: time goes forward only", c.lag)
	case c.latency < 0:
		return fmt.Errorf("--latency %s: time goes forward only", c.latency)
	}
	return nil
}

// fill puts people and groups into a simulator.
func (c *cloud) fill(s simulated) error {
	if c.seed == "" {
		return s.Demo(c.people)
	}
	f, err := os.Open(c.seed)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := s.Load(f); err != nil {
		return fmt.Errorf("%s: %w", c.seed, err)
	}
	return nil
}

// quota is the line of a configuration that keeps to a quota which the vendor
// does not tell; empty where it is the vendor's own.
func (c *cloud) quota() string {
	if c.perMinute == 0 {
		return ""
	}
	return fmt.Sprintf("    quota: {perMinute: %d}\n", c.perMinute)
}

// wrote tells a write on standard error.
func (a *app) wrote(op, who, group, remark string) {
	word := map[string]string{"add": "to", "remove": "from"}[op]
	if word == "" {
		word = "in"
	}
	if remark != "" {
		remark = " (" + remark + ")"
	}
	fmt.Fprintln(a.stderr, report.Clean(strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s%s", op, who, word, group, remark)), " ")))
}

func resource(group string) string {
	return fmt.Sprintf("resources:\n  prod-db: {title: Production databases, groups: [%s]}\n", group)
}

func (a *app) simulateEntra() *cobra.Command {
	return a.simulateCloud("entra", "127.0.0.1:8081", "A Microsoft Entra ID tenant with people and groups, until it is interrupted",
		`entra serves a tenant from memory, as Microsoft Graph and its token endpoint do:
people with names such as ada@example.org, and groups such as prod-db; sales has a
membership rule, and imported is mastered on premises. Pages, limits and errors are
Microsoft's. It tells every write on standard error. Nothing is kept when it ends.`,
		func(c *cloud) (simulated, introduction) {
			s := entratest.New(entratest.Options{
				Lag: c.lag, DeltaLag: c.lag, Latency: c.latency, Quota: entraQuota(c.perMinute), Roles: entratest.FullRoles(),
				OnWrite: func(w entratest.Write) {
					a.wrote(map[bool]string{true: "add", false: "remove"}[w.Added], w.Login, w.Name, "")
				},
				OnLapse: func(w entratest.Write) { a.wrote("end", w.Login, w.Name, "by itself") },
			})
			return s, func() (string, func(), error) {
				return fmt.Sprintf(`  cloud:
    type: entra
    tenant: %s
    url: %s
    authority: %[2]s
    auth: {clientID: %s, secret: "env:DAYPASS_ENTRA_SECRET"}   # export DAYPASS_ENTRA_SECRET=%s
    profile: {attributes: {department: department}}   # what policies may ask
%s%s`, s.Tenant(), s.URL(), entratest.DefaultApp, entratest.DefaultSecret, c.quota(), resource("cloud/prod-db")), func() {}, nil
			}
		})
}

func entraQuota(perMinute int) *entratest.Quota {
	if perMinute == 0 {
		return &entratest.Quota{} // Microsoft's
	}
	return &entratest.Quota{ResourceUnits: -1, Writes: -1, PerMinute: perMinute}
}

func (a *app) simulateOkta() *cobra.Command {
	return a.simulateCloud("okta", "127.0.0.1:8082", "An Okta org with people and groups, until it is interrupted",
		`okta serves an org from memory: people with logins such as ada@example.org, and
groups such as prod-db; sales is fed by a group rule, and imported is an app
group. Pages, rate limits and errors are Okta's. It tells every write on standard
error. Nothing is kept when it ends.`,
		func(c *cloud) (simulated, introduction) {
			s := oktatest.New(oktatest.Options{
				Lag: c.lag, Latency: c.latency, Quota: oktaQuota(c.perMinute),
				OnWrite: func(w oktatest.Write) { a.wrote(w.Op, w.Login, w.Name, unchanged(w.Changed)) },
			})
			return s, func() (string, func(), error) {
				return fmt.Sprintf(`  okta-prod:
    type: okta
    url: %s
    auth: {token: "env:DAYPASS_OKTA_TOKEN"}   # export DAYPASS_OKTA_TOKEN=%s
    profile: {attributes: {department: department}}   # what policies may ask
%s`, s.URL(), oktatest.DefaultToken, resource("okta-prod/prod-db")), func() {}, nil
			}
		})
}

func oktaQuota(perMinute int) oktatest.Quota {
	if perMinute == 0 {
		return oktatest.Workforce()
	}
	return oktatest.Quota{PerMinute: perMinute}
}

func unchanged(changed bool) string {
	if changed {
		return ""
	}
	return "nothing to do"
}

func (a *app) simulateGoogle() *cobra.Command {
	return a.simulateCloud("google", "127.0.0.1:8083", "A Google Workspace customer with people and groups, until it is interrupted",
		`google serves a customer from memory: people with addresses such as
ada@example.org, and groups such as prod-db@example.org; engineers is dynamic, and
break-glass is locked. Pages, quotas and errors are Google's. The key of its
service account is in a file that goes when it ends. It tells every write on
standard error. Nothing is kept.`,
		func(c *cloud) (simulated, introduction) {
			s := googletest.New(googletest.Options{
				Lag: c.lag, Latency: c.latency, PerMinute: c.perMinute,
				OnWrite: func(w googletest.Write) { a.wrote(w.Op, w.Member, w.Group, refused(w.Status)) },
			})
			return s, func() (string, func(), error) {
				key, err := keyFile(s.Credentials())
				if err != nil {
					return "", nil, err
				}
				return fmt.Sprintf(`  workspace:
    type: google
    url: %s
    auth: {key: "file:%s"}
    profile: {attributes: {department: department}}   # what policies may ask
%s%s`, s.URL(), key, c.quota(), resource("workspace/prod-db@example.org")), func() { _ = os.Remove(key) }, nil
			}
		})
}

// keyFile writes a key to a file that only its owner reads.
func keyFile(key []byte) (string, error) {
	f, err := os.CreateTemp("", "daypass-google-*.json") // mode 0600
	if err != nil {
		return "", err
	}
	_, err = f.Write(key)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

func refused(status int) string {
	if status < 300 {
		return ""
	}
	return fmt.Sprintf("refused, status %d", status)
}
