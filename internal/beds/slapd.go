package beds

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// SlapdServer is an OpenLDAP with one database. It holds dc=lab,dc=test with
// ou=people and ou=groups, and cn=limited with the password "limited".
type SlapdServer struct {
	Server

	URL      string // ldap://127.0.0.1:PORT
	TLSURL   string // ldaps://127.0.0.1:PORT
	CAFile   string // PEM of the authority behind TLSURL
	Base     string // dc=lab,dc=test
	AdminDN  string // cn=admin,dc=lab,dc=test; no limit and no access rule binds it
	Password string // the administrator's
	Dir      string // configuration, data and log

	binary string
	quiet  bool
}

// portAttempts is how often another process may be quicker than slapd in
// taking the port that was free a moment ago.
const portAttempts = 5

// Slapd starts an OpenLDAP that ends with the test.
func Slapd(t testing.TB, opts SlapdOptions) *SlapdServer {
	t.Helper()
	s, err := newSlapd(t, opts)
	if err != nil {
		t.Fatalf("slapd: %v", err)
	}
	if err := s.slapadd(seed + opts.LDIF); err != nil {
		t.Fatalf("slapd: %v", err)
	}
	if err := s.startAnywhere(); err != nil {
		t.Fatalf("slapd: %v", err)
	}
	t.Cleanup(s.finish)
	return s
}

func newSlapd(t testing.TB, opts SlapdOptions) (*SlapdServer, error) {
	dir := t.TempDir()
	s := &SlapdServer{
		Base:     "dc=lab,dc=test",
		AdminDN:  "cn=admin,dc=lab,dc=test",
		Password: "secret",
		Dir:      dir,
		binary:   filepath.Join(dir, "slapd"),
		quiet:    opts.Quiet,
	}
	s.Server = Server{t: t, name: "slapd", log: filepath.Join(dir, "log"), command: s.command, ready: s.ready}
	if err := copySlapd(s.binary); err != nil {
		return nil, err
	}
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		return nil, err
	}
	cert, err := newCertificate(dir, nil, "127.0.0.1")
	if err != nil {
		return nil, err
	}
	s.CAFile = cert.certFile
	return s, writeSlapdConf(dir, cert, opts)
}

// copySlapd puts a copy of the installed program at path. Ubuntu confines
// /usr/sbin/slapd to the folders of the system's own server (AppArmor, by
// path); a copy may use ours.
func copySlapd(path string) error {
	installed, err := program("slapd")
	if err != nil {
		return err
	}
	text, err := os.ReadFile(installed)
	if err != nil {
		return err
	}
	// A process forked meanwhile would hold the file open for writing until it
	// executes something else, and nobody could execute the copy:
	// https://go.dev/issue/22315
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(path, text, 0o700)
}

// startAnywhere starts slapd on ports that are free.
func (s *SlapdServer) startAnywhere() error {
	var last error
	for range portAttempts {
		ports, err := freePorts(2)
		if err != nil {
			return err
		}
		s.URL = fmt.Sprintf("ldap://127.0.0.1:%d", ports[0])
		s.TLSURL = fmt.Sprintf("ldaps://127.0.0.1:%d", ports[1])
		last = s.start()
		if last == nil || !strings.Contains(last.Error(), "Address already in use") {
			return last
		}
	}
	return last
}

// command keeps slapd in the foreground: that is what -d does, besides
// choosing what is printed.
func (s *SlapdServer) command() (*exec.Cmd, error) {
	level := "stats"
	if s.quiet {
		level = "none"
	}
	return exec.Command(s.binary, "-d", level, "-f", s.conf(), "-h", s.URL+"/ "+s.TLSURL+"/"), nil
}

// ready asks the log as well: the ports alone might be somebody else's.
func (s *SlapdServer) ready(log string) bool {
	return strings.Contains(log, "slapd starting") &&
		answers(strings.TrimPrefix(s.URL, "ldap://"), strings.TrimPrefix(s.TLSURL, "ldaps://"))
}

func (s *SlapdServer) conf() string { return filepath.Join(s.Dir, "slapd.conf") }

// Load adds entries offline, which is a thousand times faster than over LDAP,
// and checks only the schema: overlays do not see them (no memberOf). A server
// that runs is stopped meanwhile and answers again afterwards.
func (s *SlapdServer) Load(ldif string) {
	s.t.Helper()
	running := s.proc != nil
	s.Stop()
	if err := s.slapadd(ldif); err != nil {
		s.t.Fatalf("slapd: %v", err)
	}
	if running {
		s.Restart()
	}
}

func (s *SlapdServer) slapadd(ldif string) error {
	cmd := exec.Command(s.binary, "-T", "add", "-q", "-f", s.conf(), "-b", s.Base)
	cmd.Stdin = strings.NewReader(ldif)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("load: %w\n%s", err, out)
	}
	return nil
}
