package beds

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// sambaPorts cannot be chosen: LDAP, LDAPS and the global catalog with both.
func sambaPorts() []string { return []string{"389", "636", "3268", "3269"} }

// claimAddress finds a loopback address on which nobody uses Samba's ports,
// and keeps other test processes away from it until release is called, or the
// process ends.
func claimAddress() (address string, release func(), err error) {
	cache, err := cacheFolder()
	if err != nil {
		return "", nil, err
	}
	for last := 64; last < 128; last++ {
		address := fmt.Sprintf("127.0.0.%d", last)
		release, err := lock(filepath.Join(cache, address+".lock"), false)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			continue
		}
		if err != nil {
			return "", nil, err
		}
		err = vacant(address)
		if err == nil {
			return address, release, nil
		}
		release()
		if errors.Is(err, syscall.EACCES) {
			return "", nil, fmt.Errorf("%w: run the tests as root, or allow it: sysctl net.ipv4.ip_unprivileged_port_start=389", err)
		}
	}
	return "", nil, errors.New("every address from 127.0.0.64 to 127.0.0.127 is taken")
}

// vacant reports why Samba could not listen on the address, if so.
func vacant(address string) error {
	for _, port := range sambaPorts() {
		l, err := net.Listen("tcp", net.JoinHostPort(address, port))
		if err != nil {
			return err
		}
		l.Close()
	}
	return nil
}

// lock takes the lock of a file, which is made when missing. The kernel
// releases it when the process ends. Without wait, a lock that another holds
// is syscall.EWOULDBLOCK.
func lock(path string, wait bool) (release func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	how := syscall.LOCK_EX
	if !wait {
		how |= syscall.LOCK_NB
	}
	if err := syscall.Flock(int(f.Fd()), how); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}
