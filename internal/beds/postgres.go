package beds

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// PostgresServer is a PostgreSQL with one superuser, who comes in with a
// password over TCP. Its databases sort text by the rules of English, and no
// page is forced to a disk: a crash of the server loses nothing, one of the
// machine would.
type PostgresServer struct {
	Server

	Address  string // 127.0.0.1:PORT
	User     string // daypass
	Password string

	bin    string // folder of the programs
	dir    string // the folder of all that follows
	owner  *syscall.Credential
	number atomic.Int64 // of databases made
}

// Postgres starts a PostgreSQL that ends with the test. It is for tests that
// stop, kill or pause it; others share one: see [Database].
func Postgres(t testing.TB) *PostgresServer {
	t.Helper()
	s, err := newPostgres(t)
	if err != nil {
		t.Fatalf("postgres: %v", err)
	}
	t.Cleanup(s.finishAll)
	return s
}

// shared is the server behind [Database]. It runs while a test uses it.
type shared struct {
	mu     sync.Mutex
	users  int
	server *PostgresServer
}

//nolint:gochecknoglobals // one server for a process is the point of it
var common shared

// Database makes a new, empty database that ends with the test, on a server
// that the tests of a process share, and returns its address:
// postgres://USER:PASSWORD@127.0.0.1:PORT/NAME.
func Database(t testing.TB) string {
	t.Helper()
	s, err := common.use(t)
	if err != nil {
		t.Fatalf("postgres: %v", err)
	}
	t.Cleanup(func() {
		if err := common.leave(); err != nil {
			t.Errorf("postgres: %v", err)
		}
	})
	return s.database(t)
}

func (c *shared) use(t testing.TB) (*PostgresServer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server == nil {
		s, err := newPostgres(t)
		if err != nil {
			return nil, err
		}
		c.server = s
	}
	c.users++
	return c.server, nil
}

func (c *shared) leave() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.users--; c.users > 0 {
		return nil
	}
	s := c.server
	c.server = nil
	return errors.Join(s.proc.stop(), os.RemoveAll(s.dir))
}

func newPostgres(t testing.TB) (*PostgresServer, error) {
	bin, err := postgresPrograms()
	if err != nil {
		return nil, err
	}
	owner, err := postgresOwner()
	if err != nil {
		return nil, err
	}
	// Not in the test's own folder: the server's user must get through to it.
	dir, err := os.MkdirTemp("", "daypass-postgres")
	if err != nil {
		return nil, err
	}
	s := &PostgresServer{User: "daypass", Password: "hunter2&more", bin: bin, dir: dir, owner: owner}
	s.Server = Server{t: t, name: "postgres", log: filepath.Join(dir, "log"), command: s.command, ready: s.ready, leave: syscall.SIGINT}
	err = s.fill()
	if err == nil {
		err = s.startAnywhere()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

func (s *PostgresServer) finishAll() {
	s.t.Helper()
	s.finish()
	if err := os.RemoveAll(s.dir); err != nil {
		s.t.Errorf("postgres: %v", err)
	}
}

// postgresPrograms returns the folder of the newest PostgreSQL's programs.
// Debian does not put them on the path.
func postgresPrograms() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	best, newest := "", 0
	for _, f := range found {
		version, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(f))))
		if err == nil && version > newest {
			best, newest = filepath.Dir(f), version
		}
	}
	if best != "" {
		return best, nil
	}
	initdb, err := program("initdb")
	return filepath.Dir(initdb), err
}

// postgresOwner is who the server runs as: it refuses to be root. Without root
// it is whoever runs the tests.
func postgresOwner() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // nobody else
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(uidErr, gidErr)
	}
	return nil, errors.New("there is no user postgres or nobody to run it as: run `make deps`")
}

// fill copies the data of a new server, which is made once and kept.
func (s *PostgresServer) fill() error {
	if s.owner != nil {
		if err := os.Chown(s.dir, int(s.owner.Uid), int(s.owner.Gid)); err != nil {
			return err
		}
	}
	fresh, err := s.freshData()
	if err != nil {
		return err
	}
	if out, err := exec.Command("cp", "-R", fresh, s.data()).CombinedOutput(); err != nil {
		return fmt.Errorf("copy: %w\n%s", err, out)
	}
	return s.give(s.data())
}

// give makes the server's user the owner of all in a folder.
func (s *PostgresServer) give(dir string) error {
	if s.owner == nil {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(s.owner.Uid), int(s.owner.Gid))
	})
}

// freshData returns the folder of data that is to be copied, never used.
func (s *PostgresServer) freshData() (string, error) {
	cache, err := cacheFolder()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(s.bin + strings.Join(s.initArgs(""), " ") + s.Password))
	data := filepath.Join(cache, "postgres-"+hex.EncodeToString(sum[:8]))
	release, err := lock(data+".lock", true)
	if err != nil {
		return "", err
	}
	defer release()
	if _, err := os.Stat(data); err == nil {
		return data, nil
	}
	// Made where the server's user may write, then moved to where it may not.
	made := filepath.Join(s.dir, "made")
	if err := s.initdb(made); err != nil {
		return "", err
	}
	half := data + ".half"
	if out, err := exec.Command("cp", "-R", made, half).CombinedOutput(); err != nil {
		return "", errors.Join(fmt.Errorf("keep: %w\n%s", err, out), os.RemoveAll(half))
	}
	return data, errors.Join(os.Rename(half, data), os.RemoveAll(made))
}

