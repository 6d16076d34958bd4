package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"os/user"
	"strconv"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/daypass-dev/daypass/internal/report"
)

// env is the world around the program.
type env struct {
	stdout, stderr io.Writer
	getenv         func(string) string
	now            func() time.Time
	// terminal is the width of standard output, 0 when it is not a terminal.
	terminal int
	// chatty is set when standard error is a terminal that can show progress.
	chatty bool
	// tty is set when standard error is a terminal, whatever it can show.
	tty bool
}

// output is standard output that remembers that it could not be written: what
// a verb prints has nowhere else to be missed.
type output struct {
	w   io.Writer
	err error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if o.err == nil {
		o.err = err
	}
	return n, err
}

func newEnv() *env {
	e := &env{stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, now: time.Now}
	if fd := int(os.Stdout.Fd()); term.IsTerminal(fd) {
		e.terminal = 80 // of one that does not say, such as a serial console
		if w, _, err := term.GetSize(fd); err == nil && w > 0 {
			e.terminal = w
		}
	}
	e.tty = term.IsTerminal(int(os.Stderr.Fd()))
	e.chatty = e.tty && os.Getenv("TERM") != "dumb"
	return e
}

// page is how reports are drawn here. https://no-color.org
func (e *env) page() report.Options {
	width := e.terminal
	if n, err := strconv.Atoi(e.getenv("COLUMNS")); err == nil && n > 0 {
		width = n
	}
	return report.Options{
		Color: e.terminal > 0 && e.getenv("NO_COLOR") == "" && e.getenv("TERM") != "dumb",
		Width: width,
	}
}

// actor names the human who acts, for the audit log.
func (e *env) actor() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if sudo := e.getenv("SUDO_USER"); sudo != "" && sudo != name {
		name = sudo + " as " + name
	}
	host, err := os.Hostname()
	if err != nil {
		return name
	}
	return name + "@" + host
}

// progress returns a function that keeps one line of progress on the terminal,
// and one that clears it.
func (e *env) progress() (tell func(stage string, done, total int), clear func()) {
	if !e.chatty {
		return nil, func() {}
	}
	var mu sync.Mutex
	var last time.Time
	shown := false
	tell = func(stage string, done, total int) {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now(); done == total || now.Sub(last) > 100*time.Millisecond {
			last, shown = now, true
			fmt.Fprintf(e.stderr, "\r\x1b[K%s %d/%d", stage, done, total)
		}
	}
	return tell, func() {
		mu.Lock()
		defer mu.Unlock()
		if shown {
			fmt.Fprint(e.stderr, "\r\x1b[K")
			shown = false
		}
	}
}

// configPath is where the configuration is: the flag, the environment, or the
// file in this folder.
func (e *env) configPath(flag string) string {
	return cmp.Or(flag, e.getenv("DAYPASS_CONFIG"), "daypass.yaml")
}
