package beds

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// dieWithParent makes the kernel kill the child when the thread that started
// it ends. The child gets a process group of its own, so that Ctrl-C reaches
// the test first.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// stopped reports whether no thread of the process runs any more. A stop
// signal reaches the threads one by one, and each may still answer until then.
func stopped(pid int) (bool, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil {
		return false, err
	}
	for _, task := range tasks {
		stat, err := os.ReadFile(task)
		if os.IsNotExist(err) {
			continue // a thread that ended
		}
		if err != nil {
			return false, err
		}
		// pid (name) state ...; the name may hold anything, also ")".
		after := stat[bytes.LastIndexByte(stat, ')')+1:]
		if !bytes.HasPrefix(after, []byte(" T")) {
			return false, nil
		}
	}
	return len(tasks) > 0, nil
}
