package sources

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/daypass-dev/daypass/engine"
)

// fileMax holds some 400,000 grants.
const fileMax = 64 << 20

// reader gathers the grants and errors of all files.
type reader struct {
	files  Files
	name   string // of the present file, as people read it
	grants []engine.Grant
	seen   map[engine.GrantID]wish
	errs   []error
}

func (r *reader) fail(m mark, format string, args ...any) {
	r.errs = append(r.errs, &Error{File: r.name, Line: m.line, Col: m.col, Message: fmt.Sprintf(format, args...)})
}

func (r *reader) read(ctx context.Context, path string) {
	r.name = r.files.relative(path)
	parse := r.yaml
	switch strings.ToLower(filepath.Ext(path)) {
	case ".yaml", ".yml":
	case ".csv":
		parse = r.csv
	default:
		r.fail(mark{}, "has an unknown form; grant files end in .yaml, .yml or .csv")
		return
	}
	data, err := slurp(path)
	if err != nil {
		r.fail(mark{}, "%v", err)
		return
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if m, bad := notUTF8(data); bad {
		r.fail(m, "is not UTF-8; save the file as UTF-8")
		return
	}
	parse(ctx, data)
}

// relative tells a path from the configuration's folder, where it is below it.
func (f Files) relative(path string) string {
	rel, err := filepath.Rel(f.Dir, path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return path
	}
	return filepath.ToSlash(rel)
}

// slurp reads a regular file whole, and notices when it changes meanwhile.
// Symbolic links are followed: that is how Kubernetes mounts files.
func slurp(path string) ([]byte, error) {
	before, err := os.Stat(path)
	if err != nil {
		return nil, linkError(path, err)
	}
	switch {
	case before.IsDir():
		return nil, errors.New("is a folder; write a pattern for the files in it")
	case !before.Mode().IsRegular():
		return nil, errors.New("is not a regular file")
	case before.Size() > fileMax:
		return nil, fmt.Errorf("is larger than %d MiB; divide it", fileMax>>20)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, reason(err)
	}
	defer f.Close()
	data := bytes.NewBuffer(make([]byte, 0, before.Size()+bytes.MinRead))
	if _, err := data.ReadFrom(io.LimitReader(f, fileMax+1)); err != nil {
		return nil, reason(err)
	}
	after, err := f.Stat()
	if err != nil {
		return nil, reason(err)
	}
	if changed(before, after) || int64(data.Len()) != after.Size() {
		return nil, errors.New("changed while it was read; run again")
	}
	return data.Bytes(), nil
}

func changed(before, after fs.FileInfo) bool {
	return !os.SameFile(before, after) || before.Size() != after.Size() || !before.ModTime().Equal(after.ModTime())
}

// linkError tells a link that leads nowhere from a file that is not there.
func linkError(path string, err error) error {
	if info, lerr := os.Lstat(path); lerr == nil && info.Mode()&fs.ModeSymlink != 0 {
		return fmt.Errorf("is a symbolic link that cannot be followed: %w", reason(err))
	}
	return reason(err)
}

// reason drops the path from a file error, since the message begins with it.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// notUTF8 finds the first byte that is no UTF-8.
func notUTF8(data []byte) (mark, bool) {
	if utf8.Valid(data) {
		return mark{}, false
	}
	m := mark{1, 1}
	for {
		r, n := utf8.DecodeRune(data)
		if r == utf8.RuneError && n <= 1 {
			return m, true
		}
		m.col++
		if r == '\n' {
			m = mark{m.line + 1, 1}
		}
		data = data[n:]
	}
}
