package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// TestOpenWithoutRights opens what may not be written. Where the tests run as
// root, who may write anything, the thread gives its rights to files up first.
func TestOpenWithoutRights(t *testing.T) {
	t.Parallel()
	folder, err := os.MkdirTemp("", "daypass")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(folder)
	readOnly := filepath.Join(folder, "daypass.db")
	if err := os.WriteFile(readOnly, nil, 0o444); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(folder, 0o555); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{
		readOnly:                       "make the file writable",
		filepath.Join(folder, "fresh"): "folder " + folder + " cannot be written",
	} {
		err := asNobody(t, func() error { _, err := Open(t.Context(), path); return err })
		if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), says) || strings.Count(err.Error(), path) != 1 {
			t.Errorf("got %v, want it to say %q and the path once", err, says)
		}
	}
}

func asNobody(t *testing.T, f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if os.Geteuid() == 0 {
		if err := syscall.Setfsuid(65534); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := syscall.Setfsuid(0); err != nil {
				panic(err) // the thread must not go back to the others like this
			}
		}()
	}
	return f()
}
