package beds

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// newDomain returns the folder of a fresh domain that is to be copied, never
// used. It is made on first use and kept in the user's cache folder, under a
// name that holds the recipe and the version of Samba.
func newDomain() (string, error) {
	return cached(nil, provision)
}

// newDomainWith is newDomain with entries in it.
func newDomainWith(entries []string) (string, error) {
	if len(entries) == 0 {
		return newDomain()
	}
	empty, err := newDomain()
	if err != nil {
		return "", err
	}
	return cached(entries, func(dir string) error { return populate(dir, empty, entries) })
}

// cached returns the folder of the domain with these entries, and makes it
// when it is not there.
func cached(entries []string, fill func(dir string) error) (string, error) {
	cache, err := cacheFolder()
	if err != nil {
		return "", err
	}
	version, err := sambaVersion()
	if err != nil {
		return "", err
	}
	recipe := version + strings.Join(provisionArgs("DIR"), " ") + strings.Join(settingsArgs("DIR"), " ") + strings.Join(entries, "\x00")
	sum := sha256.Sum256([]byte(recipe))
	domain := filepath.Join(cache, "domain-"+hex.EncodeToString(sum[:8]))

	// Packages are tested at the same time: one makes it, the others wait.
	release, err := lock(domain+".lock", true)
	if err != nil {
		return "", err
	}
	defer release()
	if _, err := os.Stat(domain); err == nil {
		return domain, nil
	}
	return domain, makeWhole(domain, fill)
}

// makeWhole fills a folder beside the target and renames: a domain that is
// there is whole.
func makeWhole(domain string, fill func(dir string) error) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("making a domain takes root: run the tests as root, in a container or with sudo")
	}
	half := domain + ".half"
	if err := os.RemoveAll(half); err != nil {
		return err
	}
	if err := os.MkdirAll(half, 0o700); err != nil {
		return err
	}
	if err := fill(half); err != nil {
		return err
	}
	return os.Rename(half, domain)
}

func provision(dir string) error {
	// Without an smb.conf of its own it would copy from the system's.
	if err := os.WriteFile(filepath.Join(dir, "empty.conf"), []byte("[global]\n"), 0o600); err != nil {
		return err
	}
	if err := sambaTool(provisionArgs(dir)); err != nil {
		return err
	}
	return sambaTool(settingsArgs(dir))
}

// populate fills dir with a copy of an empty domain and adds entries, each
// text in a transaction of its own.
func populate(dir, empty string, entries []string) error {
	if err := os.CopyFS(dir, os.DirFS(empty)); err != nil {
		return err
	}
	conf := filepath.Join(dir, "load.conf")
	if err := os.WriteFile(conf, []byte(sambaConf(dir)), 0o600); err != nil {
		return err
	}
	for _, ldif := range entries {
		if err := ldbadd(dir, conf, ldif); err != nil {
			return err
		}
	}
	return nil
}

func provisionArgs(dir string) []string {
	return []string{
		"domain", "provision", "-s", filepath.Join(dir, "empty.conf"), "--targetdir=" + dir,
		"--realm=AD.LAB.TEST", "--domain=ADLAB", "--server-role=dc", "--dns-backend=NONE",
		"--host-name=dc1", "--host-ip=127.0.0.1", "--function-level=2008_R2",
		"--adminpass=" + sambaPassword, "--option=ldb:nosync=true",
	}
}

// settingsArgs let tests choose passwords freely, and keep the administrator's
// from expiring after six weeks in the cache.
func settingsArgs(dir string) []string {
	return []string{
		"domain", "passwordsettings", "set", "-s", filepath.Join(dir, "etc", "smb.conf"),
		"-H", filepath.Join(dir, "private", "sam.ldb"),
		"--max-pwd-age=0", "--complexity=off", "--min-pwd-length=1", "--history-length=0",
	}
}

func sambaTool(args []string) error {
	tool, err := program("samba-tool")
	if err != nil {
		return err
	}
	if out, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("samba-tool %s: %w (is samba-ad-provision installed? run `make deps`)\n%s",
			strings.Join(args[:2], " "), err, lastLines(string(out)))
	}
	return nil
}

func sambaVersion() (string, error) {
	samba, err := program("samba")
	if err != nil {
		return "", err
	}
	out, err := exec.Command(samba, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("samba --version: %w", err)
	}
	return string(out), nil
}

// cacheFolder is where things are kept between runs, for this user only.
func cacheFolder() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil { // no home: as in some containers
		base = filepath.Join(os.TempDir(), fmt.Sprintf("cache-%d", os.Getuid()))
	}
	dir := filepath.Join(base, "daypass-beds")
	return dir, os.MkdirAll(dir, 0o700)
}
