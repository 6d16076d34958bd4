package beds

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
)

// program finds an installed program. Servers live in /usr/sbin, which is not
// on everybody's path.
func program(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/lib/openldap", "/usr/libexec"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed: run `make deps`", name)
}

// folder returns the first of the folders that is there.
func folder(what string, dirs ...string) (string, error) {
	for _, d := range dirs {
		if info, err := os.Stat(d); err == nil && info.IsDir() {
			return d, nil
		}
	}
	return "", fmt.Errorf("%s are in none of %v: run `make deps`", what, dirs)
}

// freePorts returns n different ports of 127.0.0.1 that nobody listened on a
// moment ago.
func freePorts(n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // all at the end, so that no port is handed out twice
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}
