//go:build !linux

package beds

import (
	"errors"
	"syscall"
)

// dieWithParent has no counterpart outside of Linux: there, a killed test
// process leaves its servers behind.
func dieWithParent(attr *syscall.SysProcAttr) *syscall.SysProcAttr { return attr }

// stopped trusts the stop signal.
func stopped(int) (bool, error) { return true, nil }

// childrenOf is asked for when a server of many processes is paused.
func childrenOf(int) ([]int, error) {
	return nil, errors.New("only Linux tells who is a child of whom")
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }
