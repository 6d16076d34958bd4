//go:build !windows

package store

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes an advisory lock on f, which lasts until f is closed. It
// reports false when another open file has it.
func tryLock(f *os.File) (bool, error) {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, syscall.EINTR):
			return false, err
		}
	}
}
