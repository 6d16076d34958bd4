package beds

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// readyWithin is how long a server may take to answer after its start; a
// loaded machine with two cores needs seconds.
const readyWithin = 60 * time.Second

// logLines is how much of a server's log a failed test shows.
const logLines = 80

// Server is the process behind a bed. Its methods fail the test when they
// cannot do what they say; they are for one goroutine at a time.
type Server struct {
	t       testing.TB
	name    string
	log     string                    // file that collects what the server prints
	command func() (*exec.Cmd, error) // a fresh command for each start
	ready   func(log string) bool     // whether it answers; log is what it printed so far
	leave   syscall.Signal            // asks it to leave; SIGTERM when zero
	proc    *process
}

// Program is a server that has no bed of its own.
type Program struct {
	Name    string
	Log     string                    // file that collects what it prints
	Command func() (*exec.Cmd, error) // a fresh command for each start
	Ready   func(log string) bool     // whether it answers; log is what it printed since its start
}

// Start starts a program that ends with the test, and returns once it answers.
func Start(t testing.TB, p Program) (*Server, error) {
	t.Helper()
	s := &Server{t: t, name: p.Name, log: p.Log, command: p.Command, ready: p.Ready}
	if err := s.start(); err != nil {
		return nil, err
	}
	t.Cleanup(s.finish)
	return s, nil
}

// Stop ends the server in an orderly way and waits until it is gone. Stopping
// a stopped server does nothing.
func (s *Server) Stop() {
	s.t.Helper()
	if s.proc == nil {
		return
	}
	err := s.proc.stop()
	s.proc = nil
	if err != nil {
		s.t.Errorf("%s: stop: %v", s.name, err)
	}
}

// Kill ends the server at once, as a crash would, and waits until it is gone.
func (s *Server) Kill() {
	s.t.Helper()
	if s.proc == nil {
		return
	}
	err := s.proc.kill()
	s.proc = nil
	if err != nil {
		s.t.Errorf("%s: kill: %v", s.name, err)
	}
}

// Pause freezes the server: connections stay open and nothing answers.
func (s *Server) Pause() {
	s.t.Helper()
	s.running("pause")
	if err := s.proc.pause(); err != nil {
		s.t.Fatalf("%s: pause: %v", s.name, err)
	}
}

// Resume ends a Pause.
func (s *Server) Resume() {
	s.t.Helper()
	s.running("resume")
	if err := s.proc.signal(syscall.SIGCONT); err != nil {
		s.t.Fatalf("%s: resume: %v", s.name, err)
	}
}

// Restart starts the server on the same data and the same addresses, after
// stopping it if it still runs. It returns once the server answers.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	if err := s.start(); err != nil {
		s.t.Fatalf("%s: restart: %v", s.name, err)
	}
}

func (s *Server) running(verb string) {
	s.t.Helper()
	if s.proc == nil || s.proc.gone() {
		s.t.Fatalf("%s: %s: it does not run", s.name, verb)
	}
}

// start runs the command and waits until the server answers.
func (s *Server) start() error {
	cmd, err := s.command()
	if err != nil {
		return err
	}
	printed, err := size(s.log)
	if err != nil {
		return err
	}
	proc, err := startProcess(cmd, s.log, cmp.Or(s.leave, syscall.SIGTERM))
	if err != nil {
		return err
	}
	if err := s.await(proc, printed); err != nil {
		return fmt.Errorf("%w\n%s", err, s.tail())
	}
	s.proc = proc
	return nil
}

// await polls: neither server can tell when it is ready. The log counts from
// the byte where this start began.
func (s *Server) await(proc *process, from int64) error {
	deadline := time.After(readyWithin)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-proc.exited:
			return errors.Join(errors.New("ended instead of answering"), proc.err)
		case <-deadline:
			_ = proc.kill() // the deadline is the error to tell
			return fmt.Errorf("no answer within %v", readyWithin)
		case <-tick.C:
		}
		text, err := os.ReadFile(s.log)
		if err != nil {
			_ = proc.kill()
			return err
		}
		if s.ready(string(text[from:])) {
			return nil
		}
	}
}

// finish is the cleanup of every bed.
func (s *Server) finish() {
	s.t.Helper()
	s.Stop()
	if s.t.Failed() {
		s.t.Logf("the log of %s ends with\n%s", s.name, s.tail())
	}
}

// tail returns the end of the server's log.
func (s *Server) tail() string {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	return lastLines(string(text))
}

func lastLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-logLines):], "\n")
}

// size returns the length of a file, zero when it is not there yet.
func size(path string) (int64, error) {
	info, err := os.Stat(path)
	if os.IsNotExist(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// answers reports whether every address takes a connection.
func answers(addresses ...string) bool {
	for _, a := range addresses {
		conn, err := net.DialTimeout("tcp", a, time.Second)
		if err != nil {
			return false
		}
		conn.Close()
	}
	return true
}
