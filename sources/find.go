package sources

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// find returns the files behind the patterns, sorted, none twice. Unlike
// filepath.Glob it does not take a folder that cannot be read for an empty one.
func (f Files) find() (paths []string, errs []error) {
	for _, pattern := range f.Patterns {
		found, err := f.match(pattern)
		if err != nil {
			errs = append(errs, &Error{File: pattern, Message: err.Error()})
		}
		paths = append(paths, found...)
	}
	slices.Sort(paths)
	return slices.Compact(paths), errs
}

// Unmatched returns the patterns that no file fits, which may be slips of the
// pen. Those that cannot be read are not among them: Grants tells those.
func (f Files) Unmatched() []string {
	var idle []string
	for _, pattern := range f.Patterns {
		if found, err := f.match(pattern); err == nil && len(found) == 0 {
			idle = append(idle, pattern)
		}
	}
	return idle
}

func (f Files) match(pattern string) ([]string, error) {
	full := filepath.Clean(pattern)
	if !filepath.IsAbs(full) {
		full = filepath.Join(f.Dir, full)
	}
	if _, err := filepath.Match(pattern, ""); err != nil {
		return nil, errors.New("is not a path or pattern: a bracket is not closed, or a backslash ends it")
	}
	if !magic(pattern) {
		_, err := os.Stat(full)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, errors.New("there is no such file; write the path of one, or a pattern such as grants/*.yaml")
		}
		return []string{full}, nil // reading it tells any other error
	}
	base := f.Dir
	rest := filepath.Clean(pattern)
	if filepath.IsAbs(rest) {
		base, rest = string(filepath.Separator), strings.TrimPrefix(rest, string(filepath.Separator))
	}
	return walk(base, strings.Split(rest, string(filepath.Separator)))
}

// walk matches the parts of a pattern below a folder.
func walk(dir string, parts []string) ([]string, error) {
	if len(parts) == 0 {
		_, err := os.Lstat(dir)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return []string{dir}, nil // reading it tells any other error
	}
	part, rest := parts[0], parts[1:]
	if !magic(part) {
		return walk(filepath.Join(dir, part), rest)
	}
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("cannot be searched: %w", reason(err))
	}
	var paths []string
	for _, e := range entries {
		if ok, _ := filepath.Match(part, e.Name()); !ok || hidden(e.Name(), part) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		if len(rest) > 0 && !isFolder(path) {
			continue
		}
		found, err := walk(path, rest)
		if err != nil {
			return nil, err
		}
		paths = append(paths, found...)
	}
	return paths, nil
}

func magic(s string) bool { return strings.ContainsAny(s, `*?[\`) }

// hidden keeps editors' lock and swap files out.
func hidden(name, part string) bool {
	return strings.HasPrefix(name, ".") && !strings.HasPrefix(part, ".")
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
