package beds

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// sambaPassword is the administrator's; it meets the rules of a new domain.
const sambaPassword = "Passw0rd.lab"

// SambaServer is the LDAP of an Active Directory domain controller: what
// Samba has for one. It serves nothing else: no Kerberos, DNS or files.
type SambaServer struct {
	Server

	URL       string // ldap://127.0.0.x:389; refuses a simple bind until StartTLS
	TLSURL    string // ldaps://127.0.0.x:636
	SocketURL string // ldapi://..., a private socket that takes a simple bind in clear text
	CAFile    string // PEM of the authority behind TLSURL and StartTLS
	Base      string // DC=ad,DC=lab,DC=test
	Admin     string // bind name of the administrator
	Password  string // the administrator's
	Dir       string // configuration, databases and log

	address string
	smbd    string
}

// Samba starts a domain controller that ends with the test. Samba has fixed
// ports, so each runs on a loopback address of its own; that takes root. The
// domain itself is made once per machine and copied: making one takes seconds.
func Samba(t testing.TB) *SambaServer {
	t.Helper()
	return SambaWith(t)
}

// SambaWith is Samba with entries in the domain, as LDIF. The domain with them
// is made once per machine as well, so what takes Samba minutes costs a copy
// afterwards. Each text is added in a transaction of its own, in order; some
// two hundred entries in each are best: the time that a transaction takes
// grows with the square of its entries.
func SambaWith(t testing.TB, entries ...string) *SambaServer {
	t.Helper()
	s, err := newSamba(t, entries)
	if err != nil {
		t.Fatalf("samba: %v", err)
	}
	if err := s.start(); err != nil {
		t.Fatalf("samba: %v", err)
	}
	t.Cleanup(s.finish)
	return s
}

func newSamba(t testing.TB, entries []string) (*SambaServer, error) {
	smbd, err := program("samba")
	if err != nil {
		return nil, err
	}
	domain, err := newDomainWith(entries)
	if err != nil {
		return nil, err
	}
	// The path of a unix socket has 107 bytes, which t.TempDir may outgrow.
	dir, err := os.MkdirTemp("", "samba")
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("samba: %v", err)
		}
	})
	if err := os.CopyFS(dir, os.DirFS(domain)); err != nil {
		return nil, err
	}
	address, release, err := claimAddress()
	if err != nil {
		return nil, err
	}
	t.Cleanup(release)
	s := &SambaServer{
		URL:       "ldap://" + address + ":389",
		TLSURL:    "ldaps://" + address + ":636",
		SocketURL: "ldapi://" + url.PathEscape(filepath.Join(dir, "private", "ldap_priv", "ldapi")),
		Base:      "DC=ad,DC=lab,DC=test",
		Admin:     "Administrator@ad.lab.test",
		Password:  sambaPassword,
		Dir:       dir,
		address:   address,
		smbd:      smbd,
	}
	s.Server = Server{t: t, name: "samba", log: filepath.Join(dir, "log"), command: s.command, ready: s.ready}
	return s, s.writeConf()
}

func (s *SambaServer) writeConf() error {
	cert, err := newCertificate(s.Dir, []string{"dc1.ad.lab.test"}, "127.0.0.1", s.address)
	if err != nil {
		return err
	}
	s.CAFile = cert.certFile
	conf := sambaConf(s.Dir) + fmt.Sprintf(`
	interfaces = %s/8
	bind interfaces only = yes
	tls certfile = %s
	tls keyfile = %s
	tls cafile = %s
`, s.address, cert.certFile, cert.keyFile, cert.certFile)
	return os.WriteFile(s.conf(), []byte(conf), 0o600)
}

// sambaConf is the configuration of a domain controller in dir that serves
// LDAP only. Without the /8 of the interface Samba finds no network at all.
func sambaConf(dir string) string {
	return fmt.Sprintf(`[global]
	netbios name = DC1
	realm = AD.LAB.TEST
	workgroup = ADLAB
	server role = active directory domain controller
	server services = ldap
	dcerpc endpoint servers =
	disable netbios = yes
	ldap server require strong auth = yes
	ldb:nosync = true
	private dir = %[1]s/private
	state directory = %[1]s/state
	cache directory = %[1]s/cache
	lock directory = %[1]s
	pid directory = %[1]s
	binddns dir = %[1]s/bind-dns
`, dir)
}

func (s *SambaServer) conf() string { return filepath.Join(s.Dir, "smb.conf") }

// command runs Samba in the foreground. It leaves when its input ends, which
// also happens when the test process is gone.
func (s *SambaServer) command() (*exec.Cmd, error) {
	cmd := exec.Command(s.smbd, "-i", "-M", "single", "--debug-stdout", "-d", "1", "-s", s.conf())
	_, err := cmd.StdinPipe() // Wait closes it
	return cmd, err
}

func (s *SambaServer) ready(string) bool {
	return answers(s.address+":389", s.address+":636")
}

// Load adds entries offline, past the protocol and its access rules. A server
// that runs is stopped meanwhile and answers again afterwards.
func (s *SambaServer) Load(ldif string) {
	s.t.Helper()
	running := s.proc != nil
	s.Stop()
	if err := ldbadd(s.Dir, s.conf(), ldif); err != nil {
		s.t.Fatalf("samba: %v", err)
	}
	if running {
		s.Restart()
	}
}

// ldbadd adds entries to the domain in dir, in one transaction.
func ldbadd(dir, conf, ldif string) error {
	tool, err := program("ldbadd")
	if err != nil {
		return err
	}
	cmd := exec.Command(tool, "-H", filepath.Join(dir, "private", "sam.ldb"))
	cmd.Env = append(os.Environ(), "SMB_CONF_PATH="+conf)
	cmd.Stdin = strings.NewReader(ldif)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("load: %w\n%s", err, out)
	}
	return nil
}
