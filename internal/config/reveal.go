package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	secretMax  = 64 << 10         // no password or key is larger
	secretWait = 10 * time.Second // for a program to print it
)

// Reveal fetches the value: each call anew, so that a rotated secret is seen.
// One newline at the end is dropped. An error names the reference and never
// holds the value, nor what a program printed.
func (s Secret) Reveal(ctx context.Context) (string, error) {
	value, err := s.fetch(ctx)
	if err != nil {
		return "", fmt.Errorf("secret %s: %w", s.Ref(), err)
	}
	value = strings.TrimSuffix(value, "\n")
	value = strings.TrimSuffix(value, "\r")
	if value == "" {
		return "", fmt.Errorf("secret %s: is empty", s.Ref())
	}
	return value, nil
}

func (s Secret) fetch(ctx context.Context) (string, error) {
	switch s.kind {
	case "env":
		value := s.getenv(s.arg)
		if value == "" {
			return "", errors.New("the environment variable is not set, or empty")
		}
		return value, nil
	case "file":
		return readSecret(s.path())
	case "exec":
		return s.run(ctx)
	}
	return "", errors.New("there is no reference")
}

// path returns the file of a file: reference.
func (s Secret) path() string {
	if filepath.IsAbs(s.arg) {
		return s.arg
	}
	return filepath.Join(s.dir, s.arg)
}

func readSecret(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", reason(err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", reason(err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, secretMax+1))
	if err != nil {
		return "", reason(err)
	}
	if len(b) > secretMax {
		return "", fmt.Errorf("is larger than %d KiB", secretMax>>10)
	}
	return string(b), nil
}

// reason drops the path from a file error, since the reference names it.
func reason(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// run starts the program without a shell, in the configuration's folder. Its
// standard error is dropped: some tools print the secret there.
func (s Secret) run(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, secretWait)
	defer cancel()
	name := s.argv[0]
	if strings.ContainsRune(name, filepath.Separator) && !filepath.IsAbs(name) {
		name = filepath.Join(s.dir, name)
	}
	cmd := exec.CommandContext(ctx, name, s.argv[1:]...)
	cmd.Dir = s.dir
	cmd.WaitDelay = time.Second // a grandchild may keep the pipe open
	out := &capped{}
	cmd.Stdout = out
	err := cmd.Run()
	switch {
	case out.over:
		return "", fmt.Errorf("the program printed more than %d KiB", secretMax>>10)
	case ctx.Err() != nil:
		return "", fmt.Errorf("the program did not end in time: %w", ctx.Err())
	case err != nil:
		return "", fmt.Errorf("%w; run it by hand to see why", err)
	}
	return out.buf.String(), nil
}

// capped takes bytes up to secretMax and then fails, which ends the program.
type capped struct {
	buf  bytes.Buffer
	over bool
}

func (c *capped) Write(p []byte) (int, error) {
	if c.buf.Len()+len(p) > secretMax {
		c.over = true
		return 0, errors.New("too much")
	}
	return c.buf.Write(p)
}