// initArgs ask for text that sorts as people of one language expect, which is
// what most servers have and what a store must not rely on.
func (s *PostgresServer) initArgs(data string) []string {
	return []string{
		"-D", data, "-U", s.User, "-E", "UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US",
		"-A", "scram-sha-256", "--no-sync",
	}
}

func (s *PostgresServer) initdb(data string) error {
	words := filepath.Join(s.dir, "password")
	if err := os.WriteFile(words, []byte(s.Password+"\n"), 0o600); err != nil {
		return err
	}
	if err := s.give(words); err != nil {
		return err
	}
	cmd := s.run("initdb", append(s.initArgs(data), "--pwfile="+words)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return os.Remove(words)
}

// run is a program of PostgreSQL, as the server's user and in its folder.
func (s *PostgresServer) run(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "PGPASSWORD="+s.Password)
	if s.owner != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner}
	}
	return cmd
}

func (s *PostgresServer) startAnywhere() error {
	var last error
	for range portAttempts {
		ports, err := freePorts(1)
		if err != nil {
			return err
		}
		s.Address = net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[0]))
		last = s.start()
		if last == nil || !strings.Contains(last.Error(), "Address already in use") {
			return last
		}
	}
	return last
}

func (s *PostgresServer) command() (*exec.Cmd, error) {
	_, port, err := net.SplitHostPort(s.Address)
	if err != nil {
		return nil, err
	}
	return s.run("postgres", "-D", s.data(), "-p", port, "-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "full_page_writes=off",
		"-c", "max_connections=200", "-c", "shared_buffers=64MB", "-c", "max_wal_size=2GB",
		"-c", "dynamic_shared_memory_type=mmap", "-c", "log_min_messages=warning", "-c", "log_min_error_statement=panic"), nil
}

// ready asks the server itself: it listens before it lets anybody in.
func (s *PostgresServer) ready(string) bool {
	_, port, err := net.SplitHostPort(s.Address)
	return err == nil && s.run("pg_isready", "-q", "-h", "127.0.0.1", "-p", port, "-d", "postgres", "-U", s.User).Run() == nil
}

func (s *PostgresServer) data() string { return filepath.Join(s.dir, "data") }

// Database makes a new, empty database, and returns its address.
func (s *PostgresServer) Database() string {
	s.t.Helper()
	return s.database(s.t)
}

func (s *PostgresServer) database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", s.number.Add(1))
	s.sql(t, "postgres", "CREATE DATABASE "+name)
	return s.DSN(name)
}

// DSN is the address of a database.
func (s *PostgresServer) DSN(name string) string {
	return "postgres://" + s.User + ":" + strings.ReplaceAll(s.Password, "&", "%26") + "@" + s.Address + "/" + name + "?sslmode=disable"
}

// SQL runs a statement in a database, and returns what it prints.
func (s *PostgresServer) SQL(database, statement string) string {
	s.t.Helper()
	return s.sql(s.t, database, statement)
}

func (s *PostgresServer) sql(t testing.TB, database, statement string) string {
	t.Helper()
	host, port, err := net.SplitHostPort(s.Address)
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.run("psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1",
		"-h", host, "-p", port, "-U", s.User, "-d", database, "-c", statement).CombinedOutput()
	if err != nil {
		t.Fatalf("postgres: %s: %v\n%s", statement, err, out)
	}
	return strings.TrimSpace(string(out))
}

// Pause freezes the server with all its processes: connections stay open and
// nothing answers.
func (s *PostgresServer) Pause() {
	s.t.Helper()
	s.running("pause")
	s.signalAll(syscall.SIGSTOP)
}

// Resume ends a Pause.
func (s *PostgresServer) Resume() {
	s.t.Helper()
	s.running("resume")
	s.signalAll(syscall.SIGCONT)
}

// Kill ends the server with all its processes, as a crash of the machine
// would: the data stays in use while one of them lives.
func (s *PostgresServer) Kill() {
	s.t.Helper()
	if s.proc == nil {
		return
	}
	s.signalAll(syscall.SIGSTOP)
	children, err := childrenOf(s.proc.cmd.Process.Pid)
	if err != nil {
		s.t.Fatalf("postgres: %v", err)
	}
	s.signalAll(syscall.SIGKILL)
	s.Server.Kill()
	deadline := time.Now().Add(stopWithin)
	for _, child := range children {
		for alive(child) && time.Now().Before(deadline) {
			runtime.Gosched()
		}
	}
}

// signalAll reaches the processes that serve connections: each is a child in a
// group of its own.
func (s *PostgresServer) signalAll(sig syscall.Signal) {
	s.t.Helper()
	pid := s.proc.cmd.Process.Pid
	children, err := childrenOf(pid)
	if sig == syscall.SIGSTOP { // it makes no more of them
		if err := syscall.Kill(pid, sig); err != nil {
			s.t.Fatalf("postgres: %v", err)
		}
		children, err = childrenOf(pid)
	}
	if err != nil {
		s.t.Fatalf("postgres: %v", err)
	}
	for _, child := range append(children, pid) {
		if err := syscall.Kill(child, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			s.t.Fatalf("postgres: %v", err)
		}
	}
}
