//go:build !linux

package beds

import "syscall"

// dieWithParent has no counterpart outside of Linux: there, a killed test
// process leaves its servers behind.
func dieWithParent() *syscall.SysProcAttr { return nil }

// stopped trusts the stop signal.
func stopped(int) (bool, error) { return true, nil }
