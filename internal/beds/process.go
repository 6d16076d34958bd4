package beds

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// stopWithin is how long a server may take to leave when asked nicely.
const stopWithin = 20 * time.Second

// process is a child that does not outlive us.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{}  // closed once the child is gone
	err    error          // how it went; read after exited is closed
	leave  syscall.Signal // asks it to leave
}

// startProcess starts cmd with its output going to the end of the file log.
func startProcess(cmd *exec.Cmd, log string, leave syscall.Signal) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = dieWithParent(cmd.SysProcAttr)

	p := &process{cmd: cmd, exited: make(chan struct{}), leave: leave}
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// run holds the thread that forked the child until the child is gone: the
// kernel sends the parent-death signal when that thread ends, not when the
// process does (https://go.dev/issue/27505).
func (p *process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	p.err = p.cmd.Wait()
	close(p.exited)
}

// gone reports whether the child has ended.
func (p *process) gone() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// signal sends sig; a child that is gone already is no error.
func (p *process) signal(sig os.Signal) error {
	err := p.cmd.Process.Signal(sig)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// pause stops every thread of the child and returns once they stand still.
func (p *process) pause() error {
	if err := p.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	deadline := time.Now().Add(stopWithin)
	for time.Now().Before(deadline) {
		if still, err := stopped(p.cmd.Process.Pid); still || err != nil {
			return err
		}
		runtime.Gosched()
	}
	return fmt.Errorf("still ran %v after a stop signal", stopWithin)
}

// stop asks the child to leave and waits for it, also when it is paused. A
// child that does not leave is killed, and that is an error.
func (p *process) stop() error {
	err := errors.Join(p.signal(p.leave), p.signal(syscall.SIGCONT))
	select {
	case <-p.exited:
		return err
	case <-time.After(stopWithin):
		return errors.Join(err, fmt.Errorf("did not stop within %v and was killed", stopWithin), p.kill())
	}
}

// kill ends the child at once and waits until it is gone.
func (p *process) kill() error {
	err := p.signal(syscall.SIGKILL)
	<-p.exited
	return err
}
