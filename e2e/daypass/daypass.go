// Package daypass builds the program and runs it as a user would: with a
// configuration in a folder of its own.
package daypass

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/beds"
)

// patience is how long a command may take; a loaded machine with two cores
// needs seconds.
const patience = time.Minute

// Program is the program of this tree, built once for all tests of a run. The
// zero value is ready for use, by many tests at once.
type Program struct {
	once sync.Once
	dir  string
	err  error
}

// path builds the program, with no flags of its own, so that the cache of
// builds is the one that the other tests fill.
func (p *Program) path() (string, error) {
	p.once.Do(func() {
		root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/daypass-dev/daypass").Output()
		if err != nil {
			p.err = fmt.Errorf("find the module: %w", err)
			return
		}
		if p.dir, p.err = os.MkdirTemp("", "daypass-e2e-"); p.err != nil {
			return
		}
		build := exec.Command("go", "build", "-o", filepath.Join(p.dir, "daypass"), "./cmd/daypass")
		build.Dir = strings.TrimSpace(string(root))
		if out, err := build.CombinedOutput(); err != nil {
			p.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	return filepath.Join(p.dir, "daypass"), p.err
}

// Close removes what was built; call it in TestMain.
func (p *Program) Close() {
	p.once.Do(func() {})
	if p.dir != "" {
		_ = os.RemoveAll(p.dir) // a temporary folder
	}
}

// Options say how daypass is run.
type Options struct {
	// Config is the text of daypass.yaml. In it $LISTEN is a free address for
	// serve.listen, 127.0.0.1:PORT, $WEB one for web.listen, $URL is where
	// browsers find that, $NAME is Vars["NAME"], and a dollar sign before a
	// letter is $$.
	Config string
	Vars   map[string]string
	// Files are further files beside the configuration, by their path.
	Files map[string]string
	// Env are further environment variables, as NAME=value.
	Env []string
}

// Daypass is a configuration in a folder of its own, and `daypass serve` on it
// once it is started. Stop ends that as SIGTERM does, Kill as a crash, and
// Restart starts it once more, on the same address.
type Daypass struct {
	*beds.Server // nil until Serve

	// URL is where browsers find its pages: http://localhost:PORT. To a browser
	// that is another site than a provider on 127.0.0.1, as in real life, and
	// for cookies nevertheless as good as https.
	URL string
	// Operations is where health, metrics and nudges are: http://127.0.0.1:PORT.
	Operations string
	Dir        string // the configuration, the store, and what else it writes

	t           testing.TB
	path        string
	listen, web string // addresses
	pages       bool   // whether the configuration has web.listen
	env         []string
}

// New writes the configuration, and starts nothing.
func (p *Program) New(t testing.TB, o Options) *Daypass {
	t.Helper()
	path, err := p.path()
	if err != nil {
		t.Fatalf("daypass: build: %v", err)
	}
	free, err := addresses(2)
	if err != nil {
		t.Fatalf("daypass: %v", err)
	}
	d := &Daypass{
		t: t, path: path, Dir: t.TempDir(), env: o.Env,
		listen: free[0], Operations: "http://" + free[0],
		web: free[1], URL: "http://localhost" + strings.TrimPrefix(free[1], "127.0.0.1"),
	}
	for name, text := range o.Files {
		d.Write(name, text)
	}
	d.Write("daypass.yaml", d.expand(o.Config, o.Vars))
	return d
}

// Serve starts `daypass serve` and returns once it serves. It ends with the
// test; when that fails, the end of the log is shown.
func (p *Program) Serve(t testing.TB, o Options) *Daypass {
	t.Helper()
	d := p.New(t, o)
	log := filepath.Join(d.Dir, "serve.log")
	address := regexp.MustCompile(`"listen":"([^"]+)"`)
	server, err := beds.Start(t, beds.Program{
		Name: "daypass", Log: log,
		Command: func() (*exec.Cmd, error) { return d.command("serve", "--log-json"), nil },
		Ready: func(log string) bool {
			m := address.FindStringSubmatch(log)
			return m != nil && m[1] == d.listen && strings.Contains(log, `"msg":"serving"`) && (!d.pages || answers(d.web))
		},
	})
	if err != nil {
		t.Fatalf("daypass: serve: %v", err)
	}
	d.Server = server
	return d
}

// Log returns what `daypass serve` logged until now.
func (d *Daypass) Log() string {
	d.t.Helper()
	text, err := os.ReadFile(filepath.Join(d.Dir, "serve.log"))
	if err != nil {
		d.t.Fatalf("daypass: %v", err)
	}
	return string(text)
}

// Write writes a file beside the configuration.
func (d *Daypass) Write(name, text string) {
	d.t.Helper()
	path := filepath.Join(d.Dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		d.t.Fatalf("daypass: %v", err)
	}
}

// With returns the same daypass to run with further environment variables, as
// NAME=value.
func (d *Daypass) With(env ...string) *Daypass {
	other := *d
	other.env = append(slices.Clone(d.env), env...)
	return &other
}

// Result is how a command ended.
type Result struct {
	Stdout, Stderr string
	Code           int
}

// Run runs the program with the arguments, beside the daemon, and returns how
// it ended, whatever its exit code: -1 when it was killed after a minute.
func (d *Daypass) Run(args ...string) Result {
	d.t.Helper()
	cmd := d.command(args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		d.t.Fatalf("daypass: %s: %v", strings.Join(args, " "), err)
	}
	late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() }) // seen in the exit code
	defer late.Stop()
	err := cmd.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		d.t.Fatalf("daypass: %s: %v", strings.Join(args, " "), err)
	}
	return Result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

func (d *Daypass) command(args ...string) *exec.Cmd {
	cmd := exec.Command(d.path, args...)
	cmd.Dir, cmd.Env = d.Dir, append(os.Environ(), d.env...)
	return cmd
}

func (d *Daypass) expand(text string, vars map[string]string) string {
	d.t.Helper()
	return os.Expand(text, func(name string) string {
		switch name {
		case "$":
			return "$"
		case "LISTEN":
			return d.listen
		case "WEB":
			d.pages = true
			return d.web
		case "URL":
			return d.URL
		}
		value, ok := vars[name]
		if !ok {
			d.t.Fatalf("daypass: the configuration has $%s, which nothing sets; a dollar sign is $$", name)
		}
		return value
	})
}

// addresses returns n of them that nobody listened on a moment ago. The
// configuration has to name them before anybody does.
func addresses(n int) ([]string, error) {
	all := make([]string, n)
	for i := range all {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // all at the end, so that none is handed out twice
		all[i] = l.Addr().String()
	}
	return all, nil
}

// answers reports whether somebody listens.
func answers(address string) bool {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return false
	}
	c.Close()
	return true
}
