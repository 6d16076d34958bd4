package crashtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// room is a folder in which the program runs: one telling of a lane's story.
type room struct {
	*lane
	name    string
	folder  string
	said    []ended
	started int // runs on record when it was inspected
}

func (r *room) path(name string) string { return filepath.Join(r.folder, name) }
func (r *room) store() string           { return r.path("daypass.db") }

// ended is how a run of the program ended.
type ended struct {
	args   []string
	code   int  // -1 when it was killed
	killed bool // by SIGKILL
	out    string
}

func (e ended) String() string {
	how := fmt.Sprintf("exit code %d", e.code)
	if e.killed {
		how = "killed"
	}
	return fmt.Sprintf("daypass %v: %s\n%s", e.args, how, e.out)
}

// run runs the program to its end. When ctx is over before, the program is
// killed.
func (r *room) run(ctx context.Context, env []string, args ...string) ended {
	return r.runUntil(ctx, syscall.SIGKILL, env, args...)
}

// runUntil is run with another signal than SIGKILL at the end of ctx.
func (r *room) runUntil(ctx context.Context, signal os.Signal, env []string, args ...string) ended {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, r.program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = r.folder, &out, &out
	cmd.Env = append(append(os.Environ(), "DIRECTORY_PASSWORD=secret"), env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(signal) }
	err := cmd.Run()
	e := ended{args: args, out: out.String(), code: -1}
	var exit *exec.ExitError
	switch {
	case cmd.ProcessState == nil:
		e.out += err.Error() // it did not even start
	case errors.As(err, &exit):
		status, ok := exit.Sys().(syscall.WaitStatus)
		e.code, e.killed = exit.ExitCode(), ok && status.Signaled() && status.Signal() == syscall.SIGKILL
	default:
		e.code = cmd.ProcessState.ExitCode()
	}
	r.said = append(r.said, e)
	return e
}

// recovers syncs once more, undisturbed, and checks that everything is as it
// had to be: directory, ledger and audit log, with nothing left to do. It
// reports whether it is, and clears the room then.
func (r *room) recovers(t *testing.T) bool {
	t.Helper()
	var wrong []error
	if e := r.run(t.Context(), nil, "sync"); e.code != 0 {
		wrong = append(wrong, fmt.Errorf("the last sync ended with code %d", e.code))
	}
	if diff := cmp.Diff(r.members(role.present), r.dir.members()); diff != "" {
		wrong = append(wrong, fmt.Errorf("directory (-want +got):\n%s", diff))
	}
	b := r.read(t, r.store())
	wrong = append(wrong, b.whole(), b.finished(r.started+1), b.ledger(), b.over(), b.agreed())
	if e := r.run(t.Context(), nil, "plan", "--exit-code"); e.code != 0 {
		wrong = append(wrong, fmt.Errorf("the plan afterwards ended with code %d", e.code))
	}
	err := errors.Join(wrong...)
	r.complain(t, b, err)
	if err != nil {
		return false
	}
	if err := os.RemoveAll(r.folder); err != nil {
		t.Fatal(err)
	}
	return true
}

// complain reports what is wrong, if anything, with all that was said.
func (r *room) complain(t *testing.T, b *books, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v\n\nwhat was said:\n%v\nthe log of it:\n%s", r.name, err, r.said, b.log())
	}
}

// rewire points the configuration to another address of the directory.
func (r *room) rewire(t *testing.T, url string) {
	t.Helper()
	write(t, r.path("daypass.yaml"), r.config(url, r.dir.base))
}

// inspect looks at what a run left behind, without touching it.
// Nothing may be in the directory that was not written down before.
func (r *room) inspect(t *testing.T) *books {
	t.Helper()
	now := r.dir.members()
	folder := r.path("inspected")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, end := range []string{"", "-wal"} { // -shm is made from these
		_, err := os.Stat(r.store() + end)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		copyFile(t, r.store()+end, filepath.Join(folder, "daypass.db"+end))
	}
	b := r.read(t, filepath.Join(folder, "daypass.db"))
	r.started, _ = b.runs()
	r.complain(t, b, errors.Join(b.whole(), b.intended(now)))
	return b
}
