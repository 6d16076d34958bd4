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
func dieWithParent(attr *syscall.SysProcAttr) *syscall.SysProcAttr {
	if attr == nil {
		attr = new(syscall.SysProcAttr)
	}
	attr.Pdeathsig, attr.Setpgid = syscall.SIGKILL, true
	return attr
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

// childrenOf lists the processes that a process started and that still run.
func childrenOf(pid int) ([]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var all []int
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it ended
		}
		var state string
		var parent, child int
		after := stat[bytes.LastIndexByte(stat, ')')+1:]
		if _, err := fmt.Sscan(string(after), &state, &parent); err != nil || parent != pid {
			continue
		}
		if _, err := fmt.Sscanf(path, "/proc/%d/stat", &child); err == nil {
			all = append(all, child)
		}
	}
	return all, nil
}

// alive reports whether a process still holds anything: a zombie does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	return !bytes.HasPrefix(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" Z"))
}
