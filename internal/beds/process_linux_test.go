package beds_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/beds"
)

// childVariable makes this test the process that gets killed.
const childVariable = "DAYPASS_BEDS_CHILD"

func TestServersEndWithTheTestProcess(t *testing.T) {
	t.Parallel()
	if os.Getenv(childVariable) != "" {
		fmt.Println("slapd at", beds.Slapd(t, beds.SlapdOptions{}).URL)
		_, _ = os.Stdin.Read(make([]byte, 1)) // until we are killed
		return
	}
	child := exec.Command(os.Args[0], "-test.run=^TestServersEndWithTheTestProcess$")
	child.Env = append(os.Environ(), childVariable+"=1", "TMPDIR="+t.TempDir())
	if _, err := child.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	address, found := strings.CutPrefix(strings.TrimSpace(line), "slapd at ldap://")
	if err != nil || !found {
		t.Fatalf("got %q, %v from the child; want the address of its server", line, err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // killed, as meant
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		conn.Close()
	}
	t.Errorf("the server at %s outlived the process that started it", address)
}
